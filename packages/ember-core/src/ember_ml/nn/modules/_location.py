"""Where in a model an error was raised: the layer, and its dotted path, for the message."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from ember_ml.backend.errors import EmberError

from . import _state

if TYPE_CHECKING:
    from ._module import Module

__all__ = ["locate"]


def locate(error: EmberError, module: Module) -> None:
    """Note that ``error`` leaves a call of ``module``: the innermost layer first, then the rest."""
    where = error.where
    if isinstance(where, _Where):
        where.leave(module)
    elif not where:
        error.where = _Where(module)


class _Where:
    """The layer that an error comes from, and its path in the outermost module so far.

    A layer that is in several places of the module that calls it has several paths. Copies and
    pickles are the text: what an error says does not depend on the model's further life.
    """

    def __init__(self, layer: Module) -> None:
        name = type(layer).__name__
        try:
            extra = layer.extra_repr().partition("\n")[0]
        except Exception:  # a layer that is not complete is not to hide the error
            extra = ""
        self.layer = f"{name}({extra})"
        self.top = weakref.ref(layer)
        self.model = name
        self.paths = [""]

    def leave(self, module: Module) -> None:
        """The error passes through a call of ``module``."""
        top = self.top()
        if top is module:
            return
        held = [name for name, child in module._held().items() if child is top]
        if not held:
            # Called past the module between them; repeat=True for every place that it is in.
            held = [n[:-1] for n, child in _state.walk(module, repeat=True) if child is top]
        if held:
            self.top, self.model = weakref.ref(module), type(module).__name__
            self.paths = [f"{n}.{path}" if path else n for n in held for path in self.paths]

    def __str__(self) -> str:
        if self.paths == [""]:
            return f"in {self.layer}"
        paths = " or ".join(map(repr, self.paths))
        return f"in {paths} of {self.model}: {self.layer}"

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (str(self),)
