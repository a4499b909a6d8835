"""Precision, recall and their harmonic mean."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, TypeAlias

from ember_ml.backend.errors import InvalidValueError
from ember_ml.nn.layers._arguments import positive
from ember_ml.nn.tensor import (
    EmberTensor,
    TensorLike,
    isnan,
    logical_not,
    segment_sum,
    sum,
    where,
    zeros_like,
)

from ._confusion import shares
from ._labels import checked_labels, classes, in_range, numbered, present
from ._metric import Metric, Sums

__all__ = ["F1", "Precision", "Recall", "f1", "precision", "recall"]

Average: TypeAlias = Literal["binary", "micro", "macro", "weighted"] | None


def precision(
    y_true: TensorLike,
    y_pred: TensorLike,
    *,
    labels: Sequence[int] | None = None,
    pos_label: int = 1,
    average: Average = "binary",
    zero_division: float = 0.0,
) -> EmberTensor:
    """The share of the predictions of a class that are right, ``tp / (tp + fp)``.

    scikit-learn's ``precision_score``.

    Args:
        y_true, y_pred: class numbers, (N,).
        labels: the classes that count, in the order of ``average=None``; those that there are,
            sorted, unless they are given.
        pos_label: the class of ``average="binary"``.
        average: "binary", the precision of ``pos_label``; "micro", of all classes together;
            "macro", the mean over the classes; "weighted", that by how often they are true; None,
            (C,), of each class.
        zero_division: the score of a class that it is undefined for: 0, 1, or nan, which does not
            count in means.

    Raises:
        ShapeError: the shapes are others, or empty.
        DTypeError: they are no integers.
        InvalidValueError: another ``average``; there are more than two classes for "binary", or
            two and ``pos_label`` is none of them.

    >>> from ember_ml import nn
    >>> nn.metrics.precision([0, 1, 1, 0], [0, 1, 1, 1]).item()
    0.6666666865348816
    """
    return _score(Precision, y_true, y_pred, labels, pos_label, average, zero_division)


def recall(
    y_true: TensorLike,
    y_pred: TensorLike,
    *,
    labels: Sequence[int] | None = None,
    pos_label: int = 1,
    average: Average = "binary",
    zero_division: float = 0.0,
) -> EmberTensor:
    """The share of a class that is predicted, ``tp / (tp + fn)``: scikit-learn's ``recall_score``.

    Arguments and errors as of `precision`.

    >>> from ember_ml import nn
    >>> nn.metrics.recall([0, 1, 1, 0], [0, 0, 1, 1]).item()
    0.5
    """
    return _score(Recall, y_true, y_pred, labels, pos_label, average, zero_division)


def f1(
    y_true: TensorLike,
    y_pred: TensorLike,
    *,
    labels: Sequence[int] | None = None,
    pos_label: int = 1,
    average: Average = "binary",
    zero_division: float = 0.0,
) -> EmberTensor:
    """The harmonic mean of precision and recall, ``2 tp / (2 tp + fp + fn)``.

    scikit-learn's ``f1_score``; arguments and errors as of `precision`.

    >>> from ember_ml import nn
    >>> nn.metrics.f1([0, 1, 1, 0], [0, 0, 1, 1]).item()
    0.5
    """
    return _score(F1, y_true, y_pred, labels, pos_label, average, zero_division)


class _Score(Metric):
    """Of each class: how often it is right, predicted and true."""

    def __init__(
        self,
        num_classes: int = 2,
        *,
        average: Average = "binary",
        pos_label: int = 1,
        zero_division: float = 0.0,
    ) -> None:
        super().__init__()
        what = type(self).__name__
        self.num_classes = positive(what, "num_classes", num_classes)
        self.average = average
        self.pos_label = pos_label
        self.zero_division = zero_division
        _check(what, average, zero_division)
        if average == "binary" and (num_classes != 2 or pos_label not in (0, 1)):
            raise InvalidValueError(
                f"{what}: average='binary' is for num_classes=2 and a pos_label of 0 or 1, not "
                f"{num_classes} and {pos_label}; choose 'micro', 'macro', 'weighted' or None"
            )

    def _names(self) -> tuple[str, ...]:
        return ("right", "predicted", "true")

    def _measured(self, y_true: TensorLike, y_pred: TensorLike) -> Sums:
        what = type(self).__name__
        y_true, y_pred = classes(what, y_true, y_pred)
        in_range(what, "y_true", y_true, self.num_classes)
        in_range(what, "y_pred", y_pred, self.num_classes)
        return _sums(y_true, y_pred, self.num_classes)

    def _result(self, sums: Sums) -> EmberTensor:
        if self.average == "binary":
            one = {name: x[self.pos_label] for name, x in sums.items()}
            return self._shares(one, self.zero_division)
        return self._averaged(sums, self.average, self.zero_division, seen=True)

    @classmethod
    def _averaged(
        cls, sums: Sums, average: Average, zero_division: float, *, seen: bool
    ) -> EmberTensor:
        """With ``seen``, a mean is over the classes that are true or predicted somewhere."""
        if average == "micro":
            return cls._shares({name: sum(x) for name, x in sums.items()}, zero_division)
        scores = cls._shares(sums, zero_division)
        if average is None:
            return scores
        counted = logical_not(isnan(scores))
        if seen:
            counted = counted & (sums["true"] + sums["predicted"] > 0)
        ones = counted.astype(scores.dtype)
        weights = ones
        if average == "weighted":
            weights = where(counted, sums["true"], zeros_like(sums["true"])).astype(scores.dtype)
            # as scikit-learn: where no class of them is true, all count alike
            weights = where(sum(weights) == 0, ones, weights)
        total = sum(where(counted, scores, zeros_like(scores)) * weights)
        return shares(total, sum(weights), math.nan)

    @staticmethod
    def _shares(sums: Sums, zero_division: float) -> EmberTensor:
        raise NotImplementedError


class Precision(_Score):
    """`metrics.precision` of the classes 0 to ``num_classes - 1``, batch by batch.

    "macro" is the mean over the classes that have been true or predicted.

    >>> from ember_ml import nn
    >>> metric = nn.metrics.Precision(3, average=None)
    >>> metric.update([0, 1], [0, 1]).update([2, 2], [1, 2]).compute().tolist()
    [1.0, 0.5, 1.0]
    """

    @staticmethod
    def _shares(sums: Sums, zero_division: float) -> EmberTensor:
        return shares(sums["right"], sums["predicted"], zero_division)


class Recall(_Score):
    """`metrics.recall` of the classes 0 to ``num_classes - 1``, as `Precision`.

    >>> from ember_ml import nn
    >>> metric = nn.metrics.Recall(num_classes=2, average=None)
    >>> metric.update([0, 0, 1, 1], [0, 1, 1, 1]).compute().tolist()
    [0.5, 1.0]
    """

    @staticmethod
    def _shares(sums: Sums, zero_division: float) -> EmberTensor:
        return shares(sums["right"], sums["true"], zero_division)


class F1(_Score):
    """`metrics.f1` of the classes 0 to ``num_classes - 1``, as `Precision`.

    >>> from ember_ml import nn
    >>> metric = nn.metrics.F1(num_classes=2, average="micro")
    >>> metric.update([0, 0, 1, 1], [0, 1, 1, 1]).compute().item()
    0.75
    """

    @staticmethod
    def _shares(sums: Sums, zero_division: float) -> EmberTensor:
        return shares(2 * sums["right"], sums["predicted"] + sums["true"], zero_division)


def _score(
    kind: type[_Score],
    y_true: TensorLike,
    y_pred: TensorLike,
    labels: Sequence[int] | None,
    pos_label: int,
    average: Average,
    zero_division: float,
) -> EmberTensor:
    what = kind.__name__.lower()
    _check(what, average, zero_division)
    y_true, y_pred = classes(what, y_true, y_pred)
    known = checked_labels(what, labels)
    if average == "binary":
        found = present(y_true, y_pred)
        if len(found) > 2:
            raise InvalidValueError(
                f"{what}: there are {len(found)} classes; choose average='micro', 'macro', "
                "'weighted' or None"
            )
        if len(found) == 2 and pos_label not in found:
            raise InvalidValueError(f"{what}: pos_label={pos_label} is none of {found}")
        known = [pos_label]
    listed = known or present(y_true, y_pred)
    sums = _sums(numbered(y_true, listed), numbered(y_pred, listed), len(listed))
    if average == "binary":
        return kind._shares({name: x[0] for name, x in sums.items()}, zero_division)
    return kind._averaged(sums, average, zero_division, seen=False)


def _sums(y_true: EmberTensor, y_pred: EmberTensor, n: int) -> Sums:
    """From numbers of classes, of which n is none."""
    ones = zeros_like(y_true) + 1

    def counted(x: EmberTensor) -> EmberTensor:
        return segment_sum(ones, x, num_segments=n + 1)[:n]

    right = where(y_true == y_pred, y_true, zeros_like(y_true) + n)
    return {"right": counted(right), "predicted": counted(y_pred), "true": counted(y_true)}


def _check(what: str, average: Average, zero_division: float) -> None:
    if average not in ("binary", "micro", "macro", "weighted", None):
        raise InvalidValueError(
            f"{what}: average is 'binary', 'micro', 'macro', 'weighted' or None, not {average!r}"
        )
    if not isinstance(zero_division, int | float) or not (
        zero_division in (0, 1) or math.isnan(zero_division)
    ):
        raise InvalidValueError(f"{what}: zero_division is 0, 1 or nan, not {zero_division!r}")
