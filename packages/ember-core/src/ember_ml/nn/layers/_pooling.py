"""Pooling layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ember_ml.backend.errors import ShapeError, UnsupportedError
from ember_ml.nn.modules import Module
from ember_ml.nn.tensor import (
    EmberTensor,
    TensorLike,
    adaptive_avg_pool,
    adaptive_max_pool,
    asarray,
    avg_pool,
    max_pool,
)
from ember_ml.nn.tensor._windows import sizes_of

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
]

Sizes = int | Sequence[int]


class _Pool(Module):
    """A layer over the last axes, of (N, C, ...) and (C, ...)."""

    _axes: ClassVar[int]

    def _checked(self, x: TensorLike) -> EmberTensor:
        if x.__class__ is not EmberTensor:
            x = asarray(x)
        if x.ndim not in (self._axes + 1, self._axes + 2):
            sizes = ", ".join(("C", *"DHW"[3 - self._axes :]))
            raise ShapeError(
                f"{type(self).__name__}: x of shape {x.shape}, where (N, {sizes}) or ({sizes}) "
                "is due"
            )
        return x

    def _sizes(self, name: str, value: Any, *, least: int = 1) -> tuple[int, ...]:
        return sizes_of(value, self._axes, type(self).__name__, name, least=least)


class _MaxPool(_Pool):
    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        if return_indices:
            raise UnsupportedError(
                f"{type(self).__name__}: return_indices is not supported, since not every engine "
                "has the indices; leave it out"
            )
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.ceil_mode = ceil_mode
        self._options: dict[str, Any] = {
            "kernel_size": self._sizes("kernel_size", kernel_size),
            "stride": self._sizes("stride", self.stride),
            "padding": self._sizes("padding", padding, least=0),
            "dilation": self._sizes("dilation", dilation),
            "ceil_mode": bool(ceil_mode),
        }

    def forward(self, x: TensorLike) -> EmberTensor:
        """(N, C, ...) or (C, ...) to the same with smaller last axes."""
        return max_pool(self._checked(x), **self._options)

    def extra_repr(self) -> str:
        """The options."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """The greatest element of each window of (N, C, L) or (C, L); see `tensor.max_pool`.

    >>> from ember_ml import nn
    >>> nn.MaxPool1d(2)([[1.0, 5.0, 2.0, 3.0]]).tolist()
    [[5.0, 3.0]]
    """

    _axes = 1


class MaxPool2d(_MaxPool):
    """The greatest element of each window of (N, C, H, W) or (C, H, W); see `tensor.max_pool`.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> nn.MaxPool2d(2)(et.zeros((8, 3, 28, 28))).shape
    (8, 3, 14, 14)
    """

    _axes = 2


class MaxPool3d(_MaxPool):
    """The greatest element of each window of (N, C, D, H, W) or (C, D, H, W)."""

    _axes = 3


class _AvgPool(_Pool):
    def _set(
        self,
        kernel_size: Sizes,
        stride: Sizes | None,
        padding: Sizes,
        ceil_mode: bool,
        count_include_pad: bool,
        divisor_override: int | None = None,
    ) -> None:
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self._options: dict[str, Any] = {
            "kernel_size": self._sizes("kernel_size", kernel_size),
            "stride": self._sizes("stride", self.stride),
            "padding": self._sizes("padding", padding, least=0),
            "ceil_mode": bool(ceil_mode),
            "count_include_pad": bool(count_include_pad),
            "divisor_override": divisor_override,
        }

    def forward(self, x: TensorLike) -> EmberTensor:
        """(N, C, ...) or (C, ...) to the same with smaller last axes."""
        return avg_pool(self._checked(x), **self._options)

    def extra_repr(self) -> str:
        """The sizes."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(_AvgPool):
    """The mean of each window of (N, C, L) or (C, L); see `tensor.avg_pool`.

    >>> from ember_ml import nn
    >>> nn.AvgPool1d(2)([[1.0, 5.0, 2.0, 3.0]]).tolist()
    [[3.0, 2.5]]
    """

    _axes = 1

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self._set(kernel_size, stride, padding, ceil_mode, count_include_pad)
        # as PyTorch keeps them, for this layer alone
        self.kernel_size, self.stride = self._options["kernel_size"], self._options["stride"]
        self.padding = self._options["padding"]


class _AvgPoolOver(_AvgPool):
    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.divisor_override = divisor_override
        self._set(kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


class AvgPool2d(_AvgPoolOver):
    """The mean of each window of (N, C, H, W) or (C, H, W); see `tensor.avg_pool`.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> nn.AvgPool2d(2)(et.ones((1, 3, 8, 6))).shape
    (1, 3, 4, 3)
    """

    _axes = 2


class AvgPool3d(_AvgPoolOver):
    """The mean of each window of (N, C, D, H, W) or (C, D, H, W); see `tensor.avg_pool`."""

    _axes = 3


class _Adaptive(_Pool):
    def __init__(
        self, output_size: int | Sequence[int | None] | None, return_indices: bool = False
    ) -> None:
        super().__init__()
        if return_indices:
            raise UnsupportedError(
                f"{type(self).__name__}: return_indices is not supported, since not every engine "
                "has the indices; leave it out"
            )
        self.output_size = output_size
        parts = output_size if isinstance(output_size, Sequence) else [output_size]
        filled = [1 if part is None else part for part in parts]
        given = self._sizes("output_size", filled)
        self._output = given if None not in parts else self._left(parts)

    def _left(self, parts: Sequence[int | None]) -> tuple[int | None, ...]:
        return tuple(parts) * (self._axes if len(parts) == 1 else 1)

    def extra_repr(self) -> str:
        """The size."""
        return f"output_size={self.output_size}"


class _AdaptiveAvg(_Adaptive):
    def __init__(self, output_size: int | Sequence[int | None] | None) -> None:
        super().__init__(output_size)

    def forward(self, x: TensorLike) -> EmberTensor:
        """(N, C, ...) or (C, ...) to the same with last axes of ``output_size``."""
        return adaptive_avg_pool(self._checked(x), output_size=self._output)


class _AdaptiveMax(_Adaptive):
    def forward(self, x: TensorLike) -> EmberTensor:
        """(N, C, ...) or (C, ...) to the same with last axes of ``output_size``."""
        return adaptive_max_pool(self._checked(x), output_size=self._output)


class AdaptiveAvgPool1d(_AdaptiveAvg):
    """The mean of ``output_size`` windows of (N, C, L) or (C, L)."""

    _axes = 1


class AdaptiveAvgPool2d(_AdaptiveAvg):
    """The mean of ``output_size`` windows of (N, C, H, W) or (C, H, W).

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> nn.AdaptiveAvgPool2d((1, None))(et.zeros((8, 3, 28, 28))).shape
    (8, 3, 1, 28)
    """

    _axes = 2


class AdaptiveAvgPool3d(_AdaptiveAvg):
    """The mean of ``output_size`` windows of (N, C, D, H, W) or (C, D, H, W)."""

    _axes = 3


class AdaptiveMaxPool1d(_AdaptiveMax):
    """The greatest element of ``output_size`` windows of (N, C, L) or (C, L)."""

    _axes = 1


class AdaptiveMaxPool2d(_AdaptiveMax):
    """The greatest element of ``output_size`` windows of (N, C, H, W) or (C, H, W).

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> nn.AdaptiveMaxPool2d((2, 1))(et.ones((1, 3, 7, 5))).shape
    (1, 3, 2, 1)
    """

    _axes = 2


class AdaptiveMaxPool3d(_AdaptiveMax):
    """The greatest element of ``output_size`` windows of (N, C, D, H, W) or (C, D, H, W)."""

    _axes = 3
