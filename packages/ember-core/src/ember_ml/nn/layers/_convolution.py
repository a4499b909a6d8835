"""Convolutions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar, Literal, TypeAlias

from ember_ml.backend.dtypes import DTypeLike, float32
from ember_ml.backend.errors import InvalidValueError, ShapeError
from ember_ml.nn import initializers
from ember_ml.nn.modules import Module, Parameter
from ember_ml.nn.tensor import EmberTensor, TensorLike, asarray, conv, pad, reshape

from ._arguments import per_axis, positive

__all__ = ["Conv1d", "Conv2d", "Conv3d", "Convolution", "Sizes"]

#: One number for every axis, or one for each.
Sizes: TypeAlias = int | Sequence[int]
PaddingMode: TypeAlias = Literal["zeros", "reflect", "replicate", "circular"]

#: What `tensor.pad` calls the modes.
_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
_AXES = ("D", "H", "W")


class Convolution(Module):
    """What convolutions have in common: sizes, parameters, the check of the input, the text."""

    _axes: ClassVar[int]
    weight: EmberTensor
    bias: EmberTensor | None
    padding: str | tuple[int, ...]
    output_padding: tuple[int, ...]
    padding_mode: str

    def _prepare(
        self, in_channels: int, out_channels: int, kernel_size: Sizes, stride: Sizes,
        dilation: Sizes, groups: int,
    ) -> None:  # fmt: skip
        name, axes = type(self).__name__, self._axes
        self.in_channels = positive(name, "in_channels", in_channels)
        self.out_channels = positive(name, "out_channels", out_channels)
        self.kernel_size = per_axis(name, "kernel_size", kernel_size, axes)
        self.stride = per_axis(name, "stride", stride, axes)
        self.dilation = per_axis(name, "dilation", dilation, axes)
        self.groups = positive(name, "groups", groups)
        for part in ("in_channels", "out_channels"):
            if getattr(self, part) % groups:
                raise InvalidValueError(
                    f"{name}: {part} is a multiple of groups={groups}, not {getattr(self, part)}"
                )

    def _draw(
        self, shape: tuple[int, int], bias: bool, dtype: DTypeLike, device: str | None
    ) -> None:
        """The parameters, as PyTorch draws them; ``shape`` is that of the weight's channels."""
        bound = 1.0 / math.sqrt(shape[1] * math.prod(self.kernel_size))

        def draw(*shape: int) -> Parameter:
            return Parameter(
                initializers.uniform(shape, low=-bound, high=bound, dtype=dtype, device=device)
            )

        self.register_parameter("weight", draw(*shape, *self.kernel_size))
        self.register_parameter("bias", draw(self.out_channels) if bias else None)

    def _batch(self, x: TensorLike) -> tuple[EmberTensor, bool]:
        """``x`` as a batch, and whether it is that of one sample.

        Raises:
            ShapeError: it is neither a batch nor a sample, or has other channels.
        """
        if x.__class__ is not EmberTensor:
            x = asarray(x)
        shape, axes = x.shape, self._axes
        single = len(shape) == axes + 1
        if (not single and len(shape) != axes + 2) or shape[1 - single] != self.in_channels:
            names = ", ".join((f"{self.in_channels}", *_AXES[-axes:]))
            raise ShapeError(
                f"{type(self).__name__}: x of shape {shape}, where (N, {names}) or ({names}) is due"
            )
        return (reshape(x, (1, *shape)) if single else x), single

    def extra_repr(self) -> str:
        """The options, those that have another value than the default."""
        parts = [
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}"
        ]
        zeros, ones = (0,) * self._axes, (1,) * self._axes
        defaults = {"padding": zeros, "dilation": ones, "output_padding": zeros, "groups": 1}
        parts += [
            f"{name}={getattr(self, name)}"
            for name, default in defaults.items()
            if getattr(self, name) != default
        ]
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        return ", ".join(parts)


class _Conv(Convolution):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes | Literal["valid", "same"] = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: PaddingMode = "zeros",
        *,
        dtype: DTypeLike = float32,
        device: str | None = None,
    ) -> None:
        super().__init__()
        self._prepare(in_channels, out_channels, kernel_size, stride, dilation, groups)
        name = type(self).__name__
        if padding_mode not in _MODES:
            raise InvalidValueError(
                f"{name}: padding_mode is {', '.join(map(repr, _MODES))}, not {padding_mode!r}"
            )
        self.padding_mode = padding_mode
        self.output_padding = (0,) * self._axes
        self._around: tuple[tuple[int, int], ...]
        if isinstance(padding, str):
            self.padding = padding
            self._around = self._named(padding)
        else:
            self.padding = per_axis(name, "padding", padding, self._axes, least=0)
            self._around = tuple((n, n) for n in self.padding)
        self._draw((out_channels, in_channels // groups), bias, dtype, device)

    def _named(self, padding: str) -> tuple[tuple[int, int], ...]:
        """How much padding, before and after, "same" and "valid" stand for."""
        name = type(self).__name__
        if padding not in ("same", "valid"):
            raise InvalidValueError(
                f"{name}: padding is 'same', 'valid', an integer or one for each axis, not "
                f"{padding!r}"
            )
        if padding == "valid":
            return ((0, 0),) * self._axes
        if max(self.stride) > 1:
            raise InvalidValueError(
                f"{name}: padding='same' goes with a stride of 1, not {self.stride}; give the "
                "padding as numbers"
            )
        sums = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=True)]
        return tuple((n // 2, n - n // 2) for n in sums)

    def _check_elements(self, x: EmberTensor) -> None:
        """Raise ShapeError where an axis has too few elements to pad with, each of them once."""
        spare = {"reflect": 1, "circular": 0}.get(self.padding_mode)
        sizes = x.shape[x.ndim - self._axes :]
        if spare is not None and any(
            max(pair) + spare > n for pair, n in zip(self._around, sizes, strict=True)
        ):
            raise ShapeError(
                f"{type(self).__name__}: x of shape {x.shape} is too short to pad by "
                f"{self._around} in the mode {self.padding_mode!r}; 'replicate' and 'zeros' can"
            )

    def forward(self, x: TensorLike) -> EmberTensor:
        """(N, in_channels, ...) to (N, out_channels, ...); or both without N."""
        batch, single = self._batch(x)
        around = self._around
        if self.padding_mode != "zeros":
            self._check_elements(batch)
            batch = pad(batch, ((0, 0), (0, 0), *around), mode=_MODES[self.padding_mode])  # type: ignore[arg-type]
            around = ((0, 0),) * self._axes
        y = conv(
            batch, self.weight, self.bias,
            stride=self.stride, padding=around, dilation=self.dilation, groups=self.groups,
        )  # fmt: skip
        return reshape(y, y.shape[1:]) if single else y


class Conv1d(_Conv):
    """A kernel moved along sequences: `tensor.conv`, as PyTorch's layer.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: size of the kernel: a number, here and below, or a tuple.
        stride: by how much it is moved.
        padding: how much is put at both ends; "same" for an output of the size of the input,
            "valid" for none.
        dilation: how far the kernel's elements are apart.
        groups: into how many parts, which do not meet, the channels are divided.
        bias: whether there is a ``bias``.
        padding_mode: what is put there: "zeros", the elements "reflect"-ed at the outermost one,
            that one ("replicate"), or those of the other end ("circular").

    Attributes:
        weight: (out_channels, in_channels / groups, kernel_size), uniform in ±1/sqrt(n), where n
            is the number of elements that an output is the sum of.
        bias: (out_channels,), likewise, or None.

    Shape: (N, in_channels, L) to (N, out_channels, L'), or both without N.

    Raises:
        InvalidValueError: an argument makes no sense.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> nn.Conv1d(3, 8, 5, padding="same")(et.ones((2, 3, 10))).shape
    (2, 8, 10)
    """

    _axes = 1


class Conv2d(_Conv):
    """A kernel moved over images; see `Conv1d`, whose arguments may be pairs here.

    Attributes:
        weight: (out_channels, in_channels / groups, *kernel_size).
        bias: (out_channels,), or None.

    Shape: (N, in_channels, H, W) to (N, out_channels, H', W'), or both without N.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> nn.Conv2d(1, 16, 3, padding=1)(et.ones((64, 1, 28, 28))).shape
    (64, 16, 28, 28)
    """

    _axes = 2


class Conv3d(_Conv):
    """A kernel moved over volumes; see `Conv1d`, whose arguments may be of three numbers here.

    Attributes:
        weight: (out_channels, in_channels / groups, *kernel_size).
        bias: (out_channels,), or None.

    Shape: (N, in_channels, D, H, W) to (N, out_channels, D', H', W'), or both without N.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> nn.Conv3d(1, 2, (1, 3, 3))(et.ones((4, 1, 5, 5, 5))).shape
    (4, 2, 5, 3, 3)
    """

    _axes = 3
