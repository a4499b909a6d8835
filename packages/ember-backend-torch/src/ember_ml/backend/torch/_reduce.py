"""Reductions, cumulative forms and matrix products.

PyTorch takes an empty tuple of axes for all of them; the standard means none.
"""

from __future__ import annotations

import math

import torch
from ember_ml.backend.protocol import Native

from ._creation import SIGNED

matmul = torch.matmul

Axis = int | tuple[int, ...] | None


def _of_each(x: Native, axis: Axis, keepdims: bool) -> tuple[Native, Axis, bool]:
    """No axes are the same as one more, of size one."""
    return (x.unsqueeze(-1), -1, False) if axis == () else (x, axis, keepdims)


def sum(
    x: Native, /, *, axis: Axis = None, dtype: torch.dtype | None = None, keepdims: bool = False
) -> Native:
    if dtype is None and axis != ():  # the usual case, by the shortest way
        return torch.sum(x, axis, keepdims)
    x, axis, keepdims = _of_each(x, axis, keepdims)
    if dtype is None:
        return torch.sum(x, axis, keepdims)
    if dtype in SIGNED:
        return torch.sum(x, axis, keepdims, dtype=torch.int64).to(dtype)
    return torch.sum(x, axis, keepdims, dtype=dtype)


def prod(
    x: Native, /, *, axis: Axis = None, dtype: torch.dtype | None = None, keepdims: bool = False
) -> Native:
    x, axis, keepdims = _of_each(x, axis, keepdims)
    if dtype in SIGNED:
        return prod(x, axis=axis, dtype=torch.int64, keepdims=keepdims).to(dtype)
    if isinstance(axis, int):
        return torch.prod(x, axis, keepdims, dtype=dtype)
    axes = range(x.ndim) if axis is None else [a % x.ndim for a in axis]
    if len(set(axes)) < len(axes):
        raise ValueError(f"an axis is named twice in {axis}")
    x = torch.prod(x.unsqueeze(0), 0, dtype=dtype)  # the dtype, where there is no axis at all
    for a in sorted(axes, reverse=True):
        x = torch.prod(x, a, keepdims, dtype=x.dtype)
    return x


def cumsum(x: Native, /, *, axis: int, dtype: torch.dtype | None = None) -> Native:
    if dtype in SIGNED:
        return torch.cumsum(x, axis, dtype=torch.int64).to(dtype)
    return torch.cumsum(x, axis, dtype=dtype)


def cumprod(x: Native, /, *, axis: int, dtype: torch.dtype | None = None) -> Native:
    if dtype in SIGNED:
        return torch.cumprod(x, axis, dtype=torch.int64).to(dtype)
    return torch.cumprod(x, axis, dtype=dtype)


def mean(x: Native, /, *, axis: Axis = None, keepdims: bool = False) -> Native:
    x, axis, keepdims = _of_each(x, axis, keepdims)
    return torch.mean(x, axis, keepdims)


def var(
    x: Native, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False
) -> Native:
    x, axis, keepdims = _of_each(x, axis, keepdims)
    axes = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    free = math.prod(x.shape[a] for a in axes) - correction
    if free > 0:
        return torch.var(x, axis, correction=correction, keepdim=keepdims)
    return torch.sum(x.abs(), axis, keepdims) * math.nan


def max(x: Native, /, *, axis: Axis = None, keepdims: bool = False) -> Native:
    x, axis, keepdims = _of_each(x, axis, keepdims)
    return torch.amax(x, () if axis is None else axis, keepdims)


def min(x: Native, /, *, axis: Axis = None, keepdims: bool = False) -> Native:
    x, axis, keepdims = _of_each(x, axis, keepdims)
    return torch.amin(x, () if axis is None else axis, keepdims)


def any(x: Native, /, *, axis: Axis = None, keepdims: bool = False) -> Native:
    return torch.any(x.bool(), axis, keepdims)


def all(x: Native, /, *, axis: Axis = None, keepdims: bool = False) -> Native:
    return torch.all(x.bool(), axis, keepdims)
