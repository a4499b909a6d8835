"""Operations in which integers (and bool) are treated in another way than floats."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import mlx.core as mx

from . import _elementwise, _reduce
from ._streams import settle

#: Narrow dtypes are added up in 64 bits.
_WIDE = {
    mx.bool_: mx.int64, mx.int8: mx.int64, mx.int16: mx.int64, mx.int32: mx.int64,
    mx.int64: mx.int64, mx.uint8: mx.uint64, mx.uint16: mx.uint64, mx.uint32: mx.uint64,
    mx.uint64: mx.uint64,
}  # fmt: skip


def sum(x: Any, /, *, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
    return _reduce.sum(x, axis=axis, dtype=dtype or _WIDE[x.dtype], keepdims=keepdims)


def prod(x: Any, /, *, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
    return _reduce.prod(x, axis=axis, dtype=dtype or _WIDE[x.dtype], keepdims=keepdims)


def cumsum(x: Any, /, *, axis: int, dtype: Any = None) -> Any:
    return mx.cumsum(x.astype(dtype or _WIDE[x.dtype]), axis=axis)


def cumprod(x: Any, /, *, axis: int, dtype: Any = None) -> Any:
    return mx.cumprod(x.astype(dtype or _WIDE[x.dtype]), axis=axis)


def least(x: Any) -> int | None:
    """The least element, where there is one and it is known: outside ``compile`` and ``vmap``."""
    if isinstance(x, int):
        return x
    if not x.size:
        return None
    found = mx.min(x)
    return int(found.item()) if settle(found) else None


def refuse_zero(x: Any) -> None:
    """Look for zeros in a divisor, for which MLX has some result.

    Raises:
        ZeroDivisionError: there is one.
    """
    if least(x if isinstance(x, int) else mx.abs(x)) == 0:
        raise ZeroDivisionError("integers cannot be divided by zero")


def floor_divide(x1: Any, x2: Any, /) -> Any:
    refuse_zero(x2)
    return mx.floor_divide(x1, x2)


def remainder(x1: Any, x2: Any, /) -> Any:
    refuse_zero(x2)
    return mx.where(mx.equal(x2, 0), 0, mx.remainder(x1, x2))


pow = mx.power

#: The dtypes that count places: places less than none are many.
_PLACES = {mx.int8: mx.uint8, mx.int16: mx.uint16, mx.int32: mx.uint32, mx.int64: mx.uint64}


def bitwise_left_shift(x1: Any, x2: Any, /) -> Any:
    # The processor counts places modulo the width.
    places = mx.view(x2, _PLACES.get(x2.dtype, x2.dtype))
    return mx.where(places < 8 * x1.itemsize, _elementwise.bitwise_left_shift(x1, x2), 0)


def bitwise_right_shift(x1: Any, x2: Any, /) -> Any:
    if x1.dtype not in _PLACES:
        return mx.where(x2 < 8 * x1.itemsize, _elementwise.bitwise_right_shift(x1, x2), 0)
    places = mx.minimum(mx.view(x2, _PLACES[x2.dtype]), 8 * x1.itemsize - 1)
    return _elementwise.bitwise_right_shift(x1, mx.view(places, x1.dtype))


def _lifting(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` for uint64: MLX takes Python integers of 63 bits."""

    def call(*operands: Any) -> Any:
        return function(
            *(
                mx.array(x - 2**64, mx.int64).astype(mx.uint64)
                if x.__class__ is int and x >= 2**63
                else x
                for x in operands
            )
        )

    return call


sign = mx.sign

#: Products held at a time.
_BLOCK = 1 << 22


def matmul(x1: Any, x2: Any, /) -> Any:
    """By the definition: MLX multiplies matrices of floats only, which do not hold 64 bits."""
    if not x1.ndim or not x2.ndim or x1.shape[-1] != x2.shape[max(x2.ndim - 2, 0)]:
        raise ValueError("the inner sizes differ")
    rows = x1[None] if x1.ndim == 1 else x1
    columns = mx.swapaxes(x2[:, None] if x2.ndim == 1 else x2, -1, -2)[..., None, :, :]
    step = max(1, _BLOCK // max(1, columns.size))
    blocks = [
        _reduce.sum(rows[..., i : i + step, None, :] * columns, axis=-1, dtype=x1.dtype)
        for i in range(0, max(rows.shape[-2], 1), step)
    ]
    product = blocks[0] if len(blocks) == 1 else mx.concatenate(blocks, axis=-2)
    if x2.ndim == 1:
        product = product[..., 0]
    return product[..., 0] if x1.ndim == x2.ndim == 1 else (
        product[..., 0, :] if x1.ndim == 1 else product
    )  # fmt: skip


UINT64: Any = SimpleNamespace(
    **{
        name: _lifting(globals().get(name, getattr(_elementwise, name)))
        for name in _elementwise.SCALAR
    }
)
