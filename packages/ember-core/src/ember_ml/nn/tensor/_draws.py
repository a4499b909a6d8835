"""Floating-point numbers made of random words, a cacheful at a time.

Every step is exact or rounded alike on every engine, but for the logarithm of `normals`: what
comes of it differs by two units in the last place at most (by four where the engine has no double
precision).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

from ember_ml.backend.dtypes import DType, float32, float64, int32, int64
from ember_ml.backend.registry import current_backend

from ._analysis import log, sqrt
from ._core import EmberTensor
from ._data import astype
from ._manipulation import concat, reshape, stack
from ._search import where

__all__ = ["Words", "normals", "uniforms"]

#: Gives the next so many words of a stream, ``uint32``.
Words: TypeAlias = Callable[[int], EmberTensor]

#: Numbers made at a time.
_CHUNK = 1 << 17

#: Bits of a number in [0, 1): as many as let no dtype round it to 1.
_BITS = {"bfloat16": 8, "float16": 11, "float32": 24, "float64": 53}


def _in_chunks(count: int, make: Callable[[int], EmberTensor]) -> EmberTensor:
    if count <= _CHUNK:
        return make(count)
    return concat([make(min(_CHUNK, count - done)) for done in range(0, count, _CHUNK)])


def _integers(words: Words, count: int, bits: int) -> EmberTensor:
    """Uniform in ``[0, 2**bits)``: the upper bits of a word, or of the two that 53 bits take."""
    if bits < 32:
        return astype(words(count) >> (32 - bits), int32)
    pairs = reshape(words(2 * count), (count, 2))
    return (astype(pairs[:, 0] >> 5, int64) << 26) | astype(pairs[:, 1] >> 6, int64)


def uniforms(words: Words, count: int, dtype: DType) -> EmberTensor:
    """Uniform in [0, 1)."""
    bits = _BITS[dtype.name]
    return _in_chunks(count, lambda n: astype(_integers(words, n, bits), dtype) * 2.0**-bits)


def normals(words: Words, count: int, dtype: DType) -> EmberTensor:
    """Normal, by the method of Box and Muller (1958): two of each two uniform numbers."""
    # Double precision makes the engines' differing logarithms agree when rounded to single.
    work = float64 if "float64" in current_backend().capabilities else float32
    result = float64 if dtype is float64 else float32

    def make(n: int) -> EmberTensor:
        bits = _BITS[result.name]
        pairs = (n + 1) // 2
        k = reshape(_integers(words, 2 * pairs, bits), (pairs, 2))
        both = reshape(_box_muller(k[:, 0], k[:, 1], bits, work), (-1,))
        return astype(both[:n], result)

    x = _in_chunks(count, make)
    return x if dtype is result else astype(x, dtype)


_COS = [(-1) ** n / math.factorial(2 * n) for n in range(9)]
_SIN = [(-1) ** n / math.factorial(2 * n + 1) for n in range(9)]


def _box_muller(k: EmberTensor, turn: EmberTensor, bits: int, work: DType) -> EmberTensor:
    """Two normal numbers (n, 2) of each two integers (n,) below ``2**bits``."""
    # The nearest quarter of a turn, and the angle from there, at most 45 degrees.
    quarter = (turn + (1 << bits - 3)) >> bits - 2
    angle = astype(turn - (quarter << bits - 2), work) * (2.0 * math.pi * 2.0**-bits)
    square = angle * angle
    cosine, sine = _polynomial(_COS, square), _polynomial(_SIN, square) * angle
    # In (0, 1], so that the logarithm is finite.
    radius = sqrt(log((astype(k, work) + 1.0) * 2.0**-bits) * -2.0)
    radius = radius * astype(1 - (quarter & 2), work)
    odd = (quarter & 1) != 0
    return stack([where(odd, -sine, cosine) * radius, where(odd, cosine, sine) * radius], axis=1)


def _polynomial(coefficients: Sequence[float], x: EmberTensor) -> EmberTensor:
    *rest, value = coefficients
    result = x * value + rest.pop()
    for coefficient in reversed(rest):
        result = result * x + coefficient
    return result
