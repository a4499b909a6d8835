"""The portable stream, in place on blocks that stay in the cache."""

from __future__ import annotations

import numpy as np

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA
_MASK = 0xFFFFFFFF
#: Counters encrypted at a time.
_CHUNK = 1 << 15


def random_words(stream, count, /, *, offset=0, device=None):
    *key, start = stream.tolist()
    start += offset
    words = np.empty((count, 2), np.uint32)
    for first in range(0, count, _CHUNK):
        part = words[first : first + _CHUNK]
        counters = np.arange(len(part), dtype=np.uint64)
        counters += (start + first) % 2**64
        x0, x1 = counters.astype(np.uint32), (counters >> 32).astype(np.uint32)
        _encrypt(key, x0, x1)
        part[:, 0] = x0
        part[:, 1] = x1
    return words.reshape(-1)


def _encrypt(key, x0, x1):
    """Threefry-2x32 of the counters ``(x0, x1)``; the core's definition says more."""
    keys = (*key, key[0] ^ key[1] ^ _PARITY)
    low = np.empty_like(x1)
    x0 += keys[0]
    x1 += keys[1]
    for group in range(5):
        for r in _ROTATIONS[group % 2]:
            x0 += x1
            np.right_shift(x1, 32 - r, out=low)
            x1 <<= r
            x1 |= low
            x1 ^= x0
        x0 += keys[(group + 1) % 3]
        x1 += (keys[(group + 2) % 3] + group + 1) & _MASK


def halves_below(words, limit, /):
    return np.ascontiguousarray(words).view(np.int16) < limit - 0x8000


def kept_below(x, words, limit, /, *, scale):
    return x * factors(x, words, limit, scale)


def factors(x, words, limit, scale):
    """``scale`` or zero for each element of ``x``."""
    kept = halves_below(words, limit)[: x.size].astype(x.dtype)
    kept *= scale
    return kept.reshape(x.shape)


def kept_product(answer, x, words, limit, *, scale):
    """The gradient of `kept_below` by ``x``."""
    return lambda g: g * factors(x, words, limit, scale)
