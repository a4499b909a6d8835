"""Rows chosen, combined and counted: functional updates, segments, gathering."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ember_ml.backend.dtypes import DTYPES, DType, float32

from .._case import Call, case
from .._draw import Array, Draw


def _numeric(dtype: DType) -> bool:
    return dtype.kind != "bool"


def _real(dtype: DType) -> bool:
    return dtype.kind in ("signed", "unsigned", "float")


def _updated(draw: Draw, dtype: DType) -> Call:
    n, k = draw.integer(1, 4), draw.integer(0 if not draw.smooth else 1, 5)
    rest = draw.shape(0, 2, empty=False)
    rows = draw.indices(n, (k,), negative=False, checked=True)  # by whoever calls index_add
    x, values = draw.array(dtype, (n, *rest), high=2), draw.array(dtype, (k, *rest), low=-2, high=2)
    return (x, rows, values), {}


def _at(function: Any) -> Callable[..., Any]:
    def reference(x: Any, rows: Any, values: Any) -> Any:
        result = x.copy()
        function.at(result, rows, values)
        return result

    return reference


for _name, _function in (("add", np.add), ("multiply", np.multiply),
                         ("max", np.maximum), ("min", np.minimum)):  # fmt: skip
    case(f"index_{_name}", _updated, reference=_at(_function), gradient=(0, 2), tolerance=4)


def _segments(draw: Draw, dtype: DType) -> Call:
    n, k = draw.integer(1, 4), draw.integer(1, 5)
    rows = draw.indices(n, (k,), negative=False)
    return (draw.array(dtype, (k, *draw.shape(0, 2, empty=False))), rows), {"num_segments": n}


def _combined(combine: Callable[..., Any], nothing: Callable[[Any], Any]) -> Callable[..., Any]:
    def reference(data: Any, ids: Any, *, num_segments: int) -> Any:
        parts = [data[ids == i] for i in range(num_segments)]
        empty = np.full(data.shape[1:], nothing(data.dtype), dtype=data.dtype)
        return np.stack([combine(p) if len(p) else empty for p in parts])

    return reference


def _covering(draw: Draw, dtype: DType) -> Call:
    """Each segment has a row: the least number of a dtype is not that of its carrier."""
    n = draw.integer(1, 3)
    rows = np.concatenate([np.arange(n), draw.random.integers(0, n, draw.integer(0, 3))])
    data = draw.array(dtype, (len(rows), *draw.shape(0, 2, empty=False)))
    return (data, Array(draw.random.permutation(rows), DTYPES["int64"])), {"num_segments": n}


case("segment_sum", _segments, gradient=(0,), accepts=_numeric, tolerance=4,
     reference=_combined(lambda p: p.sum(axis=0, dtype=p.dtype), lambda dtype: 0))  # fmt: skip
case("segment_mean", _covering, gradient=(0,), tolerance=4,
     reference=_combined(lambda p: p.mean(axis=0), lambda dtype: np.nan))  # fmt: skip
case("segment_max", _covering, gradient=(0,), accepts=_real,
     reference=_combined(lambda p: p.max(axis=0), lambda dtype: -np.inf))  # fmt: skip
case("segment_min", _covering, gradient=(0,), accepts=_real,
     reference=_combined(lambda p: p.min(axis=0), lambda dtype: np.inf))  # fmt: skip


def _gathered(draw: Draw, dtype: DType) -> Call:
    shape = list(draw.shape(1, empty=False))
    axis = draw.axis(len(shape))
    picks = [draw.integer(1, n) for n in shape]
    size = shape[0]
    if -len(shape) <= axis < len(shape):
        size, picks[axis] = shape[axis], draw.integer(1, 5)
    return (draw.array(dtype, shape), draw.indices(size, picks)), {"axis": axis}


def _gather(x: Any, indices: Any, *, axis: int) -> Any:
    front = tuple(
        slice(None) if a == axis % x.ndim else slice(n) for a, n in enumerate(indices.shape)
    )
    return np.take_along_axis(x[front], indices, axis=axis)


case("gather", _gathered, reference=_gather, gradient=(0,))


def _scattered(draw: Draw, dtype: DType) -> Call:
    (x, indices), kwargs = _gathered(draw, dtype)
    reduce = draw.one_of("add", "multiply", "max", "min")
    values = draw.array(dtype, indices.values.shape, low=-2, high=2)
    return (x, indices, values), {**kwargs, "reduce": reduce}


def _scatter(x: Any, indices: Any, values: Any, *, axis: int, reduce: str) -> Any:
    result = x.copy()
    function: Any = {"add": np.add, "multiply": np.multiply, "max": np.maximum, "min": np.minimum}[reduce]  # fmt: skip
    grid = list(np.meshgrid(*(np.arange(n) for n in indices.shape), indexing="ij"))
    grid[axis] = indices % x.shape[axis]
    function.at(result, tuple(grid), values)
    return result


case("scatter", _scattered, reference=_scatter, gradient=(0, 2), accepts=_real, tolerance=4)


def _classes(draw: Draw, dtype: DType) -> Call:
    size = draw.integer(1, 4)
    shape = draw.shape(0, 2)
    element = float32 if dtype.kind in ("signed", "unsigned") else dtype
    return (draw.indices(size, shape, negative=False), size), {
        "dtype": element, "axis": draw.axis(len(shape) + 1)}  # fmt: skip


case(
    "one_hot",
    _classes,
    reference=lambda i, n, *, dtype, axis: np.moveaxis(np.eye(n)[i], -1, axis),
    accepts=lambda dtype: dtype.kind in ("bool", "float", "complex"),
)


def _guarded(draw: Draw, dtype: DType) -> Call:
    x = draw.array(dtype, draw.shape(0))
    return (x, Array(draw.random.uniform(size=x.values.shape) < 0.5, DTYPES["bool"])), {}


# A constant in place of the elements that are constants of gradients has the same gradient.
case("constant_unless", _guarded, reference=lambda x, condition: x, gradient=(0,),
     differences=lambda x, condition: np.where(condition, x, 0))  # fmt: skip
