"""Convolutions by MLX's kernels, which have the channels last.

Transposing costs nothing: the result is seen through it, and what follows keeps the order that
its elements have in memory.
"""

from __future__ import annotations

from typing import Any

import mlx.core as mx
from ember_ml.backend.protocol import Declined

from ._mapping import is_mapping


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
    y = mx.conv_general(
        mx.moveaxis(x, 1, -1),
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
    kernel = weight.shape[2:]
    _refuse(x, bias, weight.shape[1] * groups, stride, padding, output_padding, dilation)
    reach = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    before = [n - p for n, p in zip(reach, padding, strict=True)]
    if min(*stride, *dilation) < 1 or min(*padding, *output_padding) < 0:
        raise ValueError("a stride or dilation is not positive, or a padding negative")
    if any(o >= max(s, d) for o, s, d in zip(output_padding, stride, dilation, strict=True)):
        raise ValueError("output_padding is neither less than the stride nor than the dilation")
    # What lies beyond the reach of the kernel is zero: MLX's gradient is wrong with it.
    beyond = [max(o - p, 0) for o, p in zip(output_padding, padding, strict=True)]
    after = [n + o - b for n, o, b in zip(before, output_padding, beyond, strict=True)]
    if groups > 1 or min(before) < 0:
        raise Declined
    y = mx.conv_general(
        mx.moveaxis(x, 1, -1),
        mx.moveaxis(weight, 0, -1),
        padding=(before, after),
        kernel_dilation=dilation,
        input_dilation=stride,
        flip=True,
    )
    if any(beyond):
        y = mx.pad(y, [(0, 0), *[(0, b) for b in beyond], (0, 0)])
    return _added(y, bias)
