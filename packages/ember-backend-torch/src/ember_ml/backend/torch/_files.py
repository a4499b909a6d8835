"""PyTorch's own files: weights only, so that nothing in them is run."""

from __future__ import annotations

import pickle
import re
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from ember_ml.backend.errors import CheckpointError
from ember_ml.backend.protocol import Native

__all__ = ["read_file"]


def read_file(path: str, /) -> Mapping[str, Native]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of formats that are refused in the end
            content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise
    except Exception as error:
        raise CheckpointError(f"{path!r} {_fault(error)}") from error
    found = dict(_tensors(content, ""))
    if not found:
        raise CheckpointError(f"{path!r} holds no tensors, but {type(content).__name__}")
    return found


def _fault(error: Exception) -> str:
    """What is wrong with a file; PyTorch's own text advises to load it all the same."""
    named = re.search(r"GLOBAL ([\w.]+)", str(error))
    if isinstance(error, pickle.UnpicklingError) and named:
        return (
            f"holds more than tensors ({named[1]}), and loading that could run code: refused; "
            "save model.state_dict() alone"
        )
    if "TorchScript" in str(error):
        return "is a TorchScript program; save model.state_dict() instead"
    return f"is damaged, or no file of torch.save ({type(error).__name__})"


def _tensors(content: Any, name: str) -> Iterator[tuple[str, Native]]:
    """The tensors in nested containers, with dotted names; what is no tensor is left out."""
    if isinstance(content, torch.Tensor):
        if content.layout is not torch.strided or content.is_quantized:
            raise CheckpointError(f"{name!r} is sparse or quantized: Ember has no such tensors")
        # A copy: entries may share memory, and training writes into it.
        yield name, content.detach().clone()
        return
    if isinstance(content, list | tuple):
        content = dict(enumerate(content))
    if isinstance(content, Mapping):
        for key, value in content.items():
            yield from _tensors(value, f"{name}.{key}" if name else str(key))
