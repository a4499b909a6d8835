"""Counts in bins, and how variables vary together."""

from __future__ import annotations

import builtins
import math
import operator
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from ember_ml.backend.dtypes import float32, int64, promote
from ember_ml.backend.errors import ArgumentError, InvalidValueError, ShapeError

from ._analysis import sqrt
from ._convert import SCALARS
from ._core import EmberTensor, TensorLike
from ._creation import _on, arange, asarray, ones, zeros
from ._elementwise import conj
from ._functions import stop_gradient
from ._linalg import matmul
from ._manipulation import concat, matrix_transpose, reshape
from ._operation import operation
from ._reduction import max, mean, min, sum
from ._results import HistogramResult
from ._scatter import index_add
from ._search import searchsorted, where
from .linalg import diagonal

__all__ = ["corrcoef", "cov", "histogram"]


@operation(accepts="real")
def histogram(
    x: TensorLike,
    /,
    *,
    bins: int | Sequence[float] | TensorLike = 10,
    range: tuple[float, float] | None = None,
    weights: TensorLike | None = None,
    density: bool = False,
) -> HistogramResult:
    """How many elements are in each bin, and the edges of the bins.

    A bin holds its lower edge and not its upper one, but for the last, which holds both. What is
    outside and NaN are in none. Gradients are those of ``weights``.

    Args:
        bins: how many bins of one width, or their edges, increasing.
        range: the outermost edges of so many bins; None for the smallest and the greatest
            element, which must be finite then.
        weights: what each element counts, in the shape of ``x``; None for one.
        density: whether to divide by the sum and by the widths, to integrate to one.

    Returns:
        ``hist``, ``int64``, of the dtype of ``weights``, or floating if ``density``; and
        ``bin_edges``, one more, of the dtype of ``x`` (of integers ``float32``) unless given.

    Raises:
        InvalidValueError: there is no bin, or the edges or the range do not increase.
        ShapeError: ``weights`` are not of the shape of ``x``, or the edges are no vector.

    >>> from ember_ml.nn import tensor as et
    >>> counts, edges = et.histogram([1.0, 2.0, 4.0], bins=3)
    >>> counts.tolist(), edges.tolist()
    ([1, 1, 1], [1.0, 2.0, 3.0, 4.0])
    """
    if weights is not None and weights.shape != x.shape:
        raise ShapeError(f"histogram: weights of shape {weights.shape} for x of shape {x.shape}")
    edges = _edges(x, bins, range)
    count = edges.shape[0] - 1
    flat = reshape(x, (-1,))
    place = searchsorted(edges, flat, side="right") - 1
    place = where(flat == edges[-1], count - 1, place)
    # the others are behind the last, which is cut off
    place = stop_gradient(where(place < 0, count, place))
    with _on(x):
        if weights is None:
            amounts = ones(flat.shape, dtype=int64, device=x.device)
        else:
            amounts = reshape(weights, (-1,))
            amounts = amounts.astype(int64) if weights.dtype.kind == "bool" else amounts
        none = zeros(count + 1, dtype=amounts.dtype, device=x.device)
    counts = index_add(none, place, amounts)[:-1]
    if density:
        wide = promote(float32 if edges.dtype.kind != "float" else edges.dtype, counts.dtype)
        widths = (edges[1:] - edges[:-1]).astype(wide)
        counts = counts.astype(wide) / (sum(counts).astype(wide) * widths)
    return HistogramResult(counts, edges)


def _edges(x: EmberTensor, bins: Any, range: tuple[float, float] | None) -> EmberTensor:
    dtype = x.dtype if x.dtype.kind == "float" else float32
    try:
        count = operator.index(bins)
    except TypeError:
        return _given_edges(x, bins)
    if count < 1:
        raise InvalidValueError(f"histogram: there must be a bin, and bins is {bins}")
    if range is None and not x.size:
        range = (0.0, 1.0)
    if range is not None:
        low, high = map(float, range)
        if not (math.isfinite(low) and math.isfinite(high) and low <= high):
            raise InvalidValueError(
                f"histogram: the range must be finite and increase, not {range}"
            )
        if low == high:
            low, high = low - 0.5, high + 0.5
        step = (high - low) / count
        listed = [low + i * step for i in builtins.range(count)]
        with _on(x):
            return asarray([*listed, high], dtype=dtype, device=x.device)
    lowest, highest = min(x).astype(dtype), max(x).astype(dtype)
    half = where(lowest == highest, 0.5, 0.0).astype(dtype)
    lowest, highest = lowest - half, highest + half
    with _on(x):
        number = arange(count, dtype=dtype, device=x.device)
    return concat([number * ((highest - lowest) / count) + lowest, reshape(highest, (1,))])


def _given_edges(x: EmberTensor, bins: Any) -> EmberTensor:
    if isinstance(bins, str):
        raise ArgumentError(f"histogram: bins are a number or edges, not {bins!r}")
    listed = isinstance(bins, list | tuple) and all(b.__class__ in SCALARS for b in bins)
    if listed and any(a > b for a, b in pairwise(bins)):
        raise InvalidValueError(f"histogram: the edges must increase, and not as in {bins}")
    floating = listed and float in map(type, bins) and x.dtype.kind == "float"
    with _on(x):
        edges = asarray(bins, dtype=x.dtype if floating else None, device=x.device)
    if edges.ndim != 1 or not edges.size:
        raise ShapeError(f"histogram: edges are a vector, not of shape {edges.shape}")
    return edges


@operation(accepts="inexact", result="same")
def cov(x: TensorLike, /, *, correction: float = 1.0) -> EmberTensor:
    """The covariances of the rows of ``x``, each of which has the values of one variable.

    Args:
        x: (..., N, M), or (M,) for one variable.
        correction: the sums of products are divided by ``M - correction``.

    Returns:
        (..., N, N); for one variable given as a vector a number, its variance.

    >>> from ember_ml.nn import tensor as et
    >>> et.cov([[0.0, 2.0], [1.0, 5.0]]).tolist()
    [[2.0, 4.0], [4.0, 8.0]]
    """
    if not x.ndim:
        raise ShapeError("cov needs at least one dimension")
    if x.ndim == 1:
        return cov(reshape(x, (1, -1)), correction=correction)[0, 0]
    free = x.shape[-1] - correction
    distance = x - mean(x, axis=-1, keepdims=True)
    total = matmul(distance, conj(matrix_transpose(distance)))
    return total / free if free > 0 else total * float("nan")


@operation(accepts="floating", result="same")
def corrcoef(x: TensorLike, /) -> EmberTensor:
    """The correlation coefficients of the rows of ``x`` (Pearson's): NaN for a constant row.

    Args:
        x: (..., N, M), or (M,) for one variable.

    Returns:
        (..., N, N), between -1 and 1; for one variable given as a vector a number.

    >>> from ember_ml.nn import tensor as et
    >>> [round(r, 4) for r in et.corrcoef([[0.0, 2.0, 3.0], [0.0, -4.0, -6.0]])[0].tolist()]
    [1.0, -1.0]
    """
    if not x.ndim:
        raise ShapeError("corrcoef needs at least one dimension")
    if x.ndim == 1:
        return corrcoef(reshape(x, (1, -1)))[0, 0]
    c = cov(x)
    deviation = sqrt(diagonal(c))
    return (c / deviation[..., :, None] / deviation[..., None, :]).clip(-1.0, 1.0)
