"""Random streams inside of a traced function: their keys and places are inputs of the program.

A number that a function draws while it is traced would be the same at every call of the program.
So the program takes the state of each stream as a tensor, and after each call the generator moves on
by as many blocks as the function took.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeAlias

from ember_ml.backend.protocol import Backend, Native
from ember_ml.backend.registry import use_backend

from ._core import EmberTensor

if TYPE_CHECKING:
    from ._generator import Generator

__all__ = ["Program", "Streams", "current_trace"]

#: What an engine makes of a function over native arrays.
Program: TypeAlias = "Callable[..., list[Native]]"


class Undeclared(BaseException):
    """A traced function draws from a generator whose state is no input of the program yet.

    It is no Exception: the function that is traced is not to catch it.
    """

    def __init__(self, generator: Generator) -> None:
        super().__init__(generator)
        self.generator = generator


class Trace:
    """The tracing of a function: the states it was given, and the blocks that it took."""

    def __init__(self, given: Sequence[tuple[Generator, EmberTensor]]) -> None:
        self._given = {id(generator): (generator, state) for generator, state in given}
        self._taken = dict.fromkeys(self._given, 0)

    def take(self, generator: Generator, blocks: int) -> tuple[EmberTensor, int]:
        """The state of ``generator``, and the blocks taken before; ``blocks`` more are now."""
        if id(generator) not in self._given:
            raise Undeclared(generator)
        before = self._taken[id(generator)]
        self._taken[id(generator)] = before + blocks
        return self._given[id(generator)][1], before

    def taken(self) -> list[int]:
        """The blocks of each generator, in the order given."""
        return list(self._taken.values())


_current: ContextVar[Trace | None] = ContextVar("ember_trace", default=None)


def current_trace() -> Trace | None:
    """The innermost trace under way."""
    return _current.get()


class Streams:
    """A program, and the generators that it draws from, which are found while it is traced.

    Args:
        backend: where the states of the generators are to be.
        trace: gives the program; called again whenever a generator has been found. Its arguments
            are the inputs and, after them, the states, which `drawn` takes.
    """

    def __init__(self, backend: Backend, trace: Callable[[], Program]) -> None:
        self._backend = backend
        self._trace = trace
        self._program = trace()
        self._sources: list[Callable[[], Generator]] = []
        self._blocks: list[int] = []

    def __len__(self) -> int:
        return len(self._sources)

    def __call__(self, *inputs: Native) -> list[Native]:
        """Call the program, and move the generators on by what it takes."""
        while True:
            if not self._sources:
                states: list[Native] = []
            else:
                with use_backend(self._backend.name):
                    states = [source().stream()._tensor for source in self._sources]
            try:
                outputs = self._program(*inputs, *states)
            except Undeclared as found:
                self._declare(found.generator)
                continue
            for source, blocks in zip(self._sources, self._blocks, strict=True):
                source().skip(blocks)
            return outputs

    @contextmanager
    def drawn(self, states: Sequence[EmberTensor]) -> Iterator[None]:
        """Within the block the function is traced, and draws from ``states``."""
        generators = [source() for source in self._sources]
        trace = Trace(list(zip(generators, states, strict=True)))
        token = _current.set(trace)
        try:
            yield
        finally:
            _current.reset(token)
        self._blocks = trace.taken()

    def _declare(self, generator: Generator) -> None:
        from .random import default_generator

        # The default one is looked up at each call: `seed` makes another.
        is_default = generator is default_generator()
        self._sources.append(default_generator if is_default else lambda: generator)
        self._program = self._trace()
