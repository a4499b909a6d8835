"""Convolutions and their transposes."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from ember_ml.backend.dtypes import DType

from .._case import Call, case
from .._draw import Draw


def _numbers(draw: Draw, axes: int, low: int, high: int) -> tuple[int, ...]:
    return tuple(draw.integer(low, high) for _ in range(axes))


def _geometry(draw: Draw) -> tuple[int, int, int, int, tuple[int, ...], dict[str, Any]]:
    """Axes, groups, channels of a group in and out, the kernel, and options of both operations."""
    axes, groups = draw.integer(1, 3), draw.one_of(1, 1, 2)
    options = {
        "stride": _numbers(draw, axes, 1, 2),
        "dilation": _numbers(draw, axes, 1, 2),
        "groups": groups,
    }
    return axes, groups, draw.integer(1, 2), draw.integer(1, 2), _numbers(draw, axes, 1, 2), options


def _batch(draw: Draw) -> int:
    return draw.integer(1 if draw.smooth else 0, 2)


def _conv(draw: Draw, dtype: DType) -> Call:
    axes, groups, inputs, outputs, kernel, options = _geometry(draw)
    options["padding"] = tuple((draw.integer(0, 1), draw.integer(0, 1)) for _ in range(axes))
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, options["dilation"], strict=True)]
    sizes = [span + draw.integer(0, 2) for span in spans]
    channels = inputs * groups + draw.amiss()
    x = draw.array(dtype, (_batch(draw), channels, *sizes))
    weight = draw.array(dtype, (outputs * groups, inputs, *kernel))
    bias = draw.array(dtype, (outputs * groups,)) if draw.flag() else None
    return (x, weight, bias), options


def _conv_transpose(draw: Draw, dtype: DType) -> Call:
    axes, groups, inputs, outputs, kernel, options = _geometry(draw)
    limits = [max(pair) - 1 for pair in zip(options["stride"], options["dilation"], strict=True)]
    options["output_padding"] = tuple(draw.integer(0, limit) for limit in limits)
    options["padding"] = _numbers(draw, axes, 0, 1)
    channels = inputs * groups + draw.amiss()
    x = draw.array(dtype, (_batch(draw), channels, *_numbers(draw, axes, 3, 4)))
    weight = draw.array(dtype, (inputs * groups, outputs, *kernel))
    bias = draw.array(dtype, (outputs * groups,)) if draw.flag() else None
    return (x, weight, bias), options


def _starts(options: dict[str, Any], place: Any, offset: Any) -> tuple[int, ...]:
    """Where in the longer array a place in the shorter one meets a place in the kernel."""
    steps = zip(options["stride"], place, options["dilation"], offset, strict=True)
    return tuple(s * p + d * k for s, p, d, k in steps)


def _convolved(
    x: Any, weight: Any, bias: Any, /, *, padding: Any, groups: int, **options: Any
) -> Any:
    """Element by element, as PyTorch states it."""
    x = np.pad(x, ((0, 0), (0, 0), *padding))
    outputs, inputs, *kernel = weight.shape
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, options["dilation"], strict=True)]
    sizes = [
        (n - r) // s + 1 for n, r, s in zip(x.shape[2:], reach, options["stride"], strict=True)
    ]
    y = np.zeros((x.shape[0], outputs, *sizes))
    for o in range(outputs):
        first = o // (outputs // groups) * inputs
        for place in np.ndindex(*sizes):
            for offset in np.ndindex(*kernel):
                at = (slice(None), slice(first, first + inputs), *_starts(options, place, offset))
                y[(slice(None), o, *place)] += x[at] @ weight[(o, slice(None), *offset)]
    return y if bias is None else y + bias.reshape(-1, *[1] * len(kernel))


def _transposed(
    x: Any, weight: Any, bias: Any, /, *,
    padding: Any, output_padding: Any, groups: int, **options: Any,
) -> Any:  # fmt: skip
    """Each element of ``x`` adds the kernel to the result, as often as it says."""
    inputs, outputs, *kernel = weight.shape
    last = _starts(options, [n - 1 for n in x.shape[2:]], [k - 1 for k in kernel])
    full = [n + 1 + more for n, more in zip(last, output_padding, strict=True)]
    y: Any = np.zeros((x.shape[0], outputs * groups, *full))
    for c in range(inputs):
        first = c // (inputs // groups) * outputs
        for place, offset in itertools.product(np.ndindex(*x.shape[2:]), np.ndindex(*kernel)):
            at = (slice(None), slice(first, first + outputs), *_starts(options, place, offset))
            y[at] += np.outer(x[(slice(None), c, *place)], weight[(c, slice(None), *offset)])
    y = y[(..., *[slice(p, n - p) for p, n in zip(padding, full, strict=True)])]
    return y if bias is None else y + bias.reshape(-1, *[1] * len(kernel))


case("conv", _conv, reference=_convolved, gradient=(0, 1, 2), tolerance=4)
case("conv_transpose", _conv_transpose, reference=_transposed, gradient=(0, 1, 2), tolerance=4)
