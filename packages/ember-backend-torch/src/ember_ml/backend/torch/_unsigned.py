"""``uint16``, ``uint32`` and ``uint64``, for which PyTorch has hardly more than storage.

Their bits are read as the signed dtype of the same size. Two's complement adds, multiplies and
shifts left alike; with the top bit changed, signed order is unsigned order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from ember_ml.backend.protocol import Native

from . import _integers, _reduce, _shape
from ._creation import SIGNED
from ._reduce import Axis

Binary = Callable[[Native, Native], Any]


def _bits(x: Native) -> Native:
    return x.view(SIGNED[x.dtype])


def _turned(bits: Native) -> Native:
    """``bits`` with the top one changed: in signed order as the unsigned numbers are."""
    return bits ^ torch.iinfo(bits.dtype).min


def _ranked(x: Native) -> Native:
    return _turned(_bits(x))


def _pair(x1: Native, x2: Native) -> tuple[Native, Native]:
    """The bits of two operands, one of which may be a Python integer."""
    like = x2 if x1.__class__ is int else x1
    signed = SIGNED[like.dtype]
    half = 1 << (signed.itemsize * 8 - 1)

    def read(x: Native) -> Native:
        if x.__class__ is not int:
            return _bits(x)
        return torch.scalar_tensor((x + half) % (2 * half) - half, dtype=signed, device=like.device)

    return read(x1), read(x2)


def _alike(function: Binary) -> Binary:
    """``function``, which does the same to the bits of signed and unsigned numbers."""

    def apply(x1: Native, x2: Native, /) -> Native:
        dtype = x2.dtype if x1.__class__ is int else x1.dtype
        return function(*_pair(x1, x2)).view(dtype)

    return apply


def _comparing(function: Binary) -> Binary:
    def apply(x1: Native, x2: Native, /) -> Native:
        a, b = _pair(x1, x2)
        return function(_turned(a), _turned(b))

    return apply


def _choosing(function: Binary) -> Binary:
    def apply(x1: Native, x2: Native, /) -> Native:
        a, b = _pair(x1, x2)
        return _turned(function(_turned(a), _turned(b))).view(x1.dtype)

    return apply


def _shifted(bits: Native, places: Native) -> Native:
    """``bits`` moved down, zeros moved in from above."""
    lowest = torch.full_like(bits, torch.iinfo(bits.dtype).min)
    moved = (_turned(bits) >> places) - (lowest >> places)
    return torch.where(places < bits.dtype.itemsize * 8, moved, 0)


def _divided(n: Native, d: Native) -> Native:
    """Unsigned quotient by signed division (Warren, Hacker's Delight, 9-3)."""
    one = torch.ones_like(n)
    q = torch.div(_shifted(n, one), d, rounding_mode="trunc") << 1
    q = q + (_turned(n - q * d) >= _turned(d)).to(n.dtype)
    return torch.where(d < 0, (_turned(n) >= _turned(d)).to(n.dtype), q)


add = _alike(torch.add)
bitwise_and = _alike(torch.bitwise_and)
bitwise_left_shift = _alike(torch.bitwise_left_shift)
bitwise_or = _alike(torch.bitwise_or)
bitwise_right_shift = _alike(_shifted)
bitwise_xor = _alike(torch.bitwise_xor)
equal = _comparing(torch.eq)
floor_divide = _alike(_divided)
greater = _comparing(torch.gt)
greater_equal = _comparing(torch.ge)
less = _comparing(torch.lt)
less_equal = _comparing(torch.le)
matmul = _alike(_integers.matmul)
maximum = _choosing(torch.maximum)
minimum = _choosing(torch.minimum)
multiply = _alike(torch.multiply)
not_equal = _comparing(torch.ne)
pow = _alike(torch.pow)
remainder = _alike(lambda n, d: n - _divided(n, d) * d)
subtract = _alike(torch.subtract)


def square(x: Native, /) -> Native:
    return multiply(x, x)


def abs(x: Native, /) -> Native:
    return x


def bitwise_invert(x: Native, /) -> Native:
    return torch.bitwise_not(_bits(x)).view(x.dtype)


def negative(x: Native, /) -> Native:
    return torch.negative(_bits(x)).view(x.dtype)


def sign(x: Native, /) -> Native:
    return (_bits(x) != 0).to(x.dtype)


def where(condition: Native, x1: Native, x2: Native, /) -> Native:
    return _alike(lambda a, b: torch.where(condition, a, b))(x1, x2)


def max(x: Native, /, *, axis: Axis = None, keepdims: bool = False) -> Native:
    return _turned(_reduce.max(_ranked(x), axis=axis, keepdims=keepdims)).view(x.dtype)


def min(x: Native, /, *, axis: Axis = None, keepdims: bool = False) -> Native:
    return _turned(_reduce.min(_ranked(x), axis=axis, keepdims=keepdims)).view(x.dtype)


def argmax(x: Native, /, *, axis: int | None = None, keepdims: bool = False) -> Native:
    return torch.argmax(_ranked(x), axis, keepdims)


def argmin(x: Native, /, *, axis: int | None = None, keepdims: bool = False) -> Native:
    return torch.argmin(_ranked(x), axis, keepdims)


def argsort(
    x: Native, /, *, axis: int = -1, descending: bool = False, stable: bool = True
) -> Native:
    return torch.argsort(_ranked(x), dim=axis, descending=descending, stable=stable)


def sort(x: Native, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Native:
    ordered = _shape.sort(_ranked(x), axis=axis, descending=descending, stable=stable)
    return _turned(ordered).view(x.dtype)


def searchsorted(
    x1: Native, x2: Native, /, *, side: str = "left", sorter: Native | None = None
) -> Native:
    return _shape.searchsorted(_ranked(x1), _ranked(x2), side=side, sorter=sorter)


def nonzero(x: Native, /) -> tuple[Native, ...]:
    return _shape.nonzero(_bits(x))


def take_along_axis(x: Native, indices: Native, /, *, axis: int = -1) -> Native:
    return _shape.take_along_axis(_bits(x), indices, axis=axis).view(x.dtype)


def tril(x: Native, /, *, k: int = 0) -> Native:
    return torch.tril(_bits(x), k).view(x.dtype)


def triu(x: Native, /, *, k: int = 0) -> Native:
    return torch.triu(_bits(x), k).view(x.dtype)
