"""Initial values whose variance keeps that of a layer's outputs, or of its gradients."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from ember_ml.backend.dtypes import DTypeLike, float32
from ember_ml.backend.errors import InvalidValueError, ShapeError
from ember_ml.nn.tensor import EmberTensor
from ember_ml.nn.tensor.random import Generator

from ._distributions import normal, uniform

__all__ = [
    "calculate_gain",
    "kaiming_normal",
    "kaiming_uniform",
    "xavier_normal",
    "xavier_uniform",
]

_GAINS = {
    **dict.fromkeys(
        [
            "linear",
            "sigmoid",
            *(f"conv{kind}{n}d" for kind in ("", "_transpose") for n in (1, 2, 3)),
        ],
        1.0,
    ),
    "tanh": 5.0 / 3.0,
    "relu": math.sqrt(2.0),
    "selu": 3.0 / 4.0,
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """What to multiply the standard deviation of weights by for the activation that follows.

    Args:
        nonlinearity: "linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu", "conv2d", ...
        param: the negative slope of "leaky_relu", 0.01 unless given.

    Raises:
        InvalidValueError: another ``nonlinearity``.

    >>> from ember_ml import nn
    >>> nn.initializers.calculate_gain("leaky_relu", 1.0)
    1.0
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, int | float):
            raise InvalidValueError(f"calculate_gain: a slope is a number, not {slope!r}")
        return math.sqrt(2.0 / (1.0 + slope * slope))
    if nonlinearity not in _GAINS:
        raise InvalidValueError(
            f"calculate_gain: nonlinearity is one of {', '.join([*_GAINS, 'leaky_relu'])}, not "
            f"{nonlinearity!r}"
        )
    return _GAINS[nonlinearity]


def _fans(what: str, shape: Sequence[int]) -> tuple[int, int]:
    """Inputs and outputs of a weight (out, in, ...): trailing axes are a receptive field."""
    if len(shape) < 2:
        raise ShapeError(
            f"{what}: a weight has at least two dimensions, (out, in), not shape {tuple(shape)}"
        )
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def _he(
    what: str,
    shape: Sequence[int],
    a: float,
    mode: Literal["fan_in", "fan_out"],
    nonlinearity: str,
) -> float:
    """The standard deviation of He et al."""
    if mode not in ("fan_in", "fan_out"):
        raise InvalidValueError(f"{what}: mode is 'fan_in' or 'fan_out', not {mode!r}")
    fan = _fans(what, shape)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(max(fan, 1))


def kaiming_uniform(
    shape: Sequence[int],
    *,
    a: float = 0.0,
    mode: Literal["fan_in", "fan_out"] = "fan_in",
    nonlinearity: str = "leaky_relu",
    dtype: DTypeLike = float32,
    device: str | None = None,
    generator: Generator | None = None,
) -> EmberTensor:
    """Uniform with variance ``gain**2 / fan`` (He et al., 2015).

    Args:
        shape: (out, in, ...): trailing axes are the size of a convolution's kernel.
        a: negative slope of the leaky ReLU that follows, for the gain of "leaky_relu".
        mode: "fan_in" keeps the variance of the outputs, "fan_out" that of the gradients.
        nonlinearity: see `calculate_gain`.

    Raises:
        ShapeError: there are fewer than two dimensions.
        InvalidValueError: another ``mode`` or ``nonlinearity``.

    >>> from ember_ml import nn
    >>> nn.initializers.kaiming_uniform((16, 8)).shape
    (16, 8)
    """
    bound = math.sqrt(3.0) * _he("kaiming_uniform", shape, a, mode, nonlinearity)
    return uniform(shape, low=-bound, high=bound, dtype=dtype, device=device, generator=generator)


def kaiming_normal(
    shape: Sequence[int],
    *,
    a: float = 0.0,
    mode: Literal["fan_in", "fan_out"] = "fan_in",
    nonlinearity: str = "leaky_relu",
    dtype: DTypeLike = float32,
    device: str | None = None,
    generator: Generator | None = None,
) -> EmberTensor:
    """Normal with variance ``gain**2 / fan``; arguments as for `kaiming_uniform`.

    >>> from ember_ml import nn
    >>> nn.initializers.kaiming_normal((16, 8)).shape
    (16, 8)
    """
    std = _he("kaiming_normal", shape, a, mode, nonlinearity)
    return normal(shape, std=std, dtype=dtype, device=device, generator=generator)


def _glorot(what: str, shape: Sequence[int], gain: float) -> float:
    """The standard deviation of Glorot and Bengio."""
    return gain * math.sqrt(2.0 / max(sum(_fans(what, shape)), 1))


def xavier_uniform(
    shape: Sequence[int],
    *,
    gain: float = 1.0,
    dtype: DTypeLike = float32,
    device: str | None = None,
    generator: Generator | None = None,
) -> EmberTensor:
    """Uniform with variance ``2 * gain**2 / (fan_in + fan_out)`` (Glorot and Bengio, 2010).

    Args:
        shape: (out, in, ...): trailing axes are the size of a convolution's kernel.
        gain: see `calculate_gain`.

    Raises:
        ShapeError: there are fewer than two dimensions.

    >>> from ember_ml import nn
    >>> nn.initializers.xavier_uniform((16, 8)).shape
    (16, 8)
    """
    bound = math.sqrt(3.0) * _glorot("xavier_uniform", shape, gain)
    return uniform(shape, low=-bound, high=bound, dtype=dtype, device=device, generator=generator)


def xavier_normal(
    shape: Sequence[int],
    *,
    gain: float = 1.0,
    dtype: DTypeLike = float32,
    device: str | None = None,
    generator: Generator | None = None,
) -> EmberTensor:
    """Normal with variance ``2 * gain**2 / (fan_in + fan_out)``, as `xavier_uniform`.

    >>> from ember_ml import nn
    >>> nn.initializers.xavier_normal((16, 8)).shape
    (16, 8)
    """
    std = _glorot("xavier_normal", shape, gain)
    return normal(shape, std=std, dtype=dtype, device=device, generator=generator)
