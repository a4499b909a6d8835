"""Losses: what training makes small. Names and meaning as in ``torch.nn.functional``."""

from __future__ import annotations

from typing import Literal

from ember_ml.backend.errors import DTypeError, InvalidValueError, ShapeError
from ember_ml.nn.tensor import (
    EmberTensor,
    TensorLike,
    asarray,
    log_softmax,
    mean,
    moveaxis,
    softmax_cross_entropy,
    sum,
    take,
    where,
    zeros_like,
)

__all__ = ["cross_entropy", "mse"]

Reduction = Literal["mean", "sum", "none"]


def _reduce(losses: EmberTensor, reduction: Reduction) -> EmberTensor:
    match reduction:
        case "mean":
            return mean(losses)
        case "sum":
            return sum(losses)
        case "none":
            return losses
    raise InvalidValueError(f"reduction is 'mean', 'sum' or 'none', not {reduction!r}")


def mse(input: TensorLike, target: TensorLike, *, reduction: Reduction = "mean") -> EmberTensor:
    """Squared error, ``(input - target)**2``.

    Raises:
        ShapeError: the shapes differ; they are not broadcast, since that is nearly always an
            oversight in a loss.

    >>> from ember_ml import nn
    >>> nn.losses.mse([1.0, 2.0], [1.0, 4.0]).item()
    2.0
    """
    input, target = asarray(input), asarray(target)
    if input.shape != target.shape:
        raise ShapeError(
            f"mse: input of shape {input.shape} and target of shape {target.shape}; reshape one of "
            "them"
        )
    error = input - target
    return _reduce(error * error, reduction)


def cross_entropy(
    input: TensorLike,
    target: TensorLike,
    *,
    weight: TensorLike | None = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    reduction: Reduction = "mean",
) -> EmberTensor:
    """Cross-entropy between logits and classes.

    Args:
        input: logits, (C,), (N, C) or (N, C, d1, ...).
        target: class numbers, (), (N,) or (N, d1, ...), integers in [0, C); or probabilities, in
            the shape of ``input``.
        weight: (C,), a weight for each class.
        ignore_index: a class number that counts for nothing.
        label_smoothing: the share of probability spread evenly over the classes.
        reduction: "mean" (weighted), "sum" or "none".

    Raises:
        ShapeError: the shapes do not fit.
        DTypeError: class numbers that are not integers.
        InvalidValueError: another ``reduction``, a smoothing outside of [0, 1].

    >>> from ember_ml import nn
    >>> round(nn.losses.cross_entropy([[2.0, 0.0]], [0]).item(), 4)
    0.1269
    """
    input, target = asarray(input), asarray(target)
    if reduction not in ("mean", "sum", "none"):
        raise InvalidValueError(f"reduction is 'mean', 'sum' or 'none', not {reduction!r}")
    if not 0.0 <= label_smoothing <= 1.0:
        raise InvalidValueError(f"label_smoothing is in [0, 1], not {label_smoothing}")
    if input.ndim == 0:
        raise ShapeError("cross_entropy: logits need an axis of classes")
    logits = moveaxis(input, 1, -1) if input.ndim > 2 else input  # (N, d1, ..., C)
    if target.shape == input.shape and target.dtype.kind == "float":
        return _soft(logits, moveaxis(target, 1, -1) if input.ndim > 2 else target,
                     weight, ignore_index, label_smoothing, reduction)  # fmt: skip
    if target.dtype.kind not in ("signed", "unsigned"):
        raise DTypeError(
            f"cross_entropy: class numbers are integers, not {target.dtype}; probabilities have "
            f"the shape of the logits, {input.shape}, not {target.shape}"
        )
    if target.shape != logits.shape[:-1]:
        raise ShapeError(
            f"cross_entropy: logits of shape {input.shape} go with class numbers of shape "
            f"{logits.shape[:-1]}, not {target.shape}"
        )
    if weight is None and ignore_index is None and not label_smoothing:
        return _reduce(softmax_cross_entropy(logits, target), reduction)
    return _hard(logits, target, weight, ignore_index, label_smoothing, reduction)


def _hard(
    logits: EmberTensor,
    target: EmberTensor,
    weight: TensorLike | None,
    ignore_index: int | None,
    label_smoothing: float,
    reduction: Reduction,
) -> EmberTensor:
    kept = None if ignore_index is None else target != ignore_index
    classes = target if kept is None else where(kept, target, zeros_like(target))
    losses = softmax_cross_entropy(logits, classes)
    weights = None if weight is None else asarray(weight)
    scale = None if weights is None else take(weights, classes.reshape(-1), axis=0)
    if scale is not None:
        scale = scale.reshape(classes.shape)
        losses = losses * scale
    if label_smoothing:
        log_p = log_softmax(logits)
        spread = -sum(log_p if weights is None else log_p * weights, axis=-1)
        share = label_smoothing / logits.shape[-1]
        losses = (1.0 - label_smoothing) * losses + share * spread
    if kept is not None:
        losses = where(kept, losses, zeros_like(losses))
    if reduction != "mean" or (scale is None and kept is None):
        return _reduce(losses, reduction)
    counts = scale if scale is not None else zeros_like(losses) + 1.0
    if kept is not None:
        counts = where(kept, counts, zeros_like(counts))
    return sum(losses) / sum(counts)


def _soft(
    logits: EmberTensor,
    target: EmberTensor,
    weight: TensorLike | None,
    ignore_index: int | None,
    label_smoothing: float,
    reduction: Reduction,
) -> EmberTensor:
    if ignore_index is not None:
        raise InvalidValueError("cross_entropy: ignore_index goes with class numbers only")
    if label_smoothing:
        target = target * (1.0 - label_smoothing) + label_smoothing / logits.shape[-1]
    terms = target * log_softmax(logits)
    losses = -sum(terms if weight is None else terms * asarray(weight), axis=-1)
    return _reduce(losses, reduction)
