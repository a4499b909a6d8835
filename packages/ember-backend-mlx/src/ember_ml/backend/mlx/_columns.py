"""Convolutions on a CPU: windows as rows of a matrix, and products with them.

MLX's own kernels take twice as long there, and so do their gradients by the input. Arrays have
their channels last, and weights are as in the core. ``y = sum weight * x`` over windows is linear
in each of three arrays: three functions give each one from the two others.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from typing import Any

import mlx.core as mx

Numbers = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]


def _places(kernel: Numbers, sizes: Numbers, stride: Numbers, dilation: Numbers) -> list[Any]:
    """For each place in the kernel the elements of the padded array that it meets."""
    spans = [
        [slice(i * d, i * d + (n - 1) * s + 1, s) for i in range(k)]
        for k, n, s, d in zip(kernel, sizes, stride, dilation, strict=True)
    ]
    return [(slice(None), *place) for place in itertools.product(*spans)]


def _columns(x: Any, places: list[Any]) -> Any:
    """(N, *sizes, places * C)."""
    parts = [x[place] for place in places]
    return parts[0] if len(parts) == 1 else mx.concatenate(parts, -1)


def _windowed(x: Any, weight: Any, places: list[Any]) -> Any:
    """The sums over windows of the padded ``x``: (N, *sizes, O)."""
    axes = range(2, weight.ndim)
    matrix = mx.reshape(mx.transpose(weight, (*axes, 1, 0)), (-1, weight.shape[0]))
    return mx.matmul(_columns(x, places), matrix)


def _spread(y: Any, weight: Any, places: list[Any], shape: Numbers) -> Any:
    """What `_windowed` gives ``y`` from by ``weight``: (N, *shape, C)."""
    outputs, channels = weight.shape[:2]
    axes = range(2, weight.ndim)
    matrix = mx.reshape(mx.transpose(weight, (0, *axes, 1)), (outputs, -1))
    parts = mx.split(mx.matmul(y, matrix), len(places), -1)
    x = mx.zeros((y.shape[0], *shape, channels), y.dtype)
    for place, part in zip(places, parts, strict=True):
        x[place] = x[place] + part
    return x


def _weights(x: Any, y: Any, places: list[Any], kernel: Numbers) -> Any:
    """The weight, (O, C, *kernel), by which `_windowed` gives ``y`` of the padded ``x``."""
    columns = _columns(x, places)
    rows = mx.matmul(
        mx.reshape(y, (-1, y.shape[-1])).T, mx.reshape(columns, (-1, columns.shape[-1]))
    )
    return mx.moveaxis(mx.reshape(rows, (y.shape[-1], *kernel, x.shape[-1])), -1, 1)


def _padded(x: Any, padding: Pairs) -> Any:
    return mx.pad(x, [(0, 0), *padding, (0, 0)]) if any(map(any, padding)) else x


def _cropped(x: Any, padding: Pairs) -> Any:
    sizes = x.shape[1:-1]
    return x[(slice(None), *[slice(b, n - a) for n, (b, a) in zip(sizes, padding, strict=True)])]


@functools.lru_cache(maxsize=256)
def convolution(
    kernel: Numbers, shape: Numbers, stride: Numbers, padding: Pairs, dilation: Numbers
) -> Callable[[Any, Any], Any]:
    """That of ``x``, whose spatial sizes are ``shape``, and a weight."""
    wide = tuple(n + b + a for n, (b, a) in zip(shape, padding, strict=True))
    sizes = tuple(
        (n - d * (k - 1) - 1) // s + 1
        for n, k, s, d in zip(wide, kernel, stride, dilation, strict=True)
    )
    if min(sizes) < 1:
        raise ValueError("the kernel is larger than the array")
    places = _places(kernel, sizes, stride, dilation)

    def forward(x: Any, weight: Any) -> Any:
        return _windowed(_padded(x, padding), weight, places)

    function = mx.custom_function(forward)

    @function.vjp
    def _(primals: Any, g: Any, y: Any) -> Any:
        x, weight = primals
        by_x = _cropped(_spread(g, weight, places, wide), padding)
        return by_x, _weights(_padded(x, padding), g, places, kernel)

    return function


@functools.lru_cache(maxsize=256)
def transposed(
    kernel: Numbers,
    shape: Numbers,
    stride: Numbers,
    padding: Pairs,
    more: Numbers,
    dilation: Numbers,
) -> Callable[[Any, Any], Any]:
    """The transposed one of ``x``, whose spatial sizes are ``shape``, and a weight."""
    wide = tuple(
        (n - 1) * s + d * (k - 1) + m + 1
        for n, k, s, m, d in zip(shape, kernel, stride, more, dilation, strict=True)
    )
    if math.prod(max(n - b - a, 0) for n, (b, a) in zip(wide, padding, strict=True)) == 0:
        raise ValueError("the result has no elements")
    places = _places(kernel, shape, stride, dilation)

    def forward(x: Any, weight: Any) -> Any:
        return _cropped(_spread(x, weight, places, wide), padding)

    function = mx.custom_function(forward)

    @function.vjp
    def _(primals: Any, g: Any, y: Any) -> Any:
        x, weight = primals
        g = _padded(g, padding)
        return _windowed(g, weight, places), _weights(g, x, places, kernel)

    return function
