"""Overrides that save NumPy passes over memory. They are written for ordinary arrays."""

from __future__ import annotations

import numpy as np

_add = np.add.reduce
_maximum = np.maximum.reduce
_LEAST = -np.inf


#: Rows up to which OpenBLAS is faster (by 1.2 to 2 times) at the transposed product.
_FEW = 64


def linear(x, weight, bias, /):
    if weight.ndim != 2 or bias.shape != weight.shape[:1]:
        raise ValueError("the bias does not fit the weight")
    if x.ndim == 2 and x.shape[0] <= _FEW:
        y = np.ascontiguousarray(np.matmul(weight, x.T).T)
    elif x.ndim > 2 and x.size:  # one product instead of many
        y = np.matmul(x.reshape(-1, x.shape[-1]), weight.T).reshape(*x.shape[:-1], -1)
    else:
        y = np.matmul(x, weight.T)
    y += bias
    return y


def log_softmax(x, /, *, axis=-1):
    x.shape[axis]  # a reduction would take the axis of a number
    y = x - _maximum(x, axis, keepdims=True, initial=_LEAST)
    y -= np.log(_add(np.exp(y), axis, keepdims=True))
    return y


def softmax(x, /, *, axis=-1):
    x.shape[axis]
    y = x - _maximum(x, axis, keepdims=True, initial=_LEAST)
    np.exp(y, out=y)
    y /= _add(y, axis, keepdims=True)
    return y


def order_statistics(x, /, *, ranks):
    return np.partition(x, ranks)[..., ranks]


def pad_constant(x, widths, /, *, value):
    spans = [
        (before, before + n, after) for n, (before, after) in zip(x.shape, widths, strict=True)
    ]
    padded = np.full([end + after for _, end, after in spans], value, x.dtype)
    padded[tuple(slice(start, end) for start, end, _ in spans)] = x
    return padded


def convolve(x1, x2, /, *, mode="full"):
    if x1.ndim != 1 or x2.ndim != 1:
        raise ValueError("these are no vectors")
    return np.convolve(x1, x2, mode)
