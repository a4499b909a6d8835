"""Convolutions by PyTorch's kernels."""

from __future__ import annotations

import torch
from ember_ml.backend.protocol import Native

_CONV = {3: torch.conv1d, 4: torch.conv2d, 5: torch.conv3d}
_TRANSPOSED = {3: torch.conv_transpose1d, 4: torch.conv_transpose2d, 5: torch.conv_transpose3d}


def _refuse(x: Native, weight: Native, *options: tuple[object, ...]) -> None:
    """Raise at what PyTorch takes and the core does not: one sample, one number for all axes."""
    if weight.ndim != x.ndim or {len(option) for option in options} != {x.ndim - 2}:
        raise ValueError("the shapes and options do not fit")


def conv(
    x: Native,
    weight: Native,
    bias: Native | None = None,
    /,
    *,
    stride: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
    dilation: tuple[int, ...],
    groups: int = 1,
) -> Native:
    _refuse(x, weight, stride, padding, dilation)
    around = [before for before, _ in padding]
    if min(map(min, padding)) < 0:
        raise ValueError("a padding is negative")
    if any(before != after for before, after in padding):
        x = torch.nn.functional.pad(x, [n for pair in reversed(padding) for n in pair])
        around = [0] * len(padding)
    return _CONV[x.ndim](x, weight, bias, stride, around, dilation, groups)


def conv_transpose(
    x: Native,
    weight: Native,
    bias: Native | None = None,
    /,
    *,
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    output_padding: tuple[int, ...],
    dilation: tuple[int, ...],
    groups: int = 1,
) -> Native:
    _refuse(x, weight, stride, padding, output_padding, dilation)
    function = _TRANSPOSED[x.ndim]
    return function(x, weight, bias, stride, padding, output_padding, groups, dilation)
