"""Overrides: what PyTorch has one kernel for."""

from __future__ import annotations

import math

import torch
from ember_ml.backend.protocol import Native
from torch.nn import functional

from ._state import is_transformed


def linear(x: Native, weight: Native, bias: Native, /) -> Native:
    if weight.ndim != 2 or bias.ndim != 1:  # PyTorch takes a vector for a matrix of one row
        raise ValueError("a matrix and a vector are due")
    return functional.linear(x, weight, bias)


def softmax(x: Native, /, *, axis: int = -1) -> Native:
    x.size(axis)  # PyTorch would take an axis of a number
    return torch.softmax(x, axis)


def log_softmax(x: Native, /, *, axis: int = -1) -> Native:
    x.size(axis)
    return torch.log_softmax(x, axis)


def logsumexp(
    x: Native, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False
) -> Native:
    if axis == () or x.ndim == 0:
        return x.clone()
    return torch.logsumexp(x, tuple(range(x.ndim)) if axis is None else axis, keepdims)


#: Ranks up to which finding them one by one is faster than sorting.
_FEW = 6


def order_statistics(x: Native, /, *, ranks: tuple[int, ...]) -> Native:
    if len(ranks) > _FEW:
        return torch.sort(x).values[..., list(ranks)]
    return torch.stack([torch.kthvalue(x, rank + 1).values for rank in ranks], -1)


def pad_constant(
    x: Native, widths: tuple[tuple[int, int], ...], /, *, value: float | complex
) -> Native:
    flat = [n for pair in reversed(widths) for n in pair]
    if x.is_floating_point() or not value:
        return functional.pad(x, flat, value=float(value.real))
    # PyTorch takes the value as a floating-point number.
    inside = functional.pad(torch.ones_like(x, dtype=torch.bool), flat)
    outside = torch.tensor(value, dtype=x.dtype, device=x.device)
    return torch.where(inside, functional.pad(x, flat), outside)


# -- optimizers: in place, unless a transform records what happens -----------------------------


def sgd_update(
    x: Native,
    gradient: Native,
    velocity: Native,
    rate: Native,
    /,
    *,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
) -> tuple[Native, Native]:
    if weight_decay:
        gradient = gradient + weight_decay * x
    if is_transformed(x, gradient, velocity):
        if momentum:
            velocity = momentum * velocity + (1.0 - dampening) * gradient
            gradient = gradient + momentum * velocity if nesterov else velocity
        return x - rate * gradient, velocity
    if momentum:
        velocity.mul_(momentum).add_(gradient, alpha=1.0 - dampening)
        gradient = gradient.add(velocity, alpha=momentum) if nesterov else velocity
    return x.add_(gradient, alpha=-float(rate)), velocity


def adam_update(
    x: Native,
    gradient: Native,
    mean: Native,
    square: Native,
    step_size: Native,
    root: Native,
    shrink: Native,
    /,
    *,
    beta1: float,
    beta2: float,
    epsilon: float,
) -> tuple[Native, Native, Native]:
    # step * m / (sqrt(v) / root + epsilon), with one division for each element instead of two
    scale, floor = step_size * root, epsilon * root
    if is_transformed(x, gradient, mean, square):
        mean = mean + (1.0 - beta1) * (gradient - mean)
        square = beta2 * square + (1.0 - beta2) * (gradient * gradient)
        return shrink * x - scale * (mean / (square.sqrt() + floor)), mean, square
    if not (x.is_contiguous() and mean.is_contiguous() and square.is_contiguous()):
        x, mean, square = x.contiguous(), mean.contiguous(), square.contiguous()
    if shrink != 1.0:
        x.mul_(shrink)
    # `scale` and `floor` hold the corrections of the bias, which are one at an infinite step.
    torch._fused_adam_(
        [x],
        [gradient.contiguous()],
        [mean],
        [square],
        [],
        [torch.tensor(math.inf, device=x.device)],
        lr=float(scale),
        beta1=beta1,
        beta2=beta2,
        weight_decay=0.0,
        eps=float(floor),
        amsgrad=False,
        maximize=False,
    )
    return x, mean, square
