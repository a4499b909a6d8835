"""Convolutions by MLX's kernels, which have the channels last.

Transposing costs nothing: the result is seen through it, and what follows keeps the order that
its elements have in memory.
"""

from __future__ import annotations

from typing import Any

import mlx.core as mx
from ember_ml.backend.protocol import Declined

from . import _columns
from ._mapping import is_mapping
from ._streams import DEVICES

#: Whether products of matrices take the place of MLX's kernels where they can.
PRODUCTS = DEVICES[0] == "cpu"


def _by_products(x: Any, groups: int) -> bool:
    return PRODUCTS and groups == 1 and x.dtype == mx.float32


def _refuse(x: Any, bias: Any, outputs: int, *options: tuple[Any, ...]) -> None:
    """Raise at what MLX would go on with, and leave to the definition what it lacks."""
    if {len(option) for option in options} != {x.ndim - 2} or 0 in x.shape[1:]:
        raise ValueError("the shapes and options do not fit")
    if bias is not None and bias.shape != (outputs,):
        raise ValueError("the bias does not fit the weight")
    if is_mapping():  # gradients by the weight are not implemented or wrong
        raise Declined


def _added(y: Any, bias: Any) -> Any:
    return mx.moveaxis(y if bias is None else y + bias, -1, 1)


def conv(
    x: Any,
    weight: Any,
    bias: Any = None,
    /,
    *,
    stride: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
    dilation: tuple[int, ...],
    groups: int = 1,
) -> Any:
    _refuse(x, bias, weight.shape[0], stride, padding, dilation)
    if min(*stride, *dilation) < 1 or min(map(min, padding)) < 0:
        raise ValueError("a stride or dilation is not positive, or a padding negative")
    if groups > 1 and x.ndim == 5:
        raise Declined
    last = mx.moveaxis(x, 1, -1)
    if _by_products(x, groups):
        function = _columns.convolution(
            weight.shape[2:], x.shape[2:], tuple(stride), tuple(padding), tuple(dilation)
        )
        return _added(function(last, weight), bias)
    y = mx.conv_general(
        last,
        mx.moveaxis(weight, 1, -1),
        stride=stride,
        padding=([before for before, _ in padding], [after for _, after in padding]),
        kernel_dilation=dilation,
        groups=groups,
    )
    return _added(y, bias)


def conv_transpose(
    x: Any,
    weight: Any,
    bias: Any = None,
    /,
    *,
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    output_padding: tuple[int, ...],
    dilation: tuple[int, ...],
    groups: int = 1,
) -> Any:
    kernel, outputs = weight.shape[2:], weight.shape[1] * groups
    _refuse(x, bias, outputs, stride, padding, output_padding, dilation)
    last = mx.moveaxis(x, 1, -1)
    if min(*stride, *dilation) < 1 or min(*padding, *output_padding) < 0:
        raise ValueError("a stride or dilation is not positive, or a padding negative")
    if any(o >= max(s, d) for o, s, d in zip(output_padding, stride, dilation, strict=True)):
        raise ValueError("output_padding is neither less than the stride nor than the dilation")
    if _by_products(x, groups):
        cut = tuple([(p, p) for p in padding])
        function = _columns.transposed(
            kernel, x.shape[2:], tuple(stride), cut, tuple(output_padding), tuple(dilation)
        )
        return _added(function(last, weight), bias)
    reach = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    before = [n - p for n, p in zip(reach, padding, strict=True)]
    # What lies beyond the reach of the kernel is zero: MLX's gradient is wrong with it.
    beyond = [max(o - p, 0) for o, p in zip(output_padding, padding, strict=True)]
    after = [n + o - b for n, o, b in zip(before, output_padding, beyond, strict=True)]
    if groups > 1 or min(before) < 0:
        raise Declined
    y = mx.conv_general(
        last,
        mx.moveaxis(weight, 0, -1),
        padding=(before, after),
        kernel_dilation=dilation,
        input_dilation=stride,
        flip=True,
    )
    if any(beyond):
        y = mx.pad(y, [(0, 0), *[(0, b) for b in beyond], (0, 0)])
    return _added(y, bias)
