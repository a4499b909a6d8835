"""Sorting, searching, taking and sets."""

from __future__ import annotations

from typing import Any

import numpy as np

from ember_ml.backend.dtypes import DType, bool_

from .._case import Call, case, int64
from .._draw import Array, Draw


def _ordered(draw: Draw, dtype: DType) -> Call:
    shape = draw.shape(1)
    return (draw.array(dtype, shape, specials=True, extremes=True),), {
        "axis": draw.axis(len(shape)), "descending": draw.flag()}  # fmt: skip


def _argsort(x: Any, *, axis: int, descending: bool) -> Any:
    if not descending:
        return np.argsort(x, axis=axis, stable=True)
    back = np.argsort(np.flip(x, axis=axis), axis=axis, stable=True)
    return np.flip(x.shape[axis] - 1 - back, axis=axis)


def _sort(x: Any, *, axis: int, descending: bool) -> Any:
    return np.take_along_axis(x, _argsort(x, axis=axis, descending=descending), axis=axis)


case("sort", _ordered, reference=_sort, gradient=(0,))
case("argsort", _ordered, reference=_argsort, result=lambda dtype: int64)


def _some_zeros(draw: Draw, dtype: DType) -> Call:
    x = draw.array(dtype, draw.shape(1))
    return (Array(np.where(draw.random.uniform(size=x.values.shape) < 0.4, 0, x.values).astype(x.values.dtype), x.dtype),), {}  # fmt: skip


case("nonzero", _some_zeros, reference=np.nonzero, result=lambda dtype: int64)


def _placed(draw: Draw, dtype: DType) -> Call:
    x1 = draw.array(dtype, (draw.integer(0, 6),), extremes=True)
    x2 = draw.array(dtype, draw.shape(0, 2), extremes=True)
    kwargs: dict[str, Any] = {"side": draw.one_of("left", "right")}
    if draw.flag():
        order = np.argsort(x1.values, stable=True)
        kwargs["sorter"] = Array(order.astype(np.int64), int64)
    else:
        x1 = Array(np.sort(x1.values), x1.dtype)
    return (x1, x2), kwargs


case("searchsorted", _placed, reference=np.searchsorted, result=lambda dtype: int64)


def _chosen(draw: Draw, dtype: DType) -> Call:
    shapes = draw.shapes(3)
    condition = Array(draw.random.uniform(size=shapes[0]) < 0.5, bool_)
    x1, x2 = (draw.array(dtype, s, specials=True, extremes=True) for s in shapes[1:])
    return (condition, x1, x2), {}


case("where", _chosen, reference=np.where, gradient=(1, 2))


def _taken(draw: Draw, dtype: DType) -> Call:
    shape = draw.shape(1, empty=False)
    axis = draw.axis(len(shape), none=len(shape) == 1)
    size = shape[axis if axis is not None and -len(shape) <= axis < len(shape) else 0]
    x = draw.array(dtype, shape, extremes=True)
    return (x, draw.indices(size, (draw.integer(0, 5),))), {"axis": axis}


def _taken_along(draw: Draw, dtype: DType) -> Call:
    shape = list(draw.shape(1, empty=False))
    axis = draw.axis(len(shape))
    picks = list(shape)
    if -len(shape) <= axis < len(shape):
        picks[axis] = draw.integer(1, 5)
        size = shape[axis]
    else:
        size = shape[0]
    x = draw.array(dtype, shape, extremes=True)
    return (x, draw.indices(size, picks)), {"axis": axis}


case("take", _taken, reference=np.take, gradient=(0,))
case("take_along_axis", _taken_along, reference=np.take_along_axis, gradient=(0,))


def _largest(draw: Draw, dtype: DType) -> Call:
    shape = draw.shape(1, empty=False)
    axis = draw.axis(len(shape))
    size = shape[axis] if -len(shape) <= axis < len(shape) else 1
    x = draw.array(dtype, shape, extremes=True)
    k = size + 1 if draw.amiss() else draw.integer(0, size)
    return (x, k), {"axis": axis, "mode": draw.one_of("largest", "smallest")}


def _k_values(x: Any, k: int, *, axis: int, mode: str) -> Any:
    ordered = _sort(x, axis=axis, descending=mode == "largest")
    return np.take(ordered, np.arange(k), axis=axis)


def _not_top(result: Any, dtype: DType, x: Any, k: int, *, axis: int, mode: str) -> str | None:
    values, indices = result
    right = _k_values(x, k, axis=axis, mode=mode)
    if not np.array_equal(values, right):
        return f"values {values.tolist()} are not {right.tolist()}"
    if not np.array_equal(np.take_along_axis(x, indices, axis=axis), values):
        return f"indices {indices.tolist()} do not point at {values.tolist()}"
    return None


def _real(dtype: DType) -> bool:
    return dtype.kind in ("signed", "unsigned", "float")


case(
    "top_k",
    _largest,
    verify=_not_top,
    accepts=_real,
    gradient=(0,),
    pick=lambda result: result.values,
    differences=_k_values,
)


def _few(draw: Draw, dtype: DType) -> Call:
    return (draw.array(dtype, draw.shape(0, 2), low=-1, high=2),), {}


def _ordered_kinds(dtype: DType) -> bool:
    return dtype.kind != "complex"


case("unique_all", _few, reference=lambda x: tuple(np.unique_all(x)), accepts=_ordered_kinds)
case("unique_counts", _few, reference=lambda x: tuple(np.unique_counts(x)), accepts=_ordered_kinds)
case("unique_inverse", _few, reference=lambda x: tuple(np.unique_inverse(x)),
     accepts=_ordered_kinds)  # fmt: skip
case("unique_values", _few, reference=np.unique, accepts=_ordered_kinds)


def _members(draw: Draw, dtype: DType) -> Call:
    x1, x2 = draw.array(dtype, high=2, low=-2), draw.array(dtype, draw.shape(0, 2), high=2, low=-2)
    return (x1, x2), {"invert": draw.flag()}


case("isin", _members, reference=np.isin)
