"""The graph that stages form: which takes the results of which."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any, Final

from ember_ml.backend.errors import ArgumentError, InvalidValueError

from .._stage import Stage

INPUT: Final = "input"


def sources_of(
    after: str | Sequence[str] | None, stages: Sequence[Stage], owner: str
) -> tuple[str, ...]:
    """What a stage takes that is appended to ``stages``: names of stages, or `INPUT`.

    As a stage can only name those that are there already, the stages are always in an order in
    which they can run, and there is no cycle.

    Raises:
        ArgumentError: If ``after`` is not a name or a sequence of names.
        InvalidValueError: If it is empty, or names a stage that is not there.
    """
    if after is None:
        return (stages[-1].name if stages else INPUT,)
    names = (after,) if isinstance(after, str) else after
    if not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        raise ArgumentError(
            f"{owner}: after must be the name of a stage or a sequence of names, got {after!r}"
        )
    if not names:
        raise InvalidValueError(
            f"{owner}: after names no stage; leave it out to follow the stage added last, or give "
            f"after={INPUT!r} for the pipeline's input"
        )
    known = [INPUT, *(stage.name for stage in stages)]
    for name in names:
        if name not in known:
            raise InvalidValueError(
                f"{owner}: after={after!r} names {name!r}, which is not there; "
                f"add it before, or choose from {', '.join(map(repr, known))}"
            )
    return tuple(names)


def ends_of(stages: Sequence[Stage]) -> tuple[str, ...]:
    """Names of the stages whose results no other takes; that of the input if there are none."""
    taken = {name for stage in stages for name in stage.after}
    return tuple(stage.name for stage in stages if stage.name not in taken) or (INPUT,)


def is_chain(stages: Sequence[Stage]) -> bool:
    """Whether each stage takes just what the one before gives."""
    before = [INPUT, *(stage.name for stage in stages)]
    return all(stage.after == (name,) for stage, name in zip(stages, before, strict=False))


def spent_after(stages: Sequence[Stage]) -> list[tuple[str, ...]]:
    """For each stage, the names of the results that nobody needs any more when it has run."""
    needed: set[str] = set()
    spent = []
    for stage in reversed(stages):
        spent.append(tuple(name for name in dict.fromkeys(stage.after) if name not in needed))
        needed.update(stage.after)
    return spent[::-1]


def part_of(stages: Sequence[Stage], owner: str) -> list[Stage]:
    """``stages``, cut out of a graph, as a graph of their own.

    The one result that they take from outside becomes their input.

    Raises:
        InvalidValueError: If they take more than one result from outside.
    """
    inside = {stage.name for stage in stages}
    source = next((name for stage in stages for name in stage.after if name not in inside), INPUT)
    for stage in stages:
        for name in stage.after:
            if name not in inside and name != source:
                raise InvalidValueError(
                    f"{owner}: stage {stage.name!r} takes {name!r}, which is not in this part; "
                    f"the part's input stands for {source!r} already. Cut where one result goes in"
                )
    return [
        replace(stage, after=tuple(n if n in inside else INPUT for n in stage.after))
        for stage in stages
    ]


def runs_of(stages: Sequence[Stage]) -> list[tuple[tuple[str, ...], list[Stage]]]:
    """The stages in runs that follow one another, each run with what its first stage takes."""
    runs: list[tuple[tuple[str, ...], list[Stage]]] = []
    last = INPUT
    for stage in stages:
        if not runs or stage.after != (last,):
            runs.append((stage.after, []))
        runs[-1][1].append(stage)
        last = stage.name
    return runs


def unused_name(name: str, taken: Collection[str]) -> str:
    """``name``, or ``name-2``, ``name-3``, ... when others have it already."""
    unique, count = name, 1
    while unique in taken:
        count += 1
        unique = f"{name}-{count}"
    return unique


def walk(stages: Sequence[Stage], item: Any, apply: Callable[[Stage, list[Any]], Any]) -> Any:
    """Lead ``item`` through the graph and return what comes out at its end.

    Args:
        stages: The graph.
        item: What the pipeline is given.
        apply: Called for each stage with what it takes; returns what it gives.

    Returns:
        What the last stage gives; where the graph ends in several stages, a dict of their results
        by name.
    """
    results = {INPUT: item}
    for stage, spent in zip(stages, spent_after(stages), strict=True):
        results[stage.name] = apply(stage, [results[name] for name in stage.after])
        for name in spent:
            del results[name]
    ends = ends_of(stages)
    return results[ends[0]] if len(ends) == 1 else {name: results[name] for name in ends}
