"""Creation, conversion and copies."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from ._streams import enter


def zeros(shape: Any, *, dtype: Any, device: str | None = None) -> Any:
    enter()
    return mx.zeros(shape, dtype)


def ones(shape: Any, *, dtype: Any, device: str | None = None) -> Any:
    enter()
    return mx.ones(shape, dtype)


empty = zeros


def arange(
    start: Any,
    /,
    stop: Any = None,
    step: Any = 1,
    *,
    dtype: Any,
    device: str | None = None,
) -> Any:
    enter()
    if stop is None:
        start, stop = 0, start
    if isinstance(start, int) and isinstance(stop, int) and isinstance(step, int):
        # MLX counts in floating point, which is not exact from 2**53 on.
        count = mx.arange(len(range(start, stop, step)), dtype=mx.int64)
        if (start, step) != (0, 1):
            count = count * mx.array(step, mx.int64) + mx.array(_wrapped(start), mx.int64)
        return count.astype(dtype)
    if not step:
        raise ValueError("the step cannot be zero")
    return mx.arange(start, stop, step, dtype=dtype)


def _wrapped(number: int) -> int:
    """An integer of 64 bits, with or without a sign, as one with: modulo 2**64 they agree."""
    return (number + 2**63) % 2**64 - 2**63


def linspace(
    start: Any,
    stop: Any,
    /,
    num: int,
    *,
    dtype: Any,
    device: str | None = None,
    endpoint: bool = True,
) -> Any:
    enter()
    if num < 0:
        raise ValueError(f"the number of values cannot be negative: {num}")
    if isinstance(start, complex) or isinstance(stop, complex):
        parts = [
            linspace(complex(start).real, complex(stop).real, num, dtype=mx.float32,
                     endpoint=endpoint),
            linspace(complex(start).imag, complex(stop).imag, num, dtype=mx.float32,
                     endpoint=endpoint),
        ]  # fmt: skip
        return parts[0] + 1j * parts[1]
    # In float64, which every CPU has.
    steps = max(num - 1 if endpoint else num, 1)
    place = mx.arange(num, dtype=mx.float64, stream=mx.cpu)
    step = mx.array((stop - start) / steps, mx.float64)
    values = mx.add(mx.multiply(place, step, stream=mx.cpu), float(start), stream=mx.cpu)
    if endpoint and num > 1:
        values = mx.where(place == num - 1, float(stop), values, stream=mx.cpu)
    if mx.issubdtype(dtype, mx.integer):
        values = mx.floor(values, stream=mx.cpu)
    return values.astype(dtype, stream=mx.cpu)


def copy(x: Any, /) -> Any:
    return mx.where(True, x, x)


def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: str | None = None) -> Any:
    if x.dtype == dtype:
        return mx.where(True, x, x) if copy else x
    if not mx.issubdtype(dtype, mx.inexact):
        x = mx.stop_gradient(x)
    return x.astype(dtype)
