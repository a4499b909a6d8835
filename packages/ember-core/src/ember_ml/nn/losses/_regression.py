"""Losses of numbers against numbers."""

from __future__ import annotations

from ember_ml.nn.tensor import EmberTensor, TensorLike, abs, minimum, sum

from ._shared import Loss, Reduction, checked, number, reduced, same_shapes, tensors

__all__ = [
    "HuberLoss",
    "L1Loss",
    "MSELoss",
    "SmoothL1Loss",
    "huber",
    "l1",
    "mse",
    "smooth_l1",
]


def mse(
    input: TensorLike,
    target: TensorLike,
    *,
    weight: TensorLike | None = None,
    reduction: Reduction = "mean",
) -> EmberTensor:
    """Squared error, ``(input - target)**2``.

    Args:
        weight: in the shape of ``input``, a factor for each error; the mean is over the weights.

    Raises:
        ShapeError: the shapes differ; they are not broadcast, since that is nearly always an
            oversight in a loss.
        InvalidValueError: another ``reduction``.

    >>> from ember_ml import nn
    >>> nn.losses.mse([1.0, 2.0], [1.0, 4.0]).item()
    2.0
    """
    error = _difference("mse", input, target)
    return _weighted("mse", error * error, weight, reduction)


def l1(
    input: TensorLike,
    target: TensorLike,
    *,
    weight: TensorLike | None = None,
    reduction: Reduction = "mean",
) -> EmberTensor:
    """Absolute error, ``|input - target|``. Arguments and errors as of `mse`.

    >>> from ember_ml import nn
    >>> nn.losses.l1([1.0, 2.0], [1.0, 4.0]).item()
    1.0
    """
    return _weighted("l1", abs(_difference("l1", input, target)), weight, reduction)


def smooth_l1(
    input: TensorLike, target: TensorLike, *, beta: float = 1.0, reduction: Reduction = "mean"
) -> EmberTensor:
    """Absolute error less ``beta / 2``, and ``error**2 / (2 * beta)`` below ``beta``.

    Girshick, 2015. With ``beta=0`` it is `l1`; it is `huber` over ``beta``. Errors as of `mse`.

    >>> from ember_ml import nn
    >>> nn.losses.smooth_l1([0.0, 0.0], [0.5, 2.0], reduction="none").tolist()
    [0.125, 1.5]
    """
    if not number("smooth_l1", "beta", beta, least=0, open=False):
        return l1(input, target, reduction=reduction)
    size = abs(_difference("smooth_l1", input, target))
    # quadratic up to beta and linear beyond it, and no overflow of a large square
    near = minimum(size, beta)
    losses = near * near * (0.5 / beta) + (size - near)
    return reduced(losses, checked("smooth_l1", reduction))


def huber(
    input: TensorLike,
    target: TensorLike,
    *,
    delta: float = 1.0,
    weight: TensorLike | None = None,
    reduction: Reduction = "mean",
) -> EmberTensor:
    """``error**2 / 2`` up to ``delta``, and ``delta * (|error| - delta / 2)`` beyond it.

    Huber, 1964. Errors as of `mse`.

    Args:
        weight: in the shape of ``input``, a factor for each error. As in PyTorch, and unlike
            `mse`, the mean is over the number of errors.

    >>> from ember_ml import nn
    >>> nn.losses.huber([0.0, 0.0], [0.5, 2.0], delta=0.5, reduction="none").tolist()
    [0.125, 0.875]
    """
    number("huber", "delta", delta, least=0)
    size = abs(_difference("huber", input, target))
    near = minimum(size, delta)
    losses = near * near * 0.5 + (size - near) * delta
    if weight is not None:
        losses, weight = tensors("huber", losses, weight)
        same_shapes("huber", input=losses, weight=weight)
        losses = losses * weight
    return reduced(losses, checked("huber", reduction))


def _difference(what: str, input: TensorLike, target: TensorLike) -> EmberTensor:
    input, target = tensors(what, input, target)
    if input.shape != target.shape:
        same_shapes(what, input=input, target=target)
    return input - target


def _weighted(
    what: str, losses: EmberTensor, weight: TensorLike | None, reduction: Reduction
) -> EmberTensor:
    checked(what, reduction)
    if weight is None:
        return reduced(losses, reduction)
    losses, weight = tensors(what, losses, weight)
    same_shapes(what, input=losses, weight=weight)
    losses = losses * weight
    return sum(losses) / sum(weight) if reduction == "mean" else reduced(losses, reduction)


# -- as layers --------------------------------------------------------------------------------


class MSELoss(Loss):
    """`losses.mse` as a layer.

    >>> from ember_ml import nn
    >>> nn.MSELoss(reduction="sum")([1.0, 2.0], [1.0, 4.0]).item()
    4.0
    """

    def __init__(self, *, reduction: Reduction = "mean") -> None:
        super().__init__(reduction)

    def forward(self, input: TensorLike, target: TensorLike) -> EmberTensor:
        """Two tensors of the same shape."""
        return mse(input, target, reduction=self.reduction)


class L1Loss(Loss):
    """`losses.l1` as a layer."""

    def __init__(self, *, reduction: Reduction = "mean") -> None:
        super().__init__(reduction)

    def forward(self, input: TensorLike, target: TensorLike) -> EmberTensor:
        """Two tensors of the same shape."""
        return l1(input, target, reduction=self.reduction)


class SmoothL1Loss(Loss):
    """`losses.smooth_l1` as a layer."""

    def __init__(self, *, reduction: Reduction = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction)
        self.beta = number("SmoothL1Loss", "beta", beta, least=0, open=False)

    def forward(self, input: TensorLike, target: TensorLike) -> EmberTensor:
        """Two tensors of the same shape."""
        return smooth_l1(input, target, beta=self.beta, reduction=self.reduction)


class HuberLoss(Loss):
    """`losses.huber` as a layer."""

    def __init__(self, reduction: Reduction = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction)
        self.delta = number("HuberLoss", "delta", delta, least=0)

    def forward(self, input: TensorLike, target: TensorLike) -> EmberTensor:
        """Two tensors of the same shape."""
        return huber(input, target, delta=self.delta, reduction=self.reduction)
