"""Pooling: the greatest element, or the mean, of windows of the last axes."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

from ember_ml.backend.errors import InvalidValueError, ShapeError

from ._compare import isnan, logical_or
from ._core import EmberTensor, TensorLike
from ._creation import _on, asarray
from ._elementwise import add
from ._manipulation import reshape, squeeze
from ._operation import operation
from ._padding import pad_constant
from ._reduction import sum as total
from ._search import argmax, take_along_axis, where
from ._windows import remembered, sizes_of, spatial_count

__all__ = ["avg_pool", "greatest", "max_pool", "max_windows", "mean_windows"]

#: A number for all axes, or one for each.
Sizes = int | Sequence[int]


def max_pool(
    x: TensorLike,
    /,
    *,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
) -> EmberTensor:
    """The greatest element of each window.

    Of equal ones in a window the first alone has the gradient.

    Args:
        x: (N, C, ...) or (C, ...) with one to three more axes: as many as a size has numbers, or
            those from the third on.
        kernel_size: of a window.
        stride: from one window to the next; None for ``kernel_size``.
        padding: of negative infinity on both sides, at most half of a window.
        dilation: from one element of a window to the next.
        ceil_mode: whether a window may reach beyond the padding on the right.

    Raises:
        InvalidValueError: a size is out of range.
        ShapeError: the shape does not fit, or no window does.

    >>> from ember_ml.nn import tensor as et
    >>> et.max_pool([[[1.0, 5.0, 2.0, 3.0]]], kernel_size=2).tolist()
    [[[5.0, 3.0]]]
    """
    if x.__class__ is not EmberTensor:
        x = asarray(x)
    return max_windows(
        x, **_max_options(x.shape, kernel_size, stride, padding, dilation, ceil_mode)
    )


@remembered
def _max_options(
    shape: tuple[int, ...], kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil: bool
) -> dict[str, Any]:
    count = spatial_count(shape, "max_pool", kernel_size, stride, padding, dilation)
    kernel = sizes_of(kernel_size, count, "max_pool", "kernel_size")
    steps = kernel if stride is None else sizes_of(stride, count, "max_pool", "stride")
    edges = sizes_of(padding, count, "max_pool", "padding", least=0)
    gaps = sizes_of(dilation, count, "max_pool", "dilation")
    spans = tuple((k - 1) * d + 1 for k, d in zip(kernel, gaps, strict=True))
    sizes = _output(shape, "max_pool", spans, steps, edges, ceil)
    return {
        "kernel": kernel, "stride": steps, "padding": edges, "dilation": gaps, "sizes": sizes,
    }  # fmt: skip


def avg_pool(
    x: TensorLike,
    /,
    *,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> EmberTensor:
    """The mean of each window.

    Args:
        x: as for `max_pool`.
        kernel_size: of a window.
        stride: from one window to the next; None for ``kernel_size``.
        padding: of zeros on both sides, at most half of a window.
        ceil_mode: whether a window may reach beyond the padding on the right.
        count_include_pad: whether the padding counts as elements.
        divisor_override: what the sums are divided by instead of the number of elements.

    Raises:
        InvalidValueError: a size is out of range, or the divisor is zero.
        ShapeError: the shape does not fit, or no window does.

    >>> from ember_ml.nn import tensor as et
    >>> et.avg_pool([[[1.0, 5.0, 2.0, 3.0]]], kernel_size=2).tolist()
    [[[3.0, 2.5]]]
    """
    if x.__class__ is not EmberTensor:
        x = asarray(x)
    if divisor_override == 0:
        raise InvalidValueError("avg_pool: divisor_override cannot be 0; leave it out or give None")
    options = _mean_options(x.shape, kernel_size, stride, padding, ceil_mode)
    return mean_windows(x, **options, count_padding=count_include_pad, divisor=divisor_override)


@remembered
def _mean_options(
    shape: tuple[int, ...], kernel_size: Any, stride: Any, padding: Any, ceil: bool
) -> dict[str, Any]:
    count = spatial_count(shape, "avg_pool", kernel_size, stride, padding)
    kernel = sizes_of(kernel_size, count, "avg_pool", "kernel_size")
    steps = kernel if stride is None else sizes_of(stride, count, "avg_pool", "stride")
    edges = sizes_of(padding, count, "avg_pool", "padding", least=0)
    sizes = _output(shape, "avg_pool", kernel, steps, edges, ceil)
    return {"kernel": kernel, "stride": steps, "padding": edges, "sizes": sizes}


def _output(
    shape: tuple[int, ...],
    what: str,
    spans: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    ceil_mode: bool,
) -> tuple[int, ...]:
    """How many windows there are along each axis."""
    sizes = []
    for n, span, step, edge in zip(shape[-len(spans) :], spans, stride, padding, strict=True):
        if 2 * edge > span:
            raise InvalidValueError(
                f"{what}: padding is at most half of a window, {span // 2} here, not {edge}"
            )
        room = n + 2 * edge - span
        size = room // step + 1
        # the last window must start within the elements or the padding before them
        if ceil_mode and room % step and size * step < n + edge:
            size += 1
        if size < 1:
            raise ShapeError(f"{what}: x of shape {shape} has no room for windows of {spans}")
        sizes.append(size)
    return tuple(sizes)


def _combined(
    x: EmberTensor,
    axis: int,
    numbers: tuple[int, ...],
    pairwise: Callable[[EmberTensor, EmberTensor], EmberTensor],
    whole: Callable[..., EmberTensor],
    value: float,
) -> EmberTensor:
    """The elements of each window along ``axis`` made into one."""
    kernel, step, edge, gap, size = numbers
    if size == 1 and not edge and kernel == x.shape[axis] and gap == 1:
        return whole(x, axis=axis, keepdims=True)
    last = (size - 1) * step + 1
    beyond = last + (kernel - 1) * gap - x.shape[axis] - edge
    if edge or beyond > 0:
        widths = [(0, 0)] * x.ndim
        widths[axis] = (edge, max(beyond, 0))
        x = pad_constant(x, tuple(widths), value=value)
    before = (slice(None),) * axis
    # the first elements of all windows, the second ones, and so on
    parts = (x[(*before, slice(n, n + last, step))] for n in range(0, kernel * gap, gap))
    return functools.reduce(pairwise, parts)


@operation(accepts="floating", result="same")
def max_windows(
    x: TensorLike,
    /,
    *,
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
    sizes: tuple[int, ...],
) -> EmberTensor:
    """What engines offer of `max_pool`: sizes for each axis, and how many windows there are."""
    numbers = list(zip(kernel, stride, padding, dilation, sizes, strict=True))
    for axis in range(-1, -len(kernel) - 1, -1):
        x = _combined(x, x.ndim + axis, numbers[axis], _greater, greatest, -math.inf)
    return x


def _greater(x1: EmberTensor, x2: EmberTensor) -> EmberTensor:
    """`maximum`, the gradient of which goes to the first of two equal elements alone."""
    return where(logical_or(x2 > x1, isnan(x2)), x2, x1)


def greatest(x: EmberTensor, *, axis: int, keepdims: bool) -> EmberTensor:
    """`max`, the gradient of which goes to the first of equal elements alone."""
    found = take_along_axis(x, argmax(x, axis=axis, keepdims=True), axis=axis)
    return found if keepdims else squeeze(found, axis)


@operation(accepts="floating", result="same")
def mean_windows(
    x: TensorLike,
    /,
    *,
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    sizes: tuple[int, ...],
    count_padding: bool,
    divisor: int | None,
) -> EmberTensor:
    """What engines offer of `avg_pool`: sizes for each axis, and how many windows there are."""
    first = x.ndim - len(kernel)
    scale = 1.0 if divisor is None else 1.0 / divisor
    for axis, (k, step, edge, size) in enumerate(
        zip(kernel, stride, padding, sizes, strict=True), first
    ):
        n = x.shape[axis]
        x = _combined(x, axis, (k, step, edge, 1, size), add, total, 0.0)
        if divisor is not None:
            continue
        counts = window_counts(n, k, step, edge, size, count_padding)
        if len(set(counts)) == 1:
            scale /= counts[0]
        else:
            with _on(x):
                shares = asarray([1.0 / c for c in counts], dtype=x.dtype, device=x.device)
            x = x * reshape(shares, (size,) + (1,) * (x.ndim - axis - 1))
    return x * scale


def window_counts(
    n: int, kernel: int, step: int, edge: int, size: int, count_padding: bool
) -> list[int]:
    """How many elements each window along an axis of ``n`` has."""
    starts = [i * step - edge for i in range(size)]
    if count_padding:
        return [min(start + kernel, n + edge) - start for start in starts]
    return [min(start + kernel, n) - max(start, 0) for start in starts]
