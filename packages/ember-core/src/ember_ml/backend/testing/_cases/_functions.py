"""Softmax, affine maps, fused losses and updates."""

from __future__ import annotations

from typing import Any

import numpy as np

from ember_ml.backend.dtypes import DType

from .._case import Call, case
from .._draw import Draw


def _along(draw: Draw, dtype: DType) -> Call:
    shape = draw.shape(1, empty=False)
    return (draw.array(dtype, shape),), {"axis": draw.axis(len(shape))}


def softmax(x: Any, *, axis: int) -> Any:
    e = np.exp(x)
    return e / np.sum(e, axis=axis, keepdims=True)


case("softmax", _along, reference=softmax, gradient=(0,), tolerance=4)
case("log_softmax", _along, reference=lambda x, *, axis: np.log(softmax(x, axis=axis)),
     gradient=(0,), tolerance=4)  # fmt: skip


def _reduced(draw: Draw, dtype: DType) -> Call:
    shape = draw.shape(1, empty=False)
    return (draw.array(dtype, shape),), {"axis": draw.axes(len(shape)), "keepdims": draw.flag()}


case("logsumexp", _reduced, gradient=(0,), tolerance=4,
     reference=lambda x, **options: np.log(np.sum(np.exp(x), **options)))  # fmt: skip


def _affine(draw: Draw, dtype: DType) -> Call:
    n, m = draw.integer(1, 4), draw.integer(1, 4)
    x = draw.array(dtype, (*draw.shape(0, 2), n + 1 if draw.amiss() else n))
    return (x, draw.array(dtype, (m, n)), draw.array(dtype, (m,))), {}


case("linear", _affine, reference=lambda x, w, b: x @ w.T + b, gradient=(0, 1, 2), tolerance=4)


def _sgd(draw: Draw, dtype: DType) -> Call:
    shape = draw.shape(1)
    arrays = tuple(draw.array(dtype, shape) for _ in range(3))
    return (*arrays, 0.125), {"momentum": 0.5, "dampening": draw.one_of(0.0, 0.25),
        "weight_decay": draw.one_of(0.0, 0.25), "nesterov": draw.flag()}  # fmt: skip


def _sgd_step(
    x: Any, gradient: Any, velocity: Any, rate: float, /, *,
    momentum: float, dampening: float, weight_decay: float, nesterov: bool,
) -> Any:  # fmt: skip
    """As `torch.optim.SGD` states it."""
    gradient = gradient + weight_decay * x
    velocity = momentum * velocity + (1 - dampening) * gradient
    step = gradient + momentum * velocity if nesterov else velocity
    return x - rate * step, velocity


def _floats(dtype: DType) -> bool:
    return dtype.name in ("float32", "float64")


case("sgd_update", _sgd, reference=_sgd_step, accepts=_floats, consumes=True, tolerance=4)


def _adam(draw: Draw, dtype: DType) -> Call:
    shape = draw.shape(1)
    x, gradient, mean = (draw.array(dtype, shape) for _ in range(3))
    square = draw.array(dtype, shape, low=0.5, high=4)
    return (x, gradient, mean, square, 0.125, 1.25, draw.one_of(1.0, 0.75)), {
        "beta1": 0.75, "beta2": 0.875, "epsilon": 0.0625}  # fmt: skip


def _adam_step(
    x: Any, gradient: Any, mean: Any, square: Any,
    step_size: float, root: float, shrink: float, /, *,
    beta1: float, beta2: float, epsilon: float,
) -> Any:  # fmt: skip
    """Kingma and Ba 2015, algorithm 1, with the bias corrections worked into the step."""
    mean = beta1 * mean + (1 - beta1) * gradient
    square = beta2 * square + (1 - beta2) * gradient**2
    return x * shrink - step_size * mean / (np.sqrt(square) / root + epsilon), mean, square


case("adam_update", _adam, reference=_adam_step, accepts=_floats, consumes=True, tolerance=8)
