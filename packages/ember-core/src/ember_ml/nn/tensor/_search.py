"""Searching, sorting, selecting.

Indices are ``int64``. Source: array API standard 2025.12, "Searching functions", "Sorting
functions" and "Indexing functions".
"""

from __future__ import annotations

from typing import Any, Literal

from ember_ml.backend.errors import InvalidValueError, ShapeError

from ._core import EmberTensor, TensorLike
from ._operation import operation
from ._results import TopKResult
from ._shapes import as_axis, broadcast_fault, empty_fault

__all__ = [
    "argmax",
    "argmin",
    "argsort",
    "nonzero",
    "searchsorted",
    "sort",
    "take",
    "take_along_axis",
    "top_k",
    "where",
]


@operation(accepts="real", check=empty_fault)
def argmax(x: TensorLike, /, *, axis: int | None = None, keepdims: bool = False) -> EmberTensor:
    """Index, ``int64``, of the greatest element along ``axis`` (None: in the flattened tensor).

    >>> from ember_ml.nn import tensor as et
    >>> et.argmax([[1, 9], [3, 4]], axis=1).tolist()
    [1, 1]
    """
    ...


@operation(accepts="real", check=empty_fault)
def argmin(x: TensorLike, /, *, axis: int | None = None, keepdims: bool = False) -> EmberTensor:
    """Index, ``int64``, of the smallest element along ``axis`` (None: in the flattened tensor).

    >>> from ember_ml.nn import tensor as et
    >>> et.argmin([[1, 9], [3, 4]], axis=1).tolist()
    [0, 0]
    """
    ...


@operation(accepts="real")
def argsort(
    x: TensorLike, /, *, axis: int = -1, descending: bool = False, stable: bool = True
) -> EmberTensor:
    """Indices, ``int64``, that sort ``x`` along ``axis``, NaN as the greatest; ``stable`` keeps ties.

    >>> from ember_ml.nn import tensor as et
    >>> et.argsort([3, 1, 2]).tolist()
    [1, 2, 0]
    """
    ...


@operation(accepts="real", result="same")
def sort(
    x: TensorLike, /, *, axis: int = -1, descending: bool = False, stable: bool = True
) -> EmberTensor:
    """The elements in order along ``axis``; NaN counts as the greatest.

    >>> from ember_ml.nn import tensor as et
    >>> et.sort([3, 1, 2], descending=True).tolist()
    [3, 2, 1]
    """
    ...


def top_k(
    x: TensorLike,
    k: int,
    /,
    *,
    axis: int = -1,
    mode: Literal["largest", "smallest"] = "largest",
) -> TopKResult:
    """The ``k`` greatest (or smallest) elements along ``axis``, in order, and their indices.

    Raises:
        InvalidValueError: the axis has fewer than ``k`` elements, or another ``mode``.

    >>> from ember_ml.nn import tensor as et
    >>> et.top_k([3, 1, 2], 2).values.tolist()
    [3, 2]
    """
    from ._creation import asarray

    x = asarray(x)
    a = as_axis(axis, x.ndim, "top_k")
    if not 0 <= k <= x.shape[a]:
        raise InvalidValueError(f"top_k: axis {axis} of shape {x.shape} has no {k} elements")
    if mode not in ("largest", "smallest"):
        raise InvalidValueError(f"top_k: mode is 'largest' or 'smallest', not {mode!r}")
    order = argsort(x, axis=a, descending=mode == "largest")
    indices = order[(slice(None),) * a + (slice(0, k),)]
    return TopKResult(take_along_axis(x, indices, axis=a), indices)


def _check_axes(shapes: dict[str, Any], arguments: dict[str, Any]) -> str | None:
    return None if shapes["x"] else "needs at least one dimension"


@operation(check=_check_axes)
def nonzero(x: TensorLike, /) -> tuple[EmberTensor, ...]:
    """For each axis, the indices, ``int64``, of the elements that are not zero, in C order.

    >>> from ember_ml.nn import tensor as et
    >>> [i.tolist() for i in et.nonzero([[0, 5], [7, 0]])]
    [[0, 1], [1, 0]]
    """
    ...


def _check_vector(shapes: dict[str, Any], arguments: dict[str, Any]) -> str | None:
    shape = shapes["x1"]
    return None if len(shape) == 1 else f"needs a sorted vector, not shape {shape}"


@operation(accepts="real", kinds={"sorter": "integer"}, check=_check_vector)
def searchsorted(
    x1: TensorLike,
    x2: TensorLike,
    /,
    *,
    side: Literal["left", "right"] = "left",
    sorter: TensorLike | None = None,
) -> EmberTensor:
    """Where (``int64``) the elements of ``x2`` would go in the sorted vector ``x1``.

    Args:
        side: "left" for the first fitting place, "right" for the last.
        sorter: indices that sort ``x1``, where it is not sorted.

    >>> from ember_ml.nn import tensor as et
    >>> et.searchsorted([1, 3, 3], [3, 4]).tolist()
    [1, 3]
    """
    ...


def _check_where(shapes: dict[str, Any], arguments: dict[str, Any]) -> str | None:
    return broadcast_fault(shapes, ("condition", "x1", "x2"))


@operation(result="same", promoted=("x1", "x2"), kinds={"condition": "bool"}, check=_check_where)
def where(condition: TensorLike, x1: TensorLike, x2: TensorLike, /) -> EmberTensor:
    """Elements of ``x1`` where ``condition`` is true, of ``x2`` elsewhere.

    Both are computed first. If the gradient of one is infinite where the other is taken, theirs is
    NaN there; that of `apply_where` is not.

    >>> from ember_ml.nn import tensor as et
    >>> et.where([True, False], [1, 2], 0).tolist()
    [1, 0]
    """
    ...


def _check_take(shapes: dict[str, Any], arguments: dict[str, Any]) -> str | None:
    if not shapes["x"]:
        return "needs at least one dimension"
    if arguments["axis"] is None and len(shapes["x"]) > 1:
        return f"name the axis of a tensor of shape {shapes['x']}"
    return None


@operation(result="same", kinds={"indices": "integer"}, check=_check_take)
def take(x: TensorLike, indices: TensorLike, /, *, axis: int | None = None) -> EmberTensor:
    """The slices of ``x`` along ``axis`` at the vector ``indices``; negative ones from the end.

    Raises:
        TensorIndexError: an index is out of range.

    >>> from ember_ml.nn import tensor as et
    >>> et.take([10, 20, 30], [2, 0], axis=0).tolist()
    [30, 10]
    """
    fault = _check_take({"x": x.shape}, {"axis": axis})
    if fault:
        raise ShapeError(f"take: {fault}")
    axis = 0 if axis is None else axis
    before = (slice(None),) * as_axis(axis, x.ndim, "take")
    return x[(*before, indices)]


def _check_along(shapes: dict[str, Any], arguments: dict[str, Any]) -> str | None:
    x, indices = shapes["x"], shapes["indices"]
    if len(x) != len(indices):
        return f"indices of shape {indices} for a tensor of shape {x}: as many axes are due"
    return None


@operation(result="same", kinds={"indices": "integer"}, check=_check_along)
def take_along_axis(x: TensorLike, indices: TensorLike, /, *, axis: int = -1) -> EmberTensor:
    """The elements of ``x`` at ``indices`` along ``axis``, position by position.

    >>> from ember_ml.nn import tensor as et
    >>> et.take_along_axis([[1, 2], [3, 4]], [[1], [0]], axis=1).tolist()
    [[2], [3]]
    """
    ...
