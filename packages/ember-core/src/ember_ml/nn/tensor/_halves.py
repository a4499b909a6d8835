"""Decisions by 16 random bits each: what `random.bernoulli` and dropout are made of."""

from __future__ import annotations

import math

from ._bitwise import bitwise_and, bitwise_right_shift
from ._core import EmberTensor, TensorLike
from ._data import astype
from ._manipulation import reshape, stack
from ._operation import operation

__all__ = ["halves_below", "kept_below"]


@operation(kinds={"words": "integer"}, result="bool", promoted=())
def halves_below(words: TensorLike, limit: int, /) -> EmberTensor:
    """Whether each half of a word, the lower one first, is below ``limit``.

    A half counts from -2**15 on, as a number of 16 bits with a sign does, so that an engine can
    take the words as twice as many of those.

    Args:
        words: (n,), ``uint32``.
        limit: an integer in [0, 2**16]: so many halves of 2**16 are below it.

    Returns:
        (2 * n,), bool.
    """
    words = astype(words, "int64")
    halves = stack([bitwise_and(words, 0xFFFF), bitwise_right_shift(words, 16)], axis=1)
    return bitwise_and(reshape(halves, (-1,)) + 0x8000, 0xFFFF) < limit


@operation(accepts="floating", result="same", promoted=("x",), kinds={"words": "integer"})
def kept_below(x: TensorLike, words: TensorLike, limit: int, /, *, scale: float) -> EmberTensor:
    """``x * scale`` where `halves_below` holds for an element's half of a word, and zero elsewhere.

    Args:
        x: n elements.
        words: ((n + 1) // 2,), ``uint32``.
        limit: an integer in [0, 2**16].
    """
    kept = reshape(halves_below(words, limit)[: math.prod(x.shape)], x.shape)
    return x * (astype(kept, x.dtype) * scale)
