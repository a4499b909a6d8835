"""What a traced function says of its traces."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from ember_ml.backend.protocol import Backend
from ember_ml.nn.modules import Module
from ember_ml.nn.tensor import EmberTensor

__all__ = ["Report", "Reporter"]

#: Takes a line of text.
Report: TypeAlias = Callable[[str], object]


class Reporter:
    """Says of each trace of a function what has changed since the last one."""

    def __init__(self, function: Callable[..., Any], report: Report | None) -> None:
        self._name = getattr(function, "__qualname__", type(function).__name__)
        self._report = report
        self._count = 0
        self._last: dict[str, str] = {}

    def trace(self, args: Sequence[Any], kwargs: Mapping[str, Any], backend: Backend) -> None:
        """The function is about to be traced for these arguments, if the engine traces."""
        if self._report is None or "compile" not in backend.capabilities:
            return
        forms = {"backend": backend.name}
        named = {f"argument {i}": value for i, value in enumerate(args)} | dict(kwargs)
        for name, value in named.items():
            forms |= _forms(name, value)
        self._count += 1
        if self._count == 1:
            said = ", ".join(f"{name}: {form}" for name, form in forms.items())
        else:
            said = ", ".join(
                f"{name}: {form}, not {self._last[name]}"
                if name in self._last
                else f"{name}: {form}"
                for name, form in forms.items()
                if self._last.get(name) != form
            )
            said = said or "a Module's tensors, mode or structure"
        self._last = forms
        self._report(f"{self._name}: trace {self._count} ({said})")


def _forms(name: str, value: Any) -> dict[str, str]:
    """The leaves of an argument by name, and what of them a program depends on."""
    import optree  # here, since importing `nn` does without it

    if isinstance(value, EmberTensor):
        return {name: f"{value.dtype} {value.shape}"}
    if isinstance(value, Module):
        return {name: f"{type(value).__name__} in {'training' if value.training else 'eval'} mode"}
    paths, leaves, spec = optree.tree_flatten_with_path(value, none_is_leaf=True)
    if spec.is_leaf():
        return {name: repr(value)}
    found: dict[str, str] = {}
    for path, leaf in zip(paths, leaves, strict=True):
        found |= _forms(name + "".join(f"[{part!r}]" for part in path), leaf)
    return found
