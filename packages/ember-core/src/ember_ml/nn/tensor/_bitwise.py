"""Bits of integers and bools.

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
    "bitwise_and",
    "bitwise_invert",
    "bitwise_left_shift",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
]


@operation(accepts="bits", result="same")
def bitwise_and(x1: TensorLike, x2: TensorLike, /) -> EmberTensor:
    """Bits set in both.

    >>> from ember_ml.nn import tensor as et
    >>> et.bitwise_and([6], [3]).tolist()
    [2]
    """
    ...


@operation(accepts="bits", result="same")
def bitwise_invert(x: TensorLike, /) -> EmberTensor:
    """Each bit changed; ``not`` for bool.

    >>> from ember_ml.nn import tensor as et
    >>> et.bitwise_invert([0, 5]).tolist()
    [-1, -6]
    """
    ...


@operation(accepts="integer", result="same")
def bitwise_left_shift(x1: TensorLike, x2: TensorLike, /) -> EmberTensor:
    """Bits moved ``x2`` places up.

    >>> from ember_ml.nn import tensor as et
    >>> et.bitwise_left_shift([1, 2], 3).tolist()
    [8, 16]
    """
    ...


@operation(accepts="bits", result="same")
def bitwise_or(x1: TensorLike, x2: TensorLike, /) -> EmberTensor:
    """Bits set in either.

    >>> from ember_ml.nn import tensor as et
    >>> et.bitwise_or([6], [3]).tolist()
    [7]
    """
    ...


@operation(accepts="integer", result="same")
def bitwise_right_shift(x1: TensorLike, x2: TensorLike, /) -> EmberTensor:
    """Bits moved ``x2`` places down, the sign kept.

    >>> from ember_ml.nn import tensor as et
    >>> et.bitwise_right_shift([8, -8], 2).tolist()
    [2, -2]
    """
    ...


@operation(accepts="bits", result="same")
def bitwise_xor(x1: TensorLike, x2: TensorLike, /) -> EmberTensor:
    """Bits set in just one.

    >>> from ember_ml.nn import tensor as et
    >>> et.bitwise_xor([6], [3]).tolist()
    [5]
    """
    ...
