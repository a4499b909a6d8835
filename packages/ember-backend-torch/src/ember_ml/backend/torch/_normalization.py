"""Overrides of normalisation, by PyTorch's kernels."""

from __future__ import annotations

import torch
from ember_ml.backend.protocol import Native

from ._state import is_functional


def _trailing(x: Native, dims: int) -> torch.Size:
    if not 1 <= dims <= x.ndim:
        raise ValueError(f"there are no {dims} trailing axes")
    return x.shape[x.ndim - dims :]


def layer_norm(
    x: Native,
    weight: Native | None = None,
    bias: Native | None = None,
    /,
    *,
    dims: int = 1,
    eps: float = 1e-5,
) -> Native:
    return torch.layer_norm(x, _trailing(x, dims), weight, bias, eps)


def rms_norm(
    x: Native, weight: Native | None = None, /, *, dims: int = 1, eps: float | None = None
) -> Native:
    return torch.rms_norm(x, _trailing(x, dims), weight, eps)


def group_norm(
    x: Native,
    weight: Native | None = None,
    bias: Native | None = None,
    /,
    *,
    num_groups: int,
    eps: float = 1e-5,
) -> Native:
    if (weight is None) == (bias is None):
        return torch.group_norm(x, num_groups, weight, bias, eps)
    _fits(x, weight, bias)
    # The gradient fails where there is one of the two alone.
    y = torch.group_norm(x, num_groups, None, None, eps)
    form = (-1,) + (1,) * (x.ndim - 2)
    if weight is not None:
        y = y * weight.reshape(form)
    return y if bias is None else y + bias.reshape(form)


def batch_norm(
    x: Native,
    mean: Native,
    variance: Native,
    weight: Native | None = None,
    bias: Native | None = None,
    /,
    *,
    eps: float = 1e-5,
) -> Native:
    _fits(x, mean, variance, weight, bias)
    if mean.requires_grad or variance.requires_grad or is_functional():
        return _by_hand(x, mean, variance, weight, bias, eps)
    return torch.batch_norm(x, weight, bias, mean, variance, False, 0.0, eps, False)


def _by_hand(
    x: Native,
    mean: Native,
    variance: Native,
    weight: Native | None,
    bias: Native | None,
    eps: float,
) -> Native:
    """By statistics that may be differentiated by, which the kernel's are not."""
    scale = (variance + eps).rsqrt()
    scale = scale if weight is None else scale * weight
    shift = -mean * scale if bias is None else bias - mean * scale
    form = (-1,) + (1,) * (x.ndim - 2)
    return x * scale.reshape(form) + shift.reshape(form)


def _fits(x: Native, *tensors: Native | None) -> None:
    # PyTorch asks for the number of elements alone.
    if x.ndim < 2 or any(t is not None and t.shape != x.shape[1:2] for t in tensors):
        raise ValueError("a number for each channel is due")


def batch_norm_train(
    x: Native,
    running_mean: Native,
    running_var: Native,
    weight: Native | None = None,
    bias: Native | None = None,
    /,
    *,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> tuple[Native, Native, Native]:
    _fits(x, running_mean, running_var, weight, bias)
    if is_functional():
        return _functional(x, running_mean, running_var, weight, bias, momentum, eps)
    # The kernel writes to them.
    mean, var = running_mean.detach().clone(), running_var.detach().clone()
    y = torch.batch_norm(x, weight, bias, mean, var, True, momentum, eps, False)
    return y, mean, var


def _functional(
    x: Native,
    running_mean: Native,
    running_var: Native,
    weight: Native | None,
    bias: Native | None,
    momentum: float,
    eps: float,
) -> tuple[Native, Native, Native]:
    """Without writing to anything, which `vmap` refuses."""
    axes = (0, *range(2, x.ndim))
    variance, mean = torch.var_mean(x, axes, correction=0)
    count = x.numel() // x.shape[1]
    unbiased = variance.detach() * (count / max(count - 1, 1))
    return (
        _by_hand(x, mean, variance, weight, bias, eps),
        torch.lerp(running_mean, mean.detach(), momentum),
        torch.lerp(running_var, unbiased, momentum),
    )
