"""Elementwise operations: PyTorch's own functions where they mean what the standard says."""

from __future__ import annotations

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
floor_divide = torch.floor_divide
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
pow = torch.pow
real = torch.real
remainder = torch.remainder
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
