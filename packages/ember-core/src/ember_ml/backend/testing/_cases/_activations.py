"""Activations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ember_ml.backend.dtypes import DType

from .._case import Call, case
from .._draw import Draw
from ._elementwise import _erf


def _activation(name: str, reference: Callable[..., Any], **options: Callable[[Draw], Any]) -> None:
    def arguments(draw: Draw, dtype: DType) -> Call:
        return (draw.array(dtype),), {option: made(draw) for option, made in options.items()}

    case(name, arguments, reference=reference, gradient=(0,), tolerance=4)


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def _gelu(x: Any, *, approximate: str) -> Any:
    if approximate == "tanh":
        return x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))) / 2
    return x * (1 + _erf(x / np.sqrt(2))) / 2


def _softplus(x: Any, *, beta: float, threshold: float) -> Any:
    return np.where(x * beta > threshold, x, np.log1p(np.exp(x * beta)) / beta)


def _selu(x: Any) -> Any:
    """Klambauer et al. (2017), equation 14."""
    alpha, scale = 1.6732632423543772, 1.0507009873554805
    return scale * np.where(x > 0, x, alpha * np.exp(x) - alpha)


_activation("relu", lambda x: np.maximum(x, 0))
_activation("sigmoid", _sigmoid)
_activation("silu", lambda x: x * _sigmoid(x))
_activation("gelu", _gelu, approximate=lambda draw: draw.one_of("none", "tanh"))
_activation("softplus", _softplus, beta=lambda draw: draw.one_of(1.0, 0.5, 2.0),
            threshold=lambda draw: draw.one_of(20.0, 40.0))  # fmt: skip
_activation("leaky_relu", lambda x, *, negative_slope: np.where(x > 0, x, x * negative_slope),
            negative_slope=lambda draw: draw.one_of(0.0, 0.25, 2.0))  # fmt: skip
_activation("elu", lambda x, *, alpha: np.where(x > 0, x, alpha * (np.exp(x) - 1)),
            alpha=lambda draw: draw.one_of(1.0, 0.5))  # fmt: skip
_activation("celu", lambda x, *, alpha: np.where(x > 0, x, alpha * (np.exp(x / alpha) - 1)),
            alpha=lambda draw: draw.one_of(1.0, 0.5))  # fmt: skip
_activation("selu", _selu)
_activation("mish", lambda x: x * np.tanh(np.log1p(np.exp(x))))
_activation("logsigmoid", lambda x: -np.log1p(np.exp(-x)))
_activation("hardswish", lambda x: x * np.clip(x + 3, 0, 6) / 6)
_activation("hardtanh", lambda x, *, min_val, max_val: np.clip(x, min_val, max_val),
            min_val=lambda draw: draw.number(-2, 0), max_val=lambda draw: draw.number(0, 3))  # fmt: skip


def _weighted(draw: Draw, dtype: DType) -> Call:
    shape = draw.shape()
    channels = shape[1] if len(shape) > 1 else 1
    weights = channels + 1 if draw.amiss() else draw.one_of(1, channels)
    return (draw.array(dtype, shape), draw.array(dtype, (weights,))), {}


def _prelu(x: Any, weight: Any) -> Any:
    if x.ndim > 1:
        weight = weight.reshape(-1, *[1] * (x.ndim - 2))
    return np.where(x > 0, x, x * weight).reshape(x.shape)


case("prelu", _weighted, reference=_prelu, gradient=(0, 1), tolerance=4)


def _halved(draw: Draw, dtype: DType) -> Call:
    shape = list(draw.shape(1))
    axis = draw.integer(-len(shape), len(shape) - 1)
    if not draw.amiss():
        shape[axis] *= 2
    return (draw.array(dtype, shape),), {"axis": axis}


def _glu(x: Any, *, axis: int) -> Any:
    first, second = np.split(x, 2, axis)
    return first * _sigmoid(second)


case("glu", _halved, reference=_glu, gradient=(0,), tolerance=4)
