"""Shapes, joining, selecting, sorting."""

from __future__ import annotations

from typing import Any

import numpy as np

broadcast_to = np.broadcast_to
nonzero = np.nonzero
where = np.where


def reshape(x, /, shape, *, copy=None):
    return x.reshape(shape) if copy is None else x.reshape(shape, copy=copy)


def permute_dims(x, /, axes):
    return x.transpose(axes)


def matrix_transpose(x, /):
    return np.swapaxes(x, -1, -2)


def concat(arrays, /, *, axis=0):
    if axis is None:
        arrays, axis = [np.ravel(x) for x in arrays], 0
    return np.concatenate(arrays, axis)


def stack(arrays, /, *, axis=0):
    return np.stack(arrays, axis)


def flip(x, /, *, axis=None):
    axes = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    backwards = {np_axis(a, x.ndim) for a in axes}
    return x[tuple(slice(None, None, -1 if i in backwards else None) for i in range(x.ndim))]


def np_axis(axis, ndim):
    if not -ndim <= axis < ndim:
        raise IndexError(f"axis {axis} is out of range for {ndim} dimensions")
    return axis % ndim


def roll(x, /, shift, *, axis=None):
    return np.roll(x, shift, axis)


def take(x, indices, /, *, axis=None):
    if axis is None:
        if x.ndim != 1:
            raise ValueError("axis is needed")
        axis = 0
    np_axis(axis, x.ndim)
    return np.take(x, indices, axis)


def take_along_axis(x, indices, /, *, axis=-1):
    if indices.ndim != x.ndim:
        raise ValueError("as many axes are due")
    axis = np_axis(axis, x.ndim)
    grid = [
        np.reshape(np.arange(n), [-1 if i == j else 1 for j in range(x.ndim)])
        for i, n in enumerate(x.shape)
    ]
    grid[axis] = indices
    return x[tuple(grid)]


def searchsorted(x1, x2, /, *, side="left", sorter=None):
    return np.searchsorted(x1, x2, side=side, sorter=sorter)


def argmax(x, /, *, axis=None, keepdims=False):
    return np.argmax(x, axis=axis, keepdims=keepdims)


def argmin(x, /, *, axis=None, keepdims=False):
    return np.argmin(x, axis=axis, keepdims=keepdims)


def sort(x, /, *, axis=-1, descending=False, stable=True):
    ordered = np.sort(x, axis=axis, kind="stable" if stable else None)
    return flip(ordered, axis=axis) if descending else ordered


def argsort(x, /, *, axis=-1, descending=False, stable=True):
    kind: Any = "stable" if stable else None
    np_axis(axis, x.ndim)
    if not descending:
        return np.argsort(x, axis=axis, kind=kind)
    # Backwards in and backwards out, so that equal elements keep their order.
    order = flip(np.argsort(flip(x, axis=axis), axis=axis, kind=kind), axis=axis)
    return x.shape[axis] - 1 - order
