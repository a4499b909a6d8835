"""Which classes are taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from ember_ml.backend.errors import InvalidValueError
from ember_ml.nn.layers._arguments import positive
from ember_ml.nn.tensor import (
    EmberTensor,
    TensorLike,
    ones_like,
    reshape,
    segment_sum,
    sum,
    where,
    zeros_like,
)

from ._labels import checked_labels, classes, in_range, numbered, present
from ._metric import Metric, Sums

__all__ = ["ConfusionMatrix", "confusion_matrix", "shares"]

Normalize: TypeAlias = Literal["true", "pred", "all"] | None


def confusion_matrix(
    y_true: TensorLike,
    y_pred: TensorLike,
    *,
    labels: Sequence[int] | None = None,
    normalize: Normalize = None,
) -> EmberTensor:
    """How often class i is taken for class j: (C, C), integers, or shares where normalised.

    scikit-learn's function of this name.

    Args:
        y_true, y_pred: class numbers, (N,).
        labels: the classes, in the order of rows and columns; those that there are, sorted,
            unless they are given. What is none of them does not count.
        normalize: "true" divides rows by their sums, "pred" columns, "all" everything by the number
            of samples. What is divided by zero is zero.

    Raises:
        ShapeError: the shapes are others, or empty.
        DTypeError: they are no integers.
        InvalidValueError: another ``normalize``; ``labels`` that are not distinct integers.

    >>> from ember_ml import nn
    >>> nn.metrics.confusion_matrix([0, 0, 1], [0, 1, 1]).tolist()
    [[1, 1], [0, 1]]
    """
    _check_normalize("confusion_matrix", normalize)
    y_true, y_pred = classes("confusion_matrix", y_true, y_pred)
    known = checked_labels("confusion_matrix", labels) or present(y_true, y_pred)
    counts = _counts(numbered(y_true, known), numbered(y_pred, known), len(known))
    return _normalized(counts, normalize)


class ConfusionMatrix(Metric):
    """`confusion_matrix` of the classes 0 to ``num_classes - 1``, batch by batch.

    >>> from ember_ml import nn
    >>> metric = nn.metrics.ConfusionMatrix(2, normalize="true")
    >>> metric.update([0, 0], [0, 1]).update([1], [1]).compute().tolist()
    [[0.5, 0.5], [0.0, 1.0]]
    """

    def __init__(self, num_classes: int, *, normalize: Normalize = None) -> None:
        super().__init__()
        self.num_classes = positive("ConfusionMatrix", "num_classes", num_classes)
        self.normalize = _check_normalize("ConfusionMatrix", normalize)

    def _names(self) -> tuple[str, ...]:
        return ("counts",)

    def _measured(self, y_true: TensorLike, y_pred: TensorLike) -> Sums:
        y_true, y_pred = classes("ConfusionMatrix", y_true, y_pred)
        in_range("ConfusionMatrix", "y_true", y_true, self.num_classes)
        in_range("ConfusionMatrix", "y_pred", y_pred, self.num_classes)
        return {"counts": _counts(y_true, y_pred, self.num_classes)}

    def _result(self, sums: Sums) -> EmberTensor:
        return _normalized(sums["counts"], self.normalize)


def _check_normalize(what: str, normalize: Normalize) -> Normalize:
    if normalize not in ("true", "pred", "all", None):
        raise InvalidValueError(
            f"{what}: normalize is 'true', 'pred', 'all' or None, not {normalize!r}"
        )
    return normalize


def _counts(y_true: EmberTensor, y_pred: EmberTensor, n: int) -> EmberTensor:
    """(n, n) from numbers of classes, of which n is none."""
    cells = segment_sum(
        ones_like(y_true), y_true * (n + 1) + y_pred, num_segments=(n + 1) * (n + 1)
    )
    return reshape(cells, (n + 1, n + 1))[:n, :n]


def _normalized(counts: EmberTensor, normalize: Normalize) -> EmberTensor:
    if normalize is None:
        return counts
    axis = {"true": 1, "pred": 0, "all": None}[normalize]
    return shares(counts, sum(counts, axis=axis, keepdims=axis is not None), 0.0)


def shares(part: EmberTensor, whole: EmberTensor, zero_division: float) -> EmberTensor:
    """``part / whole``, and ``zero_division`` where the whole is zero."""
    none = whole == 0
    found = part / where(none, ones_like(whole), whole)
    return where(none, zeros_like(found) + zero_division, found)
