"""Transposed convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from ember_ml.backend.dtypes import DTypeLike, float32
from ember_ml.backend.errors import InvalidValueError
from ember_ml.nn.tensor import EmberTensor, TensorLike, conv_transpose, reshape

from ._arguments import per_axis
from ._convolution import Convolution, Sizes

__all__ = ["ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]


class _ConvTranspose(Convolution):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes = 0,
        output_padding: Sizes = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Sizes = 1,
        padding_mode: Literal["zeros"] = "zeros",
        *,
        dtype: DTypeLike = float32,
        device: str | None = None,
    ) -> None:
        super().__init__()
        self._prepare(in_channels, out_channels, kernel_size, stride, dilation, groups)
        name = type(self).__name__
        if padding_mode != "zeros":
            raise InvalidValueError(f"{name}: padding_mode is 'zeros' alone, not {padding_mode!r}")
        self.padding_mode = padding_mode
        self._cut = per_axis(name, "padding", padding, self._axes, least=0)
        self.padding = self._cut
        self.output_padding = per_axis(name, "output_padding", output_padding, self._axes, least=0)
        options = zip(self.output_padding, self.stride, self.dilation, strict=True)
        if any(more >= max(stride, dilation) for more, stride, dilation in options):
            raise InvalidValueError(
                f"{name}: output_padding is less than the stride or the dilation, not "
                f"{self.output_padding} for {self.stride} and {self.dilation}"
            )
        self._draw((in_channels, out_channels // groups), bias, dtype, device)

    def forward(self, x: TensorLike, output_size: Sequence[int] | None = None) -> EmberTensor:
        """(N, in_channels, ...) to (N, out_channels, ...); or both without N.

        Args:
            output_size: of the result, its last axes or all of them, in place of
                ``output_padding``.
        """
        batch, single = self._batch(x)
        more = self.output_padding
        if output_size is not None:
            more = self._missing(batch, tuple(output_size), single)
        y = conv_transpose(
            batch, self.weight, self.bias, stride=self.stride, padding=self._cut,
            output_padding=more, dilation=self.dilation, groups=self.groups,
        )  # fmt: skip
        return reshape(y, y.shape[1:]) if single else y

    def _missing(self, x: EmberTensor, wanted: tuple[int, ...], single: bool) -> tuple[int, ...]:
        """The output padding that makes the result of the ``wanted`` size."""
        least = [
            (n - 1) * s - 2 * p + d * (k - 1) + 1
            for n, s, p, d, k in zip(
                x.shape[2:], self.stride, self._cut, self.dilation, self.kernel_size, strict=True
            )
        ]
        ends = wanted[-self._axes :]
        more = tuple(size - low for size, low in zip(ends, least, strict=False))
        if len(wanted) not in (self._axes, self._axes + 2 - single) or any(
            not 0 <= m < s for m, s in zip(more, self.stride, strict=True)
        ):
            most = [low + s - 1 for low, s in zip(least, self.stride, strict=True)]
            raise InvalidValueError(
                f"{type(self).__name__}: output_size is from {least} to {most} for x of shape "
                f"{x.shape[single:]}, not {wanted}"
            )
        return more


class ConvTranspose1d(_ConvTranspose):
    """The transpose of `Conv1d`, which makes sequences longer: `tensor.conv_transpose`.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: size of the kernel: a number, here and below, or a tuple.
        stride: how far the elements of the input are moved apart.
        padding: how many elements of the output are left out at both ends.
        output_padding: how many more there are at the end.
        groups: into how many parts, which do not meet, the channels are divided.
        bias: whether there is a ``bias``.
        dilation: how far the kernel's elements are apart.
        padding_mode: "zeros".

    Attributes:
        weight: (in_channels, out_channels / groups, kernel_size), uniform in ±1/sqrt(n), where n
            is the product of all sizes but the first, as PyTorch's.
        bias: (out_channels,), likewise, or None.

    Shape: (N, in_channels, L) to (N, out_channels, L'), or both without N.

    Raises:
        InvalidValueError: an argument makes no sense.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> layer = nn.ConvTranspose1d(3, 8, 3, stride=2)
    >>> layer(et.ones((2, 3, 5))).shape
    (2, 8, 11)
    >>> layer(et.ones((2, 3, 5)), output_size=(12,)).shape
    (2, 8, 12)
    """

    _axes = 1


class ConvTranspose2d(_ConvTranspose):
    """The transpose of `Conv2d`; see `ConvTranspose1d`, whose arguments may be pairs here.

    Attributes:
        weight: (in_channels, out_channels / groups, *kernel_size).
        bias: (out_channels,), or None.

    Shape: (N, in_channels, H, W) to (N, out_channels, H', W'), or both without N.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> nn.ConvTranspose2d(3, 8, 2, stride=2)(et.ones((2, 3, 5, 5))).shape
    (2, 8, 10, 10)
    """

    _axes = 2


class ConvTranspose3d(_ConvTranspose):
    """The transpose of `Conv3d`; see `ConvTranspose1d`, whose arguments may be of three numbers.

    Attributes:
        weight: (in_channels, out_channels / groups, *kernel_size).
        bias: (out_channels,), or None.

    Shape: (N, in_channels, D, H, W) to (N, out_channels, D', H', W'), or both without N.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> nn.ConvTranspose3d(3, 2, 2, stride=2)(et.ones((1, 3, 2, 2, 2))).shape
    (1, 2, 4, 4, 4)
    """

    _axes = 3
