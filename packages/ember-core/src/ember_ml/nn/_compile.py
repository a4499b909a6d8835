"""``compile`` and ``checkpoint``: a function of tensors, containers and Modules, traced."""

from __future__ import annotations

import contextvars
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
from ._captured import Captured
from ._report import Report, Reporter

__all__ = ["checkpoint", "compile"]


def compile(function: Callable[..., Any], /, *, report: Report | None = None) -> Callable[..., Any]:
    """``function``, traced once for each form of its arguments and run as one program.

    Tensors among the arguments are the program's inputs, and so are those of Modules: among the
    arguments, in the closure of ``function`` and the globals it reads, ``function`` itself, or the
    owner of a method. Their shapes and dtypes are part of the form, and so are all other
    arguments: a number of another value is traced again, and a tensor of another value is not.
    Of a Module its attributes other than tensors (and ``training``) are taken as they are when it
    is traced. Buffers that the function writes are written after each call, and random numbers
    are new ones at each call, the same as without ``compile``. Side effects other than these
    happen while tracing only. Other tensors that the function uses are constants.

    On an engine that has no compiler the function is called as it is.

    Args:
        report: called with a line of text whenever the function is traced, which says what has
            changed since the last time: ``report=print``.

    Raises:
        ArgumentError: an argument that is no tensor is not hashable; or a result is neither a
            tensor nor None.
        UnsupportedError: the function asks for the value of a tensor (``if x > 0``, ``x.item()``)
            and the engine traces without values; or it draws from the engine's own generator.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> nn.compile(lambda x: x * 2.0 + 1.0)(et.asarray([1.0, 2.0])).tolist()
    [3.0, 5.0]
    """
    return _traced(
        function, "compile", lambda backend, flat: backend.compile(flat), Reporter(function, report)
    )


def checkpoint(function: Callable[..., Any], /) -> Callable[..., Any]:
    """``function``, of which a gradient keeps the arguments only and computes the rest again.

    That saves memory for time (Chen et al., "Training deep nets with sublinear memory cost",
    2016). Values, gradients and random numbers are the same.

    Args:
        function: of tensors, containers and Modules, to tensors and containers of them. What is
            differentiated reaches it as an argument or in a Module (see `compile`): the gradient
            by another tensor that it uses is not defined.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> block = nn.checkpoint(lambda x: et.exp(et.sin(x)))
    >>> nn.grad(lambda x: block(x).sum())(et.zeros(2)).tolist()
    [1.0, 1.0]
    """

    def again(backend: Backend, flat: Callable[..., list[Native]]) -> Callable[..., list[Native]]:
        def run(*natives: Native) -> list[Native]:
            # The second time comes after the gradient has left the surroundings of the first.
            around = contextvars.copy_context()
            return backend.checkpoint(lambda *natives: around.copy().run(flat, *natives))(*natives)

        return run

    return _traced(function, "checkpoint", again, None)


def _traced(
    function: Callable[..., Any],
    what: str,
    transform: Callable[[Backend, Callable[..., list[Native]]], Callable[..., list[Native]]],
    reporter: Reporter | None,
) -> Callable[..., Any]:
    programs: dict[Hashable, _Program] = {}
    lock = threading.Lock()
    captured = Captured(function)

    @functools.wraps(function, updated=())
    def run(*args: Any, **kwargs: Any) -> Any:
        leaves = _trees.Leaves((captured(), args, kwargs))
        backend = _trees.backend_of(_trees.tensors_of(leaves.values), what)
        _trees.lift(leaves, backend)
        key = _trees.static_key(leaves, backend, what)
        program = programs.get(key)
        if program is None:
            with lock:
                if key not in programs and reporter is not None:
                    reporter.trace(args, kwargs, backend)
                program = programs.setdefault(
                    key, _Program(function, leaves, backend, what, transform)
                )
        return program(leaves)

    return run


class _Program:
    """A traced function for one form of arguments."""

    def __init__(
        self,
        function: Callable[..., Any],
        leaves: _trees.Leaves,
        backend: Backend,
        what: str,
        transform: Callable[[Backend, Callable[..., list[Native]]], Callable[..., list[Native]]],
    ) -> None:
        self.function = function
        self.outline = leaves.outline()
        self.backend = backend
        self.what = what
        self.program = Streams(backend, lambda: transform(backend, self._flat))
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
        with use_backend(self.backend.name), self.program.drawn(states):
            found, self.written, written = _trees.called(
                lambda: self.function(*args, **kwargs), self.modules, self.places, by_id
            )
        result = _trees.Leaves(found)
        for leaf in result.values:
            if leaf is not None and not isinstance(leaf, EmberTensor):
                raise ArgumentError(
                    f"{self.what}: the function returns tensors, not {type(leaf).__name__}; a "
                    "value that is no tensor would be fixed when it is traced"
                )
        self.result = result.outline()
        return result.natives() + written
