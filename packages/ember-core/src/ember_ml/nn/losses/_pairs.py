"""Losses of pairs: how far apart they are, and by what margin."""

from __future__ import annotations

import math

from ember_ml.backend.errors import ShapeError
from ember_ml.nn.tensor import EmberTensor, TensorLike, sqrt, sum, where, zeros_like

from ._shared import Loss, Reduction, at_least_zero, checked, number, reduced, same_shapes, tensors

__all__ = [
    "CosineEmbeddingLoss",
    "HingeEmbeddingLoss",
    "MarginRankingLoss",
    "cosine_embedding",
    "hinge_embedding",
    "margin_ranking",
]


def cosine_embedding(
    input1: TensorLike,
    input2: TensorLike,
    target: TensorLike,
    *,
    margin: float = 0.0,
    reduction: Reduction = "mean",
) -> EmberTensor:
    """``1 - cos`` for pairs that are alike, ``max(cos - margin, 0)`` for others.

    Args:
        input1, input2: vectors, (D,) or (N, D).
        target: () or (N,), 1 for alike and -1 for others.

    Raises:
        ShapeError: the shapes do not fit.
        InvalidValueError: another ``reduction``.

    >>> from ember_ml import nn
    >>> nn.losses.cosine_embedding([[1.0, 0.0]], [[0.0, 2.0]], [1]).item()
    1.0
    """
    what = "cosine_embedding"
    checked(what, reduction)
    input1, input2, target = tensors(what, input1, input2, target)
    same_shapes(what, input1=input1, input2=input2)
    if input1.ndim not in (1, 2) or target.shape != input1.shape[:-1]:
        raise ShapeError(
            f"{what}: inputs of shape {input1.shape} and target of shape {target.shape}; (D,) and "
            "() or (N, D) and (N,) are due"
        )
    # A little added to the squares: the cosine with a zero vector is zero.
    squares = [sum(x * x, axis=-1) + 1e-12 for x in (input1, input2)]
    cosine = sum(input1 * input2, axis=-1) / sqrt(squares[0] * squares[1])
    none = zeros_like(cosine)
    losses = where(target == 1, 1.0 - cosine, none)
    losses = losses + where(target == -1, at_least_zero(cosine - margin), none)
    return reduced(losses, reduction)


def margin_ranking(
    input1: TensorLike,
    input2: TensorLike,
    target: TensorLike,
    *,
    margin: float = 0.0,
    reduction: Reduction = "mean",
) -> EmberTensor:
    """``max(-target * (input1 - input2) + margin, 0)``.

    Args:
        target: 1 where the first input is to rank higher, -1 where the second; all of one shape.

    Raises:
        ShapeError: the shapes differ.
        InvalidValueError: another ``reduction``.

    >>> from ember_ml import nn
    >>> nn.losses.margin_ranking([1.0], [3.0], [1.0]).item()
    2.0
    """
    what = "margin_ranking"
    checked(what, reduction)
    input1, input2, target = tensors(what, input1, input2, target)
    same_shapes(what, input1=input1, input2=input2, target=target)
    return reduced(at_least_zero(margin - target * (input1 - input2)), reduction)


def hinge_embedding(
    input: TensorLike, target: TensorLike, *, margin: float = 1.0, reduction: Reduction = "mean"
) -> EmberTensor:
    """The distance ``input`` for pairs that are alike, ``max(margin - input, 0)`` for others.

    Args:
        target: 1 for alike and -1 for others, in the shape of ``input``.

    Errors as of `margin_ranking`.

    >>> from ember_ml import nn
    >>> nn.losses.hinge_embedding([0.25, 0.25], [1, -1], reduction="none").tolist()
    [0.25, 0.75]
    """
    checked("hinge_embedding", reduction)
    input, target = tensors("hinge_embedding", input, target)
    same_shapes("hinge_embedding", input=input, target=target)
    none = zeros_like(input)
    # as PyTorch: what is neither 1 nor -1 counts as both
    losses = where(target != 1, at_least_zero(margin - input), none)
    return reduced(losses + where(target != -1, input, none), reduction)


# -- as layers --------------------------------------------------------------------------------


class CosineEmbeddingLoss(Loss):
    """`losses.cosine_embedding` as a layer."""

    def __init__(self, margin: float = 0.0, *, reduction: Reduction = "mean") -> None:
        super().__init__(reduction)
        self.margin = number("CosineEmbeddingLoss", "margin", margin, least=-math.inf)

    def forward(self, input1: TensorLike, input2: TensorLike, target: TensorLike) -> EmberTensor:
        """Vectors (D,) or (N, D), twice, and 1 or -1 for each pair."""
        return cosine_embedding(
            input1, input2, target, margin=self.margin, reduction=self.reduction
        )


class MarginRankingLoss(Loss):
    """`losses.margin_ranking` as a layer."""

    def __init__(self, margin: float = 0.0, *, reduction: Reduction = "mean") -> None:
        super().__init__(reduction)
        self.margin = number("MarginRankingLoss", "margin", margin, least=-math.inf)

    def forward(self, input1: TensorLike, input2: TensorLike, target: TensorLike) -> EmberTensor:
        """Scores, twice, and 1 or -1, all of the same shape."""
        return margin_ranking(input1, input2, target, margin=self.margin, reduction=self.reduction)


class HingeEmbeddingLoss(Loss):
    """`losses.hinge_embedding` as a layer."""

    def __init__(self, margin: float = 1.0, *, reduction: Reduction = "mean") -> None:
        super().__init__(reduction)
        self.margin = number("HingeEmbeddingLoss", "margin", margin, least=-math.inf)

    def forward(self, input: TensorLike, target: TensorLike) -> EmberTensor:
        """Distances, and 1 or -1 in the same shape."""
        return hinge_embedding(input, target, margin=self.margin, reduction=self.reduction)
