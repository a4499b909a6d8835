"""Metrics: how good predictions are, with scikit-learn's names, arguments and values.

Each is a function of all predictions at once, and a class that is given them batch by batch.

>>> from ember_ml import nn
>>> nn.metrics.accuracy([0, 1, 1], [0, 1, 0]).item()
0.6666666865348816
>>> metric = nn.metrics.Accuracy()
>>> for y_true, y_pred in [([0, 1], [0, 1]), ([1], [0])]:
...     _ = metric.update(y_true, y_pred)
>>> metric.compute().item()
0.6666666865348816
"""

from ._accuracy import Accuracy, TopKAccuracy, accuracy, top_k_accuracy
from ._confusion import ConfusionMatrix, confusion_matrix
from ._metric import Metric
from ._ranking import AUROC, auroc
from ._regression import (
    MeanAbsoluteError,
    MeanSquaredError,
    R2Score,
    RootMeanSquaredError,
    mean_absolute_error,
    mean_squared_error,
    r2_score,
    root_mean_squared_error,
)
from ._scores import F1, Precision, Recall, f1, precision, recall

__all__ = [
    "AUROC",
    "F1",
    "Accuracy",
    "ConfusionMatrix",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Metric",
    "Precision",
    "R2Score",
    "Recall",
    "RootMeanSquaredError",
    "TopKAccuracy",
    "accuracy",
    "auroc",
    "confusion_matrix",
    "f1",
    "mean_absolute_error",
    "mean_squared_error",
    "precision",
    "r2_score",
    "recall",
    "root_mean_squared_error",
    "top_k_accuracy",
]
