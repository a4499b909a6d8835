"""A run whose stages share one call: items go through it in chunks."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import replace
from itertools import islice
from operator import length_hint
from typing import Any

from .._describe import describe
from .._stage import is_async
from ..wiring._graph import is_chain
from ._chunk_loops import InlineChunks, ThreadedChunks
from ._places import Here, InThread, told
from ._run import Hand, Plan, Run
from ._source import Feed
from ._thread import JobThread


def shares_a_call(plan: Plan, feed: Feed) -> bool:
    """Whether all stages can share a call without anybody seeing a difference."""
    stages = plan.stages
    places = {stage.options.place(is_async(stage.call)) for stage in stages}
    return (
        len(places) == 1
        and (feed.in_memory if places == {"inline"} else isinstance(feed.iterator, Iterator))
        and places != {"process"}
        and (plan.runtime is None or places == {"inline"})
        and plan.deadline is None
        and plan.emitter is None
        and plan.checkpoint is None
        and is_chain(stages)
        and not any(is_async(stage.call) or stage.filters for stage in stages)
        and all(stage.options.plain for stage in stages)
    )


class ChunkedRun:
    """Leads chunks of items through all stages and counts them."""

    def __init__(self, plan: Plan, feed: Feed) -> None:
        self._plan = plan
        self._feed = feed
        self._thread: JobThread | None = None
        self._awaits = False
        self._error: Exception | None = None
        self._gives: dict[str, str] = {}  # what each stage gave for the first item

    async def results(self, hand: Hand) -> AsyncGenerator[Any, None]:
        """Yield what comes out."""
        report = self._plan.report
        inline = self._plan.stages[0].options.where == "inline"
        self._thread = JobThread(f"{self._plan.pipeline!r}")
        chunks = (InlineChunks if inline else ThreadedChunks)(
            self._plan, self._feed, self._thread, self._gives
        )
        rest: AsyncGenerator[Any, None] | None = None
        self._plan.begin()
        try:
            # The first item goes step by step, to see whether a plain callable gives something to
            # be awaited, as one does that calls a coroutine function.
            given = await self._first(inline)
            while given:
                if hand == "items":
                    results = iter(given)
                    try:
                        for result in results:
                            yield result
                    finally:
                        report.outputs += len(given) - length_hint(results)
                else:
                    report.outputs += len(given)
                    if hand == "chunks":
                        yield given
                if self._awaits or chunks.blocks:
                    rest = Run(replace(self._plan, display=None), self._feed).results(hand)
                    async for result in rest:
                        yield result
                    return
                given = await chunks.more()
            if self._error is None:
                self._error = chunks.error
            if self._error is not None:
                raise self._error
        finally:
            if rest is not None:
                await rest.aclose()
            await chunks.close()
            report.cancelled += report.in_flight
            for stage in report.stages:
                stage.cancelled += stage.in_flight
            self._plan.end()

    async def _first(self, inline: bool) -> list[Any]:
        plan = self._plan
        items: list[Any] = []
        read = islice(self._feed.iterator, 1)  # type: ignore[arg-type]
        assert self._thread is not None
        if self._feed.in_memory:
            items.extend(read)
        else:
            await self._thread.do(lambda: items.extend(read))
        self._feed.index += len(items)
        plan.report.inputs += len(items)
        for stage, report in zip(plan.stages, plan.report.stages, strict=True):
            if not items:
                break
            report.inputs += 1
            call = self._noting(stage.call)
            place = Here(call) if inline else InThread(call, self._thread)
            try:
                items = [await place.one(items[0])]
            except Exception as error:
                report.failures += 1
                self._error = stage.failure(items[0], told(error), 0)
                return []
            report.outputs += 1
            self._gives[stage.name] = describe(items[0])
        return items

    def _noting(self, call: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def noting(value: Any) -> Any:
            result = call(value)
            self._awaits = self._awaits or hasattr(result, "__await__")
            return result

        return noting
