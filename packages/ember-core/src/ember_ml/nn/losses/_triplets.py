"""Losses of triplets: one of a kind is to be nearer than one of another kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from ember_ml.backend.errors import ShapeError
from ember_ml.nn.layers._distance import PairwiseDistance, vector_length
from ember_ml.nn.tensor import EmberTensor, TensorLike, minimum

from ._shared import Loss, Reduction, at_least_zero, checked, number, reduced, same_shapes, tensors

__all__ = [
    "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
    "triplet_margin",
    "triplet_margin_with_distance",
]

Distance: TypeAlias = Callable[[EmberTensor, EmberTensor], EmberTensor]


def triplet_margin(
    anchor: TensorLike,
    positive: TensorLike,
    negative: TensorLike,
    *,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: Reduction = "mean",
) -> EmberTensor:
    """``max(d(anchor, positive) - d(anchor, negative) + margin, 0)``.

    Balntas, Riba, Ponsa and Mikolajczyk, 2016.

    Args:
        anchor, positive, negative: vectors, (D,) or (N, D).
        margin: by how much the negative is to be farther away, above 0.
        p: of the norm of the difference.
        eps: added to the differences.
        swap: whether the distance of positive and negative counts where it is the smaller one.

    Raises:
        ShapeError: the shapes differ.
        InvalidValueError: another ``reduction``; a margin that is not positive.

    >>> from ember_ml import nn
    >>> nn.losses.triplet_margin([[0.0]], [[2.0]], [[1.0]], eps=0.0).item()
    2.0
    """
    number("triplet_margin", "p", p, least=0)

    def distance(x: EmberTensor, y: EmberTensor) -> EmberTensor:
        return vector_length(x - y + eps, p)

    return _triplet("triplet_margin", anchor, positive, negative, distance, margin, swap, reduction)


def triplet_margin_with_distance(
    anchor: TensorLike,
    positive: TensorLike,
    negative: TensorLike,
    *,
    distance_function: Distance | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: Reduction = "mean",
) -> EmberTensor:
    """`triplet_margin` by another distance.

    Args:
        distance_function: of two tensors (N, ...), to (N,); Euclidean unless it is given.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> def city(x, y):
    ...     return et.sum(et.abs(x - y), axis=-1)
    >>> nn.losses.triplet_margin_with_distance(
    ...     [[0.0, 0.0]], [[1.0, 2.0]], [[1.0, 1.0]], distance_function=city
    ... ).item()
    2.0
    """
    what = "triplet_margin_with_distance"
    distance = distance_function or PairwiseDistance()
    return _triplet(what, anchor, positive, negative, distance, margin, swap, reduction)


def _triplet(
    what: str,
    anchor: TensorLike,
    positive: TensorLike,
    negative: TensorLike,
    distance: Distance,
    margin: float,
    swap: bool,
    reduction: Reduction,
) -> EmberTensor:
    checked(what, reduction)
    number(what, "margin", margin, least=0)
    anchor, positive, negative = tensors(what, anchor, positive, negative)
    same_shapes(what, anchor=anchor, positive=positive, negative=negative)
    if not anchor.ndim:
        raise ShapeError(f"{what}: vectors are due, (D,) or (N, D), and not numbers")
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = minimum(far, distance(positive, negative))
    return reduced(at_least_zero(near - far + margin), reduction)


# -- as layers --------------------------------------------------------------------------------


class TripletMarginLoss(Loss):
    """`losses.triplet_margin` as a layer."""

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        *,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(reduction)
        self.margin = number("TripletMarginLoss", "margin", margin, least=0)
        self.p = number("TripletMarginLoss", "p", p, least=0)
        self.eps = eps
        self.swap = swap

    def forward(
        self, anchor: TensorLike, positive: TensorLike, negative: TensorLike
    ) -> EmberTensor:
        """Vectors (D,) or (N, D), three times."""
        return triplet_margin(
            anchor,
            positive,
            negative,
            margin=self.margin,
            p=self.p,
            eps=self.eps,
            swap=self.swap,
            reduction=self.reduction,
        )


class TripletMarginWithDistanceLoss(Loss):
    """`losses.triplet_margin_with_distance` as a layer."""

    def __init__(
        self,
        *,
        distance_function: Distance | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(reduction)
        self.distance_function = distance_function or PairwiseDistance()
        self.margin = number("TripletMarginWithDistanceLoss", "margin", margin, least=0)
        self.swap = swap

    def forward(
        self, anchor: TensorLike, positive: TensorLike, negative: TensorLike
    ) -> EmberTensor:
        """What the distance takes, three times."""
        return triplet_margin_with_distance(
            anchor,
            positive,
            negative,
            distance_function=self.distance_function,
            margin=self.margin,
            swap=self.swap,
            reduction=self.reduction,
        )
