"""The Modules that a function uses without being given them."""

from __future__ import annotations

import dis
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any

from ember_ml.nn.modules import Module

__all__ = ["Captured"]


class Captured:
    """Finds the Modules behind a function.

    They are the function itself, the owner of a method, and what a function's closure and the
    globals that its code reads hold when they are asked for. What it wraps, and the functions in
    its closure, count as well.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._fixed: list[Module] = []
        self._cells: list[Any] = []
        self._globals: list[tuple[dict[str, Any], str]] = []
        self._seen: set[int] = set()
        self._look(function)

    def _look(self, x: Any) -> None:
        if id(x) in self._seen:
            return
        self._seen.add(id(x))
        if isinstance(x, Module):
            self._fixed.append(x)
            return
        owner = getattr(x, "__self__", None)
        if isinstance(owner, Module):
            self._look(owner)
        x = getattr(x, "__func__", x)
        for inner in (getattr(x, "__wrapped__", None), getattr(x, "func", None)):
            if inner is not None:
                self._look(inner)
        if not isinstance(x, FunctionType):
            return
        for cell in x.__closure__ or ():
            self._cells.append(cell)
            try:
                content = cell.cell_contents
            except ValueError:  # not assigned yet
                continue
            if not isinstance(content, Module) and callable(content):
                self._look(content)
        self._globals += [(x.__globals__, name) for name in _read(x.__code__)]

    def __call__(self) -> list[Module]:
        """The Modules as they are now, each once."""
        found = list(self._fixed)
        for cell in self._cells:
            try:
                content = cell.cell_contents
            except ValueError:
                continue
            if isinstance(content, Module):
                found.append(content)
        for names, name in self._globals:
            content = names.get(name)
            if isinstance(content, Module):
                found.append(content)
        return list({id(module): module for module in found}.values())


def _read(code: CodeType) -> list[str]:
    """The globals that ``code`` and the functions defined in it read."""
    names = {i.argval for i in dis.get_instructions(code) if i.opname == "LOAD_GLOBAL"}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names.update(_read(constant))
    return sorted(names)
