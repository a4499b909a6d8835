"""What a value is, in a few words: its type, and its shape or size."""

from __future__ import annotations

import inspect
import reprlib
from collections.abc import Callable, Collection, Mapping
from typing import Any

_SHOWN = (str, bytes, bool, int, float, complex)
_KEYS = 6


def describe(value: object) -> str:
    """The type of ``value`` with its shape, size or keys; of a text or a number, the value.

    Anything with a ``shape`` is told with it, and with its ``dtype`` and ``backend`` where it has
    them: no array library is imported.

    Example:
        >>> describe({"x": 1, "y": 2}), describe([1, 2, 3]), describe("seven")
        ("dict with keys 'x', 'y'", 'list of 3', "str 'seven'")
    """
    kind = type(value).__name__
    try:
        if value is None:
            return "None"
        if isinstance(value, _SHOWN):
            return f"{kind} {reprlib.repr(value)}"
        shape = getattr(value, "shape", None)
        if shape is not None and not isinstance(value, type):
            return _array(value, kind, shape)
        if isinstance(value, Mapping):
            keys = [reprlib.repr(key) for key in list(value)[:_KEYS]]
            more = ", ..." if len(value) > _KEYS else ""
            return f"{kind} with keys {', '.join(keys)}{more}" if keys else f"empty {kind}"
        if isinstance(value, Collection):
            return f"{kind} of {len(value)}"
    except Exception:
        return kind  # telling of one error must not end in another
    return kind


def _array(value: object, kind: str, shape: Any) -> str:
    dtype = getattr(value, "dtype", None)
    backend = getattr(value, "backend", None)
    front = "" if dtype is None else f"{str(dtype).rpartition('.')[2]} "
    place = f" on {backend}" if isinstance(backend, str) else ""
    return f"{front}{kind} of shape {tuple(shape)}{place}"


def describe_error(error: BaseException) -> str:
    """The type of ``error`` and its message."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:
        return type(error).__name__


def promised(call: Callable[..., Any]) -> str | None:
    """What the annotations of ``call`` say that it returns."""
    try:
        annotation = inspect.signature(call).return_annotation
    except (TypeError, ValueError):  # builtins, many of which have no signature
        return None
    if annotation is inspect.Signature.empty or annotation in (Any, "Any"):
        return None
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
