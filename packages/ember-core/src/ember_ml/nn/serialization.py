"""Saving and loading in the safetensors format: nothing that is loaded is ever unpickled."""

from __future__ import annotations

import ctypes
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import safetensors

from ember_ml.backend.dtypes import DTYPES
from ember_ml.backend.errors import CheckpointError
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


def save(
    target: Module | Mapping[str, TensorLike],
    path: str | os.PathLike[str],
    *,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a module's state dict, or tensors by name, to a safetensors file.

    The file appears whole or not at all: it is written beside its place and moved there.

    Raises:
        CheckpointError: a dtype that the format has not.

    >>> import tempfile, os
    >>> from ember_ml import nn
    >>> path = os.path.join(tempfile.mkdtemp(), "model.safetensors")
    >>> model = nn.Linear(2, 1)
    >>> nn.save(model, path)
    >>> nn.load(model, path)
    """
    state = target.state_dict() if isinstance(target, Module) else target
    entries: dict[str, safetensors.TensorSpec] = {}
    held: list[bytearray] = []  # safetensors gets addresses: keep what is there alive
    for name, value in state.items():
        tensor = asarray(value)
        if tensor.dtype.name not in _NAMES.values():
            raise CheckpointError(
                f"{name!r}: safetensors has no {tensor.dtype}; save real and imaginary part, or "
                "convert with x.astype(et.complex64)"
            )
        data = tensor._backend.backend.to_buffer(tensor._tensor)
        held.append(bytearray(data) or bytearray(1))  # an address also for no bytes
        entries[name] = safetensors.TensorSpec(
            dtype=tensor.dtype.name,
            shape=tensor.shape,
            data_ptr=ctypes.addressof(ctypes.c_char.from_buffer(held[-1])),
            data_len=tensor.nbytes,
        )
    try:
        content = safetensors.serialize(entries, dict(metadata) if metadata else None)
    except safetensors.SafetensorError as error:
        raise CheckpointError(f"cannot save {os.fspath(path)!r}: {error}") from error
    _write(Path(path), content)


def _write(path: Path, content: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def load_file(path: str | os.PathLike[str]) -> dict[str, EmberTensor]:
    """The tensors of a safetensors file by name, on the current backend.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: it is truncated, damaged or no safetensors file.
        UnsupportedError: the engine lacks the dtype of an entry.
    """
    content = Path(path).read_bytes()
    try:
        entries = safetensors.deserialize(content)
    except safetensors.SafetensorError as error:
        raise CheckpointError(
            f"{os.fspath(path)!r} is not a whole safetensors file ({len(content)} bytes): {error}"
        ) from error
    backend = current_backend()
    found = {}
    for name, entry in entries:
        if entry["dtype"] not in _NAMES:
            raise CheckpointError(
                f"{os.fspath(path)!r}: entry {name!r} has dtype {entry['dtype']}, which Ember has "
                "not"
            )
        bound = bound_for(backend, DTYPES[_NAMES[entry["dtype"]]])
        native = backend.from_buffer(
            entry["data"],
            dtype=bound.native_dtype,
            shape=tuple(entry["shape"]),
            device=None,
        )
        found[name] = wrap_native(native, backend)
    return found


def load(model: Module, path: str | os.PathLike[str], *, strict: bool = True) -> None:
    """Load a safetensors file into a module; a checkpoint of the PyTorch namesake loads as well.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: the file is damaged, or does not fit the module; nothing has changed.
    """
    model.load_state_dict(load_file(path), strict=strict)
