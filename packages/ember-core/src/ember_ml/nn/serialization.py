"""Saving and loading in the safetensors format: nothing that is loaded is ever unpickled."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import safetensors

from ember_ml.backend.dtypes import DTYPES, bfloat16, float32
from ember_ml.backend.errors import ArgumentError, CheckpointError
from ember_ml.backend.protocol import Backend
from ember_ml.backend.registry import current_backend
from ember_ml.nn.modules import Module
from ember_ml.nn.tensor import EmberTensor, TensorLike, asarray
from ember_ml.nn.tensor._careful import bound_for, wrap_native

__all__ = ["load", "load_file", "save"]

#: safetensors' names of dtypes.
_NAMES = {
    "BOOL": "bool", "I8": "int8", "I16": "int16", "I32": "int32", "I64": "int64",
    "U8": "uint8", "U16": "uint16", "U32": "uint32", "U64": "uint64",
    "F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64", "C64": "complex64",
}  # fmt: skip
_CODES = {name: code for code, name in _NAMES.items()}


def save(
    target: Module | Mapping[str, TensorLike],
    path: str | os.PathLike[str],
    *,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a module's state dict, or tensors by name, to a safetensors file.

    The file appears whole or not at all: it is written beside its place and moved there.

    Args:
        metadata: texts by name, which the file carries along.

    Raises:
        CheckpointError: a dtype that the format has not.
        ArgumentError: a name or a text of ``metadata`` that is no string.

    >>> import tempfile, os
    >>> from ember_ml import nn
    >>> path = os.path.join(tempfile.mkdtemp(), "model.safetensors")
    >>> model = nn.Linear(2, 1)
    >>> nn.save(model, path)
    >>> nn.load(model, path)
    """
    state = target.state_dict() if isinstance(target, Module) else target
    tensors = {name: asarray(value) for name, value in state.items()}
    # Wide elements first, so that all are aligned, as the format's own library has them.
    order = sorted(tensors, key=lambda name: -tensors[name].itemsize)
    header = _header(tensors, order, metadata)
    with _replacing(Path(os.path.realpath(path))) as file:
        file.write(len(header).to_bytes(8, "little"))
        file.write(header)
        for name in order:
            tensor = tensors[name]
            file.write(tensor._backend.backend.to_buffer(tensor._tensor))


def _header(
    tensors: Mapping[str, EmberTensor], order: list[str], metadata: Mapping[str, str] | None
) -> bytes:
    texts = dict(metadata or {})
    for text in (*order, *texts, *texts.values()):
        if not isinstance(text, str):
            raise ArgumentError(f"names and metadata of a safetensors file are str, not {text!r}")
    entries: dict[str, Any] = {"__metadata__": texts} if texts else {}
    end = 0
    for name in order:
        dtype = tensors[name].dtype.name
        if dtype not in _CODES:
            raise CheckpointError(
                f"{name!r}: safetensors has no {dtype}; save real and imaginary part, or convert "
                "with x.astype(et.complex64)"
            )
        if name == "__metadata__":
            raise CheckpointError(f"{name!r} cannot name a tensor in a safetensors file")
        start, end = end, end + tensors[name].nbytes
        entries[name] = {
            "dtype": _CODES[dtype],
            "shape": tensors[name].shape,
            "data_offsets": [start, end],
        }
    header = json.dumps(entries, separators=(",", ":")).encode()
    return header + b" " * (-len(header) % 8)


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write that takes the place of ``path`` when all went well."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def load_file(path: str | os.PathLike[str]) -> dict[str, EmberTensor]:
    """The tensors of a safetensors file by name, in its order, on the current backend.

    ``bfloat16`` becomes ``float32``, which holds every one of its values, on an engine that has
    no ``bfloat16``.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: it is truncated, damaged or no safetensors file.
        UnsupportedError: the engine lacks the dtype of an entry.
    """
    content = Path(path).read_bytes()
    try:
        entries = safetensors.deserialize(content)  # type: ignore[no-untyped-call]
    except safetensors.SafetensorError as error:
        raise CheckpointError(
            f"{os.fspath(path)!r} is not a whole safetensors file ({len(content)} bytes): {error}"
        ) from error
    backend = current_backend()
    found = {}
    size = int.from_bytes(content[:8], "little")
    order = [name for name in json.loads(content[8 : 8 + size]) if name != "__metadata__"]
    by_name = dict(entries)
    for name in order:
        entry = by_name[name]
        if entry["dtype"] not in _NAMES:
            raise CheckpointError(
                f"{os.fspath(path)!r}: entry {name!r} has dtype {entry['dtype']}, which Ember has "
                "not"
            )
        found[name] = _tensor(entry, backend)
    return found


def _tensor(entry: dict[str, Any], backend: Backend) -> EmberTensor:
    dtype, data = DTYPES[_NAMES[entry["dtype"]]], entry["data"]
    if dtype is bfloat16 and bfloat16 not in backend.dtypes:
        # bfloat16 is the upper half of float32.
        wide = bytearray(2 * len(data))
        wide[2::4], wide[3::4] = data[0::2], data[1::2]
        dtype, data = float32, wide
    native = backend.from_buffer(
        data,
        dtype=bound_for(backend, dtype).native_dtype,
        shape=tuple(entry["shape"]),
        device=None,
    )
    return wrap_native(native, backend)


def load(model: Module, path: str | os.PathLike[str], *, strict: bool = True) -> None:
    """Load a safetensors file into a module; a checkpoint of the PyTorch namesake loads as well.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: the file is damaged, or does not fit the module; nothing has changed.
    """
    model.load_state_dict(load_file(path), strict=strict)
