"""Comparison, logic and classification of elements: the results are ``bool``.

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
    "equal",
    "greater",
    "greater_equal",
    "isfinite",
    "isinf",
    "isnan",
    "less",
    "less_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "not_equal",
    "signbit",
]


@operation(result="bool")
def equal(x1: TensorLike, x2: TensorLike, /) -> EmberTensor:
    """Whether the elements are equal.

    >>> from ember_ml.nn import tensor as et
    >>> et.equal([1, 2], [1, 3]).tolist()
    [True, False]
    """
    ...


@operation(accepts="real", result="bool")
def greater(x1: TensorLike, x2: TensorLike, /) -> EmberTensor:
    """``x1 > x2``.

    >>> from ember_ml.nn import tensor as et
    >>> et.greater([1, 2], 1).tolist()
    [False, True]
    """
    return less(x2, x1)


@operation(accepts="real", result="bool")
def greater_equal(x1: TensorLike, x2: TensorLike, /) -> EmberTensor:
    """``x1 >= x2``.

    >>> from ember_ml.nn import tensor as et
    >>> et.greater_equal([1, 2], 2).tolist()
    [False, True]
    """
    return less_equal(x2, x1)


@operation(accepts="numeric", result="bool")
def isfinite(x: TensorLike, /) -> EmberTensor:
    """Whether an element is neither infinite nor NaN.

    >>> from ember_ml.nn import tensor as et
    >>> et.isfinite([1.0, float('inf')]).tolist()
    [True, False]
    """
    ...


@operation(accepts="numeric", result="bool")
def isinf(x: TensorLike, /) -> EmberTensor:
    """Whether an element is infinite.

    >>> from ember_ml.nn import tensor as et
    >>> et.isinf([1.0, -float('inf')]).tolist()
    [False, True]
    """
    ...


@operation(accepts="numeric", result="bool")
def isnan(x: TensorLike, /) -> EmberTensor:
    """Whether an element is NaN.

    >>> from ember_ml.nn import tensor as et
    >>> et.isnan([1.0, float('nan')]).tolist()
    [False, True]
    """
    ...


@operation(accepts="real", result="bool")
def less(x1: TensorLike, x2: TensorLike, /) -> EmberTensor:
    """``x1 < x2``.

    >>> from ember_ml.nn import tensor as et
    >>> et.less([1, 2], 2).tolist()
    [True, False]
    """
    ...


@operation(accepts="real", result="bool")
def less_equal(x1: TensorLike, x2: TensorLike, /) -> EmberTensor:
    """``x1 <= x2``.

    >>> from ember_ml.nn import tensor as et
    >>> et.less_equal([1, 2], 1).tolist()
    [True, False]
    """
    ...


@operation(accepts="bool", result="bool")
def logical_and(x1: TensorLike, x2: TensorLike, /) -> EmberTensor:
    """Whether both are true.

    >>> from ember_ml.nn import tensor as et
    >>> et.logical_and([True, True], [True, False]).tolist()
    [True, False]
    """
    ...


@operation(accepts="bool", result="bool")
def logical_not(x: TensorLike, /) -> EmberTensor:
    """Whether an element is false.

    >>> from ember_ml.nn import tensor as et
    >>> et.logical_not([True, False]).tolist()
    [False, True]
    """
    ...


@operation(accepts="bool", result="bool")
def logical_or(x1: TensorLike, x2: TensorLike, /) -> EmberTensor:
    """Whether either is true.

    >>> from ember_ml.nn import tensor as et
    >>> et.logical_or([False, True], [False, False]).tolist()
    [False, True]
    """
    ...


@operation(accepts="bool", result="bool")
def logical_xor(x1: TensorLike, x2: TensorLike, /) -> EmberTensor:
    """Whether just one is true.

    >>> from ember_ml.nn import tensor as et
    >>> et.logical_xor([False, True], [True, True]).tolist()
    [True, False]
    """
    ...


@operation(result="bool")
def not_equal(x1: TensorLike, x2: TensorLike, /) -> EmberTensor:
    """Whether the elements differ.

    >>> from ember_ml.nn import tensor as et
    >>> et.not_equal([1, 2], [1, 3]).tolist()
    [False, True]
    """
    return logical_not(equal(x1, x2))


@operation(accepts="floating", result="bool")
def signbit(x: TensorLike, /) -> EmberTensor:
    """Whether the sign bit is set, as for -0.0.

    >>> from ember_ml.nn import tensor as et
    >>> et.signbit([-0.0, 1.0]).tolist()
    [True, False]
    """
    ...
