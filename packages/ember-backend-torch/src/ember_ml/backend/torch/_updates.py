"""Overrides: the steps of optimizers, in place, unless a transform records what happens."""

from __future__ import annotations

import functools
import math

import torch
from ember_ml.backend.protocol import Native

from ._state import is_transformed


def sgd_update(x: Native, gradient: Native, rate: Native, /) -> tuple[Native]:
    if is_transformed(x, gradient):
        return (x - rate * gradient,)
    return (x.add_(gradient, alpha=-float(rate)),)


def momentum_update(
    x: Native,
    gradient: Native,
    velocity: Native,
    rate: Native,
    momentum: Native,
    gain: Native,
    /,
    *,
    nesterov: bool,
) -> tuple[Native, Native]:
    if is_transformed(x, gradient, velocity):
        velocity = momentum * velocity + gain * gradient
        return x - rate * (gradient + momentum * velocity if nesterov else velocity), velocity
    velocity.mul_(float(momentum)).add_(gradient, alpha=float(gain))
    step = gradient.add(velocity, alpha=float(momentum)) if nesterov else velocity
    return x.add_(step, alpha=-float(rate)), velocity


@functools.cache
def _never(device: torch.device) -> Native:
    """An infinite number of steps, at which the corrections of the bias are one."""
    return torch.tensor(math.inf, device=device)


def adam_update(
    x: Native,
    gradient: Native,
    mean: Native,
    square: Native,
    largest: Native | None,
    step_size: Native,
    root: Native,
    shrink: Native,
    gain: Native,
    /,
    *,
    beta2: float,
    epsilon: float,
) -> tuple[Native, ...]:
    # step * m / (sqrt(v) / root + epsilon), with one division for each element instead of two
    scale, floor = step_size * root, epsilon * root
    if is_transformed(x, gradient, mean, square):
        mean = mean + gain * (gradient - mean)
        square = beta2 * square + (1.0 - beta2) * (gradient * gradient)
        below = square if largest is None else torch.maximum(largest, square)
        x = shrink * x - scale * (mean / (below.sqrt() + floor))
        return (x, mean, square) if largest is None else (x, mean, square, below)
    state = [x, mean, square] if largest is None else [x, mean, square, largest]
    state = [y if y.is_contiguous() else y.contiguous() for y in state]
    if shrink != 1.0:
        state[0].mul_(shrink)
    torch._fused_adam_(
        state[:1],
        [gradient.contiguous()],
        state[1:2],
        state[2:3],
        state[3:],
        [_never(x.device)],
        lr=float(scale),
        beta1=1.0 - float(gain),
        beta2=beta2,
        weight_decay=0.0,
        eps=float(floor),
        amsgrad=largest is not None,
        maximize=False,
    )
    return tuple(state)


def average_update(average: Native, x: Native, weight: Native, /) -> tuple[Native]:
    if is_transformed(average, x):
        return (average + weight * (x - average),)
    return (average.lerp_(x, float(weight)),)
