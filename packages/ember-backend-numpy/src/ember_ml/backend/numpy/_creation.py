"""Creation, conversion and copies."""

from __future__ import annotations

import numpy as np


def zeros(shape, *, dtype, device=None):
    return np.zeros(shape, dtype)


def ones(shape, *, dtype, device=None):
    return np.ones(shape, dtype)


def empty(shape, *, dtype, device=None):
    return np.empty(shape, dtype)


def arange(start, /, stop=None, step=1, *, dtype, device=None):
    return np.arange(start, stop, step, dtype)  # type: ignore[call-overload]


def linspace(start, stop, /, num, *, dtype, device=None, endpoint=True):
    return np.linspace(start, stop, num, dtype=dtype, endpoint=endpoint)


def astype(x, dtype, /, *, copy=True, device=None):
    return x.astype(dtype, copy=copy)


def copy(x, /):
    return np.array(x, copy=True)


def stop_gradient(x, /):
    return x
