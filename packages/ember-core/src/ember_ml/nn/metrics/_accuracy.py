"""How many predictions are right."""

from __future__ import annotations

from ember_ml.backend.errors import InvalidValueError
from ember_ml.nn.tensor import (
    EmberTensor,
    TensorLike,
    expand_dims,
    logical_and,
    logical_or,
    sum,
    take_along_axis,
)
from ember_ml.nn.tensor._scatter import counting, filled

from ._labels import classes, classified
from ._metric import Metric, Sums

__all__ = ["Accuracy", "TopKAccuracy", "accuracy", "top_k_accuracy"]


def accuracy(y_true: TensorLike, y_pred: TensorLike, *, normalize: bool = True) -> EmberTensor:
    """The share of predictions that are right; their number with ``normalize=False``.

    scikit-learn's ``accuracy_score``.

    Args:
        y_true, y_pred: class numbers, (N,).

    Raises:
        ShapeError: the shapes are others, or empty.
        DTypeError: they are no integers.

    >>> from ember_ml import nn
    >>> nn.metrics.accuracy([0, 1, 2, 3], [0, 2, 2, 3]).item()
    0.75
    """
    return Accuracy(normalize=normalize).update(y_true, y_pred).compute()


def top_k_accuracy(
    y_true: TensorLike, y_score: TensorLike, *, k: int = 2, normalize: bool = True
) -> EmberTensor:
    """The share of samples whose class is among the ``k`` of the highest scores.

    scikit-learn's ``top_k_accuracy_score``; of equal scores that of the later class is higher.

    Args:
        y_true: class numbers, (N,).
        y_score: (N, C), probabilities or logits.

    Raises:
        ShapeError: the shapes are others, or empty.
        InvalidValueError: ``k`` is not positive.

    >>> from ember_ml import nn
    >>> nn.metrics.top_k_accuracy([0, 2], [[0.5, 0.3, 0.2], [0.6, 0.3, 0.1]], k=2).item()
    0.5
    """
    return TopKAccuracy(k=k, normalize=normalize).update(y_true, y_score).compute()


class Accuracy(Metric):
    """`metrics.accuracy`, batch by batch.

    >>> from ember_ml import nn
    >>> nn.metrics.Accuracy().update([0, 1], [0, 1]).update([1, 1], [0, 1]).compute().item()
    0.75
    """

    def __init__(self, *, normalize: bool = True) -> None:
        super().__init__()
        self.normalize = normalize

    def _names(self) -> tuple[str, ...]:
        return ("right", "count")

    def _measured(self, y_true: TensorLike, y_pred: TensorLike) -> Sums:
        y_true, y_pred = classes(type(self).__name__, y_true, y_pred)
        return self._counted(y_true == y_pred, y_true)

    def _counted(self, right: EmberTensor, y_true: EmberTensor) -> Sums:
        return {
            "right": sum(right.astype(y_true.dtype)),
            "count": filled((), y_true.shape[0], y_true),
        }

    def _result(self, sums: Sums) -> EmberTensor:
        return sums["right"] / sums["count"] if self.normalize else sums["right"]


class TopKAccuracy(Accuracy):
    """`metrics.top_k_accuracy`, batch by batch.

    >>> from ember_ml import nn
    >>> metric = nn.metrics.TopKAccuracy(k=2)
    >>> metric.update([0, 0], [[0.2, 0.3, 0.5], [0.3, 0.2, 0.5]]).compute().item()
    0.5
    """

    def __init__(self, *, k: int = 2, normalize: bool = True) -> None:
        super().__init__(normalize=normalize)
        if not isinstance(k, int) or k < 1:
            raise InvalidValueError(f"TopKAccuracy: k is a positive integer, not {k!r}")
        self.k = k

    def _measured(self, y_true: TensorLike, y_score: TensorLike) -> Sums:
        y_true, y_score = classified(type(self).__name__, y_true, y_score)
        column = expand_dims(y_true, axis=1)
        own = take_along_axis(y_score, column, axis=1)
        later = expand_dims(counting(y_score.shape[1], y_true), axis=0) > column
        above = logical_or(y_score > own, logical_and(y_score == own, later))
        return self._counted(sum(above.astype(y_true.dtype), axis=1) < self.k, y_true)
