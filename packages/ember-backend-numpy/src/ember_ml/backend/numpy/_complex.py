"""Complex functions that NumPy has with other values at infinity than the standard."""

from __future__ import annotations

import numpy as np


def expm1(x, /):
    a, b = np.real(x), np.imag(x)
    half = np.sin(b / 2)
    near = np.expm1(a) * np.cos(b) - 2 * half * half + 1j * (np.exp(a) * np.sin(b))
    return np.where(np.abs(a) < 1, near, np.exp(x) - 1)


def tanh(x, /):
    y = np.asarray(np.tanh(x))
    # NumPy's zero has the sign of sin(2b)
    np.copyto(y.imag, 0 * x.imag, where=np.isinf(x.real) & np.isfinite(x.imag))
    return y
