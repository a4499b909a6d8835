"""Operations in which integers (and bool) are treated in another way than floats."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import mlx.core as mx

from . import _elementwise, _reduce

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


floor_divide = mx.floor_divide
remainder = mx.remainder


def bitwise_left_shift(x1: Any, x2: Any, /) -> Any:
    # The processor counts places modulo the width.
    return mx.where(x2 < 8 * x1.itemsize, mx.left_shift(x1, x2), 0)


def bitwise_right_shift(x1: Any, x2: Any, /) -> Any:
    if x1.dtype in (mx.uint8, mx.uint16, mx.uint32, mx.uint64):
        return mx.where(x2 < 8 * x1.itemsize, mx.right_shift(x1, x2), 0)
    return mx.right_shift(x1, mx.minimum(x2, 8 * x1.itemsize - 1))


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
