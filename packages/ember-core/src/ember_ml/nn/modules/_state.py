"""The parameters and buffers of a tree of modules: walking, saving, loading, moving."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ember_ml.backend.dtypes import DTypeLike
from ember_ml.backend.errors import CheckpointError
from ember_ml.backend.registry import use_backend
from ember_ml.nn.tensor import EmberTensor, TensorLike, asarray

if TYPE_CHECKING:
    from ._module import Module

__all__ = ["Slot", "load_state_dict", "replace", "slots", "state_dict", "walk"]


class Slot(NamedTuple):
    """One place in the tree that holds a tensor."""

    name: str
    owner: Module
    attribute: str

    @property
    def tensor(self) -> EmberTensor:
        """The tensor that is there now."""
        tensor: EmberTensor = self.owner.__dict__[self.attribute]
        return tensor

    @property
    def trainable(self) -> bool:
        """Whether it is a parameter that is not frozen."""
        tables = self.owner.__dict__
        return self.attribute in tables["_parameters"] and self.attribute not in tables["_frozen"]


def walk(module: Module, prefix: str, seen: set[int]) -> Iterator[tuple[str, Module]]:
    """A module and those within it, each once."""
    if id(module) in seen:
        return
    seen.add(id(module))
    yield prefix, module
    for name in module.__dict__["_modules"]:
        child = module.__dict__[name]
        yield from walk(child, f"{prefix}.{name}" if prefix else name, seen)


def slots(module: Module, *tables: str) -> Iterator[Slot]:
    """The places of parameters (``"_parameters"``) and of buffers (``"_buffers"``)."""
    for prefix, owner in walk(module, "", set()):
        for table in tables:
            for attribute in owner.__dict__[table]:
                yield Slot(f"{prefix}.{attribute}" if prefix else attribute, owner, attribute)


def _persistent(slot: Slot) -> bool:
    persistent: bool = slot.owner.__dict__["_buffers"].get(slot.attribute, True)
    return persistent


def state_dict(module: Module) -> dict[str, EmberTensor]:
    """See `Module.state_dict`."""
    found = slots(module, "_parameters", "_buffers")
    return {slot.name: slot.tensor for slot in found if _persistent(slot)}


def load_state_dict(module: Module, state: Mapping[str, TensorLike], *, strict: bool) -> None:
    """See `Module.load_state_dict`: everything is checked before anything is changed."""
    own = state_dict(module)
    faults = []
    missing = [name for name in own if name not in state]
    unexpected = [name for name in state if name not in own]
    if strict and missing:
        faults.append(f"missing: {', '.join(missing)}")
    if strict and unexpected:
        faults.append(f"unexpected: {', '.join(unexpected)}")
    values: dict[str, EmberTensor] = {}
    for name, target in own.items():
        if name not in state:
            continue
        with use_backend(target.backend):
            value = asarray(state[name])
        if value.backend != target.backend:
            value = value.to_backend(target.backend)
        if value.shape != target.shape:
            faults.append(f"{name}: shape {value.shape}, where {target.shape} is due")
        values[name] = value
    if faults:
        raise CheckpointError(
            f"the state does not fit {type(module).__name__}:\n  " + "\n  ".join(faults)
        )
    for name, value in values.items():
        target = own[name]
        fresh = asarray(value, dtype=target.dtype, device=target.device)
        # A copy where the conversions made none: training writes into a parameter's memory.
        fresh = asarray(fresh, copy=True) if fresh._tensor is value._tensor else fresh
        target._tensor, target._backend = fresh._tensor, fresh._backend


def replace(module: Module, change: Callable[[EmberTensor], EmberTensor]) -> None:
    """Give every parameter and buffer the value ``change`` makes of it, each tensor once."""
    done: set[int] = set()
    for slot in slots(module, "_parameters", "_buffers"):
        tensor = slot.tensor
        if id(tensor) not in done:
            done.add(id(tensor))
            fresh = change(tensor)
            tensor._tensor, tensor._backend = fresh._tensor, fresh._backend


def moved(x: EmberTensor, device: str | None, dtype: DTypeLike | None) -> EmberTensor:
    """``x`` on ``device``; converted to ``dtype`` if it is floating."""
    wanted: Any = dtype if x.dtype.kind == "float" else None
    return asarray(x, dtype=wanted, device=device)
