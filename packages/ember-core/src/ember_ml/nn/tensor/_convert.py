"""From tensor-likes to native arrays: scalars, nested lists, buffers, DLPack, native arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ember_ml.backend.dtypes import DTYPES, DType, promote, scalar_dtype
from ember_ml.backend.errors import ArgumentError, EmberError, ShapeError, UnsupportedError
from ember_ml.backend.protocol import Backend, Native

from ._core import EmberTensor

__all__ = ["SCALARS", "lift", "nested_shape"]

#: The exact classes of Python scalars.
SCALARS = frozenset({bool, int, float, complex})

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
    """``value`` as a native array of ``backend``, of its own dtype unless one is given.

    Raises:
        ArgumentError: it cannot be made into a tensor.
        ShapeError: a ragged list.
    """
    if value.__class__ in SCALARS:
        return _from_python(value, scalar_dtype(value), backend, dtype, device)
    if isinstance(value, backend.array_types):
        return value
    if isinstance(value, list | tuple | range):
        return _from_sequence(value, backend, dtype, device)
    if hasattr(value, "__dlpack__"):
        try:
            return backend.from_dlpack(value, device=device, copy=copy)
        except EmberError:
            raise
        except Exception:  # a dtype or a read-only flag that this DLPack does not carry
            pass
    try:
        view = memoryview(value)
    except TypeError:
        pass
    else:
        return _from_buffer(view, backend, device)
    if hasattr(value, "__array__"):
        return lift(value.__array__(), backend, device=device, copy=copy)
    if isinstance(value, int | float | complex):  # subclasses of the scalars
        base = next(c for c in (bool, int, float, complex) if isinstance(value, c))
        return lift(base(value), backend, dtype=dtype, device=device)
    raise ArgumentError(
        f"cannot make a tensor of {type(value).__name__} {_short(value)}; Ember takes tensors, "
        "numbers, nested lists of numbers, native arrays, and objects with __dlpack__, "
        "__array__ or the buffer protocol"
    )


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _from_python(
    data: Any, own: DType, backend: Backend, dtype: DType | None, device: str | None
) -> Native:
    wanted = dtype or own
    if wanted not in backend.dtypes:
        raise UnsupportedError(f"backend {backend.name!r} has no dtype {wanted}")
    if wanted.kind in ("bool", "signed", "unsigned") and own.kind in ("float", "complex"):
        # Python's own conversion, as astype does it, rather than each engine's opinion.
        native = backend.from_python(data, dtype=backend.dtypes[own], device=device)
        return native
    try:
        return backend.from_python(data, dtype=backend.dtypes[wanted], device=device)
    except (OverflowError, ValueError, RuntimeError, TypeError) as error:
        raise ArgumentError(
            f"cannot make a {wanted} tensor of {_short(data)}: {error}"
        ) from error


def nested_shape(data: Any, path: str = "") -> tuple[int, ...]:
    """The shape of nested sequences.

    Raises:
        ShapeError: they are ragged; the message says where.
    """
    if not isinstance(data, list | tuple | range):
        return tuple(getattr(data, "shape", ()))
    if len(data) == 0:
        return (0,)
    first = nested_shape(data[0], f"{path}[0]")
    for i, item in enumerate(data[1:], 1):
        other = nested_shape(item, f"{path}[{i}]")
        if other != first:
            raise ShapeError(
                f"a ragged list: item {path}[0] has shape {first} and item {path}[{i}] has "
                f"shape {other}; pad them to one length"
            )
    return (len(data), *first)


def _leaves(data: Any) -> Any:
    if isinstance(data, list | tuple | range):
        for item in data:
            yield from _leaves(item)
    else:
        yield data


def _from_sequence(
    data: Sequence[Any], backend: Backend, dtype: DType | None, device: str | None
) -> Native:
    shape = nested_shape(data)
    kinds: set[type] = set()
    own: DType | None = None
    plain = True
    for leaf in _leaves(data):
        cls = leaf.__class__
        if cls in SCALARS:
            if cls not in kinds:
                kinds.add(cls)
                found = scalar_dtype(leaf)
                own = found if own is None else promote(own, found)
            continue
        plain = False
        if isinstance(leaf, EmberTensor):
            found = leaf.dtype
        elif isinstance(leaf, str | bytes) or not hasattr(leaf, "dtype"):
            raise ArgumentError(
                f"a list of numbers holds {cls.__name__} {_short(leaf)}, which is not one"
            )
        else:
            found = DTYPES.get(str(leaf.dtype).rpartition(".")[2], scalar_dtype(0.0))
        own = found if own is None else promote(own, found)
    own = own if own is not None else scalar_dtype(0.0)
    if not plain:
        data = _plain(data)
    elif isinstance(data, range):
        data = list(data)
    if 0 in shape and len(shape) > 1:
        # Engines read [[], []] as they like: make it flat, of no elements.
        empty = backend.dtypes[dtype or own]
        return backend.from_buffer(b"", dtype=empty, shape=shape, device=device)
    return _from_python(data, own, backend, dtype, device)


def _plain(data: Any) -> Any:
    """Nested lists with the tensors and array scalars in them made Python's."""
    if isinstance(data, list | tuple | range):
        return [_plain(item) for item in data]
    return data if data.__class__ in SCALARS else data.tolist()


def _from_buffer(view: memoryview, backend: Backend, device: str | None) -> Native:
    code = view.format.lstrip("@=<|")
    if code == "c":  # bytes read as characters
        view, code = view.cast("B"), "B"
    if code not in _FORMATS or (code in "lL" and view.itemsize != 8):
        raise ArgumentError(
            f"a buffer of format {view.format!r} has no Ember dtype; cast it to one of "
            f"{', '.join(sorted(set(_FORMATS.values())))}"
        )
    dtype = DTYPES[_FORMATS[code]]
    if dtype not in backend.dtypes:
        raise UnsupportedError(f"backend {backend.name!r} has no dtype {dtype}")
    data = view if view.c_contiguous else memoryview(view.tobytes())
    return backend.from_buffer(
        data, dtype=backend.dtypes[dtype], shape=view.shape or (), device=device
    )
