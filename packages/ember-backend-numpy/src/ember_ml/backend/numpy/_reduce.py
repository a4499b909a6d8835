"""Reductions and matrix products.

The ufuncs' own ``reduce`` is several times faster than the functions around it, on small arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np

matmul = np.matmul

_add: Any = np.add.reduce
_multiply: Any = np.multiply.reduce
_maximum: Any = np.maximum.reduce
_minimum: Any = np.minimum.reduce
_or: Any = np.logical_or.reduce
_and: Any = np.logical_and.reduce


def sum(x, /, *, axis=None, dtype=None, keepdims=False):
    if dtype is not None:
        x = x.astype(dtype, copy=False)
    return _add(x, axis, dtype, None, keepdims)


def prod(x, /, *, axis=None, dtype=None, keepdims=False):
    if dtype is not None:
        x = x.astype(dtype, copy=False)
    return _multiply(x, axis, dtype, None, keepdims)


def cumsum(x, /, *, axis, dtype=None):
    return (x if dtype is None else x.astype(dtype, copy=False)).cumsum(axis, dtype)


def cumprod(x, /, *, axis, dtype=None):
    return (x if dtype is None else x.astype(dtype, copy=False)).cumprod(axis, dtype)


def mean(x, /, *, axis=None, keepdims=False):
    half = x.dtype.char == "e"  # it is added up in single
    total = _add(x, axis, np.float32 if half else None, None, keepdims)
    mean = total / total.dtype.type(x.size // total.size if total.size else 0)
    return mean.astype(x.dtype) if half else mean


def max(x, /, *, axis=None, keepdims=False):
    return _maximum(x, axis, None, None, keepdims)


def min(x, /, *, axis=None, keepdims=False):
    return _minimum(x, axis, None, None, keepdims)


def any(x, /, *, axis=None, keepdims=False):
    return _or(x, axis, None, None, keepdims)


def all(x, /, *, axis=None, keepdims=False):
    return _and(x, axis, None, None, keepdims)
