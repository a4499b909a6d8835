"""``uint16``, ``uint32`` and ``uint64``, for which PyTorch has hardly more than storage.

Their bits are read as the signed dtype of the same size. Two's complement adds, multiplies and
shifts left alike; with the top bit changed, signed order is unsigned order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from ember_ml.backend.protocol import Native

from . import _integers, _reduce, _scatter, _shape
from ._creation import SIGNED


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


def _alike(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` of two operands, which does the same to the bits of signed numbers."""

    def apply(x1: Native, x2: Native, /) -> Native:
        dtype = x2.dtype if x1.__class__ is int else x1.dtype
        return function(*_pair(x1, x2)).view(dtype)

    return apply


def _comparing(function: Callable[..., Any]) -> Callable[..., Any]:
    def apply(x1: Native, x2: Native, /) -> Native:
        return function(*map(_turned, _pair(x1, x2)))

    return apply


def _choosing(function: Callable[..., Any]) -> Callable[..., Any]:
    def apply(x1: Native, x2: Native, /) -> Native:
        return _turned(function(*map(_turned, _pair(x1, x2)))).view(x1.dtype)

    return apply


def _rearranging(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` of one array, which does the same to the bits of signed numbers."""

    def apply(x: Native, /, *rest: Any, **options: Any) -> Native:
        return function(_bits(x), *rest, **options).view(x.dtype)

    return apply


def _ranking(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` of one array, which finds places by the order of the elements."""

    def apply(x: Native, /, **options: Any) -> Native:
        return function(_ranked(x), **options)

    return apply


def _selecting(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` of one array, which gives elements by their order."""

    def apply(x: Native, /, **options: Any) -> Native:
        return _turned(function(_ranked(x), **options)).view(x.dtype)

    return apply


def _shifted(bits: Native, places: Native) -> Native:
    """``bits`` moved down, zeros moved in from above."""
    lowest = torch.full_like(bits, torch.iinfo(bits.dtype).min)
    moved = (_turned(bits) >> places) - (lowest >> places)
    within = torch.logical_and(places >= 0, places < bits.dtype.itemsize * 8)
    return torch.where(within, moved, 0)


def _divided(n: Native, d: Native) -> Native:
    """Unsigned quotient by signed division (Warren, Hacker's Delight, 9-3)."""
    one = torch.ones_like(n)
    q = torch.div(_shifted(n, one), d, rounding_mode="trunc") << 1
    q = q + (_turned(n - q * d) >= _turned(d)).to(n.dtype)
    return torch.where(d < 0, (_turned(n) >= _turned(d)).to(n.dtype), q)


def _raised(base: Native, exponent: Native) -> Native:
    """Unsigned powers, which wrap round."""
    # The top bit of the exponent leads an odd base once round, and an even one to zero.
    found = torch.pow(base, exponent & torch.iinfo(exponent.dtype).max)
    return torch.where(torch.logical_and(exponent < 0, base % 2 == 0), 0, found)


add = _alike(torch.add)
argmax = _ranking(torch.argmax)
argmin = _ranking(torch.argmin)
argsort = _ranking(_shape.argsort)
bitwise_and = _alike(torch.bitwise_and)
bitwise_invert = _rearranging(torch.bitwise_not)
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
max = _selecting(_reduce.max)
maximum = _choosing(torch.maximum)
min = _selecting(_reduce.min)
minimum = _choosing(torch.minimum)
multiply = _alike(torch.multiply)
negative = _rearranging(torch.negative)
not_equal = _comparing(torch.ne)
pow = _alike(_raised)
remainder = _alike(lambda n, d: n - _divided(n, d) * d)
sort = _selecting(_shape.sort)
square = _rearranging(torch.square)
subtract = _alike(torch.subtract)
take_along_axis = _rearranging(_shape.take_along_axis)
tril = _rearranging(_shape.tril)
triu = _rearranging(_shape.triu)


def abs(x: Native, /) -> Native:
    return x


def index_add(x: Native, indices: Native, values: Native, /) -> Native:
    return _scatter.index_add(_bits(x), indices, _bits(values)).view(x.dtype)


def index_max(x: Native, indices: Native, values: Native, /) -> Native:
    return _turned(_scatter.index_max(_ranked(x), indices, _ranked(values))).view(x.dtype)


def index_min(x: Native, indices: Native, values: Native, /) -> Native:
    return _turned(_scatter.index_min(_ranked(x), indices, _ranked(values))).view(x.dtype)


def nonzero(x: Native, /) -> tuple[Native, ...]:
    return _shape.nonzero(_bits(x))


def searchsorted(x1: Native, x2: Native, /, **options: Any) -> Native:
    return _shape.searchsorted(_ranked(x1), _ranked(x2), **options)


def sign(x: Native, /) -> Native:
    return (_bits(x) != 0).to(x.dtype)


def where(condition: Native, x1: Native, x2: Native, /) -> Native:
    return _alike(lambda a, b: torch.where(condition, a, b))(x1, x2)
