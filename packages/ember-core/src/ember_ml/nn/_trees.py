"""Arguments of transforms as flat lists of tensors: tensors, nested containers and Modules."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import optree

from ember_ml.backend.protocol import Backend, Native
from ember_ml.nn.modules import Module
from ember_ml.nn.modules._state import Slot, slots
from ember_ml.nn.tensor import EmberTensor
from ember_ml.nn.tensor._careful import common_backend, wrap_native

__all__ = ["Buffers", "Leaves", "backend_of", "module_tensors", "replaced"]


class Leaves:
    """The leaves of one argument: what is traced in it, and how to put it together again.

    Attributes:
        values: the leaves themselves; tensors, Modules and anything else.
    """

    def __init__(self, argument: Any) -> None:
        if isinstance(argument, EmberTensor | Module):
            self.values: list[Any] = [argument]
            self.spec: Any = None
        else:
            self.values, self.spec = optree.tree_flatten(argument, none_is_leaf=True)

    def rebuild(self, values: Sequence[Any]) -> Any:
        """The argument's structure around other leaves."""
        return values[0] if self.spec is None else optree.tree_unflatten(self.spec, values)


def module_tensors(module: Module) -> list[tuple[str, EmberTensor]]:
    """The trainable parameters of a module, each once, with its first name."""
    found: dict[int, tuple[str, EmberTensor]] = {}
    for slot in slots(module, "_parameters"):
        if slot.trainable:
            found.setdefault(id(slot.tensor), (slot.name, slot.tensor))
    return list(found.values())


def backend_of(leaves: Sequence[Any], what: str) -> Backend:
    """The one backend of the tensors among ``leaves`` and of the parameters of Modules."""
    tensors: list[EmberTensor] = []
    for leaf in leaves:
        if isinstance(leaf, EmberTensor):
            tensors.append(leaf)
        elif isinstance(leaf, Module):
            tensors += [slot.tensor for slot in slots(leaf, "_parameters", "_buffers")]
    return common_backend(tensors, what)


@contextlib.contextmanager
def replaced(modules: Sequence[Module], fresh: dict[int, EmberTensor]) -> Iterator[None]:
    """Within the block, modules hold ``fresh[id(tensor)]`` in the place of their tensors."""
    changed: list[tuple[Slot, EmberTensor]] = []
    try:
        for module in modules:
            for slot in slots(module, "_parameters", "_buffers"):
                tensor = slot.tensor
                if id(tensor) in fresh:
                    slot.owner.__dict__[slot.attribute] = fresh[id(tensor)]
                    changed.append((slot, tensor))
        yield
    finally:
        for slot, tensor in changed:
            slot.owner.__dict__[slot.attribute] = tensor


class Buffers:
    """The buffers of modules while a function is traced: what it writes is carried out of it.

    A traced function may assign a buffer or change it in place (running statistics). Inside it
    that is a tracer; afterwards the module is to hold the ordinary value.
    """

    def __init__(self, modules: Sequence[Module]) -> None:
        self.slots = [slot for module in modules for slot in slots(module, "_buffers")]
        self.before = [(s.tensor, s.tensor._tensor, s.tensor._backend) for s in self.slots]

    def written(self) -> tuple[list[int], list[Native]]:
        """The buffers that differ from before, by number, and their native values."""
        numbers = [
            i
            for i, (slot, (_, native, _)) in enumerate(zip(self.slots, self.before, strict=True))
            if slot.tensor._tensor is not native
        ]
        return numbers, [self.slots[i].tensor._tensor for i in numbers]

    def restore(self) -> None:
        """Give the buffers the tensors and values of before."""
        for slot, (tensor, native, bound) in zip(self.slots, self.before, strict=True):
            tensor._tensor, tensor._backend = native, bound
            slot.owner.__dict__[slot.attribute] = tensor

    def write(self, numbers: Sequence[int], natives: Sequence[Native], backend: Backend) -> None:
        """Set buffers to ordinary native values."""
        for i, native in zip(numbers, natives, strict=True):
            tensor, fresh = self.before[i][0], wrap_native(native, backend)
            tensor._tensor, tensor._backend = fresh._tensor, fresh._backend
