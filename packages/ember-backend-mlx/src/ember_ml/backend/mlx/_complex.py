"""Operations on complex numbers that MLX lacks or mistakes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlx.core as mx

sin = mx.sin


def _conjugated(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function``, whose gradient MLX gives without the conjugate of the derivative."""
    found = mx.custom_function(function)

    @found.vjp
    def _(primals: Any, cotangent: Any, output: Any) -> Any:
        given = primals if isinstance(primals, list | tuple) else [primals]
        _, (gradients) = mx.vjp(function, list(given), [mx.conj(cotangent)])
        gradients = [mx.conj(g) for g in gradients]
        return gradients if len(gradients) > 1 else gradients[0]

    return found


_power = _conjugated(mx.power)


def pow(x1: Any, x2: Any, /) -> Any:
    x1, x2 = mx.broadcast_arrays(mx.array(x1, mx.complex64), mx.array(x2, mx.complex64))
    zero = x2 == 0
    return mx.where(zero, 1, _power(x1, mx.where(zero, 1, x2)))


def cumprod(x: Any, /, *, axis: int, dtype: Any = None) -> Any:
    return _conjugated(lambda x: mx.cumprod(x, axis=axis))(x)


def sign(x: Any, /) -> Any:
    size = mx.abs(x)
    zero = size == 0
    return mx.where(zero, 0, x / mx.where(zero, 1, size))


def expm1(x: Any, /) -> Any:
    a, b = mx.real(x), mx.imag(x)
    half = mx.sin(0.5 * b)
    near = (mx.expm1(a) * mx.cos(b) - 2 * half * half) + 1j * (mx.exp(a) * mx.sin(b))
    return mx.where(mx.abs(a) < 1, near, mx.exp(x) - 1)


def tanh(x: Any, /) -> Any:
    a, b = mx.real(x), mx.imag(x)
    # By the standard, and not with the sign of sin(2 b).
    end = mx.sign(a).astype(x.dtype)
    return mx.where(mx.isinf(a) & (b != 0), mx.where(b < 0, mx.conj(end), end), mx.tanh(x))
