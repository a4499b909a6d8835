"""Windows that slide over the last axes: their sizes from arguments, and linear maps of an axis."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from ember_ml.backend.errors import ArgumentError, InvalidValueError, ShapeError

from ._core import EmberTensor
from ._creation import _on, asarray
from ._linalg import matmul
from ._manipulation import reshape
from ._search import take

__all__ = ["Row", "mix", "remembered", "sizes_of", "spatial_count"]

#: What an element of the result is made of: places and their weights.
Row = Sequence[tuple[int, float]]


def sizes_of(value: Any, count: int, what: str, name: str, *, least: int = 1) -> tuple[int, ...]:
    """``value`` for each of ``count`` axes, from an integer for all or a sequence.

    Raises:
        InvalidValueError: a number is less than ``least``, or there are too many or too few.
    """
    parts = tuple(value) if isinstance(value, Sequence) else (value,)
    try:
        sizes = tuple(map(operator.index, parts))
    except TypeError:
        raise ArgumentError(
            f"{what}: {name} is an integer or {count} of them, not {value!r}"
        ) from None
    sizes = sizes * count if len(sizes) == 1 else sizes
    if len(sizes) != count:
        raise InvalidValueError(f"{what}: {name} has {count} sizes here, not {value!r}")
    if min(sizes) < least:
        raise InvalidValueError(f"{what}: {name} is at least {least}, not {value!r}")
    return sizes


F = TypeVar("F", bound=Callable[..., Any])


def remembered(function: F) -> F:
    """``function`` of shapes and options, whose answers are kept where these can be looked up."""
    kept = functools.lru_cache(maxsize=256, typed=True)(function)

    @functools.wraps(function)
    def run(*arguments: Any) -> Any:
        try:
            return kept(*arguments)
        except TypeError:  # a list among them
            return function(*arguments)

    return cast(F, run)


def spatial_count(shape: tuple[int, ...], what: str, *values: Any) -> int:
    """How many axes are pooled: as the sequences among ``values`` say, or all from the third on.

    Raises:
        ShapeError: ``shape`` is not (N, C, ...) or (C, ...) with one to three more axes.
    """
    named = [len(v) for v in values if isinstance(v, Sequence)]
    count = max(named) if named else len(shape) - 2
    if not 1 <= count <= 3 or len(shape) - count not in (1, 2):
        due = f"(N, C, ...) with {count}" if named else "(N, C, ...) with one to three"
        raise ShapeError(f"{what}: x of shape {shape}, where {due} more axes is due")
    return count


#: Rows and columns up to which a dense matrix product is faster than picking.
_DENSE = 64


def mix(x: EmberTensor, axis: int, rows: Sequence[Row]) -> EmberTensor:
    """Along ``axis``, element ``i`` of the result is the sum of those in ``rows[i]``, weighted."""
    before, size, after = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    if max(size, len(rows)) > _DENSE:
        return _picked(x, axis, rows)
    dense = [[0.0] * size for _ in rows]
    for line, row in zip(dense, rows, strict=True):
        for place, weight in row:
            line[place] += weight
    matrix = _constant(dense, x)
    if not after:
        return matmul(x, matrix.mT)
    flat = reshape(x, (math.prod(before), size, math.prod(after)))
    return reshape(matmul(matrix, flat), (*before, len(rows), *after))


def _constant(values: Any, x: EmberTensor) -> EmberTensor:
    with _on(x):
        return asarray(values, dtype=x.dtype, device=x.device)


def _picked(x: EmberTensor, axis: int, rows: Sequence[Row]) -> EmberTensor:
    ones = (1,) * (x.ndim - axis - 1)
    result: EmberTensor | None = None
    for n in range(max(map(len, rows))):
        # a row that has no more takes its first place once again, with no weight
        entries = [row[n] if n < len(row) else (row[0][0], 0.0) for row in rows]
        with _on(x):
            places = asarray([place for place, _ in entries], dtype="int64", device=x.device)
        weights = reshape(_constant([w for _, w in entries], x), (len(rows), *ones))
        term = take(x, places, axis=axis) * weights
        result = term if result is None else result + term
    assert result is not None
    return result
