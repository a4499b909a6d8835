"""Losses that PyTorch has kernels for."""

from __future__ import annotations

from typing import Any

import torch
from ember_ml.backend.protocol import Declined, Native
from torch.nn import functional

from ._state import TRACING, is_functional

#: No label is this one.
_NONE = -(1 << 62)


def softmax_cross_entropy(
    x: Native,
    labels: Native,
    /,
    *,
    ignore_index: int | None = None,
    reduction: str = "none",
) -> Native:
    if labels.shape != x.shape[:-1]:
        raise ValueError("the labels do not fit the logits")
    losses = functional.cross_entropy(
        x.reshape(-1, x.shape[-1]),
        labels.reshape(-1).long(),
        reduction=reduction,
        ignore_index=_NONE if ignore_index is None else ignore_index,
    )
    return losses.reshape(labels.shape) if reduction == "none" else losses


def ctc_loss(
    x: Native,
    targets: Native,
    input_lengths: Native,
    target_lengths: Native,
    /,
    *,
    blank: int = 0,
) -> Native:
    shapes = {targets.shape[:1], input_lengths.shape, target_lengths.shape}
    if x.ndim != 3 or targets.ndim != 2 or shapes != {x.shape[1:2]}:
        raise ValueError("the shapes do not fit")
    if is_functional():
        raise Declined  # the kernel has no rule for `vmap`
    wide = x.float() if x.element_size() < 4 else x
    # Of the logarithm of zero the kernel's gradient is nan.
    wide = torch.where(wide.isneginf(), wide.detach(), wide)
    rest = targets.long(), input_lengths.long(), target_lengths.long(), blank
    if TRACING.get():
        losses = _traced_ctc(wide, *rest)[0]
    else:
        losses = torch._ctc_loss(wide, *rest, True)[0]
        # The kernel's gradient is that by the logits before a log_softmax: it has exp(x) besides.
        total = (wide.exp() * _inside(wide, losses, input_lengths)).sum((0, 2))
        losses = losses - (total - total.detach())
    return losses.to(x.dtype)


def _inside(x: torch.Tensor, losses: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """(T, N, 1): the steps of sequences that have a finite loss."""
    steps = torch.arange(x.shape[0], device=x.device)[:, None]
    return ((steps < lengths) & losses.isfinite())[..., None]


@torch.library.custom_op("ember_ml::ctc", mutates_args=())
def _traced_ctc(
    x: torch.Tensor, targets: torch.Tensor, inputs: torch.Tensor, lengths: torch.Tensor, blank: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """The losses and their gradients as one node of a graph.

    The shapes of the kernel's own results depend on elements.
    """
    losses, scores = torch._ctc_loss(x, targets, inputs, lengths, blank, True)
    gradient = torch.ops.aten._ctc_loss_backward(
        torch.ones_like(losses), x, targets, inputs, lengths, losses, scores, blank, True
    )
    return losses, gradient - x.exp() * _inside(x, losses, inputs)


@_traced_ctc.register_fake
def _(
    x: torch.Tensor, targets: torch.Tensor, inputs: torch.Tensor, lengths: torch.Tensor, blank: int
) -> tuple[torch.Tensor, torch.Tensor]:
    return x.new_empty(x.shape[1]), torch.empty_like(x)


def _keep(ctx: Any, inputs: Any, output: tuple[torch.Tensor, torch.Tensor]) -> None:
    ctx.save_for_backward(output[1])


def _backward(ctx: Any, g: torch.Tensor, unused: torch.Tensor) -> tuple[Any, ...]:
    return ctx.saved_tensors[0] * g[:, None], None, None, None, None


_traced_ctc.register_autograd(_backward, setup_context=_keep)
