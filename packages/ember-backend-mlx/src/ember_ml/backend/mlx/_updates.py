"""Overrides: the step of an optimizer for half and single precision."""

from __future__ import annotations

from typing import Any

import mlx.core as mx


def adam_update(
    x: Any,
    gradient: Any,
    mean: Any,
    square: Any,
    largest: Any,
    step_size: Any,
    root: Any,
    shrink: Any,
    gain: Any,
    /,
    *,
    beta2: float,
    epsilon: float,
) -> tuple[Any, ...]:
    mean = mean + gain * (gradient - mean)
    square = beta2 * square + (1.0 - beta2) * mx.square(gradient)
    below = square if largest is None else mx.maximum(largest, square)
    inverse = 1.0 / root  # one division for each element instead of two
    x = shrink * x - step_size * (mean / (mx.sqrt(below) * inverse + epsilon))
    return (x, mean, square) if largest is None else (x, mean, square, below)
