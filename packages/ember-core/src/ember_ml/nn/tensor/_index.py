"""Indexing: what keys mean, checked and made plain before the engine sees them."""

from __future__ import annotations

import operator
from typing import Any

from ember_ml.backend.dtypes import int64
from ember_ml.backend.errors import EmberError, ShapeError, TensorIndexError
from ember_ml.backend.protocol import Backend

from ._careful import common_backend, wrap_native
from ._convert import SCALARS, lift
from ._core import EmberTensor, TensorLike
from ._data import astype
from ._search import nonzero
from ._shapes import broadcast

__all__ = [
    "axes_taken",
    "describe",
    "getitem",
    "is_scalar_mask",
    "parts_of",
    "setitem",
    "value_for",
    "wrap_mask",
]


def _is_integer(part: Any) -> bool:
    if isinstance(part, bool | EmberTensor):
        return False
    try:
        operator.index(part)
    except TypeError:
        return False
    return True


def _as_index_tensor(part: Any, x: EmberTensor) -> EmberTensor:
    backend = x._backend.backend
    if not isinstance(part, EmberTensor):
        empty = isinstance(part, list | tuple) and not part
        try:
            native = lift(part, backend, dtype=int64 if empty else None, device=x.device)
        except EmberError as error:
            raise TensorIndexError(
                f"{part!r} cannot index a tensor: integers, slices, None, ... and tensors of "
                "integers or bool can"
            ) from error
        part = wrap_native(native, backend)
    if part.dtype.kind in ("float", "complex"):
        raise TensorIndexError(f"a {part.dtype} tensor cannot index; x.astype(et.int64) can")
    return part


def parts_of(x: EmberTensor, key: Any) -> list[Any]:
    """The parts of a key, what is neither integer, slice, None nor Ellipsis made a tensor."""
    parts = list(key) if isinstance(key, tuple) else [key]
    if sum(part is Ellipsis for part in parts) > 1:
        raise TensorIndexError("an index can have only one ellipsis ('...')")
    parts = [
        p
        if p is None or p is Ellipsis or isinstance(p, slice) or _is_integer(p)
        else _as_index_tensor(p, x)
        for p in parts
    ]
    used = sum(map(axes_taken, parts))
    if used > x.ndim:
        raise TensorIndexError(f"{used} indices for a tensor of shape {x.shape}")
    return parts


def _plain_key(x: EmberTensor, key: Any) -> tuple[Any, ...]:
    """The key as integers in range, slices, None, Ellipsis and native integer arrays."""
    shape = x.shape
    parts = parts_of(x, key)
    used = sum(map(axes_taken, parts))
    plain: list[Any] = []
    axis = 0
    has_arrays = any(isinstance(p, EmberTensor) for p in parts)
    for part in parts:
        if part is Ellipsis:
            axis += len(shape) - used
            plain.append(part)
        elif part is None:
            plain.append(part)
        elif isinstance(part, slice):
            plain.append(_plain_slice(part))
            axis += 1
        elif isinstance(part, EmberTensor):
            plain += _plain_tensor(part, shape, axis)
            axis += axes_taken(part)
        else:
            plain.append(_plain_integer(operator.index(part), shape, axis))
            axis += 1
    return tuple(_as_arrays(plain, x) if has_arrays else plain)


def _as_arrays(plain: list[Any], x: EmberTensor) -> list[Any]:
    """The key with its integers made arrays of as many axes as the longest of the arrays.

    Beside arrays an integer is an array too, and engines place the axes alike only then.
    """
    backend = x._backend.backend
    dtype = x._backend.by_dtype[int64].native_dtype
    plain = [
        backend.from_python(p, dtype=dtype, device=x.device) if isinstance(p, int) else p
        for p in plain
    ]
    arrays = [p for p in plain if not (p is None or p is Ellipsis or isinstance(p, slice))]
    depth = max((len(p.shape) for p in arrays), default=0)
    return [
        backend.getitem(p, (None,) * depth) if depth and getattr(p, "shape", None) == () else p
        for p in plain
    ]


def axes_taken(part: Any) -> int:
    """How many axes of a tensor a part of a key is for."""
    if part is None or part is Ellipsis:
        return 0
    if isinstance(part, EmberTensor) and part.dtype.kind == "bool":
        return part.ndim
    return 1


def _plain_slice(part: slice) -> slice:
    bounds = (part.start, part.stop, part.step)
    try:
        start, stop, step = (None if b is None else operator.index(b) for b in bounds)
    except TypeError:
        raise TensorIndexError(f"the bounds of {part} must be integers or None") from None
    if step == 0:
        raise TensorIndexError("the step of a slice cannot be zero")
    return slice(start, stop, step)


def _plain_integer(index: int, shape: tuple[int, ...], axis: int) -> int:
    size = shape[axis]
    if not -size <= index < size:
        raise TensorIndexError(f"index {index} is out of range for axis {axis} of shape {shape}")
    return index


def _plain_tensor(part: EmberTensor, shape: tuple[int, ...], axis: int) -> list[Any]:
    if part.dtype.kind != "bool":
        return [part._tensor]
    if not part.ndim:
        raise TensorIndexError("a bool can index alone, and not beside other indices")
    here = shape[axis : axis + part.ndim]
    # The standard lets a mask of no elements be of another size: it selects nothing.
    if any(size not in (n, 0) for size, n in zip(part.shape, here, strict=True)):
        raise TensorIndexError(
            f"a mask of shape {part.shape} does not fit axes {axis} to {axis + part.ndim - 1} of "
            f"shape {shape}"
        )
    return [index._tensor for index in nonzero(part)]


def getitem(x: EmberTensor, key: Any, /) -> EmberTensor:
    """``x[key]``: integers, slices, None, Ellipsis, masks and integer tensors, as NumPy has them.

    Raises:
        TensorIndexError: out of range, too many indices, a mask of another shape, a key of
            floats or of something that is no index.
    """
    if is_scalar_mask(key):
        return getitem(x[None], wrap_mask(key, x))
    backend = common_backend([x, *_tensors(key)], "indexing")
    plain = _plain_key(x, key)
    try:
        return wrap_native(backend.getitem(x._tensor, plain), backend)
    except EmberError:
        raise
    except Exception as error:
        raise TensorIndexError(f"x[{describe(key)}] with shape {x.shape}: {error}") from error


def is_scalar_mask(key: Any) -> bool:
    """Whether a key is one truth for the whole tensor."""
    if isinstance(key, bool):
        return True
    return getattr(key, "shape", None) == () and str(key.dtype) == "bool"


def wrap_mask(key: Any, x: EmberTensor) -> EmberTensor:
    """A mask of one element for the new first axis of ``x``."""
    return _as_index_tensor(key, x)[None]


def _tensors(key: Any) -> list[EmberTensor]:
    parts = key if isinstance(key, tuple) else (key,)
    return [part for part in parts if isinstance(part, EmberTensor)]


def describe(key: Any) -> str:
    """A key as it was written, its tensors by dtype and shape."""
    parts = key if isinstance(key, tuple) else (key,)
    return ", ".join(
        f"{p.dtype} tensor {p.shape}" if isinstance(p, EmberTensor) else repr(p) for p in parts
    )


def value_for(x: EmberTensor, value: TensorLike, backend: Backend) -> EmberTensor:
    """``value`` in the dtype of ``x``, to which it is to be assigned."""
    if not isinstance(value, EmberTensor):
        wanted = x.dtype if value.__class__ in SCALARS else None
        value = wrap_native(lift(value, backend, dtype=wanted, device=x.device), backend)
    return value if value.dtype is x.dtype else astype(value, x.dtype)


def setitem(x: EmberTensor, key: Any, value: TensorLike, /) -> None:
    """``x[key] = value``: the value is converted to the dtype of ``x`` and broadcast.

    Raises:
        TensorIndexError: as `getitem`.
        ShapeError: the value does not broadcast to the place.
    """
    if is_scalar_mask(key):
        key = (wrap_mask(key, x),)
        wide = x[None]
        setitem(wide, key, value)
        x._tensor, x._backend = wide[0]._tensor, wide._backend
        return
    backend = common_backend([x, value, *_tensors(key)], "assignment")
    plain = _plain_key(x, key)
    value = value_for(x, value, backend)
    try:
        native = backend.setitem(x._tensor, plain, value._tensor)
    except EmberError:
        raise
    except Exception as error:
        place = x[key].shape
        if broadcast([place, value.shape]) != place:
            raise ShapeError(
                f"a value of shape {value.shape} does not broadcast to x[{describe(key)}] of "
                f"shape {place}"
            ) from error
        raise TensorIndexError(f"x[{describe(key)}] = ... with shape {x.shape}: {error}") from error
    result = wrap_native(native, backend)
    x._tensor, x._backend = result._tensor, result._backend
