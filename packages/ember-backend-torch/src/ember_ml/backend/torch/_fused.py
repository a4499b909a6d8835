"""Overrides: what PyTorch has one kernel for."""

from __future__ import annotations

import torch
from ember_ml.backend.protocol import Native
from torch.nn import functional


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
