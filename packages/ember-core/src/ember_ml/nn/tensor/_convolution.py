"""Convolutions along one to three axes, channels first, and their transposes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

from ember_ml.backend.errors import InvalidValueError, ShapeError

from ._core import EmberTensor, TensorLike
from ._linalg import matmul
from ._manipulation import flip, permute_dims, reshape, stack
from ._operation import operation
from ._padding import pad_constant

__all__ = ["conv", "conv_transpose"]


def _fault(
    shapes: dict[str, Any], arguments: dict[str, Any], outputs: int, inputs: int, form: str
) -> str | None:
    """What is wrong with the shapes and the lengths of options, but for the size of the result.

    Args:
        outputs, inputs: the axes of the weight with the channels of the result and of ``x``.
        form: of the weight, in words.
    """
    x, weight, bias = shapes["x"], shapes["weight"], shapes.get("bias")
    count = len(x) - 2
    if not 1 <= count <= 3 or len(weight) != len(x):
        return (
            f"x of shape {x} and a weight of shape {weight}, where (N, C, ...) and {form}, both "
            "with the same one to three axes at the end, are due"
        )
    if 0 in x[1:] or 0 in weight:
        return f"x of shape {x} or a weight of shape {weight} has no elements"
    for name in ("stride", "padding", "dilation", "output_padding"):
        option = arguments.get(name, (0,) * count)
        if not isinstance(option, tuple | list) or len(option) != count:
            return f"{name} is a tuple with an item for each of the {count} axes, not {option!r}"
    groups = arguments["groups"]
    if groups < 1 or weight[0] % groups:
        return f"{weight[0]} rows of the weight do not make {groups} groups"
    channels = weight[inputs] * (groups if inputs else 1)
    if x[1] != channels:
        return (
            f"x of shape {x} has {x[1]} channels, and a weight of shape {weight} takes {channels}"
            + (f" in {groups} groups" if groups > 1 else "")
        )
    due = (weight[outputs] * (groups if outputs else 1),)
    return None if bias in (None, due) else f"a bias of shape {bias}, where {due} is due"


def _check_conv(shapes: dict[str, Any], arguments: dict[str, Any]) -> str | None:
    fault = _fault(shapes, arguments, 0, 1, "(O, C / groups, ...)")
    if fault or _senseless(arguments):
        return fault
    kernel = shapes["weight"][2:]
    padded = [n + b + a for n, (b, a) in zip(shapes["x"][2:], arguments["padding"], strict=True)]
    spans = _spans(kernel, arguments["dilation"])
    if any(span > size for span, size in zip(spans, padded, strict=True)):
        return (
            f"x of shape {shapes['x']} is {tuple(padded)} when padded, and a kernel of {kernel} "
            f"reaches over {tuple(spans)}"
        )
    return None


def _check_transposed(shapes: dict[str, Any], arguments: dict[str, Any]) -> str | None:
    fault = _fault(shapes, arguments, 1, 0, "(C, O / groups, ...)")
    if fault or _senseless(arguments):
        return fault
    options = [arguments[name] for name in ("stride", "padding", "dilation", "output_padding")]
    sizes = [
        (n - 1) * s - 2 * p + d * (k - 1) + o + 1
        for n, k, s, p, d, o in zip(shapes["x"][2:], shapes["weight"][2:], *options, strict=True)
    ]
    if min(sizes) < 1:
        return f"the result for x of shape {shapes['x']} would have the sizes {tuple(sizes)}"
    return None


def _senseless(arguments: dict[str, Any]) -> str | None:
    """What is wrong with the values of the options alone."""
    stride, dilation = arguments["stride"], arguments["dilation"]
    if min(stride) < 1 or min(dilation) < 1:
        return f"stride and dilation are at least 1, not {stride} and {dilation}"
    padding, more = arguments["padding"], arguments.get("output_padding", ())
    if any(n < 0 for pad in padding for n in (pad if isinstance(pad, tuple | list) else (pad,))):
        return f"padding cannot be negative, as in {padding}"
    if any(not 0 <= m < max(s, d) for m, s, d in zip(more, stride, dilation, strict=False)):
        return f"output_padding is less than the stride or the dilation, not {more}"
    return None


def _spans(kernel: tuple[int, ...], dilation: tuple[int, ...]) -> list[int]:
    """Over how many elements a kernel reaches along each axis."""
    return [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]


def _refuse(
    what: str,
    check: Callable[[dict[str, Any], dict[str, Any]], str | None],
    x: EmberTensor,
    weight: EmberTensor,
    bias: EmberTensor | None,
    **options: Any,
) -> None:
    shapes = {"x": x.shape, "weight": weight.shape, "bias": None if bias is None else bias.shape}
    fault = check(shapes, options)
    if fault:
        raise ShapeError(f"{what}: {fault}")
    fault = _senseless(options)
    if fault:
        raise InvalidValueError(f"{what}: {fault}")


@operation(accepts="floating", result="same", promoted=("x", "weight", "bias"), check=_check_conv)
def conv(
    x: TensorLike,
    weight: TensorLike,
    bias: TensorLike | None = None,
    /,
    *,
    stride: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
    dilation: tuple[int, ...],
    groups: int = 1,
) -> EmberTensor:
    """Sums of ``x``, weighted by a kernel that is moved over its last one to three axes.

    It is the cross-correlation that `nn.Conv1d`, `nn.Conv2d` and `nn.Conv3d` compute:
    ``y[n, o, p] = bias[o] + sum_ck weight[o, c, k] * x[n, c, stride * p + dilation * k]``.

    Args:
        x: (N, C, ...).
        weight: (O, C / groups, ...), with the sizes of the kernel.
        bias: (O,), or None.
        stride: by how much the kernel is moved, for each axis.
        padding: how many zeros are put (before, after), for each axis.
        dilation: how far the kernel's elements are apart, for each axis.
        groups: into how many parts, which do not meet, the channels are divided.

    Returns:
        (N, O, ...), of the sizes ``(padded - dilation * (kernel - 1) - 1) // stride + 1``.

    Raises:
        ShapeError: shapes and options do not fit, or the kernel is larger than what it is moved
            over.
        InvalidValueError: a stride or dilation is not positive, or a padding is negative.

    >>> from ember_ml.nn import tensor as et
    >>> x, weight = et.asarray([[[1.0, 2.0, 3.0, 4.0]]]), et.asarray([[[1.0, -1.0]]])
    >>> et.conv(x, weight, stride=(1,), padding=((0, 0),), dilation=(1,)).tolist()
    [[[-1.0, -1.0, -1.0]]]
    """
    _refuse(
        "conv", _check_conv, x, weight, bias,
        stride=stride, padding=padding, dilation=dilation, groups=groups,
    )  # fmt: skip
    count, channels = x.shape[:2]
    outputs, kernel = weight.shape[0], weight.shape[2:]
    padded = pad_constant(x, ((0, 0), (0, 0), *padding), value=0.0)
    sizes = [
        (size - span) // s + 1
        for size, span, s in zip(padded.shape[2:], _spans(kernel, dilation), stride, strict=True)
    ]
    windows = []
    for place in itertools.product(*map(range, kernel)):
        starts = [i * d for i, d in zip(place, dilation, strict=True)]
        parts = [
            slice(i, i + (n - 1) * s + 1, s) for i, n, s in zip(starts, sizes, stride, strict=True)
        ]
        windows.append(padded[(slice(None), slice(None), *parts)])
    depth = channels // groups * math.prod(kernel)
    columns = reshape(stack(windows, axis=2), (count, groups, depth, math.prod(sizes)))
    y = matmul(reshape(weight, (groups, outputs // groups, depth)), columns)
    y = reshape(y, (count, outputs, *sizes))
    return y if bias is None else y + reshape(bias, (outputs, *[1] * len(sizes)))


@operation(
    accepts="floating", result="same", promoted=("x", "weight", "bias"), check=_check_transposed
)
def conv_transpose(
    x: TensorLike,
    weight: TensorLike,
    bias: TensorLike | None = None,
    /,
    *,
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    output_padding: tuple[int, ...],
    dilation: tuple[int, ...],
    groups: int = 1,
) -> EmberTensor:
    """The transpose of `conv`, which maps what that gives to what it takes (Zeiler et al., 2010).

    ``y[n, o, stride * p + dilation * k - padding]`` is the sum of ``weight[c, o, k] * x[n, c, p]``.

    Args:
        x: (N, C, ...).
        weight: (C, O / groups, ...), with the sizes of the kernel.
        bias: (O,), or None.
        stride: how far the elements of ``x`` are moved apart, for each axis.
        padding: how many elements are left out at both ends, for each axis.
        output_padding: how many more there are at the end, for each axis: a `conv` with a stride
            has inputs of several sizes with an output of one.
        dilation: how far the kernel's elements are apart, for each axis.
        groups: into how many parts, which do not meet, the channels are divided.

    Returns:
        (N, O, ...), of the sizes
        ``(size - 1) * stride - 2 * padding + dilation * (kernel - 1) + output_padding + 1``.

    Raises:
        ShapeError: shapes and options do not fit, or the result would have no elements.
        InvalidValueError: a stride or dilation is not positive, a padding is negative, or an
            output padding is neither less than the stride nor than the dilation.

    >>> from ember_ml.nn import tensor as et
    >>> x, weight = et.asarray([[[1.0, 2.0]]]), et.asarray([[[1.0, 10.0, 100.0]]])
    >>> options = {"padding": (0,), "output_padding": (0,), "dilation": (1,)}
    >>> et.conv_transpose(x, weight, stride=(2,), **options).tolist()
    [[[1.0, 10.0, 102.0, 20.0, 200.0]]]
    """
    _refuse(
        "conv_transpose", _check_transposed, x, weight, bias, stride=stride, padding=padding,
        output_padding=output_padding, dilation=dilation, groups=groups,
    )  # fmt: skip
    count, channels = x.shape[:2]
    kernel = weight.shape[2:]
    axes = range(len(kernel))
    # x with zeros between its elements, and at its ends those that the kernel reaches over
    apart = [n for size in x.shape[2:] for n in (size, 1)]
    gaps = [pair for s in stride for pair in ((0, 0), (0, s - 1))]
    spread = pad_constant(reshape(x, (count, channels, *apart)), ((0, 0), (0, 0), *gaps), value=0.0)
    sizes = [n * s for n, s in zip(x.shape[2:], stride, strict=True)]
    spread = reshape(spread, (count, channels, *sizes))
    ends = [
        (span - 1 - p, span - s - p + o)
        for span, s, p, o in zip(
            _spans(kernel, dilation), stride, padding, output_padding, strict=True
        )
    ]
    cut = [slice(max(-b, 0), n + min(a, 0)) for n, (b, a) in zip(sizes, ends, strict=True)]
    spread = spread[(slice(None), slice(None), *cut)]
    around = tuple([(max(b, 0), max(a, 0)) for b, a in ends])
    # the kernel turned round, and its outputs in front
    turned = flip(weight, axis=tuple(a + 2 for a in axes))
    turned = reshape(turned, (groups, channels // groups, *weight.shape[1:]))
    turned = permute_dims(turned, (0, 2, 1, *[a + 3 for a in axes]))
    turned = reshape(turned, (groups * weight.shape[1], channels // groups, *kernel))
    ones = (1,) * len(kernel)
    return conv(spread, turned, bias, stride=ones, padding=around, dilation=dilation, groups=groups)
