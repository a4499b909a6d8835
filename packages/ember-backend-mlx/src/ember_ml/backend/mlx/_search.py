"""Searching, sorting and indexing.

MLX wraps or ignores an index out of range, so indices are looked at first where they are known:
everywhere but inside ``compile`` and ``vmap``.
"""

from __future__ import annotations

import math
from typing import Any

import mlx.core as mx

from ._mapping import mapped_as
from ._streams import enter, evaluate, settle

_SLICE = 2**31 - 1
_SHORT = 512


def checked(index: Any, size: int, axis: int, least: int | None = None) -> Any:
    """``index`` as a constant of gradients.

    Raises:
        IndexError: an element is out of range for ``axis`` of ``size``, or less than ``least``.
    """
    if not index.size:
        return index
    # Two reductions cost more than a short list.
    short = index.ndim == 1 and index.size <= _SHORT
    seen = (index,) if short else (mx.min(index), mx.max(index))
    if settle(*seen):
        found = index.tolist() if short else [x.item() for x in seen]
        for value in (min(found), max(found)):
            if not (-size if least is None else least) <= value < size:
                raise IndexError(f"index {value} is out of range for axis {axis} of size {size}")
    return mx.stop_gradient(index)


def _bound(value: int | None) -> int | None:
    return None if value is None else max(-_SLICE, min(value, _SLICE))


def _plain(x: Any, key: tuple[Any, ...]) -> tuple[Any, ...]:
    """``key``, its arrays checked, and its slices with bounds that fit MLX's 32 bits."""
    enter()
    taken = sum(part is not None and part is not Ellipsis for part in key)
    plain: list[Any] = []
    axis = 0
    for part in key:
        if part is Ellipsis:
            axis += x.ndim - taken
        elif isinstance(part, mx.array):
            part = checked(part, x.shape[axis], axis)
        elif isinstance(part, slice):
            part = slice(_bound(part.start), _bound(part.stop), _bound(part.step))
        axis += part is not None and part is not Ellipsis
        plain.append(part)
    return tuple(plain)


def getitem(x: Any, key: tuple[Any, ...], /) -> Any:
    return x[_plain(x, key)]


def setitem(x: Any, key: tuple[Any, ...], value: Any, /) -> Any:
    key = _plain(x, key)
    # Assignment changes the object that it is made to, which other tensors may hold.
    result = mx.array(x)
    if x.size and value.size:
        result[key] = mapped_as(value, x)
    elif tuple(value.shape) and x[key].shape != mx.broadcast_to(value, x[key].shape).shape:
        raise ValueError(f"a value of shape {value.shape} does not fit")
    return result


def take(x: Any, indices: Any, /, *, axis: int | None = None) -> Any:
    if axis is None:
        if x.ndim > 1:
            raise ValueError("the axis must be named")
        axis = 0
    return mx.take(x, checked(indices, x.shape[axis], axis), axis)


def take_along_axis(x: Any, indices: Any, /, *, axis: int = -1) -> Any:
    return mx.take_along_axis(x, checked(indices, x.shape[axis], axis), axis)


def _place(function: Any, x: Any, axis: int | None, keepdims: bool) -> Any:
    if not x.size and axis is not None and x.shape[axis]:
        # MLX refuses to look for no places at all
        return mx.sum(mx.zeros(x.shape, mx.int64), axis, keepdims=keepdims)
    return function(x, axis, keepdims).astype(mx.int64)


def argmax(x: Any, /, *, axis: int | None = None, keepdims: bool = False) -> Any:
    return _place(mx.argmax, x, axis, keepdims)


def argmin(x: Any, /, *, axis: int | None = None, keepdims: bool = False) -> Any:
    return _place(mx.argmin, x, axis, keepdims)


def sort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    ordered = mx.sort(x, axis)
    return mx.flip(ordered, axis) if descending else ordered


def argsort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    if not descending:
        return mx.argsort(x, axis).astype(mx.int64)
    # Backwards in and backwards out, so that equal elements keep their order.
    order = mx.flip(mx.argsort(mx.flip(x, axis), axis), axis)
    return x.shape[axis] - 1 - order.astype(mx.int64)


def nonzero(x: Any, /) -> list[Any]:
    if not x.ndim:
        raise ValueError("nonzero needs at least one dimension")
    mask = mx.reshape(x, (-1,)) != 0
    ends = mx.cumsum(mask.astype(mx.int64))
    if x.size:
        evaluate(ends)
    count = ends[-1].item() if x.size else 0
    # Each true element writes its place where it comes in the result, the others behind the end.
    flat = mx.zeros((count + 1,), mx.int64)
    flat[mx.where(mask, ends - 1, count)] = mx.arange(x.size, dtype=mx.int64)
    flat = flat[:count]
    found = []
    for axis, size in enumerate(x.shape):
        behind = math.prod(x.shape[axis + 1 :])
        found.append(flat // max(behind, 1) % max(size, 1))
    return found


def searchsorted(x1: Any, x2: Any, /, *, side: str = "left", sorter: Any = None) -> Any:
    if sorter is not None:
        x1 = take(x1, sorter, axis=0)
    return mx.searchsorted(x1, x2, side).astype(mx.int64)
