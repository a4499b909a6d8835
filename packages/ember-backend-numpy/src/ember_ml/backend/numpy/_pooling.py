"""Overrides of pooling, axis by axis: a window's part is a slice of all windows at once.

``forward_...`` also gives what ``backward_...`` needs; see `_tape.primitive_keeping`.
"""

from __future__ import annotations

import numpy as np


def _padded(x, axis, kernel, step, edge, gap, size, value):
    """``x`` with room for the windows along ``axis``."""
    beyond = (size - 1) * step + (kernel - 1) * gap + 1 - x.shape[axis] - edge
    if not edge and beyond <= 0:
        return x
    widths = [(0, 0)] * x.ndim
    widths[axis] = (edge, max(beyond, 0))
    return np.pad(x, widths, constant_values=value)


def _parts(axis, kernel, step, gap, size):
    """Where the first elements of all windows are, the second ones, and so on."""
    before, last = (slice(None),) * axis, (size - 1) * step + 1
    return [(*before, slice(n, n + last, step)) for n in range(0, kernel * gap, gap)]


def _put(shape, parts, pieces, step, gap, dtype):
    """``pieces`` added up at ``parts`` of an array of zeros."""
    disjoint = gap == 1 and step >= len(parts)
    covered = disjoint and all(
        p.step == len(parts) and n == (p.stop - p.start + step - 1) // step * step
        for *_, p in parts
        for n in shape[len(parts[0]) - 1 : len(parts[0])]
    )
    total = np.empty(shape, dtype) if covered else np.zeros(shape, dtype)
    for part, piece in zip(parts, pieces, strict=True):
        if disjoint:
            total[part] = piece
        else:
            total[part] += piece
    return total


def _cropped(d, axis, edge, n):
    return d[(*(slice(None),) * axis, slice(edge, edge + n))]


def _axes(x, sizes):
    return range(x.ndim - len(sizes), x.ndim)


# -- the greatest ---------------------------------------------------------------------------------


def forward_max_windows(x, /, *, kernel, stride, padding, dilation, sizes):
    stages = []
    numbers = list(zip(_axes(x, sizes), kernel, stride, padding, dilation, sizes, strict=True))
    # the last axis first: of equal elements the first one in the order of memory then wins
    for axis, k, step, edge, gap, size in reversed(numbers):
        wide = _padded(x, axis, k, step, edge, gap, size, -np.inf)
        parts = _parts(axis, k, step, gap, size)
        y = wide[parts[0]] if k > 1 else wide[parts[0]].copy()
        for n, part in enumerate(parts[1:]):
            y = np.maximum(y, wide[part], out=y if n else None)
        stages.append((wide, y, parts, (axis, step, edge, gap, x.shape[axis])))
        x = y
    return x, stages


def max_windows(x, /, *, kernel, stride, padding, dilation, sizes):
    return forward_max_windows(
        x, kernel=kernel, stride=stride, padding=padding, dilation=dilation, sizes=sizes
    )[0]


def backward_max_windows(numbers, g, answer, stages, arguments, **options):
    for wide, y, parts, (axis, step, edge, gap, n) in reversed(stages):
        pieces = []
        for part in parts[:-1]:
            won = g * (wide[part] == y)
            g = g - won  # nothing, where somebody has won
            pieces.append(won)
        d = _put(wide.shape, parts, [*pieces, g], step, gap, g.dtype)
        g = _cropped(d, axis, edge, n)
    return [g]


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
    for axis, k, step, edge, size in zip(
        _axes(x, sizes), kernel, stride, padding, sizes, strict=True
    ):
        if size == 1 and not edge and k == x.shape[axis]:
            x = np.add.reduce(x, axis, keepdims=True)
            continue
        wide = _padded(x, axis, k, step, edge, 1, size, 0)
        parts = _parts(axis, k, step, 1, size)
        x = wide[parts[0]] if k > 1 else wide[parts[0]].copy()
        for n, part in enumerate(parts[1:]):
            x = np.add(x, wide[part], out=x if n else None)
    x *= shares
    return x


def forward_mean_windows(x, /, **options):
    return mean_windows(x, **options), None


def backward_mean_windows(
    numbers, g, answer, kept, arguments, *, kernel, stride, padding, sizes, count_padding, divisor
):  # fmt: skip
    (x,) = arguments
    g = g * _shares(x, kernel, stride, padding, sizes, count_padding, divisor)
    whole = zip(_axes(x, sizes), kernel, stride, padding, sizes, strict=True)
    for axis, k, step, edge, size in reversed(list(whole)):
        n = x.shape[axis]
        beyond = (size - 1) * step + k - n - edge
        shape = (*g.shape[:axis], n + edge + max(beyond, 0), *g.shape[axis + 1 :])
        d = _put(shape, _parts(axis, k, step, 1, size), [g] * k, step, 1, g.dtype)
        g = _cropped(d, axis, edge, n)
    return [g]
