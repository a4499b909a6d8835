"""From tensor-likes to native arrays: scalars, nested lists, buffers, DLPack, native arrays."""

from __future__ import annotations

import functools
from typing import Any

from ember_ml.backend.dtypes import DTYPES, DType
from ember_ml.backend.errors import (
    ArgumentError,
    DTypeError,
    EmberError,
    InterchangeError,
)
from ember_ml.backend.protocol import Backend, Native

from ._numbers import SCALARS, as_scalar, from_python, from_sequence, native_of, short

__all__ = ["SCALARS", "as_scalar", "import_dlpack", "lift", "native_of"]

#: Struct format characters of the buffer protocol.
_FORMATS = {
    "?": "bool", "b": "int8", "h": "int16", "i": "int32", "q": "int64", "l": "int64",
    "B": "uint8", "H": "uint16", "I": "uint32", "Q": "uint64", "L": "uint64",
    "e": "float16", "f": "float32", "d": "float64", "Zf": "complex64", "Zd": "complex128",
}  # fmt: skip


def lift(
    value: Any,
    backend: Backend,
    *,
    dtype: DType | None = None,
    device: str | None = None,
    copy: bool | None = None,
) -> Native:
    """``value`` as a native array of ``backend``.

    Args:
        dtype: of numbers and lists of them; arrays keep their own.
        copy: False for an error where the memory of ``value`` cannot be shared.

    Raises:
        ArgumentError: it cannot be made into a tensor.
        InterchangeError: it cannot without a copy, and ``copy`` is False.
        DTypeError: it is an array of something else than numbers.
        InvalidValueError: a number is out of the dtype's range.
        ShapeError: a ragged list; the message says where.
        UnsupportedError: the engine lacks the dtype.
    """
    if isinstance(value, backend.array_types):
        return value
    sequence = isinstance(value, list | tuple | range)
    if copy is False and (sequence or value.__class__ in SCALARS):
        raise _needs_copy(value)
    if sequence:
        return from_sequence(value, backend, dtype, device)
    if value.__class__ in SCALARS:
        return from_python(value, [value], (), backend, dtype, device)
    array = _from_array(value, backend, dtype, device, copy)
    if array is not None:
        return array
    for kind in SCALARS:
        if isinstance(value, kind):  # of a subclass: an IntEnum
            return lift(kind(value), backend, dtype=dtype, device=device, copy=copy)
    raise ArgumentError(
        f"cannot make a tensor of {type(value).__name__} {short(value)}; Ember takes tensors, "
        "numbers, nested lists of numbers, native arrays, and objects with __dlpack__, "
        "__array__ or the buffer protocol"
    )


def _needs_copy(value: object) -> InterchangeError:
    return InterchangeError(
        f"a {type(value).__name__} cannot become a tensor without a copy; pass copy=None"
    )


# -- arrays of other engines ------------------------------------------------------------------


@functools.lru_cache(maxsize=64)  # writing out a dtype takes longer than sharing the memory
def _own_dtype(dtype: Any) -> DType | None:
    """Ember's dtype of the name that the dtype of another engine has."""
    return DTYPES.get(str(dtype).rpartition(".")[2])


def import_dlpack(value: Any, backend: Backend, *, device: str | None, copy: bool | None) -> Native:
    """A native array of ``backend`` by DLPack alone.

    Raises:
        InterchangeError: one of the two engines refuses, or would copy where ``copy`` is False.
        UnsupportedError: ``backend`` lacks the dtype.
    """
    if isinstance(value, backend.array_types):
        return backend.from_dlpack(value, device=device, copy=copy)
    own = _own_dtype(getattr(value, "dtype", None))
    if own is not None:
        native_of(own, backend)
    try:
        return backend.from_dlpack(value, device=device, copy=copy)
    except EmberError:
        raise
    except Exception as error:
        raise InterchangeError(
            f"{type(value).__name__} does not come to backend {backend.name!r} by DLPack"
            f"{' without a copy' if copy is False else ''}: {error}"
        ) from error


def _from_array(
    value: Any, backend: Backend, dtype: DType | None, device: str | None, copy: bool | None
) -> Native | None:
    """By DLPack, the buffer protocol or NumPy, whichever carries it; None where none does."""
    own = _own_dtype(getattr(value, "dtype", None))
    if own is not None and own not in backend.dtypes:
        if dtype is not None and hasattr(value, "astype"):
            return lift(value.astype(dtype.name), backend, device=device, copy=copy)
        native_of(own, backend)
    failure: Exception | None = None
    if hasattr(value, "__dlpack__"):
        try:
            return backend.from_dlpack(value, device=device, copy=copy)
        except EmberError:
            raise
        except Exception as error:  # a dtype or a read-only flag that this DLPack does not carry
            failure = error
    try:
        view = memoryview(value)
    except (TypeError, ValueError, BufferError) as error:
        failure = failure or error
    else:
        if copy is False:
            raise _needs_copy(value) from failure
        return _from_buffer(view, backend, device)
    if not hasattr(value, "__array__"):
        return None
    try:
        array = value.__array__()
    except Exception as error:
        raise ArgumentError(
            f"cannot make a tensor of {type(value).__name__}: its __array__ failed: {error}"
        ) from error
    if array.__class__ is value.__class__:
        raise DTypeError(f"an array of {value.dtype} has no Ember dtype") from failure
    return lift(array, backend, dtype=dtype, device=device, copy=copy)


def _from_buffer(view: memoryview, backend: Backend, device: str | None) -> Native:
    code = view.format.lstrip("@=<|")
    if code == "c":  # bytes read as characters
        view, code = view.cast("B"), "B"
    if code not in _FORMATS or (code in "lL" and view.itemsize != 8):
        raise DTypeError(
            f"a buffer of format {view.format!r} has no Ember dtype; cast it to one of "
            f"{', '.join(sorted(set(_FORMATS.values())))}"
        )
    native = native_of(DTYPES[_FORMATS[code]], backend)
    shape = tuple(view.shape or ())
    data = view if view.c_contiguous else memoryview(view.tobytes())
    return backend.from_buffer(data, dtype=native, shape=shape, device=device)
