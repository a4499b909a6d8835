"""Losses: what training makes small. Names and meaning as in ``torch.nn.functional``."""

from __future__ import annotations

from typing import Literal

from ember_ml.backend.errors import DTypeError, InvalidValueError, ShapeError
from ember_ml.nn.tensor import (
    EmberTensor,
    TensorLike,
    asarray,
    astype,
    log_softmax,
    mean,
    moveaxis,
    ones_like,
    reshape,
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
        ignore_index: a class number that counts for nothing. Unlike PyTorch, whose default is
            -100, none is ignored unless it is named.
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
    logits = _classes_last(input)
    weights = None if weight is None else asarray(weight)
    if weights is not None and weights.shape != logits.shape[-1:]:
        raise ShapeError(
            f"cross_entropy: a weight of shape {weights.shape}, where {logits.shape[-1:]} is due"
        )
    if target.shape == input.shape and target.dtype.kind == "float":
        if ignore_index is not None:
            raise InvalidValueError("cross_entropy: ignore_index goes with class numbers only")
        return _soft(logits, _classes_last(target), weights, label_smoothing, reduction)
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
    if weights is None and ignore_index is None and not label_smoothing:
        return _reduce(softmax_cross_entropy(logits, target), reduction)
    return _hard(logits, target, weights, ignore_index, label_smoothing, reduction)


def _classes_last(x: EmberTensor) -> EmberTensor:
    """(N, C, d1, ...) to (N, d1, ..., C)."""
    return moveaxis(x, 1, -1) if x.ndim > 2 else x


def _hard(
    logits: EmberTensor,
    target: EmberTensor,
    weights: EmberTensor | None,
    ignore_index: int | None,
    label_smoothing: float,
    reduction: Reduction,
) -> EmberTensor:
    target = astype(target, "int64", copy=False)
    kept = None if ignore_index is None else target != ignore_index
    classes = target if kept is None else where(kept, target, zeros_like(target))
    losses = softmax_cross_entropy(logits, classes)
    # What each sample counts for in the mean.
    counts = ones_like(losses)
    if weights is not None:
        counts = reshape(take(weights, reshape(classes, (-1,)), axis=0), classes.shape)
        losses = losses * counts
    if label_smoothing:
        log_p = log_softmax(logits)
        spread = -sum(log_p if weights is None else log_p * weights, axis=-1)
        share = label_smoothing / logits.shape[-1]
        losses = (1.0 - label_smoothing) * losses + share * spread
    if kept is not None:
        losses = where(kept, losses, zeros_like(losses))
        counts = where(kept, counts, zeros_like(counts))
    return sum(losses) / sum(counts) if reduction == "mean" else _reduce(losses, reduction)


def _soft(
    logits: EmberTensor,
    target: EmberTensor,
    weights: EmberTensor | None,
    label_smoothing: float,
    reduction: Reduction,
) -> EmberTensor:
    if label_smoothing:
        target = target * (1.0 - label_smoothing) + label_smoothing / logits.shape[-1]
    terms = target * log_softmax(logits)
    return _reduce(-sum(terms if weights is None else terms * weights, axis=-1), reduction)
