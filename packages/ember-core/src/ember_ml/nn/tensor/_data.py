"""Dtype conversion, copies, devices, backends, pickling and the inspection of dtypes.

Source: array API standard 2025.12, "Data type functions".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ember_ml.backend.dtypes import DTYPES, DType, DTypeLike, promote, scalar_dtype
from ember_ml.backend.errors import (
    ArgumentError,
    BackendNotFoundError,
    DTypeError,
    InterchangeError,
    UnsupportedError,
)
from ember_ml.backend.registry import current_backend, get_backend

from ._careful import as_dtype, check_device, wrap_native
from ._convert import SCALARS, native_of
from ._core import Device, EmberTensor, TensorLike
from ._operation import operation

__all__ = [
    "astype",
    "can_cast",
    "copy",
    "finfo",
    "iinfo",
    "isdtype",
    "result_type",
    "to_backend",
    "to_device",
    "to_dlpack",
]


@operation
def astype(
    x: TensorLike, dtype: DTypeLike, /, *, copy: bool = True, device: Device | None = None
) -> EmberTensor:
    """The elements of ``x`` converted to ``dtype``; floats become integers by truncation.

    With ``copy=False`` a tensor that has the dtype already may be returned as it is.

    Raises:
        UnsupportedError: the engine has no such dtype.

    >>> from ember_ml.nn import tensor as et
    >>> et.astype([1.7, -1.7], et.int32).tolist()
    [1, -1]
    """
    ...


@operation(result="same")
def copy(x: TensorLike, /) -> EmberTensor:
    """A tensor with memory of its own and the elements of ``x``."""
    ...


def to_device(x: EmberTensor, device: Device, /) -> EmberTensor:
    """``x`` on ``device`` of its backend; see `EmberTensor.to_device`."""
    backend = x._backend.backend
    check_device(device, backend)
    return wrap_native(backend.to_device(x._tensor, device), backend)


def to_backend(x: EmberTensor, name: str, /) -> EmberTensor:
    """``x`` on the backend ``name``; see `EmberTensor.to_backend`."""
    target = get_backend(name)
    source = x._backend.backend
    if target is source:
        return x
    if x.dtype not in target.dtypes:
        raise UnsupportedError(
            f"backend {name!r} has no dtype {x.dtype}: convert first, x.astype(...) to one of "
            f"{', '.join(map(repr, target.dtypes))}"
        )
    try:
        native = target.from_dlpack(x._tensor, device=None, copy=None)
    except Exception:  # DLPack refuses some dtypes and read-only memory: go by bytes
        native = target.from_buffer(
            source.to_buffer(x._tensor),
            dtype=target.dtypes[x.dtype],
            shape=x.shape,
            device=None,
        )
    return wrap_native(native, target)


def to_dlpack(x: EmberTensor, /, **options: Any) -> Any:
    """The DLPack capsule of ``x``; engines that know fewer of the options get those only.

    Raises:
        InterchangeError: the engine does not export it, or not to the device wanted.
    """
    try:
        return x._tensor.__dlpack__(**options)
    except TypeError:
        x = copy(x) if options["copy"] else x
        return x._tensor.__dlpack__(stream=options["stream"])
    except Exception as error:
        raise InterchangeError(
            f"backend {x.backend!r} does not export this {x.dtype} tensor by DLPack: {error}"
        ) from error


def reduce_tensor(x: EmberTensor) -> tuple[Any, ...]:
    """What pickle stores: backend, dtype, shape and the bytes."""
    buffer = x._backend.backend.to_buffer(x._tensor)
    return _restore, (x.backend, x.dtype.name, x.shape, bytes(buffer))


def _restore(backend: str, dtype: str, shape: tuple[int, ...], data: bytes) -> EmberTensor:
    try:
        target = get_backend(backend)
    except BackendNotFoundError as error:
        raise BackendNotFoundError(
            f"this tensor was pickled on backend {backend!r}, which is missing here: {error}"
        ) from error
    native_dtype = native_of(DTYPES[dtype], target)
    native = target.from_buffer(data, dtype=native_dtype, shape=shape, device=None)
    return wrap_native(native, target)


# -- inspection -----------------------------------------------------------------------------


@dataclass(frozen=True)
class FloatInfo:
    """What `finfo` returns."""

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: DType


@dataclass(frozen=True)
class IntInfo:
    """What `iinfo` returns."""

    bits: int
    max: int
    min: int
    dtype: DType


def finfo(type: DTypeLike | EmberTensor, /) -> FloatInfo:
    """Limits of a floating dtype (of the parts, for a complex one).

    >>> from ember_ml.nn import tensor as et
    >>> et.finfo(et.float32).eps
    1.1920928955078125e-07
    """
    dtype = _dtype_of(type)
    if dtype.kind == "complex":
        dtype = DTYPES[f"float{dtype.bits // 2}"]
    if dtype.kind != "float":
        raise DTypeError(f"finfo is for floating dtypes, not {dtype}; use iinfo")
    # (bits of the fraction, greatest exponent) of IEEE 754 and of bfloat16
    fraction, emax = {
        "float16": (10, 15), "bfloat16": (7, 127), "float32": (23, 127), "float64": (52, 1023),
    }[dtype.name]  # fmt: skip
    eps = math.ldexp(1.0, -fraction)
    # (2 - eps) * 2**emax, in an order that does not overflow
    largest = math.ldexp(1.0 - eps / 2, emax) * 2.0
    return FloatInfo(dtype.bits, eps, largest, -largest, math.ldexp(1.0, 1 - emax), dtype)


def iinfo(type: DTypeLike | EmberTensor, /) -> IntInfo:
    """Limits of an integer dtype.

    >>> from ember_ml.nn import tensor as et
    >>> et.iinfo(et.int8).max
    127
    """
    dtype = _dtype_of(type)
    if dtype.kind == "signed":
        half = 2 ** (dtype.bits - 1)
        return IntInfo(dtype.bits, half - 1, -half, dtype)
    if dtype.kind == "unsigned":
        return IntInfo(dtype.bits, 2**dtype.bits - 1, 0, dtype)
    raise DTypeError(f"iinfo is for integer dtypes, not {dtype}; use finfo")


def _dtype_of(x: Any) -> DType:
    if isinstance(x, EmberTensor):
        return x.dtype
    if isinstance(x, DType):
        return x
    return as_dtype(x, current_backend())


_CATEGORIES: dict[str, tuple[str, ...]] = {
    "bool": ("bool",),
    "signed integer": ("signed",),
    "unsigned integer": ("unsigned",),
    "integral": ("signed", "unsigned"),
    "real floating": ("float",),
    "complex floating": ("complex",),
    "numeric": ("signed", "unsigned", "float", "complex"),
}


def isdtype(dtype: DTypeLike, kind: DTypeLike | tuple[DTypeLike, ...]) -> bool:
    """Whether ``dtype`` is, or is of, ``kind``: a dtype, a category of the standard, or several.

    >>> from ember_ml.nn import tensor as et
    >>> et.isdtype(et.float32, "real floating"), et.isdtype(et.int8, (et.int8, "bool"))
    (True, True)
    """
    dtype = _dtype_of(dtype)
    if isinstance(kind, tuple):
        return any(isdtype(dtype, k) for k in kind)
    if isinstance(kind, str) and kind in _CATEGORIES:
        return dtype.kind in _CATEGORIES[kind]
    if isinstance(kind, str) and kind not in DTYPES:
        raise ArgumentError(
            f"isdtype: {kind!r} is neither a dtype nor one of {', '.join(_CATEGORIES)}"
        )
    return dtype is _dtype_of(kind)


def result_type(*arrays_and_dtypes: TensorLike | DTypeLike) -> DType:
    """The dtype that an operation on the arguments has.

    >>> from ember_ml.nn import tensor as et
    >>> et.result_type(et.int64, et.float32), et.result_type(et.asarray([1]), 2.0)
    (float32, float32)
    """
    if not arrays_and_dtypes:
        raise ArgumentError("result_type needs at least one tensor or dtype")
    scalars = [x for x in arrays_and_dtypes if x.__class__ in SCALARS]
    dtypes = [_dtype_of(x) for x in arrays_and_dtypes if x.__class__ not in SCALARS]
    if not dtypes:
        return promote(*map(scalar_dtype, scalars))
    dtype = promote(*dtypes)
    for scalar in scalars:
        dtype = scalar_dtype(scalar, dtype)
    return dtype


def can_cast(from_: TensorLike | DTypeLike, to: DTypeLike, /) -> bool:
    """Whether the promotion table leads from ``from_`` to ``to``.

    >>> from ember_ml.nn import tensor as et
    >>> et.can_cast(et.int8, et.int16), et.can_cast(et.float32, et.int64)
    (True, False)
    """
    target = _dtype_of(to)
    return promote(_dtype_of(from_), target) is target
