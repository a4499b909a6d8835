"""Overrides of pooling, axis by axis: a window's part is a slice of all windows at once.

MLX's own reductions over windows are an order of magnitude slower on a CPU, and its gradients of
slices add as many whole arrays as there are slices.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import mlx.core as mx

Numbers = tuple[int, ...]


def _padded(x: Any, axis: int, beyond: int, edge: int, value: float) -> Any:
    """``x`` with room for the windows along ``axis``, counted from the end."""
    if not edge and beyond <= 0:
        return x
    widths = [(0, 0)] * x.ndim
    widths[axis] = (edge, max(beyond, 0))
    return mx.pad(x, widths, constant_values=mx.array(value, x.dtype))


def _beyond(n: int, k: int, step: int, edge: int, gap: int, size: int) -> int:
    return (size - 1) * step + (k - 1) * gap + 1 - n - edge


def _parts(axis: int, k: int, step: int, gap: int, size: int) -> list[Any]:
    """Where the first elements of all windows are, the second ones, and so on."""
    last, after = (size - 1) * step + 1, (slice(None),) * (-axis - 1)
    return [(..., slice(n, n + last, step), *after) for n in range(0, k * gap, gap)]


def _assembled(shape: Any, axis: int, numbers: Numbers, pieces: list[Any]) -> Any:
    """The gradient of ``x`` of ``shape`` from those of the parts."""
    k, step, edge, gap, size = numbers
    n, beyond = shape[axis], _beyond(shape[axis], *numbers)
    if step == k and gap == 1 and not edge and beyond <= 0:
        d = mx.flatten(mx.stack(pieces, axis), axis - 1, axis)
        if beyond == 0:
            return d
        widths = [(0, 0)] * len(shape)
        widths[axis] = (0, -beyond)
        return mx.pad(d, widths)
    wide = list(shape)
    wide[axis] = n + edge + max(beyond, 0)
    d = mx.zeros(wide, pieces[0].dtype)
    for part, piece in zip(_parts(axis, k, step, gap, size), pieces, strict=True):
        d[part] = d[part] + piece
    return d[(..., slice(edge, edge + n), *(slice(None),) * (-axis - 1))]


@functools.lru_cache(maxsize=256)
def _greatest(axis: int, numbers: Numbers) -> Callable[[Any], Any]:
    """The greatest element of windows along one axis, the first of them in the gradient."""
    k, step, edge, gap, size = numbers
    parts = _parts(axis, k, step, gap, size)

    def forward(x: Any) -> Any:
        wide = _padded(x, axis, _beyond(x.shape[axis], *numbers), edge, -math.inf)
        return functools.reduce(mx.maximum, [wide[part] for part in parts])

    function = mx.custom_function(forward)

    @function.vjp
    def _(x: Any, g: Any, y: Any) -> Any:
        wide = _padded(x, axis, _beyond(x.shape[axis], *numbers), edge, -math.inf)
        pieces = []
        for part in parts[:-1]:
            won = mx.where(wide[part] == y, g, 0)
            g = g - won  # nothing, where somebody has won
            pieces.append(won)
        return _assembled(x.shape, axis, numbers, [*pieces, g])

    return function


@functools.lru_cache(maxsize=256)
def _sum(axis: int, numbers: Numbers) -> Callable[[Any], Any]:
    """The sum of windows along one axis."""
    k, step, edge, gap, size = numbers
    parts = _parts(axis, k, step, gap, size)

    def forward(x: Any) -> Any:
        wide = _padded(x, axis, _beyond(x.shape[axis], *numbers), edge, 0.0)
        return functools.reduce(mx.add, [wide[part] for part in parts])

    function = mx.custom_function(forward)

    @function.vjp
    def _(x: Any, g: Any, y: Any) -> Any:
        return _assembled(x.shape, axis, numbers, [g] * k)

    return function


def max_windows(
    x: Any,
    /,
    *,
    kernel: Numbers,
    stride: Numbers,
    padding: Numbers,
    dilation: Numbers,
    sizes: Numbers,
) -> Any:
    numbers = list(zip(kernel, stride, padding, dilation, sizes, strict=True))
    # the last axis first: of equal elements the first one in the order of memory then wins
    for axis in range(-1, -len(sizes) - 1, -1):
        x = _greatest(axis, numbers[axis])(x)
    return x


def mean_windows(
    x: Any,
    /,
    *,
    kernel: Numbers,
    stride: Numbers,
    padding: Numbers,
    sizes: Numbers,
    count_padding: bool,
    divisor: int | None,
) -> Any:
    scale, dtype = 1.0 if divisor is None else 1.0 / divisor, x.dtype
    for axis in range(-len(sizes), 0):
        n, k, step, edge, size = (x.shape[axis], kernel[axis], stride[axis], padding[axis], sizes[axis])  # fmt: skip
        if size == 1 and not edge and k == n:
            x = mx.sum(x, axis, keepdims=True)
        else:
            x = _sum(axis, (k, step, edge, 1, size))(x)
        if divisor is not None:
            continue
        counts = _counts(n, k, step, edge, size, count_padding)
        if len(set(counts)) == 1:
            scale /= counts[0]
        else:
            shares = mx.array([1 / c for c in counts], dtype)
            x = x * mx.reshape(shares, (size,) + (1,) * (-axis - 1))
    return x * scale


def _counts(n: int, k: int, step: int, edge: int, size: int, count_padding: bool) -> list[int]:
    """How many elements each window along an axis has."""
    starts = [i * step - edge for i in range(size)]
    if count_padding:
        return [min(start + k, n + edge) - start for start in starts]
    return [min(start + k, n) - max(start, 0) for start in starts]
