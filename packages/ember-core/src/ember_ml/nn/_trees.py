"""Arguments of transforms as flat lists of leaves: tensors, nested containers and Modules."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any, TypeAlias

from ember_ml.backend.errors import ArgumentError
from ember_ml.backend.protocol import Backend, Native
from ember_ml.backend.registry import use_backend
from ember_ml.nn.modules import Module
from ember_ml.nn.modules._state import Slot, slots, walk
from ember_ml.nn.tensor import EmberTensor, asarray
from ember_ml.nn.tensor._careful import common_backend, wrap_native

__all__ = [
    "Buffers",
    "Leaves",
    "backend_of",
    "called",
    "in_gradient",
    "held_in",
    "lift",
    "modules_of",
    "replaced",
    "static_key",
    "tensors_of",
    "tracing",
    "trainable",
]


_TENSOR = object()


class Leaves:
    """The leaves of an argument, and how to put it together again.

    Attributes:
        values: the leaves; tensors, Modules and anything else.
    """

    __slots__ = ("spec", "values")

    def __init__(self, argument: Any) -> None:
        if isinstance(argument, EmberTensor | Module):
            self.values: list[Any] = [argument]
            self.spec: Any = None
        else:
            import optree  # here, since it is half of what importing `nn` would take

            self.values, self.spec = optree.tree_flatten(argument, none_is_leaf=True)

    def rebuild(self, values: Sequence[Any]) -> Any:
        """The argument's structure around other leaves."""
        return values[0] if self.spec is None else self.spec.unflatten(values)

    def natives(self) -> list[Native]:
        """The native arrays of the tensors among the leaves."""
        return [leaf._tensor for leaf in self.values if isinstance(leaf, EmberTensor)]

    def outline(self) -> Leaves:
        """The same without the elements of its tensors, to be kept."""
        if not self.values:
            return self
        outline = Leaves(None)
        outline.values = [_TENSOR if isinstance(x, EmberTensor) else x for x in self.values]
        outline.spec = self.spec
        return outline

    def filled(self, tensors: Iterator[EmberTensor]) -> Any:
        """The argument, of which this is the outline, with other tensors."""
        return self.rebuild([next(tensors) if x is _TENSOR else x for x in self.values])


def modules_of(leaves: Sequence[Any]) -> list[Module]:
    """The Modules among ``leaves``."""
    return [leaf for leaf in leaves if isinstance(leaf, Module)]


def tensors_of(leaves: Sequence[Any]) -> list[EmberTensor]:
    """The tensors among ``leaves``, and then those of the Modules, in a fixed order."""
    found = [leaf for leaf in leaves if isinstance(leaf, EmberTensor)]
    for module in modules_of(leaves):
        found += held_in(slots(module, "_parameters", "_buffers"))
    return found


def held_in(places: Sequence[Slot]) -> list[EmberTensor]:
    """The tensors that are in ``places`` now."""
    return [owner.__dict__[attribute] for _, owner, attribute in places]


def trainable(parameters: Sequence[Slot]) -> dict[str, EmberTensor]:
    """The tensors in the places of parameters that are not frozen, each once by its first name."""
    found: dict[int, tuple[str, EmberTensor]] = {}
    frozen = set()
    for name, owner, attribute in parameters:
        tensor = owner.__dict__[attribute]
        if attribute in owner._frozen:
            frozen.add(id(tensor))
        elif id(tensor) not in found and tensor._backend.dtype.kind == "float":
            found[id(tensor)] = (name, tensor)
    if frozen:
        return dict(entry for number, entry in found.items() if number not in frozen)
    return dict(found.values())


def lift(leaves: Leaves, backend: Backend) -> None:
    """Make tensors of the native arrays among ``leaves``."""
    for i, leaf in enumerate(leaves.values):
        if not isinstance(leaf, EmberTensor) and hasattr(leaf, "__dlpack__"):
            with use_backend(backend.name):
                leaves.values[i] = asarray(leaf)


def static_key(leaves: Leaves, backend: Backend, what: str) -> tuple[Hashable, ...]:
    """What a program compiled for these arguments depends on besides the elements of tensors."""
    parts: list[Hashable] = [backend, leaves.spec]
    for leaf in leaves.values:
        if isinstance(leaf, EmberTensor):
            parts += (leaf._backend, tuple(leaf._tensor.shape))
        elif isinstance(leaf, Module):
            for _, module in walk(leaf):
                parts += (id(module), module.training, frozenset(module._frozen))
            for tensor in tensors_of([leaf]):
                parts += (tensor._backend, tuple(tensor._tensor.shape))
        else:
            try:
                hash(leaf)
            except TypeError:
                raise ArgumentError(
                    f"{what}: {type(leaf).__name__} {leaf!r} is neither a tensor nor hashable"
                ) from None
            parts += (type(leaf).__qualname__, leaf)
    return tuple(parts)


# -- where a gradient is being taken ------------------------------------------------------------

_tracer: ContextVar[Backend | None] = ContextVar("ember_tracer", default=None)


@contextlib.contextmanager
def tracing(
    tracer: Backend, places: Sequence[Slot], fresh: dict[int, EmberTensor]
) -> Iterator[None]:
    """Within the block a function is differentiated, and its tensors belong to ``tracer``."""
    token = _tracer.set(tracer)
    changed = replace(places, fresh)
    try:
        with use_backend(tracer.name):
            yield
    finally:
        put_back(changed)
        _tracer.reset(token)


def in_gradient() -> bool:
    """Whether a gradient is being taken around this call."""
    return _tracer.get() is not None


def backend_of(tensors: Sequence[EmberTensor], what: str) -> Backend:
    """The one backend of ``tensors``.

    Where a gradient over it is being taken, it is the tracer: the function at hand may use
    traced tensors that are not among its arguments.
    """
    found = common_backend(tensors, what)
    tracer = outer = _tracer.get()
    while outer is not None:
        if outer is found:
            return tracer  # type: ignore[return-value]
        outer = outer.base
    return found


# -- what modules hold meanwhile ------------------------------------------------------------


Changed: TypeAlias = list[tuple[dict[str, Any], str, EmberTensor]]


def replace(places: Sequence[Slot], fresh: dict[int, EmberTensor]) -> Changed:
    """Put ``fresh[id(tensor)]`` in the place of each tensor, until `put_back`."""
    changed: Changed = []
    for _, owner, attribute in places:
        attributes = owner.__dict__
        tensor = attributes[attribute]
        new = fresh.get(id(tensor))
        if new is not None:
            attributes[attribute] = new
            changed.append((attributes, attribute, tensor))
    return changed


def put_back(changed: Changed) -> None:
    """Undo `replace`."""
    for attributes, attribute, tensor in changed:
        attributes[attribute] = tensor


@contextlib.contextmanager
def replaced(places: Sequence[Slot], fresh: dict[int, EmberTensor]) -> Iterator[None]:
    """Within the block, ``places`` hold ``fresh[id(tensor)]`` instead of their tensors."""
    changed = replace(places, fresh)
    try:
        yield
    finally:
        put_back(changed)


class Buffers:
    """The buffers of modules while a function is traced: what it writes is carried out of it.

    A traced function may assign a buffer or change it in place (running statistics). Inside it
    that is a tracer; afterwards the module is to hold the ordinary value.
    """

    def __init__(self, places: Sequence[Slot]) -> None:
        self.slots = places
        self.before = [(x, x._tensor, x._backend) for x in held_in(places)]

    @classmethod
    def of(cls, modules: Sequence[Module]) -> Buffers:
        """The buffers of ``modules``."""
        return cls([slot for module in modules for slot in slots(module, "_buffers")])

    def written(self) -> tuple[list[int], list[Native]]:
        """The buffers that differ from before, by number, and their native values."""
        numbers: list[int] = []
        natives: list[Native] = []
        for i, (_, owner, name) in enumerate(self.slots):
            native = owner.__dict__[name]._tensor
            if native is not self.before[i][1]:
                numbers.append(i)
                natives.append(native)
        return numbers, natives

    def restore(self) -> None:
        """Give the buffers the tensors and values of before."""
        for (_, owner, name), (tensor, native, bound) in zip(self.slots, self.before, strict=True):
            tensor._tensor, tensor._backend = native, bound
            owner.__dict__[name] = tensor

    def write(self, numbers: Sequence[int], natives: Sequence[Native], backend: Backend) -> None:
        """Set buffers to ordinary native values."""
        for i, native in zip(numbers, natives, strict=True):
            tensor, fresh = self.before[i][0], wrap_native(native, backend)
            tensor._tensor, tensor._backend = fresh._tensor, fresh._backend


def called(
    function: Callable[[], Any],
    modules: Sequence[Module],
    places: Sequence[Slot],
    fresh: dict[int, EmberTensor],
) -> tuple[Any, list[int], list[Native]]:
    """What ``function`` gives while ``places``, of ``modules``, hold ``fresh[id(tensor)]``.

    Returns:
        Its result, and the buffers that it wrote: their numbers and native values.
    """
    with replaced(places, fresh):
        # Inside the replacement, so that a buffer counts as written if it is not the input.
        buffers = Buffers.of(modules)
        try:
            result = function()
            numbers, natives = buffers.written()
        finally:
            buffers.restore()
    return result, numbers, natives
