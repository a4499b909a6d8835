"""Functions of real and complex analysis on elements.

Shapes broadcast, dtypes promote (`ember_ml.backend.dtypes`), and the result is on the backend
of the operands. Integers given to a function of real or complex analysis are computed in
``float32``. What is raised: `ShapeError` for shapes that do not broadcast, `DTypeError` for a
dtype the function is not defined for. Source: array API standard 2025.12, "Element-wise
functions".

"""

from __future__ import annotations

from ._core import EmberTensor, TensorLike
from ._operation import operation

__all__ = [
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atanh",
    "cos",
    "cosh",
    "erf",
    "exp",
    "expm1",
    "log",
    "log10",
    "log1p",
    "log2",
    "sin",
    "sinh",
    "sqrt",
    "tan",
    "tanh",
]


@operation(accepts="inexact", result="same")
def acos(x: TensorLike, /) -> EmberTensor:
    """Inverse cosine, in radians.

    >>> from ember_ml.nn import tensor as et
    >>> et.acos([1.0]).tolist()
    [0.0]
    """
    ...


@operation(accepts="inexact", result="same")
def acosh(x: TensorLike, /) -> EmberTensor:
    """Inverse hyperbolic cosine.

    >>> from ember_ml.nn import tensor as et
    >>> et.acosh([1.0]).tolist()
    [0.0]
    """
    ...


@operation(accepts="inexact", result="same")
def asin(x: TensorLike, /) -> EmberTensor:
    """Inverse sine, in radians.

    >>> from ember_ml.nn import tensor as et
    >>> et.asin([0.0]).tolist()
    [0.0]
    """
    ...


@operation(accepts="inexact", result="same")
def asinh(x: TensorLike, /) -> EmberTensor:
    """Inverse hyperbolic sine.

    >>> from ember_ml.nn import tensor as et
    >>> et.asinh([0.0]).tolist()
    [0.0]
    """
    ...


@operation(accepts="inexact", result="same")
def atan(x: TensorLike, /) -> EmberTensor:
    """Inverse tangent, in radians.

    >>> from ember_ml.nn import tensor as et
    >>> et.atan([0.0]).tolist()
    [0.0]
    """
    ...


@operation(accepts="inexact", result="same")
def atanh(x: TensorLike, /) -> EmberTensor:
    """Inverse hyperbolic tangent.

    >>> from ember_ml.nn import tensor as et
    >>> et.atanh([0.0]).tolist()
    [0.0]
    """
    ...


@operation(accepts="inexact", result="same")
def cos(x: TensorLike, /) -> EmberTensor:
    """Cosine of angles in radians.

    >>> from ember_ml.nn import tensor as et
    >>> et.cos([0.0]).tolist()
    [1.0]
    """
    ...


@operation(accepts="inexact", result="same")
def cosh(x: TensorLike, /) -> EmberTensor:
    """Hyperbolic cosine.

    >>> from ember_ml.nn import tensor as et
    >>> et.cosh([0.0]).tolist()
    [1.0]
    """
    ...


@operation(accepts="floating", result="same")
def erf(x: TensorLike, /) -> EmberTensor:
    """Error function (Abramowitz and Stegun, 7.1.1).

    >>> from ember_ml.nn import tensor as et
    >>> et.erf([0.0]).tolist()
    [0.0]
    """
    ...


@operation(accepts="inexact", result="same")
def exp(x: TensorLike, /) -> EmberTensor:
    """Exponential of each element.

    >>> from ember_ml.nn import tensor as et
    >>> et.exp([0.0]).tolist()
    [1.0]
    """
    ...


@operation(accepts="inexact", result="same")
def expm1(x: TensorLike, /) -> EmberTensor:
    """``exp(x) - 1``, accurate for small elements.

    >>> from ember_ml.nn import tensor as et
    >>> et.expm1([0.0]).tolist()
    [0.0]
    """
    ...


@operation(accepts="inexact", result="same")
def log(x: TensorLike, /) -> EmberTensor:
    """Natural logarithm.

    >>> from ember_ml.nn import tensor as et
    >>> et.log([1.0]).tolist()
    [0.0]
    """
    ...


@operation(accepts="inexact", result="same")
def log10(x: TensorLike, /) -> EmberTensor:
    """Logarithm to base 10.

    >>> from ember_ml.nn import tensor as et
    >>> round(et.log10([100.0]).item(), 4)
    2.0
    """
    ...


@operation(accepts="inexact", result="same")
def log1p(x: TensorLike, /) -> EmberTensor:
    """``log(1 + x)``, accurate for small elements.

    >>> from ember_ml.nn import tensor as et
    >>> et.log1p([0.0]).tolist()
    [0.0]
    """
    ...


@operation(accepts="inexact", result="same")
def log2(x: TensorLike, /) -> EmberTensor:
    """Logarithm to base 2.

    >>> from ember_ml.nn import tensor as et
    >>> et.log2([8.0]).tolist()
    [3.0]
    """
    ...


@operation(accepts="inexact", result="same")
def sin(x: TensorLike, /) -> EmberTensor:
    """Sine of angles in radians.

    >>> from ember_ml.nn import tensor as et
    >>> et.sin([0.0]).tolist()
    [0.0]
    """
    ...


@operation(accepts="inexact", result="same")
def sinh(x: TensorLike, /) -> EmberTensor:
    """Hyperbolic sine.

    >>> from ember_ml.nn import tensor as et
    >>> et.sinh([0.0]).tolist()
    [0.0]
    """
    ...


@operation(accepts="inexact", result="same")
def sqrt(x: TensorLike, /) -> EmberTensor:
    """Square root; NaN for a negative real element.

    >>> from ember_ml.nn import tensor as et
    >>> et.sqrt([9.0]).tolist()
    [3.0]
    """
    ...


@operation(accepts="inexact", result="same")
def tan(x: TensorLike, /) -> EmberTensor:
    """Tangent of angles in radians.

    >>> from ember_ml.nn import tensor as et
    >>> et.tan([0.0]).tolist()
    [0.0]
    """
    ...


@operation(accepts="inexact", result="same")
def tanh(x: TensorLike, /) -> EmberTensor:
    """Hyperbolic tangent.

    >>> from ember_ml.nn import tensor as et
    >>> et.tanh([0.0]).tolist()
    [0.0]
    """
    ...
