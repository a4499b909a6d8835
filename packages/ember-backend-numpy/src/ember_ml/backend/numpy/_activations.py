"""Activations in few passes over memory. They are written for ordinary arrays."""

from __future__ import annotations

import math

import numpy as np

from . import _elementwise

#: The largest number whose exponential is finite, by size of the dtype.
_LARGEST = {2: 11.0, 4: 88.0, 8: 709.0}


def own(x):
    """An array for scratch: functions of one without dimensions give a scalar."""
    return x if x.__class__ is np.ndarray else np.asarray(x)


def put(y, mask, value):
    np.copyto(y, value, where=mask)
    return y


def relu(x, /):
    return np.maximum(x, 0)


def leaky_relu(x, /, *, negative_slope=0.01):
    if 0 <= negative_slope <= 1:
        return np.maximum(x, x * negative_slope)
    return np.where(x > 0, x, x * negative_slope)


def sigmoid(x, /):
    y = own(np.negative(x))
    np.minimum(y, _LARGEST[x.itemsize], out=y)
    np.exp(y, out=y)
    y += 1
    np.reciprocal(y, out=y)
    return y


def silu(x, /):
    y = sigmoid(x)
    y *= x
    return y


def _exponential(x, alpha, scale):
    """``scale * x``, and ``alpha * (exp(x) - 1)`` below zero."""
    y = own(np.minimum(x, 0))
    np.expm1(y, out=y)
    y *= alpha
    y += np.maximum(x, 0) if scale == 1 else np.maximum(x, 0) * scale
    return y


def elu(x, /, *, alpha=1.0):
    return _exponential(x, alpha, 1)


#: The scale of SELU, and what it multiplies the exponential by.
SELU_SCALE = 1.0507009873554804934193349852946
SELU_BELOW = 1.6732632423543772848170429916717 * SELU_SCALE


def selu(x, /):
    return _exponential(x, SELU_BELOW, SELU_SCALE)


def celu(x, /, *, alpha=1.0):
    y = own(np.minimum(x, 0))
    y /= alpha
    np.expm1(y, out=y)
    y *= alpha
    y += np.maximum(x, 0)
    return y


def prelu(x, weight, /):
    channels = x.shape[1] if x.ndim > 1 else 1
    if weight.shape not in ((), (1,), (channels,)):
        raise ValueError("the weights do not fit the channels")
    y = own(np.minimum(x, 0))
    y *= along_channels(weight, x)
    y += np.maximum(x, 0)
    return y


def along_channels(weight, x):
    """``weight`` in a shape that broadcasts to ``x`` (N, C, ...)."""
    return weight.reshape((-1, *[1] * (x.ndim - 2)) if x.ndim else ())


def _log1p_exp(x):
    """``log(1 + exp(-|x|))``."""
    y = own(np.abs(x))
    np.negative(y, out=y)
    np.exp(y, out=y)
    np.log1p(y, out=y)
    return y


def softplus(x, /, *, beta=1.0, threshold=20.0):
    scaled = x if beta == 1 else x * beta
    y = _log1p_exp(scaled)
    y += np.maximum(scaled, 0)
    if beta != 1:
        y /= beta
    return put(y, scaled > threshold, x)


def logsigmoid(x, /):
    y = _log1p_exp(x)
    return np.subtract(np.minimum(x, 0), y)


#: Above which the hyperbolic tangent of softplus is 1, by size of the dtype.
FLAT = {2: 5.0, 4: 20.0, 8: 40.0}


def mish(x, /):
    # tanh(log(1 + e)) = n / (n + 2) with n = e * (e + 2)
    e = own(np.minimum(x, FLAT[x.itemsize]))
    np.exp(e, out=e)
    n = e + 2
    n *= e
    np.add(n, 2, out=e)
    n /= e
    n *= x
    return n


def hardtanh(x, /, *, min_val=-1.0, max_val=1.0):
    if min_val > max_val:
        raise ValueError(f"min_val={min_val} is above max_val={max_val}")
    return np.minimum(np.maximum(x, min_val), max_val)


def hardswish(x, /):
    y = own(x + 3)
    np.maximum(y, 0, out=y)
    np.minimum(y, 6, out=y)
    y *= x
    y /= 6
    return y


def glu(x, /, *, axis=-1):
    first, second = np.split(x, 2, axis)
    y = sigmoid(second)
    y *= first
    return y


# -- GELU -------------------------------------------------------------------------------------

#: ``exp(a**2 / 2)`` times the normal distribution function of ``-a``, from 0 to 14, as a polynomial
#: in ``t = 1 / (1 + 0.35 * a)`` that is right to 3e-8 of the value (fitted to SciPy's ``erfcx``).
_TAIL = (
    -0.02915155934,
    0.1439995846,
    -0.2557730055,
    0.1592427124,
    -0.02315813524,
    0.1055289744,
    0.1198274086,
    0.1398626459,
    0.1396213583,
)

#: Elements worked on at a time: they and the scratch space stay in the cache.
_BLOCK = 1 << 14

SLOPE = math.sqrt(2 / math.pi)
CUBIC = 0.044715


def gelu(x, /, *, approximate="none"):
    if approximate == "tanh":
        y = bend(x)
        y += 1
        y *= x
        y *= 0.5
        return y
    if approximate != "none":
        raise ValueError(f"approximate is 'none' or 'tanh', not {approximate!r}")
    if x.itemsize == 8:
        return 0.5 * x * (1 + _elementwise.erf(x * math.sqrt(0.5)))
    flat = np.ascontiguousarray(x, np.float32).reshape(-1)
    y = np.empty_like(flat)
    space = np.empty((2, min(_BLOCK, flat.size)), np.float32)
    for start in range(0, flat.size, _BLOCK):
        part = flat[start : start + _BLOCK]
        _gelu(part, y[start : start + _BLOCK], *space[:, : part.size])
    return y.reshape(x.shape).astype(x.dtype, copy=False)


def bend(x):
    """The hyperbolic tangent in GELU's approximation."""
    y = own(x * x)
    y *= SLOPE * CUBIC
    y += SLOPE
    y *= x
    np.tanh(y, out=y)
    return y


def _gelu(x, y, a, t):
    np.abs(x, out=a)
    np.minimum(a, 14, out=a)
    np.multiply(a, 0.35, out=t)
    t += 1
    np.reciprocal(t, out=t)
    np.multiply(t, _TAIL[0], out=y)
    for coefficient in _TAIL[1:]:
        y += coefficient
        y *= t
    y *= a
    a *= a
    a *= -0.5
    np.exp(a, out=a)
    y *= a
    np.maximum(x, 0, out=t)
    np.subtract(t, y, out=y)
