"""MLX's own random numbers: each draw takes a new key from the state."""

from __future__ import annotations

import math
from typing import Any

import mlx.core as mx

from ._streams import enter


class State:
    """A key that changes with each draw."""

    def __init__(self, seed: int) -> None:
        enter()
        self.key = mx.random.key(seed)

    def draw(self) -> Any:
        """The key of the next draw."""
        enter()
        self.key, key = mx.random.split(self.key)
        return key


def random_bits(state: State, shape: tuple[int, ...], /, *, dtype: Any, device: Any = None) -> Any:
    count = math.prod(shape)
    if not count:
        return mx.zeros(shape, dtype)
    # The keys that a key is split into are its random bits.
    words = mx.random.split(state.draw(), (count + 1) // 2)
    return mx.reshape(mx.reshape(words, (-1,))[:count], shape).astype(dtype)


def random_uniform(
    state: State, shape: tuple[int, ...], /, *, dtype: Any, device: Any = None
) -> Any:
    return mx.random.uniform(shape=shape, key=state.draw()).astype(dtype)


def random_normal(
    state: State, shape: tuple[int, ...], /, *, dtype: Any, device: Any = None
) -> Any:
    return mx.random.normal(shape=shape, key=state.draw()).astype(dtype)
