"""Elementwise operations: MLX has nearly all of them under the standard's names."""

from __future__ import annotations

import math
from typing import Any

import mlx.core as mx

from ._mapping import mapped_alike

abs = mx.abs
acos = mx.acos
acosh = mx.acosh
add = mx.add
asin = mx.asin
asinh = mx.asinh
atan = mx.atan
atan2 = mx.atan2
atanh = mx.atanh
bitwise_and = mapped_alike(mx.bitwise_and)
bitwise_invert = mx.bitwise_invert
bitwise_left_shift = mapped_alike(mx.left_shift)
bitwise_or = mapped_alike(mx.bitwise_or)
bitwise_right_shift = mapped_alike(mx.right_shift)
bitwise_xor = mapped_alike(mx.bitwise_xor)
ceil = mx.ceil
conj = mx.conj
cos = mx.cos
cosh = mx.cosh
divide = mx.divide
equal = mx.equal
exp = mx.exp
expm1 = mx.expm1
floor = mx.floor
greater = mx.greater
greater_equal = mx.greater_equal
imag = mx.imag
isfinite = mx.isfinite
isinf = mx.isinf
isnan = mx.isnan
less = mx.less
less_equal = mx.less_equal
log = mx.log
log10 = mx.log10
log1p = mx.log1p
log2 = mx.log2
logaddexp = mx.logaddexp
logical_and = mx.logical_and
logical_not = mx.logical_not
logical_or = mx.logical_or
logical_xor = mapped_alike(mx.logical_xor)
maximum = mx.maximum
minimum = mx.minimum
multiply = mx.multiply
negative = mx.negative
not_equal = mapped_alike(mx.not_equal)
real = mx.real
reciprocal = mx.reciprocal
round = mx.round
sinh = mx.sinh
sqrt = mx.sqrt
square = mx.square
stop_gradient = mx.stop_gradient
subtract = mx.subtract
tan = mx.tan
tanh = mx.tanh
trunc = mx.trunc
where = mx.where

#: Those that take a Python scalar on either side.
SCALAR = frozenset({
    "add", "atan2", "bitwise_and", "bitwise_or", "bitwise_xor", "divide", "equal", "floor_divide",
    "greater", "greater_equal", "less", "less_equal", "logaddexp", "maximum", "minimum",
    "multiply", "not_equal", "pow", "remainder", "subtract", "where",
})  # fmt: skip

_BITS = {
    mx.float16: mx.int16, mx.bfloat16: mx.int16, mx.float32: mx.int32, mx.float64: mx.int64,
}  # fmt: skip


def _bits(x: Any) -> Any:
    return mx.view(mx.stop_gradient(x), _BITS[x.dtype])


def signbit(x: Any, /) -> Any:
    return _bits(x) < 0


def copysign(x1: Any, x2: Any, /) -> Any:
    size = mx.abs(x1)
    return mx.where(signbit(x2), -size, size)


def nextafter(x1: Any, x2: Any, /) -> Any:
    bits = _bits(x1)
    # Away from zero is up, in the bits of a number of either sign.
    away = (x1 < x2) == (x1 > 0)
    one = mx.array(1, bits.dtype)
    next_ = mx.view(mx.where(away, bits + one, bits - one), x1.dtype)
    least = mx.view(mx.broadcast_to(one, next_.shape), x1.dtype)
    next_ = mx.where(x1 == 0, copysign(least, x2), next_)
    unknown = mx.logical_or(mx.isnan(x1), mx.isnan(x2))
    return mx.where(x1 == x2, x2, mx.where(unknown, x1 + x2, next_))


def hypot(x1: Any, x2: Any, /) -> Any:
    a, b = mx.abs(x1), mx.abs(x2)
    high, low = mx.maximum(a, b), mx.minimum(a, b)
    ratio = low / mx.where(high == 0, 1, high)
    finite = high * mx.sqrt(1 + ratio * ratio)
    return mx.where(mx.isinf(a), a, mx.where(mx.isinf(b), b, finite))


def pow(x1: Any, x2: Any, /) -> Any:
    power = mx.power(x1, x2)
    if (x2.__class__ in (int, float) and x2 != 0) or (x1.__class__ in (int, float) and x1 != 1):
        return power
    # MLX has NaN for NaN to the power of 0, and for 1 to that of NaN.
    one = mx.logical_or(mx.equal(x2, 0), mx.equal(x1, 1))
    return mx.where(mx.logical_and(mx.isnan(power), one), 1.0, power)


def remainder(x1: Any, x2: Any, /) -> Any:
    rest = mx.remainder(x1, x2)
    # MLX loses the sign of a zero.
    size = mx.abs(rest)
    return mx.where(mx.equal(rest, 0), mx.where(mx.less(x2, 0), -size, size), rest)


def floor_divide(x1: Any, x2: Any, /) -> Any:
    quotient = mx.divide(x1, x2)
    # The quotient itself may round up to the next integer. A difference of 0 has no sign to give.
    exact = mx.round(mx.divide(mx.subtract(x1, mx.remainder(x1, x2)), x2)) + 0.0
    # A zero over a number, and a number over infinity, are zeros with a sign already.
    plain = mx.logical_and(mx.isfinite(quotient), mx.logical_and(x1, mx.isfinite(x2)))
    return mx.where(plain, exact, mx.floor(quotient))


def sign(x: Any, /) -> Any:
    return mx.where(mx.isnan(x), x, mx.sign(x))


def sin(x: Any, /) -> Any:
    return mx.where(x == 0, x, mx.sin(x))  # MLX loses the sign of -0.0


_SERIES = [2 / math.sqrt(math.pi) * (-1) ** n / (math.factorial(n) * (2 * n + 1)) for n in range(8)]


def erf(x: Any, /) -> Any:
    # MLX's own is exact to 2e-7, which is much where the result is small.
    square, total = x * x, _SERIES[-1]
    for coefficient in reversed(_SERIES[:-1]):
        total = total * square + coefficient
    return mx.where(mx.abs(x) < 0.5, x * total, mx.erf(x))
