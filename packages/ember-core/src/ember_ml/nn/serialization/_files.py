"""Safetensors files: written whole or not at all, and read without unpickling."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import safetensors

from ember_ml.backend.dtypes import DTYPES, bfloat16, float32
from ember_ml.backend.errors import ArgumentError, CheckpointError
from ember_ml.backend.protocol import Backend
from ember_ml.backend.registry import current_backend
from ember_ml.nn.tensor import EmberTensor
from ember_ml.nn.tensor._careful import bound_for, wrap_native

__all__ = ["metadata_of", "read", "write"]

#: safetensors' names of dtypes.
_NAMES = {
    "BOOL": "bool", "I8": "int8", "I16": "int16", "I32": "int32", "I64": "int64",
    "U8": "uint8", "U16": "uint16", "U32": "uint32", "U64": "uint64",
    "F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64", "C64": "complex64",
}  # fmt: skip
_CODES = {name: code for code, name in _NAMES.items()}


def write(
    tensors: Mapping[str, EmberTensor], path: str | os.PathLike[str], metadata: Mapping[str, str]
) -> None:
    """Write ``tensors`` and texts to the file ``path``, which appears whole or not at all."""
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
    tensors: Mapping[str, EmberTensor], order: list[str], metadata: Mapping[str, str]
) -> bytes:
    texts = dict(metadata)
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


#: Seconds after which a temporary file that nobody has written to is a leftover.
_ABANDONED = 3600.0


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
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None:
            # The user knows this name, and not that of the temporary file.
            raise OSError(error.errno, error.strerror, os.fspath(path)) from error
        raise
    _sync_directory(path.parent)
    _remove_abandoned(path)


def _sync_directory(directory: Path) -> None:
    """Have the new name outlast a power failure, where directories can be opened."""
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _remove_abandoned(path: Path) -> None:
    """Remove what processes that were killed while they wrote ``path`` have left."""
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        with contextlib.suppress(OSError):
            if time.time() - leftover.stat().st_mtime > _ABANDONED:
                leftover.unlink()


def read(path: str | os.PathLike[str]) -> tuple[dict[str, EmberTensor], dict[str, str]]:
    """The tensors of a file by name, in its order, on the current backend, and its texts.

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
    header = json.loads(content[8 : 8 + size])
    texts: dict[str, str] = header.pop("__metadata__", {})
    by_name = dict(entries)
    for name in header:
        entry = by_name[name]
        if entry["dtype"] not in _NAMES:
            raise CheckpointError(
                f"{os.fspath(path)!r}: entry {name!r} has dtype {entry['dtype']}, which Ember has "
                "not"
            )
        found[name] = _tensor(entry, backend)
    return found, texts


def metadata_of(path: str | os.PathLike[str]) -> dict[str, str]:
    """The texts of a file, without its tensors; none if it is no whole safetensors file."""
    try:
        with open(path, "rb") as file:
            whole = os.fstat(file.fileno()).st_size
            size = int.from_bytes(file.read(8), "little")
            if size > whole:
                return {}
            header = json.loads(file.read(size))
        texts: dict[str, str] = header.pop("__metadata__", {})
        end = max((entry["data_offsets"][1] for entry in header.values()), default=0)
    except (OSError, ValueError, AttributeError, KeyError, TypeError, IndexError):
        return {}
    return texts if whole == 8 + size + end else {}


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
