"""The portable stream on MLX, and MLX's own random numbers."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import mlx.core as mx

from ._streams import enter, settle


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


_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA
_MASK = 0xFFFFFFFF
#: Counters encrypted at a time: what the 120 steps work on stays in the cache.
_BLOCK = 1 << 16


def _block(stream: Any, offset: int, count: int) -> Any:
    """Threefry-2x32 of so many counters; the core's definition says more."""
    key = stream[:2].astype(mx.uint32)
    keys = (key[0], key[1], mx.bitwise_xor(mx.bitwise_xor(key[0], key[1]), _PARITY))
    index = mx.arange(count, dtype=mx.int64) + (stream[2] + offset)
    x0 = (index & _MASK).astype(mx.uint32) + keys[0]
    x1 = (index >> 32).astype(mx.uint32) + keys[1]
    return mx.reshape(mx.stack(_rounds(x0, x1, *keys), 1), (-1,))


@partial(mx.compile, shapeless=True)
def _rounds(x0: Any, x1: Any, *keys: Any) -> tuple[Any, Any]:
    for group in range(5):
        for r in _ROTATIONS[group % 2]:
            x0 = x0 + x1
            x1 = mx.bitwise_xor(mx.left_shift(x1, r) | mx.right_shift(x1, 32 - r), x0)
        x0 = x0 + keys[(group + 1) % 3]
        x1 = x1 + (keys[(group + 2) % 3] + (group + 1))
    return x0, x1


def random_words(stream: Any, count: int, /, *, offset: int = 0, device: str | None = None) -> Any:
    enter()
    blocks = []
    for first in range(offset, offset + max(count, 1), _BLOCK):
        blocks.append(_block(stream, first, min(_BLOCK, offset + count - first)))
        settle(blocks[-1])
    return blocks[0] if len(blocks) == 1 else mx.concatenate(blocks)


def halves_below(words: Any, limit: int, /) -> Any:
    halves = mx.view(words, mx.int16)
    # what is compared with has 16 bits too
    return halves <= limit - 0x8001 if limit else mx.zeros(halves.shape, mx.bool_)
