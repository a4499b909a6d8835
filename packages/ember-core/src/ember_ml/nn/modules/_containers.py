"""Containers of modules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ember_ml.backend.errors import ArgumentError

from ._module import Module

__all__ = ["ModuleList", "Sequential"]


class _Numbered(Module):
    """Modules named "0", "1", ..."""

    def __init__(self, modules: Iterable[Module]) -> None:
        super().__init__()
        for module in modules:
            self.append(module)

    def append(self, module: Module) -> None:
        """Put ``module`` at the end."""
        if not isinstance(module, Module):
            raise ArgumentError(
                f"{type(self).__name__} holds modules, not {type(module).__name__} {module!r}"
            )
        setattr(self, str(len(self)), module)

    def __len__(self) -> int:
        return len(self.__dict__["_modules"])

    def __iter__(self) -> Iterator[Module]:
        return self.children()

    def __getitem__(self, index: int) -> Module:
        return list(self.children())[index]


class ModuleList(_Numbered):
    """A list of modules whose parameters belong to the module that holds it.

    >>> from ember_ml import nn
    >>> len(nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)]))
    2
    """

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        super().__init__(modules)


class Sequential(_Numbered):
    """Modules applied one after the other.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> nn.Sequential(nn.Linear(2, 3), nn.ReLU())(et.ones((1, 2))).shape
    (1, 3)
    """

    def __init__(self, *modules: Module) -> None:
        super().__init__(modules)

    def forward(self, x: Any) -> Any:
        """Each module in turn."""
        for module in self:
            x = module(x)
        return x
