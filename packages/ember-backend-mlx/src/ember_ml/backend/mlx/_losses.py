"""Losses in half and single precision."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from ._search import checked


def softmax_cross_entropy(
    x: Any, labels: Any, /, *, ignore_index: int | None = None, reduction: str = "none"
) -> Any:
    if labels.shape != x.shape[:-1]:
        raise ValueError("the labels do not fit the logits")
    kept = None
    if ignore_index is not None:
        labels = labels if labels.dtype == mx.int64 else labels.astype(mx.int64)
        kept = labels != ignore_index
        labels = mx.where(kept, labels, 0)
    losses = _each(x, labels) if x.size else mx.zeros(labels.shape, x.dtype)
    if kept is not None:
        losses = mx.where(kept, losses, 0)
    if reduction == "none":
        return losses
    if reduction == "sum":
        return mx.sum(losses)
    if kept is None:
        return mx.mean(losses)
    if x.dtype == mx.float32:
        return mx.sum(losses) / mx.sum(kept)
    # the sum, or the count, might be out of half precision's range
    return mx.mean(losses) * (labels.size / mx.sum(kept)).astype(x.dtype)


def _each(x: Any, labels: Any) -> Any:
    labels = checked(labels, x.shape[-1], -1, least=0)[..., None]
    shifted = x - mx.stop_gradient(mx.max(x, -1, True))
    return mx.logsumexp(shifted, -1) - mx.squeeze(mx.take_along_axis(shifted, labels, -1), -1)
