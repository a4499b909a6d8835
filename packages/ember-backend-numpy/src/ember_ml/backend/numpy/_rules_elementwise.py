"""Elementwise operations of the tracer: what autograd lacks, or has in double precision only.

A product is the function that takes the gradient of the answer to that of an argument. It is
written with traced functions, so that it can be differentiated itself. The gradient of a real
number by a complex one is autograd's inside the tape, ``d/da - i d/db``.
"""

from __future__ import annotations

import math
from types import SimpleNamespace

import autograd.numpy as anp

import numpy as np

from . import _complex, _elementwise
from ._quiet import quiet_module
from ._rules_shape import summed, where
from ._tape import plain, primitive

_SCALARS = (int, float, complex)

# -- with two arguments, which broadcast ----------------------------------------------------------


def _chosen_product(number):
    """The product of the greater or the smaller: equal ones share the gradient."""

    def product(answer, *pair):
        def vjp(g):
            x, other = plain(pair[number]), plain(pair[1 - number])
            part = np.where(x == other, 0.5, x == plain(answer)).astype(plain(answer).dtype)
            return summed(g * part, x)

        return vjp

    return product


def _power_product(answer, x, y):
    if y.__class__ in _SCALARS:
        power = pow(x, y - 1 if y else 1)
    else:
        # with an exponent of 0 the derivative is 0 at 0 too
        power = pow(where((plain(x) == 0) & (plain(y) == 0), 1, x), y - 1)
    return lambda g: summed(g * (y * power), x)


def _exponent_product(answer, x, y):
    base = np.asarray(x, plain(answer).dtype) if x.__class__ in _SCALARS else x
    return lambda g: summed(g * (answer * anp.log(where(plain(base) == 0, 1, base))), y)


add = primitive(
    _elementwise.add,
    lambda answer, x, y: lambda g: summed(g, x),
    lambda answer, x, y: lambda g: summed(g, y),
)
subtract = primitive(
    _elementwise.subtract,
    lambda answer, x, y: lambda g: summed(g, x),
    lambda answer, x, y: lambda g: summed(-g, y),
)
multiply = primitive(
    _elementwise.multiply,
    lambda answer, x, y: lambda g: summed(g * y, x),
    lambda answer, x, y: lambda g: summed(g * x, y),
)
divide = primitive(
    _elementwise.divide,
    lambda answer, x, y: lambda g: summed(g / y, x),
    lambda answer, x, y: lambda g: summed(-g * answer / y, y),
)
remainder = primitive(
    quiet_module(_elementwise).remainder,
    lambda answer, x, y: lambda g: summed(g, x),
    lambda answer, x, y: lambda g: summed(-g * np.floor_divide(plain(x), plain(y)), y),
)
pow = primitive(_elementwise.pow, _power_product, _exponent_product)
maximum = primitive(_elementwise.maximum, _chosen_product(0), _chosen_product(1))
minimum = primitive(_elementwise.minimum, _chosen_product(0), _chosen_product(1))


def copysign(x1, x2, /):
    a, b = plain(x1), plain(x2)
    if x1 is a:  # the sign alone of the second counts
        return np.copysign(a, b)
    turned = np.where(np.signbit(a) == np.signbit(b), 1, -1).astype(a.dtype)
    return where(a == 0, np.copysign(a, b), x1 * turned)


# -- with one argument ----------------------------------------------------------------------------


def sign(x, /):
    if plain(x).dtype.kind != "c":
        return np.sign(plain(x))
    size = abs(x)
    return where(plain(size) == 0, plain(x), x / where(plain(size) == 0, 1, size))


def _abs_product(answer, x):
    return lambda g: g * anp.conj(sign(x))


def _expm1_product(answer, x):
    return lambda g: g * (answer + 1)


def _tanh_product(answer, x):
    return lambda g: g * (1 - answer * answer)


abs = primitive(_elementwise.abs, _abs_product)
erf = primitive(
    _elementwise.erf,
    lambda answer, x: lambda g: g * (2 / math.sqrt(math.pi) * anp.exp(-x * x)),
)
expm1 = primitive(_elementwise.expm1, _expm1_product)
log10 = primitive(_elementwise.log10, lambda answer, x: lambda g: g / (x * math.log(10)))
log2 = primitive(_elementwise.log2, lambda answer, x: lambda g: g / (x * math.log(2)))
sqrt = primitive(_elementwise.sqrt, lambda answer, x: lambda g: g * 0.5 / answer)
tan = primitive(_elementwise.tan, lambda answer, x: lambda g: g * (1 + answer * answer))
tanh = primitive(_elementwise.tanh, _tanh_product)

#: For complex numbers, where they have functions of their own.
COMPLEX = SimpleNamespace(
    expm1=primitive(_complex.expm1, _expm1_product), tanh=primitive(_complex.tanh, _tanh_product)
)
