"""Activations for half and single precision, in fewer kernels."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import mlx.core as mx


def relu(x: Any, /) -> Any:
    return mx.maximum(x, 0)


sigmoid = mx.sigmoid


def leaky_relu(x: Any, /, *, negative_slope: float = 0.01) -> Any:
    if 0 <= negative_slope <= 1:  # MLX is slow to choose
        return mx.maximum(x, x * negative_slope)
    return mx.where(x > 0, x, x * negative_slope)


@partial(mx.compile, shapeless=True)
def silu(x: Any, /) -> Any:
    return x * mx.sigmoid(x)


def elu(x: Any, /, *, alpha: float = 1.0) -> Any:
    return mx.where(x > 0, x, alpha * mx.expm1(mx.minimum(x, 0)))


def gelu(x: Any, /, *, approximate: str = "none") -> Any:
    if approximate == "tanh":
        bend = mx.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x))
        return 0.5 * x * (1.0 + bend)
    if approximate != "none":
        raise ValueError(f"approximate is 'none' or 'tanh', not {approximate!r}")
    return 0.5 * x * (1.0 + mx.erf(x * math.sqrt(0.5)))


def softplus(x: Any, /, *, beta: float = 1.0, threshold: float = 20.0) -> Any:
    if beta == 1:
        return mx.where(x > threshold, x, mx.logaddexp(x, 0))
    return mx.where(x * beta > threshold, x, mx.logaddexp(x * beta, 0) / beta)


def hardtanh(x: Any, /, *, min_val: float = -1.0, max_val: float = 1.0) -> Any:
    if min_val > max_val:
        raise ValueError(f"min_val={min_val} is above max_val={max_val}")
    return mx.minimum(mx.maximum(x, min_val), max_val)


@partial(mx.compile, shapeless=True)
def hardswish(x: Any, /) -> Any:
    return x * mx.minimum(mx.maximum(x + 3, 0), 6) / 6
