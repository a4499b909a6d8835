"""Arithmetic on elements.

Shapes broadcast, dtypes promote (`ember_ml.backend.dtypes`), and the result is on the backend
of the operands. Integers given to a function of real or complex analysis are computed in
``float32``. What is raised: `ShapeError` for shapes that do not broadcast, `DTypeError` for a
dtype the function is not defined for. Source: array API standard 2025.12, "Element-wise
functions".

"""

from __future__ import annotations

from math import inf

from ._analysis import exp, log1p, sqrt
from ._compare import equal, isinf, less, logical_or
from ._core import EmberTensor, TensorLike
from ._operation import operation
from ._search import where

__all__ = [
    "abs",
    "add",
    "atan2",
    "ceil",
    "clip",
    "conj",
    "copysign",
    "divide",
    "floor",
    "floor_divide",
    "hypot",
    "imag",
    "logaddexp",
    "maximum",
    "minimum",
    "multiply",
    "negative",
    "nextafter",
    "positive",
    "pow",
    "real",
    "reciprocal",
    "remainder",
    "round",
    "sign",
    "square",
    "subtract",
    "trunc",
]


@operation(accepts="numeric")
def abs(x: TensorLike, /) -> EmberTensor:
    """Absolute value of each element (the modulus of a complex one).

    >>> from ember_ml.nn import tensor as et
    >>> et.abs([-1.5, 2.0]).tolist()
    [1.5, 2.0]
    """
    ...


@operation(accepts="numeric", result="same")
def add(x1: TensorLike, x2: TensorLike, /) -> EmberTensor:
    """``x1 + x2``, elementwise.

    >>> from ember_ml.nn import tensor as et
    >>> et.add([1, 2], 10).tolist()
    [11, 12]
    """
    ...


@operation(accepts="floating", result="same")
def atan2(x1: TensorLike, x2: TensorLike, /) -> EmberTensor:
    """The angle of the point (x2, x1), in radians within [-pi, pi].

    >>> from ember_ml.nn import tensor as et
    >>> et.atan2([0.0], [1.0]).tolist()
    [0.0]
    """
    ...


@operation(accepts="real", result="same")
def ceil(x: TensorLike, /) -> EmberTensor:
    """The smallest integer not less than each element; the dtype stays.

    >>> from ember_ml.nn import tensor as et
    >>> et.ceil([1.2, -1.2]).tolist()
    [2.0, -1.0]
    """
    ...


@operation(accepts="real", result="same", promoted=("x",))
def clip(
    x: TensorLike, /, min: TensorLike | None = None, max: TensorLike | None = None
) -> EmberTensor:
    """Each element brought into ``[min, max]``; a bound that is None does not bind.

    The bounds are numbers or tensors that broadcast against ``x``; the dtype stays that of ``x``.

    >>> from ember_ml.nn import tensor as et
    >>> et.clip([-1, 5, 9], 0, 6).tolist()
    [0, 5, 6]
    """
    if min is not None:
        x = maximum(x, _like(min, x))
    return x if max is None else minimum(x, _like(max, x))


def _like(bound: TensorLike, x: EmberTensor) -> TensorLike:
    return bound.astype(x.dtype) if isinstance(bound, EmberTensor) else bound


@operation(accepts="numeric", result="same")
def conj(x: TensorLike, /) -> EmberTensor:
    """Complex conjugate; a real element is its own.

    >>> from ember_ml.nn import tensor as et
    >>> et.conj([1 + 2j]).tolist()
    [(1-2j)]
    """
    ...


@operation(accepts="floating", result="same")
def copysign(x1: TensorLike, x2: TensorLike, /) -> EmberTensor:
    """The magnitude of ``x1`` with the sign of ``x2``.

    >>> from ember_ml.nn import tensor as et
    >>> et.copysign([1.0, 2.0], [-1.0, 1.0]).tolist()
    [-1.0, 2.0]
    """
    ...


@operation(accepts="inexact", result="same")
def divide(x1: TensorLike, x2: TensorLike, /) -> EmberTensor:
    """``x1 / x2``: integers are divided as floating-point numbers.

    >>> from ember_ml.nn import tensor as et
    >>> et.divide([1, 3], 2).tolist()
    [0.5, 1.5]
    """
    ...


@operation(accepts="real", result="same")
def floor(x: TensorLike, /) -> EmberTensor:
    """The largest integer not greater than each element; the dtype stays.

    >>> from ember_ml.nn import tensor as et
    >>> et.floor([1.8, -1.2]).tolist()
    [1.0, -2.0]
    """
    ...


@operation(accepts="real", result="same")
def floor_divide(x1: TensorLike, x2: TensorLike, /) -> EmberTensor:
    """``x1 / x2`` rounded towards minus infinity.

    >>> from ember_ml.nn import tensor as et
    >>> et.floor_divide([7, -7], 2).tolist()
    [3, -4]
    """
    ...


@operation(accepts="floating", result="same")
def hypot(x1: TensorLike, x2: TensorLike, /) -> EmberTensor:
    """``sqrt(x1**2 + x2**2)`` without overflow.

    >>> from ember_ml.nn import tensor as et
    >>> et.hypot([3.0], [4.0]).tolist()
    [5.0]
    """
    high = maximum(maximum(x1, x2), negative(minimum(x1, x2)))
    scale = where(equal(high, 0), 1, high)
    a, b = divide(x1, scale), divide(x2, scale)
    length = multiply(high, sqrt(add(multiply(a, a), multiply(b, b))))
    return where(logical_or(isinf(x1), isinf(x2)), inf, length)


@operation(accepts="complex")
def imag(x: TensorLike, /) -> EmberTensor:
    """Imaginary part.

    >>> from ember_ml.nn import tensor as et
    >>> et.imag([1 + 2j]).tolist()
    [2.0]
    """
    ...


@operation(accepts="floating", result="same")
def logaddexp(x1: TensorLike, x2: TensorLike, /) -> EmberTensor:
    """``log(exp(x1) + exp(x2))`` without overflow.

    >>> from ember_ml.nn import tensor as et
    >>> et.logaddexp([0.0], [-float('inf')]).tolist()
    [0.0]
    """
    high, low = maximum(x1, x2), minimum(x1, x2)
    # Two infinities of one sign have no difference.
    gap = where(equal(high, low), 0, subtract(low, high))
    return add(high, log1p(exp(gap)))


@operation(accepts="real", result="same")
def maximum(x1: TensorLike, x2: TensorLike, /) -> EmberTensor:
    """The greater of each pair; NaN if either is NaN.

    >>> from ember_ml.nn import tensor as et
    >>> et.maximum([1, 5], [3, 2]).tolist()
    [3, 5]
    """
    ...


@operation(accepts="real", result="same")
def minimum(x1: TensorLike, x2: TensorLike, /) -> EmberTensor:
    """The smaller of each pair; NaN if either is NaN.

    >>> from ember_ml.nn import tensor as et
    >>> et.minimum([1, 5], [3, 2]).tolist()
    [1, 2]
    """
    ...


@operation(accepts="numeric", result="same")
def multiply(x1: TensorLike, x2: TensorLike, /) -> EmberTensor:
    """``x1 * x2``, elementwise.

    >>> from ember_ml.nn import tensor as et
    >>> et.multiply([1, 2], 10).tolist()
    [10, 20]
    """
    ...


@operation(accepts="numeric", result="same")
def negative(x: TensorLike, /) -> EmberTensor:
    """Each element with its sign changed.

    >>> from ember_ml.nn import tensor as et
    >>> et.negative([1, -2]).tolist()
    [-1, 2]
    """
    ...


@operation(accepts="floating", result="same")
def nextafter(x1: TensorLike, x2: TensorLike, /) -> EmberTensor:
    """The next number after ``x1`` towards ``x2``.

    >>> from ember_ml.nn import tensor as et
    >>> et.nextafter([0.0], [0.0]).tolist()
    [0.0]
    """
    ...


@operation(accepts="numeric", result="same")
def positive(x: TensorLike, /) -> EmberTensor:
    """Each element as it is (a copy).

    >>> from ember_ml.nn import tensor as et
    >>> et.positive([1, -2]).tolist()
    [1, -2]
    """
    return multiply(x, 1)


@operation(accepts="numeric", result="same")
def pow(x1: TensorLike, x2: TensorLike, /) -> EmberTensor:
    """``x1`` to the power ``x2``.

    >>> from ember_ml.nn import tensor as et
    >>> et.pow([2, 3], 2).tolist()
    [4, 9]
    """
    ...


@operation(accepts="numeric")
def real(x: TensorLike, /) -> EmberTensor:
    """Real part; a real tensor is its own.

    >>> from ember_ml.nn import tensor as et
    >>> et.real([1 + 2j]).tolist()
    [1.0]
    """
    ...


@operation(accepts="inexact", result="same")
def reciprocal(x: TensorLike, /) -> EmberTensor:
    """``1 / x``.

    >>> from ember_ml.nn import tensor as et
    >>> et.reciprocal([4.0]).tolist()
    [0.25]
    """
    return 1 / x


@operation(accepts="real", result="same")
def remainder(x1: TensorLike, x2: TensorLike, /) -> EmberTensor:
    """The remainder of ``floor_divide``: it has the sign of ``x2``.

    >>> from ember_ml.nn import tensor as et
    >>> et.remainder([7, -7], 3).tolist()
    [1, 2]
    """
    ...


@operation(accepts="numeric", result="same")
def round(x: TensorLike, /) -> EmberTensor:
    """The nearest integer, ties to even; the dtype stays.

    >>> from ember_ml.nn import tensor as et
    >>> et.round([0.5, 1.5]).tolist()
    [0.0, 2.0]
    """
    ...


@operation(accepts="numeric", result="same")
def sign(x: TensorLike, /) -> EmberTensor:
    """-1, 0 or 1; ``x / abs(x)`` for a complex element.

    >>> from ember_ml.nn import tensor as et
    >>> et.sign([-3.0, 0.0]).tolist()
    [-1.0, 0.0]
    """
    ...


@operation(accepts="numeric", result="same")
def square(x: TensorLike, /) -> EmberTensor:
    """``x * x``.

    >>> from ember_ml.nn import tensor as et
    >>> et.square([3.0]).tolist()
    [9.0]
    """
    return x * x


@operation(accepts="numeric", result="same")
def subtract(x1: TensorLike, x2: TensorLike, /) -> EmberTensor:
    """``x1 - x2``, elementwise.

    >>> from ember_ml.nn import tensor as et
    >>> et.subtract([1, 2], 10).tolist()
    [-9, -8]
    """
    ...


@operation(accepts="real", result="same")
def trunc(x: TensorLike, /) -> EmberTensor:
    """Each element without its fraction; the dtype stays.

    >>> from ember_ml.nn import tensor as et
    >>> et.trunc([1.8, -1.8]).tolist()
    [1.0, -1.0]
    """
    return where(less(x, 0), ceil(x), floor(x))
