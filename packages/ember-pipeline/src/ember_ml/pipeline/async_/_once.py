"""One item through a pipeline, with branches that run at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from .._errors import ItemFiltered
from .._stage import Stage
from ..wiring._graph import INPUT, ends_of, is_chain
from ._caller import Caller
from ._places import Spread, WorkerRuntime, place_of, told
from ._report import StageReport


async def once(stages: Sequence[Stage], item: Any, runtime: WorkerRuntime | None) -> Any:
    """What ``stages`` make of ``item``."""
    if is_chain(stages):
        for stage in stages:
            item = await _applied(stage, item, runtime)
        return item
    results: dict[str, asyncio.Future[Any]] = {INPUT: asyncio.get_running_loop().create_future()}
    results[INPUT].set_result(item)

    async def branch(stage: Stage) -> Any:
        taken = [await results[name] for name in stage.after]
        return await _applied(stage, taken[0] if len(taken) == 1 else tuple(taken), runtime)

    tasks = {stage.name: asyncio.create_task(branch(stage), name=stage.name) for stage in stages}
    results.update(tasks)
    try:
        await asyncio.wait(tasks.values(), return_when=asyncio.FIRST_EXCEPTION)
        # Those that wait for a stage that failed have failed with it: the first one tells.
        failed = next((task for task in tasks.values() if task.done() and _error(task)), None)
        if failed is not None:
            await failed
    finally:
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
    ends = ends_of(stages)
    given = {name: results[name].result() for name in ends}
    return given[ends[0]] if len(ends) == 1 else given


def _error(task: asyncio.Task[Any]) -> bool:
    return task.cancelled() or task.exception() is not None


async def _applied(stage: Stage, value: Any, runtime: WorkerRuntime | None) -> Any:
    call = stage.call
    if len(stage.after) > 1:
        call = Spread(call, batched=stage.options.batch_size is not None)
    place = place_of(stage, call, runtime)
    ended = False
    try:
        result = await Caller(stage, place, StageReport(stage.name), None).item(value, None)
        ended = True
    except ItemFiltered:
        raise
    except Exception as error:
        failure = stage.failure(value, told(error))
        raise failure from failure.cause
    finally:
        await place.close(cancel=not ended)
    if not stage.filters:
        return result
    if not result:
        raise ItemFiltered(
            f"pipeline {stage.pipeline!r}: the filter {stage.name!r} has left out the item"
        )
    return value
