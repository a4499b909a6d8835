"""Initial values of parameters, from Ember's portable random stream.

Each function takes a shape and gives a tensor of the current backend; the same seed
(`tensor.random.seed`, or a ``generator``) gives the same values on every engine.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ember_ml.backend.dtypes import DTypeLike, float32
from ember_ml.backend.errors import ShapeError
from ember_ml.nn.tensor import EmberTensor
from ember_ml.nn.tensor.random import Generator, default_generator

__all__ = ["kaiming_uniform", "normal", "uniform", "xavier_uniform"]


def uniform(
    shape: Sequence[int],
    *,
    low: float = 0.0,
    high: float = 1.0,
    dtype: DTypeLike = float32,
    device: str | None = None,
    generator: Generator | None = None,
) -> EmberTensor:
    """Uniform in ``[low, high)``.

    >>> from ember_ml import nn
    >>> nn.initializers.uniform((2, 3)).shape
    (2, 3)
    """
    source = generator or default_generator()
    return source.uniform(tuple(shape), low=low, high=high, dtype=dtype, device=device)


def normal(
    shape: Sequence[int],
    *,
    mean: float = 0.0,
    std: float = 1.0,
    dtype: DTypeLike = float32,
    device: str | None = None,
    generator: Generator | None = None,
) -> EmberTensor:
    """Normal."""
    source = generator or default_generator()
    return source.normal(tuple(shape), mean=mean, std=std, dtype=dtype, device=device)


def _fans(shape: Sequence[int]) -> tuple[int, int]:
    """Inputs and outputs of a weight (out, in, ...): trailing axes are a receptive field."""
    if len(shape) < 2:
        raise ShapeError(f"a weight has at least two dimensions, (out, in), not shape {shape}")
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def kaiming_uniform(
    shape: Sequence[int],
    *,
    a: float = 0.0,
    dtype: DTypeLike = float32,
    device: str | None = None,
    generator: Generator | None = None,
) -> EmberTensor:
    """Uniform with variance ``2 / ((1 + a**2) * fan_in)`` (He et al., 2015).

    Args:
        a: negative slope of the leaky ReLU that follows.
    """
    bound = math.sqrt(6.0 / ((1.0 + a * a) * max(_fans(shape)[0], 1)))
    return uniform(shape, low=-bound, high=bound, dtype=dtype, device=device, generator=generator)


def xavier_uniform(
    shape: Sequence[int],
    *,
    gain: float = 1.0,
    dtype: DTypeLike = float32,
    device: str | None = None,
    generator: Generator | None = None,
) -> EmberTensor:
    """Uniform with variance ``2 * gain**2 / (fan_in + fan_out)`` (Glorot and Bengio, 2010)."""
    bound = gain * math.sqrt(6.0 / max(sum(_fans(shape)), 1))
    return uniform(shape, low=-bound, high=bound, dtype=dtype, device=device, generator=generator)
