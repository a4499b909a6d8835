"""``value_and_grad`` and ``grad``."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from ember_ml.backend.errors import ArgumentError, DTypeError, ShapeError
from ember_ml.backend.protocol import Backend, Native
from ember_ml.nn.modules import Module
from ember_ml.nn.modules._state import Slot, slots
from ember_ml.nn.tensor import EmberTensor
from ember_ml.nn.tensor._careful import wrap_native

from . import _trees
from ._captured import Captured

__all__ = ["grad", "value_and_grad"]


@functools.cache
def _nothing() -> _trees.Leaves:
    """No leaves, made at the first gradient: `import ember_ml.nn` does without optree."""
    return _trees.Leaves(())


def value_and_grad(
    function: Callable[..., Any],
    /,
    *,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
) -> Callable[..., Any]:
    """A function that gives the value of ``function`` and its gradient.

    Args:
        function: gives a floating-point tensor with no dimensions, or, with ``has_aux``, a pair
            of that and anything else.
        argnums: the positional arguments to differentiate by: tensors, nested containers of
            tensors, or Modules.
        has_aux: see ``function``.

    Returns:
        A function of the same arguments that gives ``(value, gradients)`` or
        ``((value, aux), gradients)``. The gradient by a container has its structure (None for
        what is no floating-point tensor); by a Module it is a dict with the names of its
        trainable parameters; for several ``argnums`` it is a tuple.

    Buffers that the function writes in Modules among its arguments are written.

    Raises:
        ShapeError: the value has dimensions.
        DTypeError: the value, or an argument to differentiate by, is not floating.
        UnsupportedError: the engine has no gradients.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> value, gradient = nn.value_and_grad(lambda x: (x * x).sum())(et.asarray([1.0, 2.0]))
    >>> value.item(), gradient.tolist()
    (5.0, [2.0, 4.0])
    """
    captured = Captured(function)

    @functools.wraps(function, updated=())
    def run(*args: Any, **kwargs: Any) -> Any:
        inputs = _Inputs(args, argnums)
        rest = [x for i, x in enumerate(args) if i not in inputs.targets]
        behind = captured()
        leaves = [leaf for x in (*rest, *kwargs.values()) for leaf in _trees.Leaves(x).values]
        parameters, places = inputs.places, inputs.buffers
        others = [*_trees.modules_of(leaves), *behind]
        for module in others:
            places = [*places, *slots(module, "_buffers")]
        backend = _trees.backend_of(
            [
                *inputs.tensors,
                *_trees.held_in(parameters),
                *_trees.held_in(places),
                *_trees.tensors_of([*leaves, *behind]),
            ],
            "value_and_grad",
        )
        buffers = _trees.Buffers(places)
        written: list[int] = []
        outside: list[Any] = []  # what the trace leaves besides arrays

        def traced(natives: list[Native], tracer: Backend) -> tuple[Native, list[Native]]:
            fresh = [wrap_native(native, tracer) for native in natives]
            given = inputs.substituted(args, fresh)
            if tracer is not backend:
                given = [_joined(x, backend, tracer) for x in given]
            try:
                with _trees.tracing(tracer, parameters, inputs.parameters(fresh)):
                    result = function(*given, **kwargs)
                value, aux = _checked(result, has_aux)
                leaves = _trees.Leaves(aux) if has_aux else _nothing()
                carried = [x._tensor for x in leaves.values if isinstance(x, EmberTensor)]
                written[:], values = buffers.written()
            finally:
                buffers.restore()
            outside[:] = [leaves.outline(), len(carried)]
            return value._tensor, carried + values

        natives = [tensor._tensor for tensor in inputs.tensors]
        native, gradients, extra = backend.value_and_grad(traced)(natives)
        aux, count = outside
        value: Any = wrap_native(native, backend)
        if has_aux:
            value = (value, aux.filled(wrap_native(x, backend) for x in extra[:count]))
        buffers.write(written, extra[count:], backend)
        return value, inputs.gradients([wrap_native(x, backend) for x in gradients])

    return run


def _joined(x: Any, backend: Backend, tracer: Backend) -> Any:
    """An argument that is not differentiated, where operations need not convert it each time."""
    if x.__class__ is EmberTensor and x._backend.backend is backend:
        return wrap_native(x._tensor, tracer)
    return x


class _Inputs:
    """The arguments to differentiate by: their tensors, and how the gradients are returned."""

    def __init__(self, args: tuple[Any, ...], argnums: int | Sequence[int]) -> None:
        self.tensors: list[EmberTensor] = []
        #: Where Modules among the arguments have parameters and buffers.
        self.places: list[Slot] = []
        self.buffers: list[Slot] = []
        self.single = isinstance(argnums, int)
        #: By number of argument: its leaves, and for each leaf what is differentiated in it.
        self.targets: dict[int, tuple[_trees.Leaves, list[Any]]] = {}
        #: The places of modules' parameters in `tensors`, by identity: shared ones come once.
        self.numbers: dict[int, int] = {}
        for n in [argnums] if isinstance(argnums, int) else argnums:
            if not -len(args) <= n < len(args):
                raise ArgumentError(
                    f"value_and_grad: argument {n} of a call with {len(args)} positional arguments"
                )
            n %= len(args)
            leaves = _trees.Leaves(args[n])
            notes = [self._note(leaf) for leaf in leaves.values]
            if all(note is None for note in notes):
                kinds = ", ".join(sorted({_describe(x) for x in leaves.values})) or "nothing"
                raise DTypeError(
                    f"argument {n} has no floating-point tensor to differentiate, but {kinds}; "
                    "convert it, et.asarray(x, dtype=et.float32)"
                )
            self.targets[n] = leaves, notes

    def _note(self, leaf: Any) -> Any:
        """The number of a tensor, the numbers of a Module's parameters by name, or None."""
        if isinstance(leaf, Module):
            parameters = slots(leaf, "_parameters")
            self.places += parameters
            self.buffers += slots(leaf, "_buffers")
            return {name: self._number(x) for name, x in _trees.trainable(parameters).items()}
        if isinstance(leaf, EmberTensor) and leaf.dtype.kind == "float":
            self.tensors.append(leaf)
            return len(self.tensors) - 1
        return None

    def _number(self, tensor: EmberTensor) -> int:
        if id(tensor) not in self.numbers:
            self.numbers[id(tensor)] = len(self.tensors)
            self.tensors.append(tensor)
        return self.numbers[id(tensor)]

    def parameters(self, fresh: list[EmberTensor]) -> dict[int, EmberTensor]:
        """The tensors to put into modules, by the identity of the present ones."""
        return {old: fresh[n] for old, n in self.numbers.items()}

    def substituted(self, args: tuple[Any, ...], fresh: list[EmberTensor]) -> list[Any]:
        """The arguments with ``fresh`` tensors; in Modules they are replaced apart."""
        given = list(args)
        for n, (leaves, notes) in self.targets.items():
            pairs = zip(leaves.values, notes, strict=True)
            given[n] = leaves.rebuild(
                [fresh[note] if isinstance(note, int) else leaf for leaf, note in pairs]
            )
        return given

    def gradients(self, fresh: list[EmberTensor]) -> Any:
        """``fresh`` in the structure of the arguments."""
        parts = [
            leaves.rebuild([_noted(note, fresh) for note in notes])
            for leaves, notes in self.targets.values()
        ]
        return parts[0] if self.single else tuple(parts)


def _noted(note: Any, fresh: list[EmberTensor]) -> Any:
    if isinstance(note, dict):
        return {name: fresh[number] for name, number in note.items()}
    return None if note is None else fresh[note]


def _describe(leaf: Any) -> str:
    return f"a {leaf.dtype} tensor" if isinstance(leaf, EmberTensor) else f"a {type(leaf).__name__}"


def _checked(result: Any, has_aux: bool) -> tuple[EmberTensor, Any]:
    """The value to differentiate and the rest of what the function returned."""
    value, aux = result, None
    if has_aux:
        if not isinstance(result, tuple) or len(result) != 2:
            raise ArgumentError(
                f"with has_aux=True the function returns (value, aux), not {type(result).__name__}"
            )
        value, aux = result
    if not isinstance(value, EmberTensor):
        raise ArgumentError(
            f"the function to differentiate returns a tensor, not {type(value).__name__}"
            + ("; has_aux=True allows (value, aux)" if isinstance(value, tuple) else "")
        )
    if value.ndim:
        raise ShapeError(
            f"the function to differentiate returns one number, not shape {value.shape}; reduce "
            "it, et.sum(x) or et.mean(x)"
        )
    if value.dtype.kind != "float":
        raise DTypeError(
            f"the function to differentiate returns a real floating-point number, not {value.dtype}"
        )
    return value, aux


def grad(
    function: Callable[..., Any],
    /,
    *,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
) -> Callable[..., Any]:
    """A function that gives the gradient of ``function``; see `value_and_grad`.

    With ``has_aux`` it gives ``(gradients, aux)``.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> nn.grad(nn.grad(lambda x: x * x * x))(et.asarray(2.0)).item()
    12.0
    """
    both = value_and_grad(function, argnums=argnums, has_aux=has_aux)

    @functools.wraps(function, updated=())
    def run(*args: Any, **kwargs: Any) -> Any:
        value, gradients = both(*args, **kwargs)
        return (gradients, value[1]) if has_aux else gradients

    return run
