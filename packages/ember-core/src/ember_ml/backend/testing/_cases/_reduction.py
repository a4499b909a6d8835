"""Reductions and cumulative operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ember_ml.backend.dtypes import DTYPES, DType

from .._case import Call, case, int64, real_of, sum_of
from .._draw import Draw


def _reduce(
    name: str,
    reference: Callable[..., Any],
    *,
    dims: int = 0,
    empty: bool = True,
    low: float = -4,
    high: float = 4,
    extremes: bool = False,
    gradient: bool = True,
    **options: Any,
) -> None:
    def arguments(draw: Draw, dtype: DType) -> Call:
        shape = draw.shape(dims, empty=empty)
        kwargs = {"axis": draw.axes(len(shape)), "keepdims": draw.flag()}
        x = draw.array(dtype, shape, low=low, high=high, specials=True, extremes=extremes)
        return (x,), kwargs

    case(name, arguments, reference=reference, gradient=(0,) if gradient else (), **options)


def _total(function: Callable[..., Any]) -> Callable[..., Any]:
    """Sums as the standard has them: integers in 64 bits."""

    def reference(x: Any, *, dtype: DType | None = None, **options: Any) -> Any:
        if dtype is not None:
            return function(x, dtype=dtype.name, **options)
        wide = {"b": np.int64, "i": np.int64, "u": np.uint64}.get(x.dtype.kind)
        return function(x, dtype=wide, **options)

    return reference


_reduce("sum", _total(np.sum), tolerance=4, extremes=True)
_reduce("prod", _total(np.prod), low=-2, high=2, tolerance=8)
_reduce("mean", np.mean, empty=False, tolerance=4)
_reduce("max", np.max, empty=False, extremes=True)
_reduce("min", np.min, empty=False, extremes=True)
_reduce("any", np.any, gradient=False, extremes=True)
_reduce("all", np.all, gradient=False, extremes=True)
_reduce(
    "count_nonzero", np.count_nonzero, gradient=False, extremes=True, result=lambda dtype: int64
)


def _spread(function: Callable[..., Any]) -> Callable[..., Any]:
    def reference(x: Any, *, correction: float, **options: Any) -> Any:
        return function(x, ddof=correction, **options)

    return reference


def _deviations(draw: Draw, dtype: DType) -> Call:
    shape = draw.shape(1, empty=False)
    axis = draw.axis(len(shape))
    correction = draw.one_of(0.0, 0.5)
    return (draw.array(dtype, shape),), {
        "axis": axis, "correction": correction, "keepdims": draw.flag()}  # fmt: skip


def _spread_out(draw: Draw, dtype: DType) -> Call:
    # at least two elements: the derivative of the root of nothing is infinite
    shape = (draw.integer(2, 4), draw.integer(2, 4))
    return (draw.array(dtype, shape),), {"axis": draw.axis(2), "correction": draw.one_of(0.0, 1.0)}


case("var", _deviations, reference=_spread(np.var), result=real_of, gradient=(0,), tolerance=4)
case("std", _spread_out, reference=_spread(np.std), result=real_of, gradient=(0,), tolerance=8)


def _position(name: str, function: Callable[..., Any]) -> None:
    def arguments(draw: Draw, dtype: DType) -> Call:
        shape = draw.shape(1, empty=False)
        kwargs = {"axis": draw.axis(len(shape), none=True), "keepdims": draw.flag()}
        return (draw.array(dtype, shape, extremes=True),), kwargs

    case(name, arguments, reference=function, result=lambda dtype: int64)


_position("argmax", np.argmax)
_position("argmin", np.argmin)


def _cumulative(name: str, function: Callable[..., Any], identity: int) -> None:
    """Both the standard's function and the primitive that it rests on."""

    def reference(
        x: Any,
        *,
        axis: int | None = None,
        dtype: DType | None = None,
        include_initial: bool = False,
    ) -> Any:
        axis = 0 if axis is None else axis
        total = _total(function)(x, axis=axis, dtype=dtype)
        if not include_initial:
            return total
        first = np.full_like(np.take(total, [0] if total.shape[axis] else [], axis=axis), identity)
        if not total.shape[axis]:
            shape = list(total.shape)
            shape[axis] = 1
            first = np.full(shape, identity, dtype=total.dtype)
        return np.concatenate([first, total], axis=axis)

    def plain(draw: Draw, dtype: DType) -> Call:
        shape = draw.shape(1)
        return (draw.array(dtype, shape, low=-2, high=2),), {"axis": draw.axis(len(shape))}

    def full(draw: Draw, dtype: DType) -> Call:
        shape = draw.shape(1)
        axis = draw.axis(len(shape), none=len(shape) == 1)
        x = draw.array(dtype, shape, low=-2, high=2)
        return (x,), {"axis": axis, "include_initial": draw.flag()}

    short = {"sum": "cumsum", "prod": "cumprod"}[name]
    case(short, plain, reference=reference, result=sum_of, gradient=(0,), tolerance=8)
    case(f"cumulative_{name}", full, reference=reference, result=sum_of, gradient=(0,), tolerance=8)


_cumulative("sum", np.cumsum, 0)
_cumulative("prod", np.cumprod, 1)


def _differences(draw: Draw, dtype: DType) -> Call:
    shape = draw.shape(1)
    return (draw.array(dtype, shape),), {"axis": draw.axis(len(shape)), "n": draw.integer(0, 2)}


case(
    "diff",
    _differences,
    reference=np.diff,
    accepts=lambda dtype: dtype is not DTYPES["bool"],
    gradient=(0,),
)
