"""Losses of classes: one of several is right, or each of them to a degree."""

from __future__ import annotations

from ember_ml.backend.errors import DTypeError, InvalidValueError, ShapeError, TensorIndexError
from ember_ml.nn.tensor import (
    EmberTensor,
    TensorLike,
    astype,
    expand_dims,
    log_softmax,
    moveaxis,
    ones_like,
    reshape,
    softmax_cross_entropy,
    sum,
    take,
    take_along_axis,
    where,
    zeros_like,
)

from ._shared import Reduction, WeightedLoss, checked, holds_anywhere, reduced, tensors

__all__ = ["CrossEntropyLoss", "NLLLoss", "cross_entropy", "nll"]


def cross_entropy(
    input: TensorLike,
    target: TensorLike,
    *,
    weight: TensorLike | None = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    reduction: Reduction = "mean",
) -> EmberTensor:
    """Cross-entropy between logits and classes.

    Args:
        input: logits, (C,), (N, C) or (N, C, d1, ...).
        target: class numbers, (), (N,) or (N, d1, ...), integers in [0, C); or probabilities, in
            the shape of ``input``.
        weight: (C,), a weight for each class.
        ignore_index: a class number, not necessarily in [0, C), that counts for nothing.
        label_smoothing: the share of probability spread evenly over the classes.
        reduction: "mean" (over the weights of what is not ignored), "sum" or "none".

    Raises:
        ShapeError: the shapes do not fit.
        DTypeError: class numbers that are not integers.
        TensorIndexError: a class number out of range (where values are known).
        InvalidValueError: another ``reduction``, a smoothing outside of [0, 1], an
            ``ignore_index`` that is a class where probabilities are given.

    >>> from ember_ml import nn
    >>> round(nn.losses.cross_entropy([[2.0, 0.0]], [0]).item(), 4)
    0.1269
    """
    what = "cross_entropy"
    input, target, weight = tensors(what, input, target, weight)
    checked(what, reduction)
    _check_smoothing(what, label_smoothing)
    if target.shape == input.shape and target.dtype.kind == "float" and input.ndim:
        if ignore_index >= 0:
            raise InvalidValueError(f"{what}: ignore_index goes with class numbers only")
        logits = _classes_last(input)
        _check_weight(what, weight, logits)
        return _soft(logits, _classes_last(target), weight, label_smoothing, reduction)
    logits = _checked_classes(what, input, target, weight)
    if weight is None and not label_smoothing:
        return softmax_cross_entropy(logits, target, ignore_index=ignore_index, reduction=reduction)
    classes, kept = _kept(target, ignore_index)
    losses = softmax_cross_entropy(logits, classes)
    counts = ones_like(losses) if weight is None else _of_class(weight, classes)
    losses = losses * counts
    if label_smoothing:
        log_p = log_softmax(logits)
        spread = -sum(log_p if weight is None else log_p * weight, axis=-1)
        share = label_smoothing / logits.shape[-1]
        losses = (1.0 - label_smoothing) * losses + share * spread
    return _reduced(losses, counts, kept, reduction)


def nll(
    input: TensorLike,
    target: TensorLike,
    *,
    weight: TensorLike | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
) -> EmberTensor:
    """Negative logarithm of the probability of the right class.

    Args:
        input: logarithms of probabilities, (C,), (N, C) or (N, C, d1, ...).

    The other arguments and the errors are those of `cross_entropy`, which takes logits.

    >>> from ember_ml import nn
    >>> nn.losses.nll([[-0.5, -2.0]], [1]).item()
    2.0
    """
    what = "nll"
    input, target, weight = tensors(what, input, target, weight)
    checked(what, reduction)
    log_p = _checked_classes(what, input, target, weight)
    classes, kept = _kept(target, ignore_index)
    if holds_anywhere(classes < 0):  # taken from the end otherwise
        raise TensorIndexError(f"{what}: the target has negative class numbers")
    losses = -reshape(take_along_axis(log_p, expand_dims(classes, axis=-1), axis=-1), classes.shape)
    counts = ones_like(losses) if weight is None else _of_class(weight, classes)
    return _reduced(losses * counts, counts, kept, reduction)


# -- checks -----------------------------------------------------------------------------------


def _check_smoothing(what: str, label_smoothing: float) -> None:
    if not 0.0 <= label_smoothing <= 1.0:
        raise InvalidValueError(f"{what}: label_smoothing is in [0, 1], not {label_smoothing}")


def _check_weight(what: str, weight: EmberTensor | None, logits: EmberTensor) -> None:
    if weight is not None and weight.shape != logits.shape[-1:]:
        raise ShapeError(
            f"{what}: a weight of shape {weight.shape}, where {logits.shape[-1:]} is due"
        )


def _checked_classes(
    what: str, input: EmberTensor, target: EmberTensor, weight: EmberTensor | None
) -> EmberTensor:
    """The input with its classes last, once the class numbers are known to fit it."""
    if not input.ndim:
        raise ShapeError(f"{what}: the input needs an axis of classes")
    logits = _classes_last(input)
    _check_weight(what, weight, logits)
    if target.dtype.kind not in ("signed", "unsigned"):
        soft = (
            ""
            if what == "nll"
            else (
                f"; probabilities have the shape of the logits, {input.shape}, not {target.shape}"
            )
        )
        raise DTypeError(f"{what}: class numbers are integers, not {target.dtype}{soft}")
    if target.shape != logits.shape[:-1]:
        raise ShapeError(
            f"{what}: an input of shape {input.shape} goes with class numbers of shape "
            f"{logits.shape[:-1]}, not {target.shape}"
        )
    return logits


def _classes_last(x: EmberTensor) -> EmberTensor:
    """(N, C, d1, ...) to (N, d1, ..., C)."""
    return moveaxis(x, 1, -1) if x.ndim > 2 else x


# -- terms ------------------------------------------------------------------------------------


def _kept(target: EmberTensor, ignore_index: int) -> tuple[EmberTensor, EmberTensor]:
    """Class numbers without those to ignore, and where there are others."""
    target = astype(target, "int64", copy=False)
    kept = target != ignore_index
    return where(kept, target, zeros_like(target)), kept


def _of_class(weight: EmberTensor, classes: EmberTensor) -> EmberTensor:
    """What each sample counts for."""
    return reshape(take(weight, reshape(classes, (-1,)), axis=0), classes.shape)


def _reduced(
    losses: EmberTensor, counts: EmberTensor, kept: EmberTensor, reduction: Reduction
) -> EmberTensor:
    losses = where(kept, losses, zeros_like(losses))
    if reduction != "mean":
        return reduced(losses, reduction)
    return sum(losses) / sum(where(kept, counts, zeros_like(counts)))


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
    return reduced(-sum(terms if weights is None else terms * weights, axis=-1), reduction)


# -- as layers --------------------------------------------------------------------------------


class CrossEntropyLoss(WeightedLoss):
    """`losses.cross_entropy` as a layer, with ``weight`` as a buffer.

    >>> from ember_ml import nn
    >>> round(nn.CrossEntropyLoss(label_smoothing=0.1)([[2.0, 0.0]], [0]).item(), 4)
    0.2269
    """

    def __init__(
        self,
        weight: TensorLike | None = None,
        *,
        ignore_index: int = -100,
        reduction: Reduction = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, reduction)
        _check_smoothing("CrossEntropyLoss", label_smoothing)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input: TensorLike, target: TensorLike) -> EmberTensor:
        """Logits (N, C, ...), and class numbers (N, ...) or probabilities (N, C, ...)."""
        return cross_entropy(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            reduction=self.reduction,
        )


class NLLLoss(WeightedLoss):
    """`losses.nll` as a layer, with ``weight`` as a buffer."""

    def __init__(
        self,
        weight: TensorLike | None = None,
        *,
        ignore_index: int = -100,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(weight, reduction)
        self.ignore_index = ignore_index

    def forward(self, input: TensorLike, target: TensorLike) -> EmberTensor:
        """Logarithms of probabilities (N, C, ...), and class numbers (N, ...)."""
        return nll(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
        )
