"""Reductions that leave NaN out, and the replacement of what is not finite.

They are those of NumPy of the same names. Elements that are NaN get a gradient of zero.
"""

from __future__ import annotations

import math

from ember_ml.backend.dtypes import DTypeLike, float32, int64, uint8

from ._compare import isnan
from ._core import EmberTensor, TensorLike
from ._data import finfo
from ._elementwise import imag, real
from ._operation import operation
from ._reduction import all, any, max, min, prod, sum
from ._search import argmax, argmin, where
from ._shapes import as_axes, empty_fault

__all__ = [
    "nan_to_num",
    "nanargmax",
    "nanargmin",
    "nanmax",
    "nanmean",
    "nanmin",
    "nanprod",
    "nanstd",
    "nansum",
    "nanvar",
]


def _filled(x: EmberTensor, value: float) -> EmberTensor:
    """``x`` with ``value`` in the place of NaN."""
    return where(isnan(x), value, x) if x.dtype.kind in ("float", "complex") else x


@operation(result="sum")
def nansum(
    x: TensorLike,
    /,
    *,
    axis: int | tuple[int, ...] | None = None,
    dtype: DTypeLike | None = None,
    keepdims: bool = False,
) -> EmberTensor:
    """`sum` of the elements that are not NaN: 0 where there are none.

    >>> from ember_ml.nn import tensor as et
    >>> et.nansum([1.0, et.nan, 2.0]).item()
    3.0
    """
    return sum(_filled(x, 0), axis=axis, dtype=dtype, keepdims=keepdims)


@operation(result="sum")
def nanprod(
    x: TensorLike,
    /,
    *,
    axis: int | tuple[int, ...] | None = None,
    dtype: DTypeLike | None = None,
    keepdims: bool = False,
) -> EmberTensor:
    """`prod` of the elements that are not NaN: 1 where there are none.

    >>> from ember_ml.nn import tensor as et
    >>> et.nanprod([2.0, et.nan, 3.0]).item()
    6.0
    """
    return prod(_filled(x, 1), axis=axis, dtype=dtype, keepdims=keepdims)


def _wide(x: EmberTensor) -> EmberTensor:
    """``x`` in a dtype that counts elements without loss."""
    return x.astype(float32) if x.dtype.bits == 16 else x


def _count(x: EmberTensor, axis: int | tuple[int, ...] | None, keepdims: bool) -> EmberTensor:
    """How many elements are not NaN, in the dtype of ``x``."""
    size = math.prod(x.shape[a] for a in as_axes(axis, x.ndim, "nanmean"))
    return (size - sum(isnan(x), axis=axis, dtype=int64, keepdims=keepdims)).astype(x.dtype)


@operation(accepts="inexact", result="same")
def nanmean(
    x: TensorLike, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False
) -> EmberTensor:
    """`mean` of the elements that are not NaN: NaN where there are none.

    >>> from ember_ml.nn import tensor as et
    >>> et.nanmean([1.0, et.nan, 2.0]).item()
    1.5
    """
    wide = _wide(x)
    total = sum(_filled(wide, 0), axis=axis, keepdims=keepdims)
    return (total / _count(wide, axis, keepdims)).astype(x.dtype)


@operation(accepts="floating", result="same")
def nanvar(
    x: TensorLike,
    /,
    *,
    axis: int | tuple[int, ...] | None = None,
    correction: float = 0.0,
    keepdims: bool = False,
) -> EmberTensor:
    """`var` of the elements that are not NaN: NaN where there are no more than ``correction``.

    >>> from ember_ml.nn import tensor as et
    >>> et.nanvar([1.0, et.nan, 3.0]).item()
    1.0
    """
    wide = _wide(x)
    distance = _filled(wide - nanmean(wide, axis=axis, keepdims=True), 0)
    total = sum(distance * distance, axis=axis, keepdims=keepdims)
    free = _count(wide, axis, keepdims) - correction
    return (total / where(free > 0, free, float("nan"))).astype(x.dtype)


@operation(accepts="floating", result="same")
def nanstd(
    x: TensorLike,
    /,
    *,
    axis: int | tuple[int, ...] | None = None,
    correction: float = 0.0,
    keepdims: bool = False,
) -> EmberTensor:
    """`std` of the elements that are not NaN: NaN where there are no more than ``correction``.

    >>> from ember_ml.nn import tensor as et
    >>> et.nanstd([1.0, et.nan, 3.0]).item()
    1.0
    """
    return nanvar(x, axis=axis, correction=correction, keepdims=keepdims) ** 0.5


@operation(accepts="real", result="same", check=empty_fault)
def nanmax(
    x: TensorLike, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False
) -> EmberTensor:
    """`max` of the elements that are not NaN: NaN where there are none.

    Raises:
        ShapeError: there is no element at all.

    >>> from ember_ml.nn import tensor as et
    >>> et.nanmax([1.0, et.nan, 2.0]).item()
    2.0
    """
    if x.dtype.kind != "float":
        return max(x, axis=axis, keepdims=keepdims)
    found = max(_filled(x, -float("inf")), axis=axis, keepdims=keepdims)
    return where(all(isnan(x), axis=axis, keepdims=keepdims), float("nan"), found)


@operation(accepts="real", result="same", check=empty_fault)
def nanmin(
    x: TensorLike, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False
) -> EmberTensor:
    """`min` of the elements that are not NaN: NaN where there are none.

    Raises:
        ShapeError: there is no element at all.

    >>> from ember_ml.nn import tensor as et
    >>> et.nanmin([1.0, et.nan, 2.0]).item()
    1.0
    """
    if x.dtype.kind != "float":
        return min(x, axis=axis, keepdims=keepdims)
    found = min(_filled(x, float("inf")), axis=axis, keepdims=keepdims)
    return where(all(isnan(x), axis=axis, keepdims=keepdims), float("nan"), found)


@operation(accepts="real", check=empty_fault)
def nanargmax(x: TensorLike, /, *, axis: int | None = None, keepdims: bool = False) -> EmberTensor:
    """`argmax` of the elements that are not NaN: -1 where there are none.

    Raises:
        ShapeError: there is no element at all.

    >>> from ember_ml.nn import tensor as et
    >>> et.nanargmax([1.0, et.nan, 2.0]).item()
    2
    """
    if x.dtype.kind != "float":
        return argmax(x, axis=axis, keepdims=keepdims)
    return _first(x == nanmax(x, axis=axis, keepdims=True), axis, keepdims)


@operation(accepts="real", check=empty_fault)
def nanargmin(x: TensorLike, /, *, axis: int | None = None, keepdims: bool = False) -> EmberTensor:
    """`argmin` of the elements that are not NaN: -1 where there are none.

    Raises:
        ShapeError: there is no element at all.

    >>> from ember_ml.nn import tensor as et
    >>> et.nanargmin([1.0, et.nan, 2.0]).item()
    0
    """
    if x.dtype.kind != "float":
        return argmin(x, axis=axis, keepdims=keepdims)
    return _first(x == nanmin(x, axis=axis, keepdims=True), axis, keepdims)


def _first(found: EmberTensor, axis: int | None, keepdims: bool) -> EmberTensor:
    """Where ``found`` is first true, and -1 where it is not."""
    place = argmax(found.astype(uint8), axis=axis, keepdims=keepdims)
    return where(any(found, axis=axis, keepdims=keepdims), place, -1)


@operation(result="same")
def nan_to_num(
    x: TensorLike,
    /,
    *,
    nan: float = 0.0,
    posinf: float | None = None,
    neginf: float | None = None,
) -> EmberTensor:
    """``x`` with numbers in the place of NaN and of the infinities.

    Args:
        nan: in the place of NaN.
        posinf: in the place of infinity; None for the greatest number of the dtype.
        neginf: in the place of minus infinity; None for the smallest number of the dtype.

    >>> from ember_ml.nn import tensor as et
    >>> et.nan_to_num([1.0, et.nan, et.inf], posinf=9.0).tolist()
    [1.0, 0.0, 9.0]
    """
    if x.dtype.kind == "complex":
        parts = [
            nan_to_num(part, nan=nan, posinf=posinf, neginf=neginf) for part in (real(x), imag(x))
        ]
        return parts[0] + parts[1] * 1j
    if x.dtype.kind != "float":
        return x
    info = finfo(x.dtype)
    high = info.max if posinf is None else posinf
    low = info.min if neginf is None else neginf
    x = where(x == float("inf"), high, where(x == -float("inf"), low, x))
    return where(isnan(x), nan, x)
