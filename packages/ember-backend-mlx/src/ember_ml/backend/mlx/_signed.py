"""Division of integers with a sign.

The processor traps the quotient of the least integer by -1, and that ends the process.
"""

from __future__ import annotations

from typing import Any

import mlx.core as mx


def _divisor(x1: Any, x2: Any) -> Any:
    if not isinstance(x2, mx.array):
        x2 = mx.array(x2, x1.dtype)
    return mx.where(x2 == -1, 1, x2), x2 == -1


def floor_divide(x1: Any, x2: Any, /) -> Any:
    divisor, negated = _divisor(x1, x2)
    return mx.where(negated, mx.negative(x1), mx.floor_divide(x1, divisor))


def remainder(x1: Any, x2: Any, /) -> Any:
    divisor, negated = _divisor(x1, x2)
    return mx.where(negated, 0, mx.remainder(x1, divisor))
