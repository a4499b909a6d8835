"""Saving and loading the tensors of a module."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ember_ml.backend.errors import CheckpointError
from ember_ml.nn.modules import Module
from ember_ml.nn.modules._state import Unmatched
from ember_ml.nn.tensor import EmberTensor, TensorLike, asarray

from . import _files, _pytorch
from ._checkpoint import model_part

__all__ = ["load", "load_file", "save"]


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
    Unmatched(missing_keys=[], unexpected_keys=[])
    """
    state = target.state_dict() if isinstance(target, Module) else target
    _files.write({name: asarray(value) for name, value in state.items()}, path, metadata or {})


def load_file(path: str | os.PathLike[str]) -> dict[str, EmberTensor]:
    """The tensors of a file by name, in its order, on the current backend.

    ``bfloat16`` becomes ``float32``, which holds every one of its values, on an engine that has
    no ``bfloat16``. PyTorch's own files (``.pt``, ``.pth``, ``.bin``) are read where PyTorch and
    its backend are installed, by ``torch.load(weights_only=True)``: tensors in nested containers
    get dotted names, and what is no tensor is left out.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: it is truncated, damaged, or neither a safetensors file nor one of
            PyTorch's; or unpickling it would run code.
        UnsupportedError: the engine lacks the dtype of an entry.
        BackendNotFoundError: it is one of PyTorch's, and the torch backend is not installed.
    """
    if _pytorch.is_one(path):
        return _pytorch.read(path)
    return _files.read(path)[0]


def load(
    model: Module, path: str | os.PathLike[str], *, prefix: str = "", strict: bool = True
) -> Unmatched:
    """Load a file into a module; a checkpoint of the PyTorch namesake loads as well.

    Args:
        path: a file of `save`, the model of a `save_checkpoint`, any other safetensors file, or
            one of PyTorch's (see `load_file`).
        prefix: take only entries whose names begin with it, and without it:
            ``"state_dict."`` or ``"model."`` for a model that was saved among other things.
        strict: whether missing and unexpected names are errors.

    Returns:
        The names that were left out, as `Module.load_state_dict`.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: the file is damaged, or does not fit the module; nothing has changed.
        BackendNotFoundError: it is one of PyTorch's, and the torch backend is not installed.
    """
    state = model_part(path) if _files.metadata_of(path) else None
    if state is None:
        state = load_file(path)
    cut = {name.removeprefix(prefix): x for name, x in state.items() if name.startswith(prefix)}
    if not cut and state:
        raise CheckpointError(
            f"{os.fspath(path)!r} has no entry whose name begins with {prefix!r}, but "
            f"{', '.join(list(state)[:5])}{', ...' if len(state) > 5 else ''}"
        )
    return model.load_state_dict(cut, strict=strict)
