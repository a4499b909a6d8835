"""``compile``: a function of tensors, containers and Modules as one program of the engine."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from ember_ml.backend.errors import ArgumentError
from ember_ml.backend.protocol import Backend, Native
from ember_ml.backend.registry import use_backend
from ember_ml.nn.modules import Module
from ember_ml.nn.modules._state import slots
from ember_ml.nn.tensor import EmberTensor
from ember_ml.nn.tensor._careful import wrap_native

from . import _trees

__all__ = ["compile"]


def compile(function: Callable[..., Any], /) -> Callable[..., Any]:
    """``function``, traced once for each structure of its arguments and run as one program.

    Tensors, and the tensors of Modules, are the program's inputs; other arguments are part of
    what is compiled, and another value compiles again. Buffers that the function writes are
    written after each call. Side effects other than that happen while tracing only.

    On an engine that has no compiler the function is called as it is.

    Raises:
        ArgumentError: an argument that is no tensor is not hashable; or a result is no tensor.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> nn.compile(lambda x: x * 2.0 + 1.0)(et.asarray([1.0, 2.0])).tolist()
    [3.0, 5.0]
    """
    programs: dict[Hashable, _Program] = {}

    def run(*args: Any, **kwargs: Any) -> Any:
        leaves = _trees.Leaves((args, kwargs))
        modules = [leaf for leaf in leaves.values if isinstance(leaf, Module)]
        backend = _trees.backend_of(leaves.values, "compile")
        key = _key(leaves, backend)
        if key not in programs:
            programs[key] = _Program(function, leaves, modules, backend)
        return programs[key](leaves, modules)

    return run


def _key(leaves: _trees.Leaves, backend: Backend) -> Hashable:
    """What a program depends on besides the values of its inputs."""
    parts: list[Hashable] = [backend, leaves.spec]
    for leaf in leaves.values:
        if isinstance(leaf, EmberTensor):
            parts.append(EmberTensor)
        elif isinstance(leaf, Module):
            parts += [id(leaf), *((id(m), m.training) for m in leaf.modules())]
        else:
            try:
                hash(leaf)
            except TypeError:
                raise ArgumentError(
                    f"compile: {type(leaf).__name__} {leaf!r} is neither a tensor nor hashable"
                ) from None
            parts += [type(leaf), leaf]
    return tuple(parts)


def _inputs(leaves: _trees.Leaves, modules: list[Module]) -> list[EmberTensor]:
    """The tensors of the arguments and of the Modules in them, in a fixed order."""
    found = [leaf for leaf in leaves.values if isinstance(leaf, EmberTensor)]
    for module in modules:
        found += [slot.tensor for slot in slots(module, "_parameters", "_buffers")]
    return found


class _Program:
    """A compiled function for one structure of arguments."""

    def __init__(
        self,
        function: Callable[..., Any],
        leaves: _trees.Leaves,
        modules: list[Module],
        backend: Backend,
    ) -> None:
        self.function = function
        self.leaves = leaves
        self.modules = modules
        self.backend = backend
        self.program = backend.compile(self._flat)
        self.result: Any = None  # the structure of the result, known once traced
        self.written: list[int] = []

    def __call__(self, leaves: _trees.Leaves, modules: list[Module]) -> Any:
        inputs = _inputs(leaves, modules)
        outputs = self.program(*[tensor._tensor for tensor in inputs])
        count = len(outputs) - len(self.written)
        buffers = _trees.Buffers(modules)
        buffers.write(self.written, outputs[count:], self.backend)
        return self.result.rebuild([wrap_native(x, self.backend) for x in outputs[:count]])

    def _flat(self, *natives: Native) -> list[Native]:
        """The function over the native arrays of its inputs, as the engine traces it."""
        fresh = [wrap_native(native, self.backend) for native in natives]
        old = _inputs(self.leaves, self.modules)
        source = iter(fresh)
        values = [next(source) if isinstance(x, EmberTensor) else x for x in self.leaves.values]
        by_id = {id(a): b for a, b in zip(old, fresh, strict=True)}
        args, kwargs = self.leaves.rebuild(values)
        with _trees.replaced(self.modules, by_id):
            # Inside the replacement, so that a buffer counts as written if it is not the input.
            buffers = _trees.Buffers(self.modules)
            try:
                with use_backend(self.backend.name):
                    result = _trees.Leaves(self.function(*args, **kwargs))
                self.written, values = buffers.written()
            finally:
                buffers.restore()
        for leaf in result.values:
            if not isinstance(leaf, EmberTensor):
                raise ArgumentError(
                    f"compile: the function returns tensors, not {type(leaf).__name__}; a value "
                    "that is no tensor would be fixed when it is traced"
                )
        self.result = result
        return [leaf._tensor for leaf in result.values] + values
