"""Normalisation by the statistics of each example."""

from __future__ import annotations

from collections.abc import Sequence

from ember_ml.backend.dtypes import DTypeLike, float32
from ember_ml.backend.errors import InvalidValueError, ShapeError
from ember_ml.nn.modules import Module, Parameter
from ember_ml.nn.tensor import (
    EmberTensor,
    TensorLike,
    asarray,
    group_norm,
    layer_norm,
    ones,
    rms_norm,
    zeros,
)

from ._arguments import positive

__all__ = ["GroupNorm", "LayerNorm", "RMSNorm", "set_affine"]


def set_affine(
    layer: Module,
    shape: tuple[int, ...],
    weight: bool,
    bias: bool,
    dtype: DTypeLike,
    device: str | None,
) -> None:
    """A weight of ones and a bias of zeros, or None."""
    for name, wanted, make in (("weight", weight, ones), ("bias", bias, zeros)):
        value = Parameter(make(shape, dtype=dtype, device=device)) if wanted else None
        layer.register_parameter(name, value)


class _Trailing(Module):
    """A layer over the last axes, of ``normalized_shape``."""

    def _set(self, normalized_shape: int | Sequence[int]) -> None:
        given = normalized_shape if isinstance(normalized_shape, Sequence) else (normalized_shape,)
        if not given:
            raise InvalidValueError(
                f"{type(self).__name__}: normalized_shape has at least one size, not ()"
            )
        self.normalized_shape = tuple(
            positive(type(self).__name__, "normalized_shape", size) for size in given
        )

    def _checked(self, x: TensorLike) -> EmberTensor:
        if x.__class__ is not EmberTensor:
            x = asarray(x)
        due = self.normalized_shape
        if x.shape[-len(due) :] != due:
            raise ShapeError(
                f"{type(self).__name__}: x of shape {x.shape}, where (..., "
                f"{', '.join(map(str, due))}) is due"
            )
        return x


class LayerNorm(_Trailing):
    """Zero mean and unit variance over the last axes; see `tensor.layer_norm`.

    Args:
        normalized_shape: sizes of the axes that are normalised over.
        eps: added to the variance.
        elementwise_affine: whether there are ``weight`` and ``bias``.
        bias: whether there is a ``bias``.

    Attributes:
        weight: (*normalized_shape), ones at first, or None.
        bias: (*normalized_shape), zeros at first, or None.

    Shape: (..., *normalized_shape) to the same.

    >>> from ember_ml import nn
    >>> [round(v, 3) for v in nn.LayerNorm(3)([1.0, 2.0, 3.0]).tolist()]
    [-1.225, 0.0, 1.225]
    """

    weight: EmberTensor | None
    bias: EmberTensor | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        dtype: DTypeLike = float32,
        device: str | None = None,
    ) -> None:
        super().__init__()
        self._set(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        affine = bool(elementwise_affine)
        set_affine(self, self.normalized_shape, affine, affine and bool(bias), dtype, device)

    def forward(self, x: TensorLike) -> EmberTensor:
        """(..., *normalized_shape) to the same."""
        return layer_norm(
            self._checked(x), self.weight, self.bias, dims=len(self.normalized_shape), eps=self.eps
        )

    def extra_repr(self) -> str:
        """The options."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )


class RMSNorm(_Trailing):
    """Unit size over the last axes; see `tensor.rms_norm`.

    Args:
        normalized_shape: sizes of the axes that are normalised over.
        eps: added to the mean of the squares; None for the dtype's own.
        elementwise_affine: whether there is a ``weight``.

    Attributes:
        weight: (*normalized_shape), ones at first, or None.

    Shape: (..., *normalized_shape) to the same.

    >>> from ember_ml import nn
    >>> [round(v, 3) for v in nn.RMSNorm(2)([3.0, 4.0]).tolist()]
    [0.849, 1.131]
    """

    weight: EmberTensor | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        *,
        dtype: DTypeLike = float32,
        device: str | None = None,
    ) -> None:
        super().__init__()
        self._set(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        one = Parameter(ones(self.normalized_shape, dtype=dtype, device=device))
        self.register_parameter("weight", one if elementwise_affine else None)

    def forward(self, x: TensorLike) -> EmberTensor:
        """(..., *normalized_shape) to the same."""
        return rms_norm(
            self._checked(x), self.weight, dims=len(self.normalized_shape), eps=self.eps
        )

    def extra_repr(self) -> str:
        """The options."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )


class GroupNorm(Module):
    """Zero mean and unit variance over each group of channels; see `tensor.group_norm`.

    Args:
        num_groups: of channels.
        num_channels: a multiple of ``num_groups``.
        eps: added to the variance.
        affine: whether there are ``weight`` and ``bias``.
        bias: whether there is a ``bias``.

    Attributes:
        weight: (num_channels,), ones at first, or None.
        bias: (num_channels,), zeros at first, or None.

    Shape: (N, num_channels, ...) to the same.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> nn.GroupNorm(2, 6)(et.ones((4, 6, 5, 5))).shape
    (4, 6, 5, 5)
    """

    weight: EmberTensor | None
    bias: EmberTensor | None

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        *,
        bias: bool = True,
        dtype: DTypeLike = float32,
        device: str | None = None,
    ) -> None:
        super().__init__()
        self.num_groups = positive("GroupNorm", "num_groups", num_groups)
        self.num_channels = positive("GroupNorm", "num_channels", num_channels)
        if self.num_channels % self.num_groups:
            raise InvalidValueError(
                f"GroupNorm: num_channels is a multiple of num_groups={num_groups}, not "
                f"{num_channels}"
            )
        self.eps = eps
        self.affine = affine
        set_affine(self, (self.num_channels,), affine, affine and bias, dtype, device)

    def forward(self, x: TensorLike) -> EmberTensor:
        """(N, num_channels, ...) to the same."""
        if x.__class__ is not EmberTensor:
            x = asarray(x)
        if x.ndim < 2 or x.shape[1] != self.num_channels:
            raise ShapeError(
                f"GroupNorm: x of shape {x.shape}, where (N, {self.num_channels}, ...) is due"
            )
        return group_norm(x, self.weight, self.bias, num_groups=self.num_groups, eps=self.eps)

    def extra_repr(self) -> str:
        """The options."""
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )
