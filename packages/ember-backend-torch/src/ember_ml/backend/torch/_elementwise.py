"""Elementwise operations: PyTorch's own functions where they mean what the standard says."""

from __future__ import annotations

import math
from typing import Any

import torch
from ember_ml.backend.protocol import Native

abs = torch.abs
acos = torch.acos
acosh = torch.acosh
add = torch.add
asin = torch.asin
asinh = torch.asinh
atan = torch.atan
atan2 = torch.atan2
atanh = torch.atanh
bitwise_and = torch.bitwise_and
bitwise_invert = torch.bitwise_not
bitwise_left_shift = torch.bitwise_left_shift
bitwise_or = torch.bitwise_or
bitwise_right_shift = torch.bitwise_right_shift
bitwise_xor = torch.bitwise_xor
ceil = torch.ceil
# `torch.conj` only marks its result, and what reads the memory then sees the wrong signs.
conj = torch.conj_physical
copysign = torch.copysign
cos = torch.cos
cosh = torch.cosh
divide = torch.divide
equal = torch.eq
erf = torch.erf
exp = torch.exp
expm1 = torch.expm1
floor = torch.floor
greater = torch.gt
greater_equal = torch.ge
hypot = torch.hypot
imag = torch.imag
isfinite = torch.isfinite
isinf = torch.isinf
isnan = torch.isnan
less = torch.lt
less_equal = torch.le
log = torch.log
log10 = torch.log10
log1p = torch.log1p
log2 = torch.log2
logaddexp = torch.logaddexp
logical_and = torch.logical_and
logical_not = torch.logical_not
logical_or = torch.logical_or
logical_xor = torch.logical_xor
multiply = torch.multiply
negative = torch.negative
nextafter = torch.nextafter
not_equal = torch.ne
real = torch.real
round = torch.round
signbit = torch.signbit
sin = torch.sin
sinh = torch.sinh
sqrt = torch.sqrt
square = torch.square
subtract = torch.subtract
tan = torch.tan
tanh = torch.tanh
trunc = torch.trunc


def maximum(x1: Native, x2: Native, /) -> Native:
    if x2.__class__ in (float, int):
        x2 = torch.scalar_tensor(x2, dtype=x1.dtype, device=x1.device)
    return torch.maximum(x1, x2)


def minimum(x1: Native, x2: Native, /) -> Native:
    if x2.__class__ in (float, int):
        x2 = torch.scalar_tensor(x2, dtype=x1.dtype, device=x1.device)
    return torch.minimum(x1, x2)


def floor_divide(x1: Native, x2: Native, /) -> Native:
    # PyTorch makes NaN and -1 where the standard has infinities and -0.
    exact = torch.floor_divide(x1, x2)
    endless = torch.logical_or(torch.isnan(exact), torch.isinf(torch.as_tensor(x2)))
    # Its derivative is zero, and PyTorch has none.
    return torch.where(endless, torch.floor(torch.divide(x1, x2)), exact).detach()


def remainder(x1: Native, x2: Native, /) -> Native:
    # PyTorch gives a zero the sign of `x1`. Adding zero makes it positive; to copy a sign would
    # take the derivative away.
    side: Any = math.copysign(1.0, x2) if x2.__class__ in (float, int) else _side(x2)
    return side * (torch.remainder(side * x1, side * x2) + 0.0)


def _side(x: Native) -> Native:
    return torch.copysign(torch.ones_like(x), x)


def pow(x1: Native, x2: Native, /) -> Native:
    if x2.__class__ is float and (x2 == 0.5 or x2 == -0.5):
        # PyTorch takes the square root, which for -infinity and -0.0 is another number.
        x1 = torch.threshold(x1, -math.inf, math.inf) + 0.0
    return torch.pow(x1, x2)


def sign(x: Native, /) -> Native:
    return torch.where(x != x, x, torch.sgn(x))  # `sgn` takes NaN for zero


#: Functions that take a Python number in the place of the second tensor, and of the first.
SCALAR_RIGHT = frozenset({
    "add", "bitwise_and", "bitwise_left_shift", "bitwise_or", "bitwise_right_shift", "bitwise_xor",
    "copysign", "divide", "equal", "floor_divide", "greater", "greater_equal", "less", "less_equal",
    "maximum", "minimum", "multiply", "not_equal", "pow", "remainder", "subtract", "where",
})  # fmt: skip
SCALAR_LEFT = frozenset({
    "add", "bitwise_and", "bitwise_left_shift", "bitwise_or", "bitwise_right_shift", "bitwise_xor",
    "divide", "floor_divide", "multiply", "pow", "remainder", "subtract", "where",
})  # fmt: skip
