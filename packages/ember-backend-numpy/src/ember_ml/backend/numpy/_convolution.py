"""Convolutions: windows of the padded array as columns of a matrix, and products with them.

``y = sum weight * x`` over windows is linear in each of three arrays. The three functions at the
top give each one from the two others; a convolution, its transpose, and the gradients of both are
made of them. Columns are made for a few samples at a time, which stay in the cache.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

#: Elements of columns made at a time.
_BLOCK = 1 << 18


def windowed(x, weight, sizes, stride, dilation, groups):
    """The sums over windows of the padded ``x``: (N, O, *sizes)."""
    count, outputs = x.shape[0], weight.shape[0]
    matrix = weight.reshape(groups, outputs // groups, -1)
    y = np.empty((count, groups, outputs // groups, math.prod(sizes)), x.dtype)
    for rows, columns in _columns(x, weight.shape, sizes, stride, dilation, groups):
        np.matmul(matrix, columns, out=y[rows])
    return y.reshape(count, outputs, *sizes)


def spread(y, weight, shape, stride, dilation, groups):
    """What `windowed` gives ``y`` from, padded, by ``weight``: (N, C, *shape)."""
    count, outputs, *sizes = y.shape
    kernel, channels = weight.shape[2:], groups * weight.shape[1]
    matrix = weight.reshape(groups, outputs // groups, -1).swapaxes(1, 2)
    stretched = max(stride) == 1
    # with room for the last stretch to end in
    x = np.zeros((count, channels, shape[0] + stretched, *shape[1:]), y.dtype)
    target, places = x, _places(kernel, sizes, stride, dilation)
    if stretched:
        sizes = [sizes[0] * math.prod(shape[1:])]
        target = x.reshape(count, channels, math.prod(x.shape[2:]))
        places = _stretches(kernel, sizes[0], shape, dilation)
    size = math.prod(sizes)
    wide = None
    for rows in _blocks(count, weight[0].size * groups * size):
        part, some = target[rows], y[rows]
        if stretched and y.shape[3:] != tuple(shape[1:]):
            if wide is None:
                wide = np.zeros((*some.shape[:3], *shape[1:]), y.dtype)
            corner: tuple[Any, ...] = (..., *map(slice, y.shape[2:]))
            wide[: len(some)][corner] = some
            some = wide[: len(some)]
        flat = some.reshape(len(some), groups, outputs // groups, size)
        columns = np.matmul(matrix, flat)
        columns = columns.reshape(len(part), channels, len(places), *sizes)
        for i, place in enumerate(places):
            part[place] += columns[:, :, i]
    return x[:, :, : shape[0]]


def weights(x, y, shape, stride, dilation, groups):
    """The weight, of ``shape``, by which `windowed` gives ``y`` of the padded ``x``."""
    count, outputs, *sizes = y.shape
    flat = y.reshape(count, groups, outputs // groups, math.prod(sizes))
    total = np.zeros((groups, outputs // groups, math.prod(shape[1:])), x.dtype)
    for rows, columns in _columns(x, shape, sizes, stride, dilation, groups):
        total += np.add.reduce(np.matmul(flat[rows], columns.swapaxes(2, 3)), 0)
    return total.reshape(shape)


def _blocks(count, each):
    """Slices of ``count`` samples with ``each`` so many elements."""
    step = max(_BLOCK // max(each, 1), 1)
    return [slice(start, min(start + step, count)) for start in range(0, count, step)]


def _columns(x, shape, sizes, stride, dilation, groups):
    """Some samples at a time, as a slice, and their windows: (n, groups, window, place)."""
    kernel = shape[2:]
    steps = [d * s for d, s in zip(dilation, x.strides[2:], strict=True)]
    moves = [d * s for d, s in zip(stride, x.strides[2:], strict=True)]
    windows = as_strided(
        x, (*x.shape[:2], *kernel, *sizes), (*x.strides[:2], *steps, *moves), writeable=False
    )
    window, places = math.prod(shape[1:]), math.prod(sizes)
    space = None
    for rows in _blocks(len(x), window * groups * places):
        part = windows[rows]
        if not part.flags.c_contiguous:
            if space is None:
                space = np.empty(part.shape, x.dtype)
            np.copyto(space[: len(part)], part)
            part = space[: len(part)]
        yield rows, part.reshape(len(part), groups, window, places)


def _places(kernel, sizes, stride, dilation):
    """For each place in the kernel the elements of the padded array that it meets."""
    spans = [
        [slice(i * d, i * d + (n - 1) * s + 1, s) for i in range(k)]
        for k, n, s, d in zip(kernel, sizes, stride, dilation, strict=True)
    ]
    return [(slice(None), slice(None), *place) for place in itertools.product(*spans)]


def _stretches(kernel, length, shape, dilation):
    """`_places` in flat arrays, where the stride is 1 and rows are as long as those of ``shape``.

    A place then meets one stretch of memory: it is added in less time than many short ones.
    """
    steps = [d * math.prod(shape[a + 1 :]) for a, d in enumerate(dilation)]
    starts = itertools.product(*[range(0, k * s, s) for k, s in zip(kernel, steps, strict=True)])
    return [(slice(None), slice(None), slice(sum(n), sum(n) + length)) for n in starts]


def padded(x, padding):
    """``x`` with zeros around its last axes."""
    if not any(map(any, padding)):
        return x
    sizes = [b + n + a for n, (b, a) in zip(x.shape[2:], padding, strict=True)]
    result = np.zeros((*x.shape[:2], *sizes), x.dtype)
    cropped(result, padding)[...] = x
    return result


def cropped(x, padding):
    """``x`` without what is ``padding``."""
    return x[
        (slice(None), slice(None))
        + tuple([slice(b, n - a) for n, (b, a) in zip(x.shape[2:], padding, strict=True)])
    ]


def _refuse(x, weight, bias, outputs, *options):
    """Raise if what the core explains, or what has no meaning, is the case."""
    count = x.ndim - 2
    if not 1 <= count <= 3 or weight.ndim != x.ndim or {len(o) for o in options} != {count}:
        raise ValueError("the shapes and options do not fit")
    if 0 in x.shape[1:] or 0 in weight.shape:
        raise ValueError("there are no elements")
    if bias is not None and bias.shape != (outputs,):
        raise ValueError("the bias does not fit the weight")


def conv(x, weight, bias=None, /, *, stride, padding, dilation, groups=1):
    outputs, kernel = weight.shape[0], weight.shape[2:]
    _refuse(x, weight, bias, outputs, stride, padding, dilation)
    if groups < 1 or outputs % groups or x.shape[1] != weight.shape[1] * groups:
        raise ValueError("the channels do not fit the weight")
    if min(*stride, *dilation) < 1 or min(map(min, padding)) < 0:
        raise ValueError("a stride or dilation is not positive, or a padding negative")
    x = padded(x, padding)
    sizes = [
        (n - d * (k - 1) - 1) // s + 1
        for n, k, s, d in zip(x.shape[2:], kernel, stride, dilation, strict=True)
    ]
    if min(sizes) < 1:
        raise ValueError("the kernel is larger than the array")
    y = windowed(x, weight, sizes, stride, dilation, groups)
    if bias is not None:
        y += bias.reshape(-1, *[1] * len(sizes))
    return y


def conv_transpose(x, weight, bias=None, /, *, stride, padding, output_padding, dilation, groups=1):
    kernel, outputs = weight.shape[2:], weight.shape[1] * groups
    _refuse(x, weight, bias, outputs, stride, padding, dilation, output_padding)
    if groups < 1 or len(weight) % groups or x.shape[1] != len(weight):
        raise ValueError("the channels do not fit the weight")
    if min(*stride, *dilation) < 1 or min(*padding, *output_padding) < 0:
        raise ValueError("a stride or dilation is not positive, or a padding negative")
    if any(o >= max(s, d) for o, s, d in zip(output_padding, stride, dilation, strict=True)):
        raise ValueError("output_padding is neither less than the stride nor than the dilation")
    shape = [
        (n - 1) * s + d * (k - 1) + o + 1
        for n, k, s, d, o in zip(x.shape[2:], kernel, stride, dilation, output_padding, strict=True)
    ]
    if any(n <= 2 * p for n, p in zip(shape, padding, strict=True)):
        raise ValueError("the result has no elements")
    y = spread(x, weight, shape, stride, dilation, groups)
    y = cropped(y, [(p, p) for p in padding])
    return y if bias is None else y + bias.reshape(-1, *[1] * len(shape))
