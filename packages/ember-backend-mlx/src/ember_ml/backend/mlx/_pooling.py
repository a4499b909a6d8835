"""Overrides of pooling, axis by axis: a window's part is a slice of all windows at once.

MLX's own reductions over windows are an order of magnitude slower on a CPU, and its gradients of
slices add as many whole arrays as there are slices.
"""

from __future__ import annotations

import functools
import itertools
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


def _slices(k: int, step: int, gap: int, size: int) -> list[slice]:
    """Where the first elements of all windows are, the second ones, and so on."""
    last = (size - 1) * step + 1
    return [slice(n, n + last, step) for n in range(0, k * gap, gap)]


def _parts(axis: int, k: int, step: int, gap: int, size: int) -> list[Any]:
    """`_slices` of ``axis``, counted from the end."""
    after = (slice(None),) * (-axis - 1)
    return [(..., part, *after) for part in _slices(k, step, gap, size)]


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
def _greatest(numbers: tuple[Numbers, ...]) -> Callable[[Any], Any]:
    """The greatest element of windows, the first of which has the gradient.

    Args:
        numbers: kernel, stride, padding, dilation and size for each axis.
    """
    axes = range(-len(numbers), 0)

    def widened(x: Any) -> Any:
        for axis, n in zip(axes, numbers, strict=True):
            x = _padded(x, axis, _beyond(x.shape[axis], *n), n[2], -math.inf)
        return x

    def forward(x: Any) -> Any:
        x = widened(x)
        for axis, (k, step, _, gap, size) in zip(axes, numbers, strict=True):
            parts = _parts(axis, k, step, gap, size)
            x = functools.reduce(mx.maximum, [x[part] for part in parts])
        return x

    function = mx.custom_function(forward)
    spans = [_slices(k, step, gap, size) for k, step, _, gap, size in numbers]
    places = [(..., *part) for part in itertools.product(*spans)]
    apart = all(gap == 1 and step >= k for k, step, _, gap, _ in numbers)

    @mx.compile
    def won(wide: Any, g: Any, y: Any) -> list[Any]:
        pieces = []
        for place in places[:-1]:
            # a product: a choice between g and 0 takes several times as long
            pieces.append(g * (wide[place] == y))
            g = g - pieces[-1]  # nothing, where somebody has won
        return [*pieces, g]

    @function.vjp
    def _(x: Any, g: Any, y: Any) -> Any:
        wide = widened(x)
        d = mx.zeros(wide.shape, g.dtype)
        for place, piece in zip(places, won(wide, g, y), strict=True):
            d[place] = piece if apart else d[place] + piece
        own = zip(numbers, x.shape[-len(numbers) :], strict=True)
        return d[(..., *(slice(n[2], n[2] + size) for n, size in own))]

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
    return _greatest(tuple(zip(kernel, stride, padding, dilation, sizes, strict=True)))(x)


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
