"""The portable stream."""

from __future__ import annotations

from typing import Any

import numpy as np

from ember_ml.backend.dtypes import DTYPES, DType

from .._case import Call, case, int64
from .._draw import Array, Draw

#: What the authors of Threefry-2x32 published for 20 rounds (Random123, ``kat_vectors``): counter,
#: key, answer.
KNOWN = (
    ((0x00000000, 0x00000000), (0x00000000, 0x00000000), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
    ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
)

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))


def threefry(key: tuple[int, int], counter: tuple[int, int]) -> tuple[int, int]:
    """Threefry-2x32, 20 rounds (Salmon et al. 2011, section 3.3), one block in Python integers."""
    mask = 0xFFFFFFFF
    keys = (*key, 0x1BD11BDA ^ key[0] ^ key[1])
    a, b = (counter[0] + keys[0]) & mask, (counter[1] + keys[1]) & mask
    for group in range(5):
        for turn in _ROTATIONS[group % 2]:
            a = (a + b) & mask
            b = ((b << turn | b >> 32 - turn) & mask) ^ a
        a = (a + keys[(group + 1) % 3]) & mask
        b = (b + keys[(group + 2) % 3] + group + 1) & mask
    return a, b


def _words(draw: Draw, dtype: DType) -> Call:
    key = draw.integer(0, 2**32 - 1), draw.integer(0, 2**32 - 1)
    stream = Array(np.array([*key, draw.one_of(0, 1, 5, 2**32 - 3)]), int64)
    return (stream, draw.integer(0, 9)), {"offset": draw.one_of(0, 3)}


def _stream(stream: Any, count: int, *, offset: int) -> Any:
    *key, start = (int(word) for word in stream)
    start += offset
    blocks = [
        threefry((key[0], key[1]), (i & 0xFFFFFFFF, i >> 32)) for i in range(start, start + count)
    ]
    return np.asarray(blocks, dtype=np.uint32).reshape(-1)


case(
    "random_words",
    _words,
    reference=_stream,
    accepts=lambda dtype: dtype is DTYPES["uint32"],
)


def _halved(draw: Draw, dtype: DType) -> Call:
    words = draw.random.integers(0, 2**32, draw.integer(0, 9))
    return (Array(words.astype(np.uint32), dtype), draw.one_of(0, 1, 20_000, 2**15, 2**16)), {}


def _below(words: Any, limit: int) -> Any:
    halves = [half for word in words.tolist() for half in (word % 2**16, word // 2**16)]
    signed = [half - 2**16 if half >= 2**15 else half for half in halves]
    return np.asarray([half + 2**15 < limit for half in signed], dtype=bool)


case(
    "halves_below",
    _halved,
    reference=_below,
    accepts=lambda dtype: dtype is DTYPES["uint32"],
)


def _kept(draw: Draw, dtype: DType) -> Call:
    x = draw.array(dtype)
    drawn = draw.random.integers(0, 2**32, (x.values.size + 1) // 2)
    words = Array(drawn.astype(np.uint32), DTYPES["uint32"])
    return (x, words, draw.one_of(0, 20_000, 2**15, 2**16)), {"scale": draw.one_of(1.0, 1.25)}


def _kept_below(x: Any, words: Any, limit: int, *, scale: float) -> Any:
    return x * scale * _below(words, limit)[: x.size].reshape(x.shape)


case("kept_below", _kept, reference=_kept_below, gradient=(0,))
