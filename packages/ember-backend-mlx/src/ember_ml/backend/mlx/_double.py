"""Functions that MLX computes in single precision for float64, from those that it does not."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mlx.core as mx

from ._elementwise import copysign

_TERMS = 140


def _differentiable(
    function: Callable[[Any], Any], derivative: Callable[[Any, Any], Any]
) -> Callable[[Any], Any]:
    """``function`` with the gradient ``derivative(x, function(x))``."""
    found = mx.custom_function(function)
    found.vjp(lambda x, cotangent, output: cotangent * derivative(x, output))
    return found


def _exp(x: Any) -> Any:
    a = mx.abs(x)
    grown = mx.cosh(a) + mx.sinh(a)
    return mx.where(x < 0, 1 / grown, grown)


def _sin(x: Any) -> Any:
    t = mx.tan(0.5 * x)
    return 2 * t / (1 + t * t)


def _cos(x: Any) -> Any:
    t = mx.tan(0.5 * x)
    return (1 - t * t) / (1 + t * t)


def _erf(x: Any) -> Any:
    # Abramowitz and Stegun 7.1.6: all its terms have one sign. From 6 on the result is 1.
    a = mx.minimum(mx.abs(x), 6.0)
    square, total = 2 * a * a, 1.0
    for n in range(_TERMS, 0, -1):
        total = 1 + total * square / (2 * n + 1)
    size = mx.where(a < 6, 2 / math.sqrt(math.pi) * a * _exp(-a * a) * total, 1.0)
    return mx.where(mx.isnan(x), x, copysign(size, x))


exp: Callable[[Any], Any] = _differentiable(_exp, lambda x, y: y)
sin: Callable[[Any], Any] = _differentiable(_sin, lambda x, y: cos(x))
cos: Callable[[Any], Any] = _differentiable(_cos, lambda x, y: -sin(x))
erf = _differentiable(_erf, lambda x, y: 2 / math.sqrt(math.pi) * exp(-x * x))
expm1 = _differentiable(mx.expm1, lambda x, y: y + 1)


def logaddexp(x1: Any, x2: Any, /) -> Any:
    high = mx.maximum(x1, x2)
    distance = mx.abs(mx.subtract(x1, x2))
    # Equal infinities have no distance.
    near = mx.log1p(exp(-mx.where(mx.equal(x1, x2), 0.0, distance)))
    return high + near
