"""Gradients of convolutions, for ordinary arrays, as those of `_vjps`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import _convolution as _loud
from ._quiet import quiet_module

__all__ = ["VJPS"]

_convolution = quiet_module(_loud)


def _conv_by_x(answer, x, weight, bias=None, *, stride, padding, dilation, groups=1):
    shape = [n + b + a for n, (b, a) in zip(x.shape[2:], padding, strict=True)]

    def vjp(g):
        d = _convolution.spread(g, weight, shape, stride, dilation, groups)
        return _convolution.cropped(d, padding)

    return vjp


def _conv_by_weight(answer, x, weight, bias=None, *, stride, padding, dilation, groups=1):
    def vjp(g):
        wide = _convolution.padded(x, padding)
        return _convolution.weights(wide, g, weight.shape, stride, dilation, groups)

    return vjp


def _by_bias(answer, x, weight, bias=None, **options):
    return lambda g: np.add.reduce(g, (0, *range(2, g.ndim)))


def _transposed_by_x(
    answer, x, weight, bias=None, *, stride, padding, output_padding, dilation, groups=1
):  # fmt: skip
    def vjp(g):
        wide = _convolution.padded(g, [(p, p) for p in padding])
        return _convolution.windowed(wide, weight, x.shape[2:], stride, dilation, groups)

    return vjp


def _transposed_by_weight(
    answer, x, weight, bias=None, *, stride, padding, output_padding, dilation, groups=1
):  # fmt: skip
    def vjp(g):
        wide = _convolution.padded(g, [(p, p) for p in padding])
        return _convolution.weights(wide, x, weight.shape, stride, dilation, groups)

    return vjp


VJPS: dict[str, tuple[Callable[..., Any], tuple[Callable[..., Any], ...]]] = {
    "conv": (_convolution.conv, (_conv_by_x, _conv_by_weight, _by_bias)),
    "conv_transpose": (
        _convolution.conv_transpose, (_transposed_by_x, _transposed_by_weight, _by_bias)
    ),
}  # fmt: skip
