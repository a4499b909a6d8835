"""The steps of optimizers, as the papers and PyTorch's documentation state them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ember_ml.backend.dtypes import DType

from .._case import Call, case
from .._draw import Draw


def _floats(dtype: DType) -> bool:
    return dtype.name in ("float32", "float64")


def _arrays(draw: Draw, dtype: DType, count: int) -> tuple[tuple[int, ...], list[Any]]:
    shape = draw.shape(1)
    return shape, [draw.array(dtype, shape) for _ in range(count)]


def _square(draw: Draw, dtype: DType, shape: tuple[int, ...]) -> Any:
    return draw.array(dtype, shape, low=0.5, high=4)


def _sgd(draw: Draw, dtype: DType) -> Call:
    return (*_arrays(draw, dtype, 2)[1], 0.125), {}


case("sgd_update", _sgd, accepts=_floats, consumes=True,
     reference=lambda x, g, rate: (x - rate * g,))  # fmt: skip


def _momentum(draw: Draw, dtype: DType) -> Call:
    numbers = 0.125, draw.one_of(0.0, 0.5), draw.one_of(1.0, 0.75)
    return (*_arrays(draw, dtype, 3)[1], *numbers), {"nesterov": draw.flag()}


def _momentum_step(
    x: Any, g: Any, velocity: Any, rate: float, momentum: float, gain: float, *, nesterov: bool
) -> Any:
    velocity = momentum * velocity + gain * g
    return x - rate * (g + momentum * velocity if nesterov else velocity), velocity


case("momentum_update", _momentum, reference=_momentum_step, accepts=_floats, consumes=True,
     tolerance=4)  # fmt: skip


def _adam(draw: Draw, dtype: DType) -> Call:
    shape, arrays = _arrays(draw, dtype, 3)
    largest = _square(draw, dtype, shape) if draw.flag() else None
    numbers = 0.125, 1.25, draw.one_of(1.0, 0.75), 0.25
    return (*arrays, _square(draw, dtype, shape), largest, *numbers), {
        "beta2": 0.875, "epsilon": 0.0625}  # fmt: skip


def _adam_step(
    x: Any, g: Any, mean: Any, square: Any, largest: Any,
    step_size: float, root: float, shrink: float, gain: float, *, beta2: float, epsilon: float,
) -> Any:  # fmt: skip
    """Kingma and Ba 2015, algorithm 1, with the bias corrections worked into the step."""
    mean = (1 - gain) * mean + gain * g
    square = beta2 * square + (1 - beta2) * g**2
    below = square if largest is None else np.maximum(largest, square)
    x = x * shrink - step_size * mean / (np.sqrt(below) / root + epsilon)
    return (x, mean, square) if largest is None else (x, mean, square, below)


case("adam_update", _adam, reference=_adam_step, accepts=_floats, consumes=True, tolerance=8)


def _rmsprop(draw: Draw, dtype: DType) -> Call:
    # The mean of squares is larger than the square of the mean.
    shape, (x, g) = _arrays(draw, dtype, 2)
    square = draw.array(dtype, shape, low=8, high=9)
    mean = draw.array(dtype, shape, low=-2, high=2) if draw.flag() else None
    velocity = draw.array(dtype, shape) if draw.flag() else None
    return (x, g, square, mean, velocity, 0.125, 0.5), {"alpha": 0.75, "epsilon": 0.0625}


def _rmsprop_step(
    x: Any, g: Any, square: Any, mean: Any, velocity: Any, rate: float, momentum: float, *,
    alpha: float, epsilon: float,
) -> Any:  # fmt: skip
    square = alpha * square + (1 - alpha) * g**2
    below = square
    found = [square]
    if mean is not None:
        mean = alpha * mean + (1 - alpha) * g
        below = square - mean**2
        found.append(mean)
    step = g / (np.sqrt(below) + epsilon)
    if velocity is not None:
        step = momentum * velocity + step
        found.append(step)
    return x - rate * step, *found


case("rmsprop_update", _rmsprop, reference=_rmsprop_step, accepts=_floats, consumes=True,
     tolerance=16)  # fmt: skip


def _adagrad(draw: Draw, dtype: DType) -> Call:
    shape, arrays = _arrays(draw, dtype, 2)
    return (*arrays, _square(draw, dtype, shape), 0.125), {"epsilon": 0.0625}


def _adagrad_step(x: Any, g: Any, total: Any, rate: float, *, epsilon: float) -> Any:
    total = total + g**2
    return x - rate * g / (np.sqrt(total) + epsilon), total


case("adagrad_update", _adagrad, reference=_adagrad_step, accepts=_floats, consumes=True,
     tolerance=8)  # fmt: skip


def _lion(draw: Draw, dtype: DType) -> Call:
    # One sign for both, so that rounding does not turn that of the sum.
    shape = draw.shape(1)
    sign = draw.one_of(1, -1)
    low, high = (0.5, 4) if sign > 0 else (-4, -0.5)
    g, mean = (draw.array(dtype, shape, low=low, high=high) for _ in range(2))
    numbers = 0.125, draw.one_of(1.0, 0.75), 0.25
    return (draw.array(dtype, shape), g, mean, *numbers), {"beta2": 0.875}


def _lion_step(
    x: Any, g: Any, mean: Any, rate: float, shrink: float, gain: float, *, beta2: float
) -> Any:
    """Chen et al. 2023, program 1."""
    step = np.sign((1 - gain) * mean + gain * g)
    return shrink * x - rate * step, beta2 * mean + (1 - beta2) * g


case("lion_update", _lion, reference=_lion_step, accepts=_floats, consumes=True, tolerance=4)


def _average(draw: Draw, dtype: DType) -> Call:
    return (*_arrays(draw, dtype, 2)[1], draw.one_of(1.0, 0.25)), {}


case("average_update", _average, accepts=_floats, consumes=True, tolerance=4,
     reference=lambda average, x, weight: ((1 - weight) * average + weight * x,))  # fmt: skip
