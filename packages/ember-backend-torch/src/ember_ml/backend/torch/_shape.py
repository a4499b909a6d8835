"""Shapes, joining, selecting, sorting."""

from __future__ import annotations

from typing import Any

import torch
from ember_ml.backend.protocol import Native

from ._index import flipped, getitem
from ._state import needs_values

argmax = torch.argmax
argmin = torch.argmin
broadcast_to = torch.broadcast_to
permute_dims = torch.permute
stack = torch.stack
where = torch.where


def reshape(x: Native, /, shape: tuple[int, ...], *, copy: bool | None = None) -> Native:
    if copy is None:
        return torch.reshape(x, shape)  # the method takes twice as long
    if copy:
        return x.clone(memory_format=torch.contiguous_format).view(shape)
    return x.view(shape)


def matrix_transpose(x: Native, /) -> Native:
    return x.transpose(-2, -1)


def concat(arrays: list[Native], /, *, axis: int | None = 0) -> Native:
    if axis is None:
        arrays, axis = [x.reshape(-1) for x in arrays], 0
    if len({x.ndim for x in arrays}) > 1:
        raise ValueError("the numbers of dimensions differ")  # PyTorch skips those of no elements
    return torch.concat(arrays, axis)


def flip(x: Native, /, *, axis: int | tuple[int, ...] | None = None) -> Native:
    axes = tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else axis
    return flipped(x, axes)


def roll(
    x: Native,
    /,
    shift: int | tuple[int, ...],
    *,
    axis: int | tuple[int, ...] | None = None,
) -> Native:
    if axis is None:
        return torch.roll(x, shift)
    axes = (axis,) if isinstance(axis, int) else axis
    return torch.roll(x, (shift,) * len(axes) if isinstance(shift, int) else shift, axes)


def take(x: Native, indices: Native, /, *, axis: int | None = None) -> Native:
    if axis is None:
        if x.ndim > 1:
            raise ValueError("an axis is due")
        axis = 0
    if not -x.ndim <= axis < x.ndim:
        raise IndexError(f"axis {axis} is out of range")
    return getitem(x, (slice(None),) * (axis % x.ndim) + (indices,))


def take_along_axis(x: Native, indices: Native, /, *, axis: int = -1) -> Native:
    if x.ndim != indices.ndim:
        raise ValueError("as many axes are due")
    size, axis = x.size(axis), axis % max(x.ndim, 1)
    indices = indices.long()
    indices = torch.where(indices < 0, indices + size, indices)
    wide = [q if p == 1 else p for p, q in zip(x.shape, indices.shape, strict=True)]
    wide[axis] = -1  # as it is in either
    try:
        # PyTorch's take_along_dim would turn an index out of range into one within.
        return torch.gather(x.expand(wide), axis, indices.expand(wide))
    except RuntimeError as error:
        if "out of bounds" in str(error):
            raise IndexError(str(error)) from None
        raise


def nonzero(x: Native, /) -> tuple[Native, ...]:
    if x.ndim == 0:
        raise ValueError("nonzero needs at least one dimension")
    needs_values(x, "nonzero (or a boolean mask)")
    return torch.nonzero(x, as_tuple=True)


def searchsorted(
    x1: Native, x2: Native, /, *, side: Any = "left", sorter: Native | None = None
) -> Native:
    if x1.ndim != 1:
        raise ValueError("a vector is due")
    sorter = None if sorter is None else sorter.long().contiguous()
    return torch.searchsorted(x1.contiguous(), x2.contiguous(), side=side, sorter=sorter)


def argsort(
    x: Native, /, *, axis: int = -1, descending: bool = False, stable: bool = True
) -> Native:
    x.size(axis)
    return torch.argsort(x, dim=axis, descending=descending, stable=stable)


def sort(x: Native, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Native:
    x.size(axis)  # PyTorch would take an axis of a number
    return torch.sort(x, dim=axis, descending=descending, stable=stable)[0]


def tril(x: Native, /, *, k: int = 0) -> Native:
    return torch.tril(x, k)


def triu(x: Native, /, *, k: int = 0) -> Native:
    return torch.triu(x, k)
