"""Compilation: a graph traced once for each signature, made into a program by inductor."""

from __future__ import annotations

import operator
import threading
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from ember_ml.backend.protocol import Native

from ._state import DIFFERENTIATING, TRACING, is_transformed

__all__ = ["Program"]

Flat = Callable[..., list[Native]]

_OPTIONS: dict[str, Any] = {
    # The arguments are what the program was made for: `Program` looks at each call.
    "size_asserts": False,
    # The updates of two parameters have only a few numbers in common. As one kernel they would
    # keep the gradients of both, and what these are made of, until the later one.
    "score_fusion_memory_threshold": 64,
}

# Tracing patches classes of PyTorch for all threads.
_lock = threading.Lock()


class Program:
    """`Backend.compile`: calls to ``function`` go to the program for their signature.

    Arguments in ``donate`` are updated in place: the program writes the outputs to them.
    """

    def __init__(self, function: Flat, donate: Sequence[int]) -> None:
        self.function = function
        self.donate = tuple(donate)
        self.compiled: dict[Any, Flat] = {}
        # The donated arguments of the last call, which mostly are those of the next one.
        self._kept: tuple[list[Native], list[Any]] = ([], [])
        self._given = frozenset(self.donate)

    def __call__(self, *arrays: Native) -> list[Native]:
        if DIFFERENTIATING.get() or is_transformed(*arrays):
            return self.function(*arrays)  # it becomes part of a larger graph
        signature = self._signature(arrays)
        program = self.compiled.get(signature)
        if program is None:
            with _lock:
                program = self.compiled.get(signature)
                if program is None:
                    program = self.compiled[signature] = self._compile(arrays)
        with torch.no_grad():
            return program(*arrays)

    def _signature(self, arrays: tuple[Native, ...]) -> tuple[Any, ...]:
        donated = [arrays[i] for i in self.donate]
        known, described = self._kept
        if len(known) != len(donated) or not all(map(operator.is_, known, donated)):
            described = [_described(x) for x in donated]
            self._kept = donated, described
        given = self._given
        return (
            *described,
            *[_described(x) for i, x in enumerate(arrays) if i not in given],
        )

    def _compile(self, arrays: tuple[Native, ...]) -> Flat:
        graph, places = self._trace(arrays)
        run = _lowered(graph, arrays)

        def program(*arrays: Native) -> list[Native]:
            rest = iter(run(*arrays))
            return [next(rest) if place is None else arrays[place] for place in places]

        return program

    def _trace(self, arrays: tuple[Native, ...]) -> tuple[Any, list[int | None]]:
        """The graph, and for each output the argument that it is written to, if there is one."""
        from torch.fx.experimental.proxy_tensor import make_fx

        places: list[int | None] = []

        def traced(*natives: Native) -> list[Native]:
            outputs = self.function(*natives)
            places[:] = [self._place(i, outputs, natives) for i in range(len(outputs))]
            for new, place in zip(outputs, places, strict=True):
                if place is not None and new is not natives[place]:
                    natives[place].copy_(new)
            return [x for x, place in zip(outputs, places, strict=True) if place is None]

        token = TRACING.set(True)
        try:
            graph = make_fx(traced, tracing_mode="fake", _allow_non_fake_inputs=True)(*arrays)
        finally:
            TRACING.reset(token)
        return graph, places

    def _place(self, i: int, outputs: list[Native], natives: tuple[Native, ...]) -> int | None:
        """The argument that output ``i`` can be written to."""
        if i >= len(self.donate):
            return None
        new, old = outputs[i], natives[self.donate[i]]
        fits = new.shape == old.shape and new.dtype == old.dtype and 0 not in old.stride()
        # What another output shows of the old values must not be overwritten.
        shown = any(_shares(x, old) for x in outputs if x is not new)
        return (
            self.donate[i] if fits and not shown and (new is old or not _shares(new, old)) else None
        )


def _shares(x: Native, y: Native) -> bool:
    return x.untyped_storage()._cdata == y.untyped_storage()._cdata


def _described(x: Native) -> tuple[Any, ...]:
    return x.dtype, x.shape, x.stride(), x.device


def _lowered(graph: Any, arrays: tuple[Native, ...]) -> Flat:
    """``graph`` as a program of inductor's; as it is where there is no compiler for that."""
    import torch._inductor
    from torch._inductor import config

    options = {name: value for name, value in _OPTIONS.items() if hasattr(config, name)}
    try:
        return torch._inductor.compile(graph, list(arrays), options=options)
    except Exception as error:
        warnings.warn(
            f"PyTorch could not compile ({type(error).__name__}: {str(error).partition(chr(10))[0]}); "
            "the function runs uncompiled, correct but slower. A C++ compiler (g++ or clang++), "
            "and triton for a GPU, are needed",
            RuntimeWarning,
            stacklevel=4,
        )
        return graph
