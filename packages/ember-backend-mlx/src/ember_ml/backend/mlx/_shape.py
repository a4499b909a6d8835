"""Shapes and order."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

broadcast_to = mx.broadcast_to
permute_dims = mx.transpose


def reshape(x: Any, /, shape: Any, *, copy: bool | None = None) -> Any:
    return mx.reshape(x, shape)


def matrix_transpose(x: Any, /) -> Any:
    return mx.swapaxes(x, -1, -2)


def concat(arrays: Any, /, *, axis: int | None = 0) -> Any:
    if len(arrays) == 1 and axis is not None and not -arrays[0].ndim <= axis < arrays[0].ndim:
        raise ValueError(f"axis {axis} of one array")  # which MLX returns without a look at it
    return mx.concatenate(arrays, axis)


def stack(arrays: Any, /, *, axis: int = 0) -> Any:
    return mx.stack(arrays, axis)


def flip(x: Any, /, *, axis: Any = None) -> Any:
    return mx.flip(x, axis)


def roll(x: Any, /, shift: Any, *, axis: Any = None) -> Any:
    if isinstance(axis, tuple) and not isinstance(shift, tuple):
        shift = (shift,) * len(axis)
    return mx.roll(x, shift, axis)


def tile(x: Any, repetitions: tuple[int, ...], /) -> Any:
    return mx.tile(x, repetitions)


def tril(x: Any, /, *, k: int = 0) -> Any:
    return mx.tril(x, k)


def triu(x: Any, /, *, k: int = 0) -> Any:
    return mx.triu(x, k)
