"""Reductions and matrix products."""

from __future__ import annotations

import numpy as np

matmul = np.matmul


def _wide(x, dtype):
    """The dtype that elements are added in: 64 bits for narrow integers."""
    if dtype is not None:
        return dtype
    return {"i": np.int64, "b": np.int64, "u": np.uint64}.get(x.dtype.kind, x.dtype)


def sum(x, /, *, axis=None, dtype=None, keepdims=False):
    if dtype is None and x.dtype.kind in "fc":
        return np.sum(x, axis=axis, keepdims=keepdims)
    return np.sum(x.astype(_wide(x, dtype)), axis=axis, keepdims=keepdims)


def prod(x, /, *, axis=None, dtype=None, keepdims=False):
    if dtype is None and x.dtype.kind in "fc":
        return np.prod(x, axis=axis, keepdims=keepdims)
    return np.prod(x.astype(_wide(x, dtype)), axis=axis, keepdims=keepdims)


def cumsum(x, /, *, axis, dtype=None):
    return np.cumsum(x.astype(_wide(x, dtype)), axis=axis)


def cumprod(x, /, *, axis, dtype=None):
    return np.cumprod(x.astype(_wide(x, dtype)), axis=axis)


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
