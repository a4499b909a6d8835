"""Losses of yes or no."""

from __future__ import annotations

from ember_ml.backend.errors import InvalidValueError
from ember_ml.nn.tensor import (
    EmberTensor,
    TensorLike,
    log,
    logical_and,
    logical_not,
    maximum,
    mean,
    ones_like,
    stop_gradient,
    where,
)
from ember_ml.nn.tensor._functions import softplus

from ._shared import (
    Loss,
    Reduction,
    WeightedLoss,
    broadcasts,
    checked,
    holds_anywhere,
    reduced,
    same_shapes,
    tensors,
)

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "MultiLabelSoftMarginLoss",
    "SoftMarginLoss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "multilabel_soft_margin",
    "soft_margin",
]


def binary_cross_entropy(
    input: TensorLike,
    target: TensorLike,
    *,
    weight: TensorLike | None = None,
    reduction: Reduction = "mean",
) -> EmberTensor:
    """``-(target * log(input) + (1 - target) * log(1 - input))``.

    Logarithms are at least -100, and their derivatives at most 1e12, as in PyTorch. Of logits,
    `binary_cross_entropy_with_logits` is exact.

    Args:
        input: probabilities.
        target: probabilities, in the shape of ``input``: 0 or 1 for known answers.
        weight: a factor for each loss, that broadcasts to ``input``. The mean is over the number
            of losses.

    Raises:
        ShapeError: the shapes do not fit.
        InvalidValueError: ``input`` is outside of [0, 1] (where values are known); another
            ``reduction``.

    >>> from ember_ml import nn
    >>> round(nn.losses.binary_cross_entropy([0.5, 1.0], [1.0, 1.0]).item(), 4)
    0.3466
    """
    what = "binary_cross_entropy"
    checked(what, reduction)
    input, target, weight = tensors(what, input, target, weight)
    same_shapes(what, input=input, target=target)
    if holds_anywhere(logical_not(logical_and(input >= 0, input <= 1))):
        raise InvalidValueError(
            f"{what}: the input has elements outside of [0, 1]; binary_cross_entropy_with_logits "
            "takes any number"
        )
    losses = -(target * _log(input) + (1.0 - target) * _log(1.0 - input))
    return reduced(_times(what, losses, weight), reduction)


def _log(x: EmberTensor) -> EmberTensor:
    """``max(log(x), -100)``, with the derivative ``1 / max(x, 1e-12)``."""
    least = 1e-12 if x.dtype.bits > 16 else 1e-7  # what half precision can hold
    low = x < least
    here = stop_gradient(x)
    line = maximum(log(here), -100.0) + (x - here) / least
    return where(low, line, log(where(low, ones_like(x), x)))


def binary_cross_entropy_with_logits(
    input: TensorLike,
    target: TensorLike,
    *,
    weight: TensorLike | None = None,
    pos_weight: TensorLike | None = None,
    reduction: Reduction = "mean",
) -> EmberTensor:
    """`binary_cross_entropy` of ``sigmoid(input)``, without its loss of digits.

    Args:
        input: logits.
        target: probabilities, in the shape of ``input``: 0 or 1 for known answers.
        weight: a factor for each loss, that broadcasts to ``input``. The mean is over the number
            of losses.
        pos_weight: a factor for the part of the target that is 1, that broadcasts to ``input``:
            (C,) for one each class of (N, C). Above 1 it favours recall.

    Raises:
        ShapeError: the shapes do not fit.
        InvalidValueError: another ``reduction``.

    >>> from ember_ml import nn
    >>> round(nn.losses.binary_cross_entropy_with_logits([0.0], [1.0]).item(), 4)
    0.6931
    """
    what = "binary_cross_entropy_with_logits"
    checked(what, reduction)
    input, target, weight, pos_weight = tensors(what, input, target, weight, pos_weight)
    same_shapes(what, input=input, target=target)
    losses = softplus(-input)
    if pos_weight is not None:
        broadcasts(what, "pos_weight", pos_weight, input)
        losses = losses * ((pos_weight - 1.0) * target + 1.0)
    losses = losses + (1.0 - target) * input
    return reduced(_times(what, losses, weight), reduction)


def soft_margin(
    input: TensorLike, target: TensorLike, *, reduction: Reduction = "mean"
) -> EmberTensor:
    """``log(1 + exp(-target * input))``.

    Args:
        target: 1 or -1, in the shape of ``input``.

    Errors as of `binary_cross_entropy_with_logits`.

    >>> from ember_ml import nn
    >>> round(nn.losses.soft_margin([0.0], [1.0]).item(), 4)
    0.6931
    """
    checked("soft_margin", reduction)
    input, target = tensors("soft_margin", input, target)
    same_shapes("soft_margin", input=input, target=target)
    return reduced(softplus(-target * input), reduction)


def multilabel_soft_margin(
    input: TensorLike,
    target: TensorLike,
    *,
    weight: TensorLike | None = None,
    reduction: Reduction = "mean",
) -> EmberTensor:
    """`binary_cross_entropy_with_logits`, averaged over the classes.

    Args:
        input: logits, (C,) or (N, C).
        target: 0 or 1, in the shape of ``input``.
        weight: a factor for each class, (C,).

    >>> from ember_ml import nn
    >>> round(nn.losses.multilabel_soft_margin([[0.0, 0.0]], [[1.0, 0.0]]).item(), 4)
    0.6931
    """
    what = "multilabel_soft_margin"
    checked(what, reduction)
    input, target, weight = tensors(what, input, target, weight)
    same_shapes(what, input=input, target=target)
    losses = binary_cross_entropy_with_logits(input, target, reduction="none")
    return reduced(mean(_times(what, losses, weight), axis=-1), reduction)


def _times(what: str, losses: EmberTensor, weight: EmberTensor | None) -> EmberTensor:
    if weight is None:
        return losses
    broadcasts(what, "weight", weight, losses)
    return losses * weight


# -- as layers --------------------------------------------------------------------------------


class BCELoss(WeightedLoss):
    """`losses.binary_cross_entropy` as a layer, with ``weight`` as a buffer."""

    def __init__(self, weight: TensorLike | None = None, *, reduction: Reduction = "mean") -> None:
        super().__init__(weight, reduction)

    def forward(self, input: TensorLike, target: TensorLike) -> EmberTensor:
        """Two tensors of probabilities of the same shape."""
        return binary_cross_entropy(input, target, weight=self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(WeightedLoss):
    """`losses.binary_cross_entropy_with_logits` as a layer, with the weights as buffers.

    >>> from ember_ml import nn
    >>> list(nn.BCEWithLogitsLoss(pos_weight=[2.0, 1.0]).state_dict())
    ['pos_weight']
    """

    pos_weight: EmberTensor | None

    def __init__(
        self,
        weight: TensorLike | None = None,
        *,
        reduction: Reduction = "mean",
        pos_weight: TensorLike | None = None,
    ) -> None:
        super().__init__(weight, reduction)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: TensorLike, target: TensorLike) -> EmberTensor:
        """Logits, and probabilities in the same shape."""
        return binary_cross_entropy_with_logits(
            input,
            target,
            weight=self.weight,
            pos_weight=self.pos_weight,
            reduction=self.reduction,
        )


class SoftMarginLoss(Loss):
    """`losses.soft_margin` as a layer."""

    def __init__(self, *, reduction: Reduction = "mean") -> None:
        super().__init__(reduction)

    def forward(self, input: TensorLike, target: TensorLike) -> EmberTensor:
        """Numbers, and 1 or -1 in the same shape."""
        return soft_margin(input, target, reduction=self.reduction)


class MultiLabelSoftMarginLoss(WeightedLoss):
    """`losses.multilabel_soft_margin` as a layer, with ``weight`` as a buffer."""

    def __init__(self, weight: TensorLike | None = None, *, reduction: Reduction = "mean") -> None:
        super().__init__(weight, reduction)

    def forward(self, input: TensorLike, target: TensorLike) -> EmberTensor:
        """Logits (C,) or (N, C), and 0 or 1 in the same shape."""
        return multilabel_soft_margin(input, target, weight=self.weight, reduction=self.reduction)
