"""Distinct elements and membership.

The shapes of the results depend on the data. Source: array API standard 2025.12, "Set
functions". NaNs are distinct from each other, as the standard wants.
"""

from __future__ import annotations

from ._core import EmberTensor, TensorLike
from ._creation import _on, arange, asarray, ones
from ._data import astype
from ._manipulation import concat, reshape
from ._operation import operation
from ._reduction import cumulative_sum
from ._results import UniqueAllResult, UniqueCountsResult, UniqueInverseResult
from ._search import argsort, nonzero, searchsorted, take

__all__ = [
    "isin",
    "unique_all",
    "unique_counts",
    "unique_inverse",
    "unique_values",
]


def _groups(x: EmberTensor) -> tuple[EmberTensor, EmberTensor, EmberTensor]:
    """Order that sorts the flat ``x``, the sorted elements, and where each new one starts."""
    kind = x.dtype.kind
    sortable = astype(x, "uint8") if kind == "bool" else x
    if kind == "complex":  # by real part, then imaginary
        order = argsort(x.imag)
        order = take(order, argsort(take(x.real, order, axis=0)), axis=0)
    else:
        order = argsort(sortable)
    ordered = take(x, order, axis=0)
    with _on(x):
        first = ones(min(x.size, 1), dtype="bool", device=x.device)
    starts = concat([first, ordered[1:] != ordered[:-1]])
    return order, ordered, nonzero(starts)[0]


def unique_all(x: TensorLike, /) -> UniqueAllResult:
    """The distinct elements in order, where each occurs first, which each element is, and how
    often each occurs.

    >>> from ember_ml.nn import tensor as et
    >>> values, indices, inverse, counts = et.unique_all([3, 1, 3])
    >>> values.tolist(), indices.tolist(), inverse.tolist(), counts.tolist()
    ([1, 3], [1, 0], [1, 0, 1], [1, 2])
    """
    x = asarray(x)
    flat = reshape(x, (-1,))
    order, ordered, starts = _groups(flat)
    with _on(x):
        ends = concat([starts[1:], asarray([flat.size], device=x.device)])[: starts.size]
    counts = ends - starts
    inverse = take(repeated_indices(counts), argsort(order), axis=0)
    values, indices = take(ordered, starts, axis=0), take(order, starts, axis=0)
    return UniqueAllResult(values, indices, reshape(inverse, x.shape), counts)


def unique_counts(x: TensorLike, /) -> UniqueCountsResult:
    """The distinct elements in order, and how often each occurs."""
    values, _, _, counts = unique_all(x)
    return UniqueCountsResult(values, counts)


def unique_inverse(x: TensorLike, /) -> UniqueInverseResult:
    """The distinct elements in order, and which of them each element is."""
    values, _, inverse, _ = unique_all(x)
    return UniqueInverseResult(values, inverse)


def unique_values(x: TensorLike, /) -> EmberTensor:
    """The distinct elements in order.

    >>> from ember_ml.nn import tensor as et
    >>> et.unique_values([3, 1, 3]).tolist()
    [1, 3]
    """
    _, ordered, starts = _groups(reshape(asarray(x), (-1,)))
    return take(ordered, starts, axis=0)


def repeated_indices(counts: EmberTensor) -> EmberTensor:
    """``[0] * counts[0] + [1] * counts[1] + ...``."""
    ends = cumulative_sum(counts)
    total = int(ends[-1]) if counts.size else 0
    with _on(counts):
        return searchsorted(ends, arange(total, device=counts.device), side="right")


@operation(result="bool")
def isin(x1: TensorLike, x2: TensorLike, /, *, invert: bool = False) -> EmberTensor:
    """Whether each element of ``x1`` is in ``x2``.

    >>> from ember_ml.nn import tensor as et
    >>> et.isin([1, 2, 3], [3, 1]).tolist()
    [True, False, True]
    """
    from ._creation import zeros
    from ._reduction import any

    flat = reshape(x2, (-1,))
    if flat.size == 0:
        with _on(x1):
            found = zeros(x1.shape, dtype="bool", device=x1.device)
    elif x1.dtype.kind in ("bool", "complex") or flat.size < 8:
        found = any(x1[..., None] == flat, axis=-1)
    else:
        ordered = take(flat, argsort(flat), axis=0)
        place = searchsorted(ordered, reshape(x1, (-1,)))
        near = take(ordered, place.clip(0, flat.size - 1), axis=0)
        found = reshape(near, x1.shape) == x1
    return ~found if invert else found
