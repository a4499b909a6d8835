"""Overrides of pooling: a part of all windows is a slice.

``backward_...`` is as in `_tape.primitive_keeping`.
"""

from __future__ import annotations

import itertools

import numpy as np


def _padded(x, axis, kernel, step, edge, gap, size, value):
    """``x`` with room for the windows along ``axis``."""
    beyond = (size - 1) * step + (kernel - 1) * gap + 1 - x.shape[axis] - edge
    if not edge and beyond <= 0:
        return x
    widths = [(0, 0)] * x.ndim
    widths[axis] = (edge, max(beyond, 0))
    return np.pad(x, widths, constant_values=value)


def _slices(kernel, step, gap, size):
    """Where the first elements of all windows are, the second ones, and so on."""
    last = (size - 1) * step + 1
    return [slice(n, n + last, step) for n in range(0, kernel * gap, gap)]


def _combined(combine, x, value, kernel, stride, padding, dilation, sizes):
    """The elements of each window made into one, axis by axis."""
    first = x.ndim - len(sizes)
    numbers = zip(kernel, stride, padding, dilation, sizes, strict=True)
    for axis, (k, step, edge, gap, size) in enumerate(numbers, first):
        if size == 1 and not edge and k == x.shape[axis] and gap == 1:
            x = combine.reduce(x, axis, keepdims=True)
            continue
        wide = _padded(x, axis, k, step, edge, gap, size, value)
        front = (slice(None),) * axis
        parts = [wide[(*front, part)] for part in _slices(k, step, gap, size)]
        x = combine(parts[0], parts[1]) if k > 1 else parts[0].copy()
        for part in parts[2:]:
            combine(x, part, out=x)
    return x


def _places(kernel, stride, dilation, sizes):
    """The parts of windows that slide over several axes, in the order of memory."""
    numbers = zip(kernel, stride, dilation, sizes, strict=True)
    return [(..., *part) for part in itertools.product(*(_slices(*n) for n in numbers))]


def _put(shape, places, pieces, kernel, stride, dilation, sizes, dtype):
    """Zeros of ``shape`` with ``pieces`` added at ``places``."""
    numbers = list(zip(kernel, stride, dilation, sizes, shape[-len(sizes) :], strict=True))
    apart = all(gap == 1 and step >= k for k, step, gap, _, _ in numbers)
    whole = apart and all(n == k * size for k, _, _, size, n in numbers)
    total = np.empty(shape, dtype) if whole else np.zeros(shape, dtype)
    for place, piece in zip(places, pieces, strict=True):
        if apart:
            total[place] = piece
        else:
            total[place] += piece
    return total


def _cropped(d, shape, padding):
    own = zip(padding, shape[-len(padding) :], strict=True)
    return d[(..., *(slice(edge, edge + n) for edge, n in own))]


# -- the greatest ---------------------------------------------------------------------------------


def max_windows(x, /, *, kernel, stride, padding, dilation, sizes):
    return _combined(np.maximum, x, -np.inf, kernel, stride, padding, dilation, sizes)


def forward_max_windows(x, /, **options):
    return max_windows(x, **options), None


def _won(g, wide, answer, places):
    """The gradient, for the first element of each window that is the greatest."""
    for place in places[:-1]:
        won = g * (wide[place] == answer)
        g = g - won  # nothing, where somebody has won
        yield won
    yield g


def backward_max_windows(
    numbers, g, answer, kept, arguments, *, kernel, stride, padding, dilation, sizes
):  # fmt: skip
    (x,) = arguments
    wide, first = x, x.ndim - len(sizes)
    for axis, options in enumerate(
        zip(kernel, stride, padding, dilation, sizes, strict=True), first
    ):
        wide = _padded(wide, axis, *options, -np.inf)
    places = _places(kernel, stride, dilation, sizes)
    pieces = _won(g, wide, answer, places)
    d = _put(wide.shape, places, pieces, kernel, stride, dilation, sizes, g.dtype)
    return [_cropped(d, x.shape, padding)]


# -- the mean ---------------------------------------------------------------------------------------


def _counts(n, k, step, edge, size, count_padding):
    starts = np.arange(size) * step - edge
    if count_padding:
        return np.minimum(starts + k, n + edge) - starts
    return np.minimum(starts + k, n) - np.maximum(starts, 0)


def _shares(x, kernel, stride, padding, sizes, count_padding, divisor):
    """What each sum is multiplied by: a number, or an array of one for each window."""
    if divisor is not None:
        return x.dtype.type(1 / divisor)
    own = x.shape[x.ndim - len(sizes) :]
    total = np.ones(())
    for numbers in zip(own, kernel, stride, padding, sizes, strict=True):
        counts = _counts(*numbers, count_padding)
        total = np.multiply.outer(total, counts[:1] if np.all(counts == counts[0]) else counts)
    return (1 / total).astype(x.dtype)


def mean_windows(x, /, *, kernel, stride, padding, sizes, count_padding, divisor):
    shares = _shares(x, kernel, stride, padding, sizes, count_padding, divisor)
    y = _combined(np.add, x, 0, kernel, stride, padding, (1,) * len(sizes), sizes)
    y *= shares
    return y


def forward_mean_windows(x, /, **options):
    return mean_windows(x, **options), None


def backward_mean_windows(
    numbers, g, answer, kept, arguments, *, kernel, stride, padding, sizes, count_padding, divisor
):  # fmt: skip
    (x,) = arguments
    g = g * _shares(x, kernel, stride, padding, sizes, count_padding, divisor)
    if sizes == (1,) * len(sizes) and kernel == x.shape[-len(sizes) :] and not any(padding):
        return [np.broadcast_to(g, x.shape)]
    shape, gaps = list(x.shape), (1,) * len(sizes)
    for i, (k, step, edge, size) in enumerate(
        zip(kernel, stride, padding, sizes, strict=True), x.ndim - len(sizes)
    ):
        shape[i] = max(shape[i] + edge, (size - 1) * step + k)
    places = _places(kernel, stride, gaps, sizes)
    d = _put(shape, places, itertools.repeat(g, len(places)), kernel, stride, gaps, sizes, g.dtype)
    return [_cropped(d, x.shape, padding)]
