"""Several synchronous stages as one piece of generated code.

A loop over stages costs more for an item than three trivial stages do. So the calls are written
out, a line for each; when one raises, the line's number tells which it was, and the variables of
the frame still hold what it was given. Nothing is done for that as long as nothing fails.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import compress, repeat
from operator import length_hint
from types import CoroutineType
from typing import Any, NoReturn

from ember_ml.backend.errors import ArgumentError

from .._describe import describe
from .._stage import Stage
from ._graph import INPUT, ends_of, spent_after, walk

# For each stage: the variable of its result, those of what it takes, and those it leaves empty.
_Step = tuple[int, tuple[int, ...], tuple[int, ...]]

# How many items have come by can be read off a `repeat`, which costs less than to count them.
_MANY = sys.maxsize


class Fused:
    """Stages that run one after another in the caller's thread.

    Attributes:
        one: ``one(item)`` applies the stages to an item.
        fill: ``fill(items, results)`` applies them to each of ``items`` and appends what comes out.
            When a stage fails, ``results`` has what the items before gave, an iterator goes on
            behind the item that failed, and the error has no index.
        each: ``each(iterator)`` yields what comes out for each item as soon as it is there.

    All three raise `StageError` if a stage raises, and what the source raises unchanged. A
    coroutine that a stage returns by surprise is an error for ``one`` and for the first item of
    ``each``; ``fill`` does not look for it.

    Example:
        >>> from ember_ml.pipeline import Pipeline
        >>> fused = Fused(Pipeline("p").add_stage(abs).add_stage(str).stages)
        >>> fused.one(-1), list(fused.each(iter([-2, -3])))
        ('1', ['2', '3'])
    """

    one: Callable[[Any], Any]
    fill: Callable[[Iterable[Any], list[Any]], None]
    each: Callable[[Iterator[Any]], Iterator[Any]]

    def __init__(self, stages: Sequence[Stage]) -> None:
        steps, results = _plan(stages)
        make, positions = _code(steps, results)
        watch = _Watch(tuple(stages), [takes for _, takes, _ in steps], positions)
        self.one, self.fill, self.each = make(
            [stage.call for stage in stages],
            ends_of(stages),
            watch.gives,
            watch.first,
            watch.failed,
            watch.unawaited,
        )


class _Watch:
    """What generated code calls on the first item and when something is wrong.

    It does not know the `Fused`, so that nothing that a pipeline holds is kept alive in a cycle.
    """

    def __init__(
        self,
        stages: tuple[Stage, ...],
        takes: Sequence[tuple[int, ...]],
        positions: Mapping[int, int],
    ) -> None:
        self.gives: dict[str, str] = {}
        self._stages = stages
        self._takes = takes
        self._positions = positions

    def first(self, item: Any, index: int | None = None) -> Any:
        """Apply the stages to ``item``, and note what each gives, to tell it when it fails later."""

        def apply(stage: Stage, taken: list[Any]) -> Any:
            given = given_of(taken)
            try:
                result = stage.call(*taken)
            except Exception as error:
                self._raise(stage, given, error, index)
            if type(result) is CoroutineType:
                self._raise(stage, given, unawaited(result), index)
            self.gives[stage.name] = f"{describe(result)} for {describe(given)}"
            return result

        return walk(self._stages, item, apply)

    def failed(self, variables: Mapping[str, Any], ticks: Any = None) -> None:
        """Raise the `StageError` for the error in hand, unless it comes from the source."""
        # not handed over: among the variables it would keep them, and itself, alive in a cycle
        error = sys.exception()
        assert isinstance(error, Exception)
        assert error.__traceback__ is not None
        position = self._positions.get(error.__traceback__.tb_lineno)
        if position is not None:
            given = given_of([variables[f"v{number}"] for number in self._takes[position]])
            index = None if ticks is None else _MANY - length_hint(ticks)
            self._raise(self._stages[position], given, error, index)

    def unawaited(self, position: int, taken: Sequence[Any], result: Any) -> NoReturn:
        """Raise the `StageError` for a coroutine that a stage returned."""
        self._raise(self._stages[position], given_of(taken), unawaited(result), None)

    def _raise(self, stage: Stage, given: Any, error: Exception, index: int | None) -> NoReturn:
        raise stage.failure(given, error, index, self.gives.get(stage.name))


def given_of(taken: Sequence[Any]) -> Any:
    """What a stage was given, as errors tell it."""
    return taken[0] if len(taken) == 1 else tuple(taken)


def unawaited(coroutine: Any) -> ArgumentError:
    """The error for a coroutine that a stage returned by surprise."""
    coroutine.close()
    return ArgumentError(
        "the stage returned a coroutine, which a Pipeline does not await; use AsyncPipeline"
    )


def _plan(stages: Sequence[Stage]) -> tuple[tuple[_Step, ...], tuple[int, ...]]:
    """In which variables the results are kept: as few as there are results needed at a time."""
    variables = {INPUT: 0}
    steps: list[_Step] = []
    for stage, spent in zip(stages, spent_after(stages), strict=True):
        takes = tuple(variables[name] for name in stage.after)
        free = [variables.pop(name) for name in spent]
        target = free.pop(0) if free else len(steps) + 1
        variables[stage.name] = target
        steps.append((target, takes, tuple(free)))
    return tuple(steps), tuple(variables[name] for name in ends_of(stages))


_SOURCE = """\
def make(calls, ends, gives, first, failed, unawaited):
    [{calls}] = calls
    [{ends}] = ends

    def one(v0):
        if not gives:
            return first(v0)
        try:
            {checked}
        except Exception:
            failed(locals())
            raise
        return {result}

    def fill(items, results):
        try:
            for v0 in items:
                {plain}
                results.append({result})
        except Exception:
            failed(locals())
            raise

    def each(items):
        for v0 in items:
            v0 = first(v0, 0)
            yield v0
            break
        ticks = repeat(True, MANY)
        try:
            for v0 in compress(items, ticks):
                {plain}
                yield {result}
        except Exception:
            failed(locals(), ticks)
            raise

    return one, fill, each
"""


@functools.lru_cache(maxsize=256)
def _code(
    steps: tuple[_Step, ...], results: tuple[int, ...]
) -> tuple[Callable[..., tuple[Any, Any, Any]], dict[int, int]]:
    """What binds stages to the generated code, and which stage each line of it calls."""
    plain, checked = ["pass"], ["pass"]
    for position, (target, takes, emptied) in enumerate(steps):
        taken = _joined("v", takes)
        call = f"c{position}({taken})"
        empty = "".join(f"; v{number} = None" for number in emptied)
        plain.append(f"v{target} = {call}{empty}  # {position}")
        checked += [
            f"result = {call}  # {position}",
            f"if type(result) is Coroutine: unawaited({position}, ({taken},), result)",
            f"v{target} = result{empty}",
        ]
    named = ", ".join(f"e{end}: v{number}" for end, number in enumerate(results))
    source = _SOURCE.format(
        calls=_joined("c", range(len(steps))),
        ends=_joined("e", range(len(results))),
        checked=("\n" + 12 * " ").join(checked),
        plain=("\n" + 16 * " ").join(plain),
        result=f"v{results[0]}" if len(results) == 1 else f"{{{named}}}",
    )
    scope = {"Coroutine": CoroutineType, "MANY": _MANY, "compress": compress, "repeat": repeat}
    exec(compile(source, f"<{len(steps)} fused stages>", "exec"), scope)
    positions = {
        number: int(line.rpartition("# ")[2])
        for number, line in enumerate(source.splitlines(), start=1)
        if "# " in line
    }
    return scope["make"], positions  # type: ignore[return-value]


def _joined(letter: str, numbers: Iterable[int]) -> str:
    return ", ".join(f"{letter}{number}" for number in numbers)
