"""Division and powers of integers with a sign.

The processor traps the quotient of the least integer by -1, and that ends the process.
"""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from ._integers import least, refuse_zero


def _operands(x1: Any, x2: Any) -> tuple[Any, Any, Any]:
    """Both as arrays, the second without -1, and where it was."""
    if not isinstance(x2, mx.array):
        x2 = mx.array(x2, x1.dtype)
    elif not isinstance(x1, mx.array):
        x1 = mx.array(x1, x2.dtype)
    negated = x2 == -1
    return x1, mx.where(negated, 1, x2), negated


def floor_divide(x1: Any, x2: Any, /) -> Any:
    refuse_zero(x2)
    if isinstance(x2, int) and x2 != -1:
        return mx.floor_divide(x1, x2)
    x1, x2, negated = _operands(x1, x2)
    return mx.where(negated, -x1, mx.floor_divide(x1, x2))


def remainder(x1: Any, x2: Any, /) -> Any:
    refuse_zero(x2)
    if isinstance(x2, int) and x2 != -1:
        return mx.remainder(x1, x2)
    x1, x2, negated = _operands(x1, x2)
    return mx.where(negated | (x2 == 0), 0, mx.remainder(x1, x2))


def pow(x1: Any, x2: Any, /) -> Any:
    lowest = least(x2)
    if lowest is not None and lowest < 0:
        raise ValueError(f"integers have no power of {lowest}; x.astype(et.float32) has")
    return mx.power(x1, x2)
