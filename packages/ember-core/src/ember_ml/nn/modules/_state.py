"""The parameters and buffers of a tree of modules: walking, saving, loading, moving."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from ember_ml.backend.dtypes import DTypeLike
from ember_ml.backend.errors import CheckpointError, DTypeError, EmberError
from ember_ml.backend.registry import use_backend
from ember_ml.nn.tensor import EmberTensor, TensorLike, asarray, astype
from ember_ml.nn.tensor._careful import as_dtype

if TYPE_CHECKING:
    from ._module import Module

__all__ = [
    "TABLES",
    "Slot",
    "Unmatched",
    "assign",
    "distinct",
    "fitted",
    "load_state_dict",
    "replace",
    "restructured",
    "slots",
    "state_dict",
    "structure",
    "walk",
]

TABLES = ("_parameters", "_buffers", "_modules")

#: A place that holds a tensor: its dotted name, the module that has it, and the attribute.
#: Plain tuples, since transforms make them at each call.
Slot: TypeAlias = "tuple[str, Module, str]"


#: Another object whenever, in any module, a parameter, buffer or module comes or goes or is
#: replaced, is frozen or moved, or the mode of training changes.
_structure = object()


def structure() -> object:
    """What stays the same object while no module anywhere changes in more than tensors' values."""
    return _structure


def restructured() -> None:
    """Say that a module has changed in more than the values of its tensors."""
    global _structure
    _structure = object()


def _kept(module: Module, key: Hashable, make: Callable[[], list[Any]]) -> list[Any]:
    """What ``make`` finds below ``module``, kept with it while no structure changes.

    Transforms ask at each call, and the answers hardly ever change. The module itself is not to
    be in them: it would then outlive its last user until the garbage collector comes by. They
    are for this module and not for a copy of it, which has the same attributes.
    """
    structure, owner, found = module.__dict__.get("_kept", (None, None, None))
    if structure is not _structure or owner != id(module):
        found = {}
        module.__dict__["_kept"] = (_structure, id(module), found)
    if key not in found:
        found[key] = make()
    return found[key]


def walk(module: Module, *, repeat: bool = False) -> list[tuple[str, Module]]:
    """A module and those within it, with the prefixes of the names in them (``"layers.0."``).

    Args:
        repeat: whether a module comes again for each place that it is in.
    """
    return [("", module), *_below(module, repeat)]


def _below(module: Module, repeat: bool) -> list[tuple[str, Module]]:
    def make() -> list[tuple[str, Module]]:
        found: list[tuple[str, Module]] = []
        _descend("", module, None if repeat else {id(module)}, found)
        return found

    return _kept(module, repeat, make)


def _descend(
    prefix: str, module: Module, seen: set[int] | None, found: list[tuple[str, Module]]
) -> None:
    for name in module._modules:
        child = module.__dict__[name]
        if child is None or (seen is not None and id(child) in seen):
            continue
        if seen is not None:
            seen.add(id(child))
        found.append((f"{prefix}{name}.", child))
        _descend(f"{prefix}{name}.", child, seen, found)


def slots(module: Module, *tables: str, repeat: bool = False) -> list[Slot]:
    """The places of parameters (``"_parameters"``) and of buffers (``"_buffers"``)."""
    below = _kept(module, (tables, repeat), lambda: _places(_below(module, repeat), tables))
    return [*_places([("", module)], tables), *below]


def _places(modules: list[tuple[str, Module]], tables: tuple[str, ...]) -> list[Slot]:
    found = []
    for prefix, owner in modules:
        attributes = owner.__dict__
        for table in tables:
            for name in attributes[table]:
                if attributes[name] is not None:
                    found.append((prefix + name, owner, name))
    return found


def distinct(module: Module, *tables: str) -> dict[str, EmberTensor]:
    """The tensors of ``tables``, each once under its first name."""
    found: dict[int, tuple[str, EmberTensor]] = {}
    for name, owner, attribute in slots(module, *tables):
        tensor = owner.__dict__[attribute]
        found.setdefault(id(tensor), (name, tensor))
    return dict(found.values())


def state_dict(module: Module) -> dict[str, EmberTensor]:
    """See `Module.state_dict`."""
    return {
        name: owner.__dict__[attribute]
        for name, owner, attribute in slots(module, "_parameters", "_buffers", repeat=True)
        if owner._buffers.get(attribute, True)
    }


class Unmatched(NamedTuple):
    """What was left out when a state was loaded, under PyTorch's names for it."""

    missing_keys: list[str]
    unexpected_keys: list[str]


def load_state_dict(module: Module, state: Mapping[str, TensorLike], *, strict: bool) -> Unmatched:
    """See `Module.load_state_dict`: everything is made before anything is changed."""
    assign(fitted(module, state, strict=strict))
    return _unmatched(state_dict(module), state)


def _unmatched(own: Mapping[str, EmberTensor], state: Mapping[str, TensorLike]) -> Unmatched:
    given = {id(own[name]) for name in own if name in state}
    return Unmatched(
        [name for name, tensor in own.items() if id(tensor) not in given],
        [name for name in state if name not in own],
    )


def assign(values: Iterable[tuple[EmberTensor, EmberTensor]]) -> None:
    """Give each first tensor the value of the second."""
    for target, value in values:
        target._tensor, target._backend = value._tensor, value._backend


def fitted(
    module: Module, state: Mapping[str, TensorLike], *, strict: bool
) -> list[tuple[EmberTensor, EmberTensor]]:
    """The tensors of ``module`` with what ``state`` has for them, for `assign`.

    Raises:
        CheckpointError: it does not fit; the message lists all faults.
    """
    own = state_dict(module)
    missing, unexpected = _unmatched(own, state)
    faults = []
    if strict and missing:
        faults.append(f"missing: {', '.join(missing)}")
    if strict and unexpected:
        faults.append(f"unexpected: {', '.join(unexpected)}")
    values: list[tuple[EmberTensor, EmberTensor]] = []
    for name, target in own.items():
        if name not in state:
            continue
        try:
            value = _like(state[name], target)
        except EmberError as error:
            faults.append(f"{name}: {error}")
            continue
        if value.shape != target.shape:
            faults.append(f"{name}: shape {value.shape}, where {target.shape} is due")
        values.append((target, value))
    if faults:
        raise CheckpointError(
            f"the state does not fit {type(module).__name__}:\n  "
            + "\n  ".join([*faults, *_prefixes(own, state)])
        )
    return values


def _prefixes(own: Mapping[str, EmberTensor], state: Mapping[str, TensorLike]) -> Iterator[str]:
    """What helps where all names of the one are those of the other after a prefix."""
    for names, wanted, advice in (
        (state, own, "all names begin with {0!r}: nn.load(..., prefix={0!r}), or cut it off"),
        (own, state, "the names are those of the module {1!r}: load them into it"),
    ):
        first = next(iter(wanted), None)
        for name in names:
            prefix = name.removesuffix(first) if first and name.endswith(f".{first}") else ""
            if prefix and all(prefix + other in names for other in wanted):
                yield advice.format(prefix, prefix[:-1])
                return


def _like(value: TensorLike, target: EmberTensor) -> EmberTensor:
    """A copy of ``value`` with the dtype, backend and device of ``target``."""
    if not isinstance(value, EmberTensor):
        with use_backend(target.backend):
            value = asarray(value)
    if value.dtype.kind == "complex" and target.dtype.kind != "complex":
        raise DTypeError(f"{value.dtype}, where {target.dtype} is due")
    # Converted first: the other engine may lack the dtype.
    value = astype(value, target.dtype, copy=False).to_backend(target.backend)
    # A copy: training writes into a parameter's memory.
    return asarray(value, device=target.device, copy=True)


def replace(module: Module, change: Callable[[EmberTensor], EmberTensor]) -> None:
    """Give every parameter and buffer the value ``change`` makes of it, all or none."""
    restructured()
    tensors = list(distinct(module, "_parameters", "_buffers").values())
    assign(zip(tensors, [change(tensor) for tensor in tensors], strict=True))


def moved(x: EmberTensor, device: str | None, dtype: DTypeLike | None) -> EmberTensor:
    """``x`` on ``device``; converted to ``dtype`` if it is floating."""
    wanted = None if dtype is None else as_dtype(dtype, x._backend.backend)
    if wanted is not None and wanted.kind != "float":
        raise DTypeError(f"a module is moved to floating dtypes only, not {wanted}")
    return asarray(x, dtype=wanted if x.dtype.kind == "float" else None, device=device)
