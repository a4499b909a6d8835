"""Reductions over rows that bear the same number: of the nodes of a graph, the bins of a count."""

from __future__ import annotations

import operator
from typing import Any

from ember_ml.backend.errors import InvalidValueError, ShapeError

from ._core import EmberTensor, TensorLike
from ._data import iinfo
from ._elementwise import maximum
from ._manipulation import reshape
from ._operation import operation
from ._scatter import counting, filled

__all__ = ["segment_max", "segment_mean", "segment_min", "segment_sum"]


def _segments(
    data: EmberTensor, segment_ids: EmberTensor, num_segments: int, what: str, start: Any
) -> EmberTensor:
    """(num_segments, ...) full of ``start``, once the arguments are checked."""
    if segment_ids.ndim != 1 or data.shape[:1] != segment_ids.shape:
        raise ShapeError(
            f"{what}: segment_ids of shape {segment_ids.shape} for data of shape {data.shape}: a "
            "number for each row is due"
        )
    if operator.index(num_segments) < 0:
        raise InvalidValueError(f"{what}: num_segments is a size, not {num_segments}")
    return filled((num_segments, *data.shape[1:]), start, data)


def _least(data: EmberTensor) -> Any:
    kind = data.dtype.kind
    return -float("inf") if kind == "float" else iinfo(data.dtype).min


def _greatest(data: EmberTensor) -> Any:
    kind = data.dtype.kind
    return float("inf") if kind == "float" else iinfo(data.dtype).max


@operation(accepts="numeric", result="same", kinds={"segment_ids": "integer"})
def segment_sum(data: TensorLike, segment_ids: TensorLike, /, *, num_segments: int) -> EmberTensor:
    """The sum of the rows of ``data`` that have each number.

    Args:
        data: (k, ...).
        segment_ids: (k,), integers in [-num_segments, num_segments), in any order; negative ones
            count from the end.
        num_segments: how many sums there are, of which those of no rows are zero.

    Returns:
        (num_segments, ...), in the dtype of ``data``.

    Raises:
        ShapeError: there is not one number for each row.
        TensorIndexError: a number is out of range.

    >>> from ember_ml.nn import tensor as et
    >>> et.segment_sum([1.0, 2.0, 4.0], [2, 0, 2], num_segments=3).tolist()
    [2.0, 0.0, 5.0]
    """
    start = _segments(data, segment_ids, num_segments, "segment_sum", 0)
    return start.at[segment_ids].add(data)


@operation(accepts="real", result="same", kinds={"segment_ids": "integer"})
def segment_max(data: TensorLike, segment_ids: TensorLike, /, *, num_segments: int) -> EmberTensor:
    """The greatest of the rows of ``data`` that have each number, as `segment_sum` adds them.

    Of no rows it is the least number of the dtype: ``-inf``, for integers ``iinfo(dtype).min``.

    >>> from ember_ml.nn import tensor as et
    >>> et.segment_max([1.0, 2.0, 4.0], [2, 0, 2], num_segments=3).tolist()
    [2.0, -inf, 4.0]
    """
    start = _segments(data, segment_ids, num_segments, "segment_max", _least(data))
    return start.at[segment_ids].max(data)


@operation(accepts="real", result="same", kinds={"segment_ids": "integer"})
def segment_min(data: TensorLike, segment_ids: TensorLike, /, *, num_segments: int) -> EmberTensor:
    """The least of the rows of ``data`` that have each number, as `segment_sum` adds them.

    Of no rows it is the greatest number of the dtype: ``inf``, for integers ``iinfo(dtype).max``.

    >>> from ember_ml.nn import tensor as et
    >>> et.segment_min([1.0, 2.0, 4.0], [2, 0, 2], num_segments=3).tolist()
    [2.0, inf, 1.0]
    """
    start = _segments(data, segment_ids, num_segments, "segment_min", _greatest(data))
    return start.at[segment_ids].min(data)


@operation(accepts="inexact", result="same", promoted=("data",), kinds={"segment_ids": "integer"})
def segment_mean(data: TensorLike, segment_ids: TensorLike, /, *, num_segments: int) -> EmberTensor:
    """The mean of the rows of ``data`` that have each number, as `segment_sum` adds them.

    Of no rows it is zero.

    >>> from ember_ml.nn import tensor as et
    >>> et.segment_mean([1.0, 2.0, 4.0], [2, 0, 2], num_segments=3).tolist()
    [2.0, 0.0, 2.5]
    """
    start = _segments(data, segment_ids, num_segments, "segment_mean", 0)
    nothing = filled((num_segments,), 0, counting(0, data))  # a narrow dtype counts not far
    count = maximum(nothing.at[segment_ids].add(1), 1)
    count = reshape(count, (num_segments, *[1] * (data.ndim - 1)))
    return start.at[segment_ids].add(data) / count
