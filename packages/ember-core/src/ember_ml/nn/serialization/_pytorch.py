"""PyTorch's own files, which PyTorch reads: weights only, so that no code in them is run."""

from __future__ import annotations

import os
from pathlib import Path

from ember_ml.backend.dtypes import bfloat16, float32
from ember_ml.backend.errors import BackendLoadError, BackendNotFoundError
from ember_ml.backend.registry import current_backend, get_backend
from ember_ml.nn.tensor import EmberTensor
from ember_ml.nn.tensor._careful import wrap_native

__all__ = ["is_one", "read"]

_ENDINGS = (".pt", ".pth", ".bin")


def is_one(path: str | os.PathLike[str]) -> bool:
    """Whether ``path`` is named as PyTorch's files are, and does not begin as safetensors do."""
    if Path(path).suffix not in _ENDINGS:
        return False
    with open(path, "rb") as file:
        return file.read(9)[8:] != b"{"


def read(path: str | os.PathLike[str]) -> dict[str, EmberTensor]:
    """The tensors of a file of PyTorch's by name, on the current backend."""
    where = os.fspath(path)
    try:
        backend = get_backend("torch")
    except (BackendNotFoundError, BackendLoadError) as error:
        raise type(error)(
            f"{where!r} is in PyTorch's format, which PyTorch reads: {error}"
        ) from error
    current = current_backend()
    found = {}
    for name, native in backend.read_file(where).items():
        tensor = wrap_native(native, backend)
        if tensor.dtype is bfloat16 and bfloat16 not in current.dtypes:
            tensor = tensor.astype(float32)
        found[name] = tensor.to_backend(current.name)
    return found
