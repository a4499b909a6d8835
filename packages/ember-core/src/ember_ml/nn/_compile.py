"""``compile``: a function of tensors, containers and Modules as one program of the engine."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Hashable
from typing import Any

from ember_ml.backend.errors import ArgumentError
from ember_ml.backend.protocol import Backend, Native
from ember_ml.backend.registry import use_backend
from ember_ml.nn.modules import Module
from ember_ml.nn.modules._state import slots
from ember_ml.nn.tensor import EmberTensor
from ember_ml.nn.tensor._careful import wrap_native
from ember_ml.nn.tensor._streams import Streams

from . import _trees

__all__ = ["compile"]


def compile(function: Callable[..., Any], /) -> Callable[..., Any]:
    """``function``, traced once for each form of its arguments and run as one program.

    Tensors among the arguments, and those of Modules (of ``function`` itself, if it is one, or a
    method of one), are the program's inputs, whose shapes and dtypes are
    part of the form. So are all other arguments: a number of another value compiles again, and
    a tensor of another value does not. Of a Module its attributes other than tensors (and
    ``training``) are taken as they are when it is traced. Buffers that the function writes are
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
    lock = threading.Lock()
    # A Module's tensors are inputs of the program, not part of it.
    bound = _trees.module_behind(function)

    @functools.wraps(function, updated=())
    def run(*args: Any, **kwargs: Any) -> Any:
        leaves = _trees.Leaves((bound, args, kwargs))
        backend = _trees.backend_of(_trees.tensors_of(leaves.values), "compile")
        _trees.lift(leaves, backend)
        key = _trees.static_key(leaves, backend, "compile")
        program = programs.get(key)
        if program is None:
            with lock:
                program = programs.setdefault(key, _Program(function, leaves, backend))
        return program(leaves)

    return run


class _Program:
    """A compiled function for one form of arguments."""

    def __init__(
        self, function: Callable[..., Any], leaves: _trees.Leaves, backend: Backend
    ) -> None:
        self.function = function
        self.outline = leaves.outline()
        self.backend = backend
        self.program = Streams(backend, lambda: backend.compile(self._flat))
        self.modules: list[Module] = _trees.modules_of(leaves.values)
        self.places = [
            slot for module in self.modules for slot in slots(module, "_parameters", "_buffers")
        ]
        self.result: Any = None  # the structure of the result, known once traced
        self.written: list[int] = []

    def __call__(self, leaves: _trees.Leaves) -> Any:
        outputs = self.program(*[x._tensor for x in _trees.tensors_of(leaves.values)])
        count = len(outputs) - len(self.written)
        if self.written:
            buffers = _trees.Buffers.of(self.modules)
            buffers.write(self.written, outputs[count:], self.backend)
        return self.result.filled(wrap_native(x, self.backend) for x in outputs[:count])

    def _flat(self, *natives: Native) -> list[Native]:
        """The function over the native arrays of its inputs, as the engine traces it."""
        fresh = [wrap_native(native, self.backend) for native in natives]
        states = fresh[len(fresh) - len(self.program) :]
        source = iter(fresh[: len(fresh) - len(states)])
        _, args, kwargs = self.outline.filled(source)
        held = _trees.held_in(self.places)
        by_id = {id(old): new for old, new in zip(held, source, strict=True)}
        with _trees.replaced(self.places, by_id):
            # Inside the replacement, so that a buffer counts as written if it is not the input.
            buffers = _trees.Buffers.of(self.modules)
            try:
                with use_backend(self.backend.name), self.program.drawn(states):
                    result = _trees.Leaves(self.function(*args, **kwargs))
                self.written, written = buffers.written()
            finally:
                buffers.restore()
        for leaf in result.values:
            if not isinstance(leaf, EmberTensor):
                raise ArgumentError(
                    f"compile: the function returns tensors, not {type(leaf).__name__}; a value "
                    "that is no tensor would be fixed when it is traced"
                )
        self.result = result.outline()
        return [leaf._tensor for leaf in result.values] + written
