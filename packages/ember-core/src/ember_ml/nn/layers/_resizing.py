"""Layers that resize and pad images and sequences, channels first."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import ClassVar

from ember_ml.backend.errors import InvalidValueError, ShapeError
from ember_ml.nn.modules import Module
from ember_ml.nn.tensor import (
    EmberTensor,
    TensorLike,
    asarray,
    interpolate,
    pad,
    pixel_shuffle,
    pixel_unshuffle,
)
from ember_ml.nn.tensor._resizing import Mode

from ._arguments import positive

__all__ = ["PixelShuffle", "PixelUnshuffle", "Upsample", "ZeroPad1d", "ZeroPad2d", "ZeroPad3d"]


class Upsample(Module):
    """`tensor.interpolate` as a layer, for (N, C, L), (N, C, H, W) and (N, C, D, H, W).

    >>> from ember_ml import nn
    >>> nn.Upsample(scale_factor=2)([[[1.0, 2.0]]]).tolist()
    [[[1.0, 1.0, 2.0, 2.0]]]
    """

    def __init__(
        self,
        size: int | Sequence[int] | None = None,
        scale_factor: float | Sequence[float] | None = None,
        mode: Mode = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        if (size is None) == (scale_factor is None):
            raise InvalidValueError(
                f"Upsample: give either size or scale_factor, not size={size!r} and "
                f"scale_factor={scale_factor!r}"
            )
        self.size = size
        self.scale_factor = (
            tuple(map(float, scale_factor))
            if isinstance(scale_factor, Sequence)
            else None
            if scale_factor is None
            else float(scale_factor)
        )
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, x: TensorLike) -> EmberTensor:
        """(N, C, ...) to the same with other last axes."""
        return interpolate(
            x,
            size=self.size,
            scale_factor=self.scale_factor,
            mode=self.mode,
            align_corners=self.align_corners,
            recompute_scale_factor=self.recompute_scale_factor,
        )

    def extra_repr(self) -> str:
        """The options."""
        which = "size" if self.scale_factor is None else "scale_factor"
        return f"{which}={getattr(self, which)!r}, mode={self.mode!r}"


class PixelShuffle(Module):
    """(..., C * r**2, H, W) to (..., C, H * r, W * r); see `tensor.pixel_shuffle`.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> nn.PixelShuffle(2)(et.ones((1, 8, 3, 3))).shape
    (1, 2, 6, 6)
    """

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = positive("PixelShuffle", "upscale_factor", upscale_factor)

    def forward(self, x: TensorLike) -> EmberTensor:
        """(..., C * r**2, H, W) to (..., C, H * r, W * r)."""
        return pixel_shuffle(x, self.upscale_factor)

    def extra_repr(self) -> str:
        """The factor."""
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """(..., C, H * r, W * r) to (..., C * r**2, H, W); see `tensor.pixel_unshuffle`.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> nn.PixelUnshuffle(2)(et.ones((1, 2, 6, 6))).shape
    (1, 8, 3, 3)
    """

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = positive("PixelUnshuffle", "downscale_factor", downscale_factor)

    def forward(self, x: TensorLike) -> EmberTensor:
        """(..., C, H * r, W * r) to (..., C * r**2, H, W)."""
        return pixel_unshuffle(x, self.downscale_factor)

    def extra_repr(self) -> str:
        """The factor."""
        return f"downscale_factor={self.downscale_factor}"


class _ZeroPad(Module):
    _axes: ClassVar[int]

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__()
        count = 2 * self._axes
        parts = tuple(padding) if isinstance(padding, Sequence) else (padding,) * count
        if len(parts) != count:
            raise InvalidValueError(
                f"{type(self).__name__}: padding is an integer or {count} of them, the last axis "
                f"first, not {padding!r}"
            )
        try:
            self.padding = tuple(map(operator.index, parts))
        except TypeError:
            raise InvalidValueError(
                f"{type(self).__name__}: padding consists of integers, not {padding!r}"
            ) from None

    def forward(self, x: TensorLike) -> EmberTensor:
        """(N, C, ...) or (C, ...) to the same with larger last axes."""
        x = asarray(x)
        if x.ndim not in (self._axes + 1, self._axes + 2):
            raise ShapeError(
                f"{type(self).__name__}: x of shape {x.shape}, where {self._axes + 2} axes are "
                f"due, or {self._axes + 1} without the batch"
            )
        numbers = dict(
            zip(
                range(-1, -1 - self._axes, -1),
                zip(self.padding[::2], self.padding[1::2], strict=True),
                strict=True,
            )
        )
        cut = [slice(None)] * x.ndim
        for axis, (before, after) in numbers.items():
            size = x.shape[axis]
            if size + before + after < 0:
                raise ShapeError(
                    f"{type(self).__name__}: x of shape {x.shape} is shorter than what padding "
                    f"{self.padding} takes away"
                )
            cut[axis] = slice(max(-before, 0), size + min(after, 0))
        if min(self.padding) < 0:
            x = x[tuple(cut)]
        return pad(x, {axis: (max(b, 0), max(a, 0)) for axis, (b, a) in numbers.items()})

    def extra_repr(self) -> str:
        """The widths."""
        return f"{self.padding}"


class ZeroPad1d(_ZeroPad):
    """Zeros before and after the last axis of (N, C, L) or (C, L); negative widths crop."""

    _axes = 1


class ZeroPad2d(_ZeroPad):
    """Zeros around (N, C, H, W) or (C, H, W): (left, right, top, bottom); negative widths crop.

    >>> from ember_ml import nn
    >>> nn.ZeroPad2d((1, 0, 0, 1))([[[5.0]]]).tolist()
    [[[0.0, 5.0], [0.0, 0.0]]]
    """

    _axes = 2


class ZeroPad3d(_ZeroPad):
    """Zeros around (N, C, D, H, W) or (C, D, H, W), the last axis first; negative widths crop."""

    _axes = 3
