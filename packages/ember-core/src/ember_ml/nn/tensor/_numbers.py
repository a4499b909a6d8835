"""From Python numbers, and nested lists of them, to native arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ember_ml.backend.dtypes import DTYPES, DType, promote, scalar_dtype
from ember_ml.backend.errors import (
    ArgumentError,
    DTypeError,
    InvalidValueError,
    ShapeError,
    UnsupportedError,
)
from ember_ml.backend.protocol import Backend, Native

from ._core import EmberTensor

__all__ = [
    "SCALARS",
    "as_scalar",
    "flattened",
    "from_python",
    "from_sequence",
    "native_of",
    "short",
]

#: The exact classes of Python scalars.
SCALARS: frozenset[type] = frozenset({bool, int, float, complex})

_ORDER = {"bool": 0, "unsigned": 1, "signed": 1, "float": 2, "complex": 3}


def native_of(dtype: DType, backend: Backend) -> Any:
    """The engine's dtype for ``dtype``.

    Raises:
        UnsupportedError: it has none.
    """
    try:
        return backend.dtypes[dtype]
    except KeyError:
        raise UnsupportedError(
            f"backend {backend.name!r} has no dtype {dtype}; it has "
            f"{', '.join(map(repr, backend.dtypes))}"
        ) from None


def short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def from_sequence(
    data: Sequence[Any], backend: Backend, dtype: DType | None, device: str | None
) -> Native:
    leaves: list[Any] = []
    shape = flattened(data, "", leaves)
    if not all(leaf.__class__ in SCALARS for leaf in leaves):
        dtype = dtype or _common_dtype(leaves)
        data, leaves = _plain(data), []
        shape = flattened(data, "", leaves)
    return from_python(data, leaves, shape, backend, dtype, device)


def flattened(data: Any, path: str, leaves: list[Any]) -> tuple[int, ...]:
    """The shape of nested sequences, whose elements go to ``leaves``.

    Raises:
        ShapeError: they are ragged; the message says where.
    """
    if not isinstance(data, list | tuple | range):
        leaves.append(data)
        return tuple(getattr(data, "shape", ()))
    if all(item.__class__ in SCALARS for item in data):
        leaves.extend(data)
        return (len(data),)
    shapes = [flattened(item, f"{path}[{i}]", leaves) for i, item in enumerate(data)]
    for i, shape in enumerate(shapes):
        if shape != shapes[0]:
            raise ShapeError(
                f"a ragged list: item {path}[0] has shape {shapes[0]} and item {path}[{i}] has "
                f"shape {shape}; pad them to one length"
            )
    return (len(data), *shapes[0])


def _common_dtype(leaves: list[Any]) -> DType:
    """The dtype of a list that holds more than Python's own numbers."""
    dtypes = []
    for leaf in leaves:
        if leaf.__class__ in SCALARS:
            dtypes.append(scalar_dtype(leaf))
        elif isinstance(leaf, EmberTensor):
            dtypes.append(leaf.dtype)
        elif hasattr(leaf, "dtype"):
            name = str(leaf.dtype).rpartition(".")[2]
            if name not in DTYPES:
                raise DTypeError(f"a list holds an array of {name}, which is no Ember dtype")
            dtypes.append(DTYPES[name])
        else:
            dtypes.append(scalar_dtype(_as_number(leaf)))
    return promote(*dtypes)


def _as_number(leaf: Any) -> Any:
    """Python's own number for one of a subclass of its class: an IntEnum's."""
    for kind in SCALARS:
        if isinstance(leaf, kind):
            return kind(leaf)
    raise ArgumentError(
        f"a list of numbers holds {type(leaf).__name__} {short(leaf)}, which is not one"
    )


def _plain(data: Any) -> Any:
    """Nested lists with the tensors and array scalars in them made Python's."""
    if isinstance(data, list | tuple | range):
        return [_plain(item) for item in data]
    if data.__class__ in SCALARS:
        return data
    return data.tolist() if hasattr(data, "tolist") else _as_number(data)


def from_python(
    data: Any,
    leaves: list[Any],
    shape: tuple[int, ...],
    backend: Backend,
    dtype: DType | None,
    device: str | None,
) -> Native:
    kinds = set(map(type, leaves))
    own = promote(*(scalar_dtype(kind()) for kind in kinds)) if kinds else scalar_dtype(0.0)
    wanted = dtype or own
    native = native_of(wanted, backend)
    if 0 in shape:
        # Engines read [[], []] as they like: make it of no bytes.
        return backend.from_buffer(b"", dtype=native, shape=shape, device=device)
    if _ORDER[own.kind] > _ORDER[wanted.kind] or wanted.kind == "bool":
        # A conversion that loses something is Python's, not each engine's own.
        data = _map(data, lambda value: as_scalar(value, wanted))
    else:
        if int in kinds:
            integers = [value for value in leaves if value.__class__ is int]
            as_scalar(min(integers), wanted), as_scalar(max(integers), wanted)
        if isinstance(data, range):
            data = list(data)
    return backend.from_python(data, dtype=native, device=device)


def _map(data: Any, function: Callable[[Any], Any]) -> Any:
    if isinstance(data, list | tuple | range):
        return [_map(item, function) for item in data]
    return function(data)


def as_scalar(value: Any, dtype: DType) -> Any:
    """A Python scalar as one of the kind of ``dtype``.

    Raises:
        DTypeError: a complex number for a real dtype.
        InvalidValueError: it is out of the dtype's range.
    """
    if value.__class__ is complex and dtype.kind not in ("complex", "bool"):
        raise DTypeError(f"the complex number {value} does not fit the dtype {dtype}")
    try:
        match dtype.kind:
            case "bool":
                return bool(value)
            case "float":
                return float(value)
            case "complex":
                return complex(value)
            case _:
                number = int(value)
    except (OverflowError, ValueError) as error:
        raise InvalidValueError(f"{short(value)} does not fit the dtype {dtype}") from error
    low = -(2 ** (dtype.bits - 1)) if dtype.kind == "signed" else 0
    if not low <= number < low + 2**dtype.bits:
        raise InvalidValueError(
            f"the Python number {short(value)} does not fit the dtype {dtype}; choose a wider "
            "one: x.astype(et.int64), or dtype=et.int64"
        )
    return number
