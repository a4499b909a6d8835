"""Containers of modules."""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from typing import Any, Self, overload

from ember_ml.backend.errors import ArgumentError, TensorIndexError

from ._module import Module
from ._repr import block, grouped

__all__ = ["ModuleDict", "ModuleList", "Sequential"]


def _checked(container: Module, module: Module) -> Module:
    if not isinstance(module, Module):
        raise ArgumentError(
            f"{type(container).__name__} holds modules, not {type(module).__name__} {module!r}"
        )
    return module


class _Ordered(Module):
    """Modules in an order, named "0", "1", ... unless names are given."""

    def __init__(self, modules: Mapping[str, Module] | Iterable[Module]) -> None:
        super().__init__()
        if isinstance(modules, Mapping):
            for name, module in modules.items():
                setattr(self, name, _checked(self, module))
        else:
            self.extend(modules)

    def append(self, module: Module) -> Self:
        """Put ``module`` at the end."""
        setattr(self, str(len(self)), _checked(self, module))
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Put ``modules`` at the end."""
        for module in modules:
            self.append(module)
        return self

    def _name(self, index: int) -> str:
        names = list(self._modules)
        if not -len(names) <= index < len(names):
            raise TensorIndexError(
                f"{type(self).__name__} has {len(names)} modules, and none at index {index}"
            )
        return names[index]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._held().values())

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> Module | Self:
        if isinstance(index, slice):
            return self._of(dict(list(self._held().items())[index]))
        module: Module = getattr(self, self._name(index))
        return module

    def _of(self, named: dict[str, Module]) -> Self:
        """Some of the modules as a container of the same class."""
        raise NotImplementedError

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, self._name(index), _checked(self, module))

    def insert(self, index: int, module: Module) -> None:
        """Put ``module`` before the one at ``index``; the names are numbers afterwards."""
        held = list(self)
        held.insert(index, _checked(self, module))
        self._renumber(held)

    def __delitem__(self, index: int | slice) -> None:
        if not isinstance(index, slice):
            self._name(index)
        held = list(self)
        del held[index]
        self._renumber(held)

    def pop(self, index: int = -1) -> Module:
        """Take the module at ``index`` out; the names are numbers afterwards."""
        module = self[index]
        del self[index]
        return module

    def _renumber(self, held: list[Module]) -> None:
        for name in list(self._modules):
            delattr(self, name)
        self.extend(held)


class ModuleList(_Ordered):
    """A list of modules whose parameters belong to the module that holds it.

    >>> from ember_ml import nn
    >>> nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])
    ModuleList(
      (0-1): 2 x Linear(in_features=2, out_features=2, bias=True)
    )
    """

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        super().__init__(modules)

    def _of(self, named: dict[str, Module]) -> Self:
        return type(self)(named.values())

    def __repr__(self) -> str:
        return block(type(self).__name__, self.extra_repr(), grouped(map(repr, self)))


class ModuleDict(Module):
    """Modules by name, whose parameters belong to the module that holds it.

    >>> from ember_ml import nn
    >>> heads = nn.ModuleDict({"digit": nn.Linear(4, 10), "sign": nn.Linear(4, 1)})
    >>> list(heads), heads["sign"].out_features
    (['digit', 'sign'], 1)
    """

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] = ()) -> None:
        super().__init__()
        self.update(modules)

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add ``modules``; those of names that are there take their places."""
        for name, module in dict(modules).items():
            self[name] = module

    def __getitem__(self, name: str) -> Module:
        held = self._held()
        if name not in held:
            raise KeyError(f"{name!r} is not in a ModuleDict of {', '.join(held) or 'nothing'}")
        return held[name]

    def __setitem__(self, name: str, module: Module) -> None:
        self.add_module(name, _checked(self, module))

    def __delitem__(self, name: str) -> None:
        self.pop(name)

    def pop(self, name: str) -> Module:
        """Take the module ``name`` out."""
        module = self[name]
        delattr(self, name)
        return module

    def clear(self) -> None:
        """Take all modules out."""
        for name in list(self):
            del self[name]

    def __len__(self) -> int:
        return len(self._held())

    def __iter__(self) -> Iterator[str]:
        return iter(self._held())

    def __contains__(self, name: object) -> bool:
        return name in self._held()

    def keys(self) -> KeysView[str]:
        """The names."""
        return self._held().keys()

    def values(self) -> ValuesView[Module]:
        """The modules."""
        return self._held().values()

    def items(self) -> ItemsView[str, Module]:
        """The modules with their names."""
        return self._held().items()


class Sequential(_Ordered):
    """Modules applied one after the other.

    Args:
        modules: the modules, or one mapping of names to them.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> nn.Sequential(nn.Linear(2, 3), nn.ReLU())(et.ones((1, 2))).shape
    (1, 3)
    """

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        one = modules[0] if len(modules) == 1 else None
        super().__init__(one if isinstance(one, Mapping) else modules)  # type: ignore[arg-type]

    def _of(self, named: dict[str, Module]) -> Self:
        return type(self)(named)

    def forward(self, x: Any) -> Any:
        """Each module in turn."""
        for module in self:
            x = module(x)
        return x
