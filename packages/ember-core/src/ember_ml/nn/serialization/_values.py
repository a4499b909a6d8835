"""States as JSON, with their tensors apart: lists are tagged, so that what is read is what was."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from typing import Any

from ember_ml.backend.errors import ArgumentError
from ember_ml.nn.tensor import EmberTensor, asarray

__all__ = ["decoded", "encoded"]


def encoded(value: Any, name: str, tensors: dict[str, EmberTensor]) -> Any:
    """``value`` as JSON has it; its tensors are put into ``tensors``, under names from ``name``.

    Raises:
        ArgumentError: something in it is neither a tensor, a number, a text nor None, nor a list,
            tuple or dict of these.
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, EmberTensor) or (hasattr(value, "__dlpack__") and hasattr(value, "shape")):
        while name in tensors:
            name += "_"
        tensors[name] = asarray(value)
        return ["tensor", name]
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value)
    if isinstance(value, list | tuple):
        tag = "list" if isinstance(value, list) else "tuple"
        return [tag, [encoded(x, f"{name}/{i}", tensors) for i, x in enumerate(value)]]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return ["dict", {key: encoded(x, f"{name}/{key}", tensors) for key, x in value.items()}]
    raise ArgumentError(
        f"{name}: a checkpoint holds tensors, numbers, texts, None, and lists, tuples and dicts "
        f"(with str keys) of these, not {type(value).__name__} {value!r}"
    )


def decoded(value: Any, tensors: Mapping[str, EmberTensor]) -> Any:
    """What `encoded` was given."""
    if not isinstance(value, list):
        return value
    tag, content = value
    if tag == "tensor":
        return tensors[content]
    if tag == "dict":
        return {key: decoded(x, tensors) for key, x in content.items()}
    items = (decoded(x, tensors) for x in content)
    return {"list": list, "tuple": tuple}[tag](items)
