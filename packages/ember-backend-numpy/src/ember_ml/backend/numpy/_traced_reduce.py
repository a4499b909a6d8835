"""The reductions in the words of `autograd`, for `_tracer`: it differentiates these functions."""

from __future__ import annotations

import autograd.numpy as np


def sum(x, /, *, axis=None, dtype=None, keepdims=False):
    if dtype is None:
        return np.sum(x, axis=axis, keepdims=keepdims)
    return np.sum(x.astype(dtype), axis=axis, keepdims=keepdims, dtype=dtype)


def cumsum(x, /, *, axis, dtype=None):
    return np.cumsum(x if dtype is None else x.astype(dtype), axis)


def mean(x, /, *, axis=None, keepdims=False):
    return np.mean(x, axis=axis, keepdims=keepdims)


def max(x, /, *, axis=None, keepdims=False):
    return np.max(x, axis=axis, keepdims=keepdims)


def min(x, /, *, axis=None, keepdims=False):
    return np.min(x, axis=axis, keepdims=keepdims)


def any(x, /, *, axis=None, keepdims=False):
    return np.any(x, axis=axis, keepdims=keepdims)


def all(x, /, *, axis=None, keepdims=False):
    return np.all(x, axis=axis, keepdims=keepdims)
