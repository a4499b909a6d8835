"""Normalisation with running statistics: of batches and of examples."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from ember_ml.backend.dtypes import DTypeLike, float32, int64
from ember_ml.backend.errors import ShapeError
from ember_ml.nn.modules import Module
from ember_ml.nn.tensor import (
    EmberTensor,
    TensorLike,
    asarray,
    astype,
    batch_norm,
    batch_norm_train,
    instance_norm,
    mean,
    ones,
    reshape,
    tile,
    zeros,
)

from ._arguments import positive
from ._normalization import set_affine

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
]


def _write(buffer: EmberTensor | None, value: EmberTensor) -> None:
    """Give a running statistic, the tensor itself, a new value."""
    if buffer is None:
        return
    if value.dtype is not buffer.dtype:
        value = astype(value, buffer.dtype)
    buffer._tensor, buffer._backend = value._tensor, value._backend


class _Tracked(Module):
    """Parameters and running statistics of each channel, under PyTorch's names."""

    _ndims: ClassVar[tuple[int, ...]]
    _due: ClassVar[str]
    weight: EmberTensor | None
    bias: EmberTensor | None
    running_mean: EmberTensor | None
    running_var: EmberTensor | None
    num_batches_tracked: EmberTensor | None

    def _set(
        self,
        num_features: int,
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
        bias: bool,
        dtype: DTypeLike,
        device: str | None,
    ) -> None:
        self.num_features = positive(type(self).__name__, "num_features", num_features)
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        shape = (self.num_features,)
        set_affine(self, shape, bool(affine), bool(affine and bias), dtype, device)
        first: dict[str, Any] = dict.fromkeys(
            ("running_mean", "running_var", "num_batches_tracked")
        )
        if track_running_stats:
            first["running_mean"] = zeros(shape, dtype=dtype, device=device)
            first["running_var"] = ones(shape, dtype=dtype, device=device)
            first["num_batches_tracked"] = zeros((), dtype=int64, device=device)
        for name, value in first.items():
            self.register_buffer(name, value)

    def reset_running_stats(self) -> None:
        """Give the running statistics their first values, if there are any."""
        if self.running_mean is not None and self.running_var is not None:
            _write(self.running_mean, self.running_mean * 0.0)
            _write(self.running_var, self.running_var * 0.0 + 1.0)
        if self.num_batches_tracked is not None:
            _write(self.num_batches_tracked, self.num_batches_tracked * 0)

    def _checked(self, x: TensorLike, channels: int = 1) -> EmberTensor:
        """``x``, if its axis ``channels`` has the features."""
        if x.__class__ is not EmberTensor:
            x = asarray(x)
        if x.ndim not in self._ndims or x.shape[channels] != self.num_features:
            due = self._due.replace("C", str(self.num_features))
            raise ShapeError(f"{type(self).__name__}: x of shape {x.shape}, where {due} is due")
        return x

    def extra_repr(self) -> str:
        """The options."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.affine}, bias={self.bias is not None}, "
            f"track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_Tracked):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        bias: bool = True,
        dtype: DTypeLike = float32,
        device: str | None = None,
    ) -> None:
        super().__init__()
        self._set(
            num_features, eps, momentum, affine, track_running_stats, bias, dtype, device
        )  # fmt: skip

    def forward(self, x: TensorLike) -> EmberTensor:
        """(N, C, ...) to the same."""
        x = self._checked(x)
        moving, spread = self.running_mean, self.running_var
        if not self.training and moving is not None and spread is not None:
            return batch_norm(x, moving, spread, self.weight, self.bias, eps=self.eps)
        if math.prod(x.shape) == self.num_features:
            raise ShapeError(
                f"{type(self).__name__}: x of shape {x.shape} has one value for each channel; to "
                "normalise by statistics of the batch more are due: a larger batch, or model.eval()"
            )
        if not self.training or moving is None or spread is None:
            unused = zeros((self.num_features,), dtype=x.dtype, device=x.device)
            if 0 in x.shape:
                return batch_norm(x, unused, unused, self.weight, self.bias, eps=self.eps)
            return self._normalized(x, unused, unused, 0.0)[0]
        count = self.num_batches_tracked
        if count is not None:
            _write(count, count + 1)
        if 0 in x.shape:  # an empty batch has no statistics
            return batch_norm(x, moving, spread, self.weight, self.bias, eps=self.eps)
        if self.momentum is not None:
            y, centre, variance = self._normalized(x, moving, spread, self.momentum)
        else:
            # the mean of what all batches had
            share = 1.0 if count is None else 1.0 / astype(count, moving.dtype)
            y, centre, variance = self._normalized(x, moving, spread, 1.0)
            centre = moving + share * (centre - moving)
            variance = spread + share * (variance - spread)
        _write(moving, centre)
        _write(spread, variance)
        return y

    def _normalized(
        self, x: EmberTensor, moving: EmberTensor, spread: EmberTensor, momentum: float
    ) -> tuple[EmberTensor, ...]:
        return batch_norm_train(
            x, moving, spread, self.weight, self.bias, momentum=momentum, eps=self.eps
        )


class BatchNorm1d(_BatchNorm):
    """Zero mean and unit variance of each channel over the batch (Ioffe and Szegedy, 2015).

    In training by the statistics of the batch, which move the running ones; otherwise by those.

    Args:
        num_features: how many channels.
        eps: added to the variance.
        momentum: how far a batch moves the running statistics; None for the mean of all batches.
        affine: whether there are ``weight`` and ``bias``.
        track_running_stats: whether there are running statistics; if not, those of the batch
            serve in evaluation too.
        bias: whether there is a ``bias``.

    Attributes:
        weight: (num_features,), ones at first, or None.
        bias: (num_features,), zeros at first, or None.
        running_mean: (num_features,), or None.
        running_var: (num_features,), unbiased, or None.
        num_batches_tracked: int64, or None.

    Shape: (N, C) or (N, C, L) to the same.

    >>> from ember_ml import nn
    >>> layer = nn.BatchNorm1d(1)
    >>> [round(v, 3) for (v,) in layer([[1.0], [3.0]]).tolist()]
    [-1.0, 1.0]
    >>> [round(v, 3) for v in layer.running_mean.tolist()]
    [0.2]
    """

    _ndims = (2, 3)
    _due = "(N, C) or (N, C, L)"


class BatchNorm2d(_BatchNorm):
    """`BatchNorm1d` for (N, C, H, W)."""

    _ndims = (4,)
    _due = "(N, C, H, W)"


class BatchNorm3d(_BatchNorm):
    """`BatchNorm1d` for (N, C, D, H, W)."""

    _ndims = (5,)
    _due = "(N, C, D, H, W)"


class _InstanceNorm(_Tracked):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        *,
        bias: bool = True,
        dtype: DTypeLike = float32,
        device: str | None = None,
    ) -> None:
        super().__init__()
        self._set(
            num_features, eps, momentum, affine, track_running_stats, bias, dtype, device
        )  # fmt: skip

    def forward(self, x: TensorLike) -> EmberTensor:
        """(N, C, ...) or (C, ...) to the same."""
        x = asarray(x)
        single = x.ndim == self._ndims[0]
        x = self._checked(x, 0 if single else 1)
        if single:
            return reshape(self._of_batch(reshape(x, (1, *x.shape))), x.shape)
        return self._of_batch(x)

    def _of_batch(self, x: EmberTensor) -> EmberTensor:
        moving, spread = self.running_mean, self.running_var
        if moving is not None and spread is not None and not self.training:
            return batch_norm(x, moving, spread, self.weight, self.bias, eps=self.eps)
        if math.prod(x.shape[2:]) == 1:
            raise ShapeError(
                f"{type(self).__name__}: x of shape {x.shape} has one value for each channel of an "
                "example; to normalise by their statistics more are due"
            )
        if moving is not None and spread is not None:
            self._track(x, moving, spread)
        return instance_norm(x, self.weight, self.bias, eps=self.eps)

    def _track(self, x: EmberTensor, moving: EmberTensor, spread: EmberTensor) -> None:
        batch, channels = x.shape[:2]
        _, centre, variance = batch_norm_train(
            reshape(x, (1, batch * channels, *x.shape[2:])),
            tile(moving, (batch,)),
            tile(spread, (batch,)),
            momentum=self.momentum or 0.0,
        )
        _write(moving, mean(reshape(centre, (batch, channels)), axis=0))
        _write(spread, mean(reshape(variance, (batch, channels)), axis=0))


class InstanceNorm1d(_InstanceNorm):
    """Zero mean and unit variance of each channel of each example (Ulyanov et al., 2016).

    Args:
        num_features: how many channels.
        eps: added to the variance.
        momentum: how far a batch moves the running statistics; None for not at all.
        affine: whether there are ``weight`` and ``bias``.
        track_running_stats: whether there are running statistics, used in evaluation.
        bias: whether there is a ``bias``.

    Attributes: those of `BatchNorm1d`.

    Shape: (N, C, L) or (C, L) to the same.

    >>> from ember_ml import nn
    >>> [round(v, 3) for v in nn.InstanceNorm1d(1)([[1.0, 3.0]])[0].tolist()]
    [-1.0, 1.0]
    """

    _ndims = (2, 3)
    _due = "(N, C, L) or (C, L)"


class InstanceNorm2d(_InstanceNorm):
    """`InstanceNorm1d` for (N, C, H, W) and (C, H, W)."""

    _ndims = (3, 4)
    _due = "(N, C, H, W) or (C, H, W)"


class InstanceNorm3d(_InstanceNorm):
    """`InstanceNorm1d` for (N, C, D, H, W) and (C, D, H, W)."""

    _ndims = (4, 5)
    _due = "(N, C, D, H, W) or (C, D, H, W)"
