"""How far predicted numbers are off."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

from ember_ml.backend.errors import InvalidValueError, ShapeError
from ember_ml.nn.losses._shared import tensors
from ember_ml.nn.tensor import (
    EmberTensor,
    TensorLike,
    abs,
    astype,
    expand_dims,
    mean,
    ones_like,
    sqrt,
    sum,
    where,
    zeros_like,
)
from ember_ml.nn.tensor._scatter import filled

from ._confusion import shares
from ._metric import Metric, Sums

__all__ = [
    "MeanAbsoluteError",
    "MeanSquaredError",
    "R2Score",
    "RootMeanSquaredError",
    "mean_absolute_error",
    "mean_squared_error",
    "r2_score",
    "root_mean_squared_error",
]

Outputs: TypeAlias = Literal["uniform_average", "raw_values"]


def mean_absolute_error(
    y_true: TensorLike, y_pred: TensorLike, *, multioutput: Outputs = "uniform_average"
) -> EmberTensor:
    """The mean of ``|y_true - y_pred|``: scikit-learn's function of this name.

    Args:
        y_true, y_pred: (N,), or (N, D) for D outputs.
        multioutput: "uniform_average", the mean over the outputs; "raw_values" for (D,), each.

    Raises:
        ShapeError: the shapes are others, or empty.
        InvalidValueError: another ``multioutput``.

    >>> from ember_ml import nn
    >>> nn.metrics.mean_absolute_error([1.0, 2.0], [1.0, 4.0]).item()
    1.0
    """
    return MeanAbsoluteError(multioutput=multioutput).update(y_true, y_pred).compute()


def mean_squared_error(
    y_true: TensorLike, y_pred: TensorLike, *, multioutput: Outputs = "uniform_average"
) -> EmberTensor:
    """The mean of ``(y_true - y_pred)**2``; arguments and errors as of `mean_absolute_error`.

    >>> from ember_ml import nn
    >>> nn.metrics.mean_squared_error([1.0, 2.0], [1.0, 4.0]).item()
    2.0
    """
    return MeanSquaredError(multioutput=multioutput).update(y_true, y_pred).compute()


def root_mean_squared_error(
    y_true: TensorLike, y_pred: TensorLike, *, multioutput: Outputs = "uniform_average"
) -> EmberTensor:
    """The square root of `mean_squared_error`, of each output before the mean over outputs.

    >>> from ember_ml import nn
    >>> nn.metrics.root_mean_squared_error([1.0, 2.0], [1.0, 2.0]).item()
    0.0
    """
    return RootMeanSquaredError(multioutput=multioutput).update(y_true, y_pred).compute()


def r2_score(
    y_true: TensorLike,
    y_pred: TensorLike,
    *,
    multioutput: Literal["uniform_average", "raw_values", "variance_weighted"] = "uniform_average",
) -> EmberTensor:
    """The coefficient of determination, 1 less the squared error over that of the mean.

    scikit-learn's function of this name. Of numbers that are all the same it is 1 for a perfect
    prediction and 0 for any other; of a single number it is nan.

    Args:
        y_true, y_pred: (N,), or (N, D) for D outputs.
        multioutput: as of `mean_absolute_error`; "variance_weighted" is the mean by variances.

    Errors as of `mean_absolute_error`.

    >>> from ember_ml import nn
    >>> nn.metrics.r2_score([1.0, 2.0, 3.0], [1.0, 2.0, 2.0]).item()
    0.5
    """
    return R2Score(multioutput=multioutput).update(y_true, y_pred).compute()


class _Errors(Metric):
    """The sum of a function of the errors, for each output."""

    multioutput: str

    def __init__(self, *, multioutput: Outputs = "uniform_average") -> None:
        super().__init__()
        self.multioutput = self._checked(multioutput, ("uniform_average", "raw_values"))

    def _checked(self, multioutput: str, known: tuple[str, ...]) -> str:
        if multioutput not in known:
            raise InvalidValueError(
                f"{type(self).__name__}: multioutput is one of {', '.join(known)}, not "
                f"{multioutput!r}"
            )
        return multioutput

    def _names(self) -> tuple[str, ...]:
        return ("total", "count")

    def _outputs(
        self, y_true: TensorLike, y_pred: TensorLike
    ) -> tuple[EmberTensor, EmberTensor, EmberTensor]:
        """(N, D) twice and N, in the widest floating dtype that there is, for long sums."""
        what = type(self).__name__
        y_true, y_pred = tensors(what, y_true, y_pred)
        if y_true.shape != y_pred.shape or y_true.ndim not in (1, 2) or not y_true.size:
            raise ShapeError(
                f"{what}: y_true of shape {y_true.shape} and y_pred of shape {y_pred.shape}; the "
                "same shape is due, (N,) or (N, D)"
            )
        backend = y_true._backend.backend
        dtype = "float64" if "float64" in backend.capabilities else "float32"
        y_true, y_pred = (astype(y, dtype, copy=False) for y in (y_true, y_pred))
        if y_true.ndim == 1:
            y_true, y_pred = expand_dims(y_true, axis=1), expand_dims(y_pred, axis=1)
        return y_true, y_pred, filled((), y_true.shape[0], y_true)

    def _measured(self, y_true: TensorLike, y_pred: TensorLike) -> Sums:
        y_true, y_pred, count = self._outputs(y_true, y_pred)
        return {"total": sum(self._of(y_true - y_pred), axis=0), "count": count}

    def _of(self, error: EmberTensor) -> EmberTensor:
        raise NotImplementedError

    def _result(self, sums: Sums) -> EmberTensor:
        return self._over_outputs(sums["total"] / sums["count"])

    def _over_outputs(self, scores: EmberTensor) -> EmberTensor:
        scores = astype(scores, "float32", copy=False)
        return scores if self.multioutput == "raw_values" else mean(scores)


class MeanAbsoluteError(_Errors):
    """`mean_absolute_error`, batch by batch.

    >>> from ember_ml import nn
    >>> nn.metrics.MeanAbsoluteError().update([1.0], [2.0]).update([1.0], [4.0]).compute().item()
    2.0
    """

    def _of(self, error: EmberTensor) -> EmberTensor:
        return abs(error)


class MeanSquaredError(_Errors):
    """`mean_squared_error`, batch by batch.

    >>> from ember_ml import nn
    >>> metric = nn.metrics.MeanSquaredError().update([1.0], [3.0])
    >>> metric.update([1.0], [1.0]).compute().item()
    2.0
    """

    def _of(self, error: EmberTensor) -> EmberTensor:
        return error * error


class RootMeanSquaredError(MeanSquaredError):
    """`root_mean_squared_error`, batch by batch.

    >>> from ember_ml import nn
    >>> nn.metrics.RootMeanSquaredError().update([1.0, 2.0], [3.0, 4.0]).compute().item()
    2.0
    """

    def _result(self, sums: Sums) -> EmberTensor:
        return self._over_outputs(sqrt(sums["total"] / sums["count"]))


class R2Score(_Errors):
    """`r2_score`, batch by batch, by the sums of Chan, Golub and LeVeque (1983).

    >>> from ember_ml import nn
    >>> metric = nn.metrics.R2Score().update([0.0, 2.0], [0.0, 1.0])
    >>> metric.compute().item()
    0.5
    """

    def __init__(
        self,
        *,
        multioutput: Literal[
            "uniform_average", "raw_values", "variance_weighted"
        ] = "uniform_average",
    ) -> None:
        Metric.__init__(self)
        known = ("uniform_average", "raw_values", "variance_weighted")
        self.multioutput = self._checked(multioutput, known)

    def _names(self) -> tuple[str, ...]:
        return ("residual", "mean", "spread", "count")

    def _measured(self, y_true: TensorLike, y_pred: TensorLike) -> Sums:
        y_true, y_pred, count = self._outputs(y_true, y_pred)
        error, center = y_true - y_pred, mean(y_true, axis=0)
        apart = y_true - center
        return {
            "residual": sum(error * error, axis=0),
            "mean": center,
            "spread": sum(apart * apart, axis=0),
            "count": count,
        }

    def _combined(self, first: Sums, second: Sums) -> Sums:
        count = first["count"] + second["count"]
        gap = second["mean"] - first["mean"]
        share = second["count"] / count
        return {
            "residual": first["residual"] + second["residual"],
            "mean": first["mean"] + gap * share,
            "spread": first["spread"] + second["spread"] + gap * gap * (first["count"] * share),
            "count": count,
        }

    def _result(self, sums: Sums) -> EmberTensor:
        residual, spread = sums["residual"], sums["spread"]
        missing = shares(residual, spread, 1.0)
        missing = where(residual == 0, zeros_like(missing), missing)
        scores = where(sums["count"] < 2, zeros_like(missing) + math.nan, 1.0 - missing)
        if self.multioutput != "variance_weighted":
            return self._over_outputs(scores)
        weights = where(sum(spread) == 0, ones_like(spread), spread)
        return astype(sum(scores * weights) / sum(weights), "float32", copy=False)
