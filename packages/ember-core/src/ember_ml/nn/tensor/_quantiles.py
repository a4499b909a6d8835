"""Order statistics: quantiles and medians.

Source: R. J. Hyndman and Y. Fan, "Sample quantiles in statistical packages", 1996, under the
names that NumPy gives the methods.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

from ember_ml.backend.dtypes import float32, float64, int64
from ember_ml.backend.errors import InvalidValueError, ShapeError

from ._compare import isnan
from ._convert import SCALARS
from ._core import EmberTensor, TensorLike
from ._creation import _on, asarray, full
from ._elementwise import ceil, floor, maximum, minimum
from ._elementwise import round as rounded
from ._manipulation import permute_dims, reshape, stack
from ._operation import operation
from ._reduction import any, count_nonzero
from ._search import sort, take, take_along_axis, where
from ._shapes import as_axes

__all__ = ["Method", "median", "nanmedian", "nanquantile", "order_statistics", "quantile"]

Method: TypeAlias = Literal[
    "linear",
    "lower",
    "higher",
    "nearest",
    "midpoint",
    "hazen",
    "weibull",
    "interpolated_inverted_cdf",
    "median_unbiased",
    "normal_unbiased",
]

#: The constants of the place ``n * q + alpha + q * (1 - alpha - beta) - 1`` among ``n`` elements.
_PLACES: dict[str, tuple[float, float]] = {
    "linear": (1.0, 1.0),
    "lower": (1.0, 1.0),
    "higher": (1.0, 1.0),
    "nearest": (1.0, 1.0),
    "midpoint": (1.0, 1.0),
    "hazen": (0.5, 0.5),
    "weibull": (0.0, 0.0),
    "interpolated_inverted_cdf": (0.0, 1.0),
    "median_unbiased": (1 / 3, 1 / 3),
    "normal_unbiased": (3 / 8, 3 / 8),
}


@operation(accepts="floating", result="same")
def quantile(
    x: TensorLike,
    q: float | Sequence[float] | TensorLike,
    /,
    *,
    axis: int | tuple[int, ...] | None = None,
    keepdims: bool = False,
    method: Method = "linear",
) -> EmberTensor:
    """The ``q``-quantiles over ``axis``: NaN where there is one, or no element.

    Args:
        q: from 0 to 1: a number, or nested lists of them. Those of a tensor are read.
        method: how to choose between two elements, as `numpy.quantile` names it.

    Returns:
        The shape of ``q`` followed by that of the reduction.

    Raises:
        InvalidValueError: a ``q`` is not in [0, 1], or the method is another.

    >>> from ember_ml.nn import tensor as et
    >>> et.quantile([1.0, 2.0, 3.0, 4.0], [0.0, 0.5]).tolist()
    [1.0, 2.5]
    """
    fractions, shape = _fractions(q)
    _check_method("quantile", method)
    rows, reduced = _rows(x, axis, keepdims, "quantile")
    size = rows.shape[-1]
    if not size or not fractions:
        with _on(x):
            return full((*shape, *reduced), math.nan, dtype=x.dtype, device=x.device)
    places = [_place(size, fraction, method) for fraction in fractions]
    ranks = sorted({rank for low, high, _ in places for rank in (low, high)})
    found = order_statistics(rows, ranks=tuple(ranks))
    chosen = {rank: found[..., i] for i, rank in enumerate(ranks)}
    results = [
        _between(chosen[low], chosen[high], part) if part else chosen[low]
        for low, high, part in places
    ]
    broken = any(isnan(rows), axis=-1)
    results = [reshape(where(broken, math.nan, value), reduced) for value in results]
    return reshape(stack(results), (*shape, *reduced)) if shape else results[0]


def _fractions(q: Any) -> tuple[list[float], tuple[int, ...]]:
    """The numbers of ``q`` and its shape."""
    if isinstance(q, list | tuple):  # not by way of a tensor, which would round them
        parts = [_fractions(part) for part in q]
        shapes = {shape for _, shape in parts}
        if len(shapes) > 1:
            raise ShapeError(f"quantile: q is ragged: {q}")
        inner = shapes.pop() if shapes else ()
        return [number for numbers, _ in parts for number in numbers], (len(parts), *inner)
    numbers: list[Any] = [q]
    shape: tuple[int, ...] = ()
    if q.__class__ not in SCALARS:
        q = asarray(q)
        numbers, shape = reshape(q, (-1,)).tolist(), q.shape
    for number in numbers:
        if number.__class__ is complex or not 0 <= number <= 1:
            raise InvalidValueError(f"quantile: q must be between 0 and 1, and is {number}")
    return [float(number) for number in numbers], shape


def _check_method(name: str, method: str) -> None:
    if method not in _PLACES:
        raise InvalidValueError(
            f"{name}: the method is one of {', '.join(map(repr, _PLACES))}, not {method!r}"
        )


def _rows(
    x: EmberTensor, axis: int | tuple[int, ...] | None, keepdims: bool, what: str
) -> tuple[EmberTensor, tuple[int, ...]]:
    """``x`` as a matrix with what is reduced in its rows, and the shape of the result."""
    axes = as_axes(axis, x.ndim, what)
    kept = tuple(a for a in range(x.ndim) if a not in axes)
    size = math.prod(x.shape[a] for a in axes)
    count = math.prod(x.shape[a] for a in kept)
    if keepdims:
        shape = tuple(1 if a in axes else n for a, n in enumerate(x.shape))
    else:
        shape = tuple(x.shape[a] for a in kept)
    return reshape(permute_dims(x, (*kept, *axes)), (count, size)), shape


def _place(size: int, q: float, method: str) -> tuple[int, int, float]:
    """The ranks of the neighbours of the quantile, and how far it is from the lower one."""
    alpha, beta = _PLACES[method]
    place = size * q + alpha + q * (1 - alpha - beta) - 1
    match method:
        case "lower":
            place = math.floor(place)
        case "higher":
            place = math.ceil(place)
        case "nearest":
            place = round(place)
        case "midpoint":
            place = (math.floor(place) + math.ceil(place)) / 2
    place = min(max(place, 0.0), size - 1.0)
    low = math.floor(place)
    return low, math.ceil(place), place - low


def _between(low: EmberTensor, high: EmberTensor, part: float | EmberTensor) -> EmberTensor:
    # between two infinities too
    return where(low == high, low, low + (high - low) * part)


@operation(accepts="floating", result="same")
def order_statistics(x: TensorLike, /, *, ranks: tuple[int, ...]) -> EmberTensor:
    """The elements that sorting along the last axis would put at ``ranks``, in that order.

    What engines offer of `quantile`: they find a few without sorting all. NaN comes last.
    """
    with _on(x):
        return take(sort(x, axis=-1), asarray(list(ranks), device=x.device), axis=-1)


@operation(accepts="floating", result="same")
def median(
    x: TensorLike, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False
) -> EmberTensor:
    """The middle element over ``axis``, or the mean of the two in the middle.

    NaN where there is one, or no element.

    >>> from ember_ml.nn import tensor as et
    >>> et.median([5.0, 1.0, 2.0]).item()
    2.0
    """
    return quantile(x, 0.5, axis=axis, keepdims=keepdims)


@operation(accepts="floating", result="same")
def nanquantile(
    x: TensorLike,
    q: float | Sequence[float] | TensorLike,
    /,
    *,
    axis: int | tuple[int, ...] | None = None,
    keepdims: bool = False,
    method: Method = "linear",
) -> EmberTensor:
    """`quantile` of the elements that are not NaN: NaN where there are none.

    >>> from ember_ml.nn import tensor as et
    >>> et.nanquantile([1.0, et.nan, 2.0], 0.5).item()
    1.5
    """
    fractions, shape = _fractions(q)
    _check_method("nanquantile", method)
    rows, reduced = _rows(x, axis, keepdims, "nanquantile")
    if not rows.shape[-1] or not fractions:
        with _on(x):
            return full((*shape, *reduced), math.nan, dtype=x.dtype, device=x.device)
    ordered = sort(rows, axis=-1)  # NaN comes last
    sizes = count_nonzero(~isnan(rows), axis=-1, keepdims=True)
    # A place among many elements has more digits than single precision.
    sizes = sizes.astype(float64 if float64 in x._backend.by_dtype else float32)
    results = []
    for fraction in fractions:
        place = _tensor_place(sizes, fraction, method)
        low, high = (take_along_axis(ordered, f(place).astype(int64)) for f in (floor, ceil))
        part = (place - floor(place)).astype(x.dtype)
        results.append(reshape(_between(low, high, part), reduced))
    return reshape(stack(results), (*shape, *reduced)) if shape else results[0]


def _tensor_place(size: EmberTensor, q: float, method: str) -> EmberTensor:
    """`_place` where the numbers of elements differ."""
    alpha, beta = _PLACES[method]
    place = size * q + (alpha + q * (1 - alpha - beta) - 1)
    match method:
        case "lower":
            place = floor(place)
        case "higher":
            place = ceil(place)
        case "nearest":
            place = rounded(place)
        case "midpoint":
            place = (floor(place) + ceil(place)) / 2
    return maximum(minimum(place, size - 1), 0)


@operation(accepts="floating", result="same")
def nanmedian(
    x: TensorLike, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False
) -> EmberTensor:
    """`median` of the elements that are not NaN: NaN where there are none.

    >>> from ember_ml.nn import tensor as et
    >>> et.nanmedian([1.0, et.nan, 2.0]).item()
    1.5
    """
    return nanquantile(x, 0.5, axis=axis, keepdims=keepdims)
