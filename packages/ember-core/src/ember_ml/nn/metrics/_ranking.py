"""How well scores put the samples of a class before the others."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

from ember_ml.backend.errors import InvalidValueError, ShapeError
from ember_ml.nn.losses._shared import holds_anywhere, tensors
from ember_ml.nn.tensor import (
    EmberTensor,
    TensorLike,
    concat,
    isnan,
    mean,
    searchsorted,
    sort,
    stack,
    sum,
    where,
    zeros_like,
)

from ._confusion import shares
from ._labels import classified, in_range, whole
from ._metric import Metric, Sums

__all__ = ["AUROC", "auroc"]

Average: TypeAlias = Literal["macro", "weighted"] | None


def auroc(y_true: TensorLike, y_score: TensorLike, *, average: Average = "macro") -> EmberTensor:
    """The area under the receiver operating characteristic, exactly, by ranks.

    The probability that a sample of the class has a higher score than one that is not, with equal
    scores as a half (Hanley and McNeil, 1982): scikit-learn's ``roc_auc_score``, with
    ``multi_class="ovr"`` for several classes. It is nan where a class has all samples, or none.

    Args:
        y_true: (N,): 0 or 1; with several columns of scores, class numbers.
        y_score: (N,), scores of class 1; or (N, C), of each class against the others.
        average: over the classes: "macro", the mean; "weighted", that by how often they are true;
            None for (C,), the area of each.

    Raises:
        ShapeError: the shapes are others, or empty.
        TensorIndexError: a class is out of range.
        InvalidValueError: another ``average``; a score is nan.

    >>> from ember_ml import nn
    >>> nn.metrics.auroc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]).item()
    0.75
    """
    return AUROC(average=average).update(y_true, y_score).compute()


class AUROC(Metric):
    """`auroc`, batch by batch. It keeps all scores: its memory grows with them.

    >>> from ember_ml import nn
    >>> nn.metrics.AUROC().update([0, 1], [0.1, 0.35]).update([0, 1], [0.4, 0.8]).compute().item()
    0.75
    """

    def __init__(self, *, average: Average = "macro") -> None:
        super().__init__()
        if average not in ("macro", "weighted", None):
            raise InvalidValueError(
                f"AUROC: average is 'macro', 'weighted' or None, not {average!r}"
            )
        self.average = average

    def _names(self) -> tuple[str, ...]:
        return ("y_true", "y_score")

    def _measured(self, y_true: TensorLike, y_score: TensorLike) -> Sums:
        y_true, y_score = tensors("AUROC", y_true, y_score)
        if y_score.ndim == 1:
            if y_true.shape != y_score.shape:
                raise ShapeError(
                    f"AUROC: y_true of shape {y_true.shape} and y_score of shape {y_score.shape}; "
                    "(N,) and (N,) or (N, C) are due"
                )
            y_true = whole("AUROC", "y_true", y_true)
            in_range("AUROC", "y_true", y_true, 2)
        else:
            y_true, y_score = classified("AUROC", y_true, y_score)
        if y_score.dtype.kind == "float" and holds_anywhere(isnan(y_score)):
            raise InvalidValueError("AUROC: y_score has nan")
        return {"y_true": y_true, "y_score": y_score}

    def _combined(self, first: Sums, second: Sums) -> Sums:
        return {name: concat([first[name], second[name]]) for name in first}

    def _result(self, sums: Sums) -> EmberTensor:
        y_true, y_score = sums["y_true"], sums["y_score"]
        if y_score.ndim == 1:
            return _area(y_true == 1, y_score)
        own = [y_true == i for i in range(y_score.shape[1])]
        areas = stack([_area(mask, y_score[:, i]) for i, mask in enumerate(own)])
        if self.average == "macro":
            return mean(areas)
        if self.average is None:
            return areas
        counts = stack([sum(mask.astype("int64")) for mask in own]).astype(areas.dtype)
        return sum(areas * counts) / sum(counts)


def _area(positive: EmberTensor, scores: EmberTensor) -> EmberTensor:
    """The statistic of Mann and Whitney, from the ranks of the positive ones in integers."""
    rows = sort(scores)
    # twice the mean rank of equal ones, counted from one
    ranks = searchsorted(rows, scores) + searchsorted(rows, scores, side="right") + 1
    ranks = ranks.astype("int64")
    many = sum(positive.astype("int64"))
    wins = sum(where(positive, ranks, zeros_like(ranks))) - many * (many + 1)
    return shares(wins, 2 * many * (positive.shape[0] - many), math.nan)
