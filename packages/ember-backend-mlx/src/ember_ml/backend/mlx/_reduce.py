"""Reductions and matrix products."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mlx.core as mx

matmul = mx.matmul


def _empty(x: Any, axis: Any, keepdims: bool, value: Any, dtype: Any) -> Any:
    """``value`` in the shape of a reduction: MLX reads memory that an empty array has not."""
    axes = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    for a in axes:
        if not -x.ndim <= a < x.ndim:
            raise IndexError(f"axis {a} is out of range for {x.ndim} dimensions")
    gone = {a % x.ndim for a in axes}
    if len(gone) < len(list(axes)):
        raise ValueError(f"an axis is named twice in {axis}")
    shape = [1 if i in gone else n for i, n in enumerate(x.shape) if keepdims or i not in gone]
    if value is None and 0 not in shape:
        raise ValueError("nothing to reduce")
    return mx.full(shape, 0 if value is None else value, dtype)


def _total(
    function: Callable[..., Any], identity: int, x: Any, axis: Any, dtype: Any, keepdims: bool
) -> Any:
    if dtype is not None and x.dtype != dtype:
        x = x.astype(dtype)
    if not x.size:
        return _empty(x, axis, keepdims, identity, x.dtype)
    total = function(x, axis, keepdims)
    return total if total.dtype == x.dtype else total.astype(x.dtype)


def sum(x: Any, /, *, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
    if dtype is None and x.size:
        return mx.sum(x, axis, keepdims)
    return _total(mx.sum, 0, x, axis, dtype, keepdims)


def sum_all(x: Any, /) -> Any:
    return mx.sum(x) if x.size else mx.zeros((), x.dtype)


def prod(x: Any, /, *, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
    return _total(mx.prod, 1, x, axis, dtype, keepdims)


def cumsum(x: Any, /, *, axis: int, dtype: Any = None) -> Any:
    return mx.cumsum(x if dtype is None else x.astype(dtype), axis=axis)


def cumprod(x: Any, /, *, axis: int, dtype: Any = None) -> Any:
    return mx.cumprod(x if dtype is None else x.astype(dtype), axis=axis)


def mean(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
    return mx.mean(x, axis, keepdims) if x.size else _empty(x, axis, keepdims, math.nan, x.dtype)


def max(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
    return mx.max(x, axis, keepdims) if x.size else _empty(x, axis, keepdims, None, x.dtype)


def min(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
    return mx.min(x, axis, keepdims) if x.size else _empty(x, axis, keepdims, None, x.dtype)


def any(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
    return mx.any(x, axis, keepdims) if x.size else _empty(x, axis, keepdims, False, mx.bool_)


def all(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
    return mx.all(x, axis, keepdims) if x.size else _empty(x, axis, keepdims, True, mx.bool_)
