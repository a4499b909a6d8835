"""Connectionist temporal classification: sequences whose alignment with the input is not known."""

from __future__ import annotations

import builtins
from typing import Any

from ember_ml.backend.errors import (
    DTypeError,
    InvalidValueError,
    ShapeError,
    TensorIndexError,
    UnsupportedError,
)
from ember_ml.nn.tensor import (
    EmberTensor,
    TensorLike,
    clip,
    ctc_loss,
    cumulative_sum,
    expand_dims,
    isinf,
    logical_and,
    logical_or,
    maximum,
    reshape,
    take,
    where,
    zeros_like,
)
from ember_ml.nn.tensor._scatter import counting, filled

from ._shared import Loss, Reduction, checked, holds_anywhere, reduced, tensors

__all__ = ["CTCLoss", "ctc"]


def ctc(
    log_probs: TensorLike,
    targets: TensorLike,
    input_lengths: TensorLike,
    target_lengths: TensorLike,
    *,
    blank: int = 0,
    reduction: Reduction = "mean",
    zero_infinity: bool = False,
) -> EmberTensor:
    """Negative logarithm of the probability of label sequences, over all alignments with inputs.

    Graves, Fernandez, Gomez and Schmidhuber, 2006. Gradients by ``log_probs`` are the derivatives,
    and those of an infinite loss are zero. (PyTorch's count on the `log_softmax` that
    ``log_probs`` come from; by what that is given, they are the same.)

    Args:
        log_probs: (T, N, C) or (T, C), logarithms of probabilities.
        targets: (N, S), labels padded with any numbers; or those of all sequences in a row.
        input_lengths: (N,), or () where ``log_probs`` is (T, C); up to T.
        target_lengths: alike; up to S.
        blank: the class that stands for no label.
        reduction: "mean", over the batch, of losses each divided by its target's length; "sum" or
            "none".
        zero_infinity: whether infinite losses (targets too long for their inputs) count as zero.

    Raises:
        ShapeError: the shapes do not fit, or lengths (where they are known).
        DTypeError: targets or lengths that are not integers.
        TensorIndexError: a label out of range (where values are known).
        InvalidValueError: another ``reduction``; a ``blank`` that is no class.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> log_probs = et.log_softmax(et.zeros((2, 1, 3)))
    >>> round(nn.losses.ctc(log_probs, [[1]], [2], [1]).item(), 4)  # - log(3 / 9)
    1.0986
    """
    checked("ctc", reduction)
    log_probs, targets, inputs, lengths = tensors(
        "ctc", log_probs, targets, input_lengths, target_lengths
    )
    for name, x in (("targets", targets), ("input_lengths", inputs), ("target_lengths", lengths)):
        if x.dtype.kind not in ("signed", "unsigned") and x.size:
            raise DTypeError(f"ctc: {name} are integers, not {x.dtype}")
    single = log_probs.ndim == 2
    if single:
        log_probs = expand_dims(log_probs, axis=1)
        inputs, lengths = (reshape(x, (1,)) if x.size == 1 else x for x in (inputs, lengths))
        targets = expand_dims(targets, axis=0) if targets.ndim == 1 else targets
    if log_probs.ndim != 3:
        raise ShapeError(f"ctc: log_probs of shape {log_probs.shape}; (T, N, C) or (T, C) is due")
    steps, n, classes = log_probs.shape
    for name, x in (("input_lengths", inputs), ("target_lengths", lengths)):
        if x.shape != (n,):
            raise ShapeError(f"ctc: {name} of shape {x.shape}; {(n,)} is due, one for each of N")
    if not 0 <= blank < classes:
        raise InvalidValueError(f"ctc: blank is a class, 0 to {classes - 1}, not {blank}")
    if targets.ndim == 1:
        targets = _padded(targets, lengths)
    if targets.ndim != 2 or targets.shape[0] != n:
        raise ShapeError(f"ctc: targets of shape {targets.shape}; (N, S) with N = {n} is due")
    _check_lengths("input_lengths", inputs, steps)
    _check_lengths("target_lengths", lengths, targets.shape[1])
    inside = expand_dims(counting(targets.shape[1], targets), axis=0) < expand_dims(lengths, axis=1)
    wrong = logical_or(targets < 0, targets >= classes)
    if holds_anywhere(logical_and(inside, wrong)):
        raise TensorIndexError(f"ctc: targets have labels outside of 0 to {classes - 1}")
    targets = where(inside, targets, filled(targets.shape, blank, targets))
    losses = ctc_loss(log_probs, targets, inputs, lengths, blank=blank)
    if zero_infinity:
        losses = where(isinf(losses), zeros_like(losses), losses)
    if reduction == "mean":
        losses = losses / maximum(lengths, 1).astype(losses.dtype)
    return reduced(losses[0] if single else losses, reduction)


def _values(x: EmberTensor) -> Any:
    """The elements as a list, or None where they are being traced."""
    try:
        return x.tolist()
    except UnsupportedError:
        return None


def _check_lengths(name: str, lengths: EmberTensor, most: int) -> None:
    values = _values(lengths)
    for value in values or ():
        if not 0 <= value <= most:
            raise ShapeError(f"ctc: {name} are at most {most} here, and not negative: not {value}")


def _padded(targets: EmberTensor, lengths: EmberTensor) -> EmberTensor:
    """(N, S) from labels in a row; S is as large as need be, or as may be in a compiled function."""
    total, values = targets.shape[0], _values(lengths)
    if values is not None and builtins.sum(values) != total:
        raise ShapeError(
            f"ctc: target_lengths {values} add up to {builtins.sum(values)}, and there are "
            f"{total} targets in a row"
        )
    most = total if values is None else max(values, default=0)
    if not total:
        return reshape(targets, (lengths.shape[0], 0))
    lengths = lengths.astype("int64")
    starts = expand_dims(cumulative_sum(lengths, axis=0) - lengths, axis=1)
    places = clip(starts + expand_dims(counting(most, targets), axis=0), 0, total - 1)
    return reshape(take(targets, reshape(places, (-1,)), axis=0), places.shape)


class CTCLoss(Loss):
    """`losses.ctc` as a layer."""

    def __init__(
        self, blank: int = 0, reduction: Reduction = "mean", zero_infinity: bool = False
    ) -> None:
        super().__init__(reduction)
        self.blank = blank
        self.zero_infinity = zero_infinity

    def forward(
        self,
        log_probs: TensorLike,
        targets: TensorLike,
        input_lengths: TensorLike,
        target_lengths: TensorLike,
    ) -> EmberTensor:
        """(T, N, C), (N, S) or all labels in a row, (N,) and (N,)."""
        return ctc(
            log_probs,
            targets,
            input_lengths,
            target_lengths,
            blank=self.blank,
            reduction=self.reduction,
            zero_infinity=self.zero_infinity,
        )
