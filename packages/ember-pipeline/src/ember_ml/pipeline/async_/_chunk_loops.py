"""Leading chunks of items through stages that share a call: inline, or in a thread."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from itertools import islice
from operator import length_hint
from typing import Any

from .._errors import StageError
from ..wiring._fuse import Fused
from ._places import Pace
from ._run import Plan
from ._source import Feed
from ._thread import JobThread

# Seconds that the event loop is kept from other tasks, and after how many items to look at that.
_TURN, _SLICE = 0.002, 64
# Seconds until what a chunk has given so far is passed on.
_LOOK = 0.005
# How many items there are in a chunk, if they are quick: so many that the change of thread costs
# little beside them.
_MOST = 4096
# A chunk is read ahead if its items take longer than these seconds.
_SLOW = 0.00005
# Stages that take longer than these seconds for an item should overlap, each in a thread of its own.
_BLOCKS = 0.001


class Chunks:
    """What the two ways to lead chunks through the stages share: counting."""

    def __init__(self, plan: Plan, feed: Feed, thread: JobThread, gives: Mapping[str, str]) -> None:
        self._gives = gives
        self.error: Exception | None = None
        self.blocks = False  # the stages are so slow that sharing a call does them no good
        self._names = [stage.name for stage in plan.stages]
        self._pipeline = plan.pipeline
        self._report = plan.report
        self._fill = Fused(plan.stages).fill
        self._iterator: Iterator[Any] = feed.iterator  # type: ignore[assignment]
        self._in_memory = feed.in_memory
        self._thread = thread
        self._pace = Pace(plan.buffer or _MOST)
        self._feed = feed

    def _passed(self, items: int) -> None:
        self._feed.index += items
        for stage in self._report.stages:
            stage.inputs += items
            stage.outputs += items

    def _failed(self, error: Exception) -> bool:
        """Keep ``error``, and say whether it was a stage that raised it."""
        self.error = error
        if not isinstance(error, StageError) or error.pipeline != self._pipeline:
            return False
        error.index = self._feed.index
        if error.gives is None:
            error.gives = self._gives.get(error.stage)
        for name, stage in zip(self._names, self._report.stages, strict=True):
            stage.inputs += 1
            if error.stage == name or error.stage.startswith(f"{name}/"):
                stage.failures += 1
                return True
            stage.outputs += 1
        return False


class InlineChunks(Chunks):
    """Chunks of what is in memory, on the event loop."""

    _chunk: Iterator[Any] = iter(())

    async def more(self) -> list[Any]:
        """The next results; none if there are no more."""
        if self.error is not None:
            return []
        await asyncio.sleep(0)  # other tasks have a turn between two chunks
        given: list[Any] = []
        self._pace.begin()
        if not length_hint(self._chunk):
            chunk = list(islice(self._iterator, self._pace.items))
            self._report.inputs += len(chunk)
            self._chunk = iter(chunk)
        until = time.perf_counter() + _TURN
        try:
            while length_hint(self._chunk) and time.perf_counter() < until:
                self._fill(islice(self._chunk, _SLICE), given)
        except Exception as error:
            self._passed(len(given))
            self._failed(error)
        else:
            self._passed(len(given))
            if not length_hint(self._chunk):
                self._pace.end(self._pace.items)
        return given

    async def close(self) -> None:
        """Nothing runs between two chunks."""
        await self._thread.close()


class ThreadedChunks(Chunks):
    """Chunks in a thread, which reads a source that may block too."""

    _job: _Job | None = None
    _ended = False

    async def more(self) -> list[Any]:
        """The next results, as soon as there are some; none if there are no more."""
        if self.error is not None or self._ended:
            return []
        job = self._job or self._begin()
        look = _LOOK
        while not job.done.done():
            await asyncio.wait([job.done], timeout=look)
            look = 2 * look
            if len(job.given) > job.passed and not job.done.done():
                return self._collect(job)
        given = self._collect(job)
        self._job = None
        error = job.done.exception()
        if error is not None:
            self._end(job, error)
        elif job.passed < job.size or job.size == 0:
            self._ended = True
        else:
            self._pace.end(job.size, job.seconds)
            self.blocks = len(self._names) > 1 and job.seconds > _BLOCKS * job.size
            if job.seconds > _SLOW * job.size and not self.blocks:
                self._begin()
        return given or await self.more()

    async def close(self) -> None:
        """Let the item in hand come to its end."""
        job = self._job
        if job is not None:
            job.stop()
        if isinstance(self._iterator, Generator):
            self._thread.begin(self._iterator.close)
        try:
            await self._thread.close()
        finally:
            if job is not None:
                self._collect(job)
                error = job.done.exception()
                if error is not None:
                    self._end(job, error)

    def _begin(self) -> _Job:
        job = self._job = _Job(self._fill, self._iterator, self._pace.items, self._in_memory)
        if self._in_memory:
            self._report.inputs += job.size
        job.done = self._thread.begin(job.work)
        return job

    def _collect(self, job: _Job) -> list[Any]:
        given = job.given[job.passed :]
        job.passed += len(given)
        if not self._in_memory:
            self._report.inputs += len(given)
        self._passed(len(given))
        return given

    def _end(self, job: _Job, error: BaseException) -> None:
        if not isinstance(error, Exception):
            raise error
        if self._failed(error) and not self._in_memory:
            self._report.inputs += 1


class _Job:
    """What the thread does with one chunk."""

    done: asyncio.Future[None]

    def __init__(
        self,
        fill: Callable[[Any, list[Any]], None],
        source: Iterator[Any],
        size: int,
        all_at_once: bool,
    ) -> None:
        self.given: list[Any] = []
        self.passed = 0
        self.seconds = 0.0
        self._fill = fill
        self._stopped: list[bool] = []
        self._items = list(islice(source, size)) if all_at_once else None
        self._source = source
        self.size = size if self._items is None else len(self._items)

    def work(self) -> None:
        """Apply the stages to the items of the chunk."""
        began = time.perf_counter()
        self._fill(self._read() if self._items is None else self._items, self.given)
        self.seconds = time.perf_counter() - began

    def stop(self) -> None:
        """Begin with no other item."""
        self._stopped.append(True)
        if self._items is not None:
            self._items.clear()  # which ends the loop over it

    def _read(self) -> Iterator[Any]:
        stopped = self._stopped
        if stopped:
            return
        for item in islice(self._source, self.size):
            yield item
            if stopped:
                return
