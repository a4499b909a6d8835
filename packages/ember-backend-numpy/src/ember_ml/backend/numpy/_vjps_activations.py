"""Gradients of activations, each one step of autograd. They are for ordinary arrays."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from . import _activations as _loud
from ._quiet import quiet_module

__all__ = ["ACTIVATIONS"]

_fused = quiet_module(_loud)
_own = _loud.own


def _times(slope: Callable[..., Any]) -> Callable[..., Any]:
    """The product of an operation that works on each element: ``slope(answer, x, **options)``.

    The slope is a new array.
    """

    def product(answer, x, **options):
        def vjp(g):
            y = slope(answer, x, **options)
            y *= g
            return y

        return vjp

    return product


def _sigmoid_slope(answer, x):
    y = _own(1 - answer)
    y *= answer
    return y


def _silu_slope(answer, x):
    s = _fused.sigmoid(x)
    y = _own(1 - s)
    y *= x
    y += 1
    y *= s
    return y


def _leaky_slope(answer, x, *, negative_slope=0.01):
    return _raised(np.full_like(x, negative_slope), x, 1 - negative_slope)


def _raised(y, x, more):
    """``y``, and ``more`` on top of it where ``x`` is positive: faster than to choose."""
    if more:
        y += (x > 0) * y.dtype.type(more)
    return y


def _elu_slope(answer, x, *, alpha=1.0):
    y = _own(np.minimum(x, 0))
    np.exp(y, out=y)
    if alpha != 1:
        y *= alpha
    return _raised(y, x, 1 - alpha)


def _selu_slope(answer, x):
    y = _own(np.minimum(x, 0))
    np.exp(y, out=y)
    y *= _loud.SELU_BELOW
    return _raised(y, x, _loud.SELU_SCALE - _loud.SELU_BELOW)


def _celu_slope(answer, x, *, alpha=1.0):
    return _elu_slope(answer, x / alpha)


def _softplus_slope(answer, x, *, beta=1.0, threshold=20.0):
    scaled = x * beta
    return _loud.put(_fused.sigmoid(scaled), scaled > threshold, 1)


def _logsigmoid_slope(answer, x):
    return _fused.sigmoid(-x)


def _mish_slope(answer, x):
    # with e = exp(x) and n = e * (e + 2), which is (1 + e)**2 - 1, the tangent is n / (n + 2)
    x = np.minimum(x, _loud.FLAT[x.itemsize])
    e = _own(np.exp(x))
    n = _own(e + 2)
    n *= e
    y = _own(e + 1)
    y *= e
    y *= x
    y *= 4
    np.add(n, 2, out=e)
    y /= e
    y += n
    y /= e
    return y


def _hardtanh_slope(answer, x, *, min_val=-1.0, max_val=1.0):
    return _own(((x > min_val) & (x < max_val)).astype(x.dtype))


def _hardswish_slope(answer, x):
    y = _own(x / 3)
    y += 0.5
    return _loud.put(_loud.put(y, x <= -3, 0), x >= 3, 1)


def _gelu_slope(answer, x, *, approximate="none"):
    if approximate == "tanh":
        t = _loud.bend(x)
        inner = _loud.SLOPE * (1 + 3 * _loud.CUBIC * x * x)
        return _own(0.5 * (1 + t) + 0.5 * x * (1 - t * t) * inner)
    # the distribution function is the answer over x, and its slope is the density
    y = _own(x * x)
    y *= -0.5
    np.exp(y, out=y)
    y *= x
    y *= 1 / math.sqrt(2 * math.pi)
    y += _loud.put(_own(answer / x), x == 0, 0.5)
    return y


def _prelu_x(answer, x, weight):
    def vjp(g):
        return g * np.where(x > 0, x.dtype.type(1), _loud.along_channels(weight, x))

    return vjp


def _prelu_weight(answer, x, weight):
    def vjp(g):
        part = g * np.minimum(x, 0)
        if weight.size > 1:
            part = np.add.reduce(part, tuple(i for i in range(x.ndim) if i != 1))
        return np.asarray(np.add.reduce(part, None) if weight.size == 1 else part).reshape(
            weight.shape
        )

    return vjp


def _glu_vjp(answer, x, *, axis=-1):
    def vjp(g):
        s = _fused.sigmoid(np.split(x, 2, axis)[1])
        return np.concatenate([g * s, g * answer * (1 - s)], axis)

    return vjp


_PRODUCTS: dict[str, tuple[Callable[..., Any], ...]] = {
    "celu": (_times(_celu_slope),),
    "elu": (_times(_elu_slope),),
    "gelu": (_times(_gelu_slope),),
    "glu": (_glu_vjp,),
    "hardswish": (_times(_hardswish_slope),),
    "hardtanh": (_times(_hardtanh_slope),),
    "leaky_relu": (_times(_leaky_slope),),
    "logsigmoid": (_times(_logsigmoid_slope),),
    "mish": (_times(_mish_slope),),
    "prelu": (_prelu_x, _prelu_weight),
    "relu": (lambda answer, x: lambda g: np.multiply(g, answer > 0),),
    "selu": (_times(_selu_slope),),
    "sigmoid": (_times(_sigmoid_slope),),
    "silu": (_times(_silu_slope),),
    "softplus": (_times(_softplus_slope),),
}

ACTIVATIONS: dict[str, tuple[Callable[..., Any], tuple[Callable[..., Any], ...]]] = {
    name: (getattr(_fused, name), products) for name, products in _PRODUCTS.items()
}
