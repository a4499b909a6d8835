"""Sources of a stream: what is in memory, what may block, what is asynchronous."""

from __future__ import annotations

from collections import deque
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Generator,
    Iterable,
    Iterator,
    Sized,
)
from itertools import islice
from typing import Any

from ember_ml.backend.errors import ArgumentError

from ._channel import UNDERWAY, Cell, Channel, wake
from ._places import Pace
from ._report import Report
from ._thread import JobThread
from ._watch import cancelled, watched

_IN_MEMORY = (list, tuple, range, str, bytes, dict, set, frozenset, deque)

Source = Iterable[Any] | AsyncIterable[Any]


class Feed:
    """Reads a source into the first channel of a run, no faster than there is room.

    Args:
        source: What the run was given.
        owner: What errors call the pipeline.
        first: How many items to pass over, as an earlier run has done them.

    Attributes:
        keep: Whether cells keep the item as it came from the source.
        total: How many items there are to read, if the source tells.
        too_short: Makes the error for a source that has fewer items than are to be passed over.

    Raises:
        ArgumentError: If ``source`` is not iterable.
    """

    def __init__(
        self,
        source: Source,
        owner: str,
        *,
        first: int = 0,
        too_short: Callable[[int], Exception] = ValueError,
    ) -> None:
        self.too_short: Callable[[int], Exception] = IndexError
        self.in_memory = isinstance(source, _IN_MEMORY)
        self.keep = False
        self.total = max(0, len(source) - first) if isinstance(source, Sized) else None
        self.stopping = False
        self.first = first
        self.index = first  # of the item to be read next
        self.iterator: Iterator[Any] | AsyncIterator[Any]
        if isinstance(source, AsyncIterable):
            self.iterator = aiter(source)
        else:
            try:
                self.iterator = iter(source)
            except TypeError as error:
                raise ArgumentError(
                    f"{owner}: the source of a stream must be iterable, got {source!r}"
                ) from error

    async def fill(self, channel: Channel, report: Report) -> None:
        """Read to the end, or until cancelled, and close ``channel``."""
        error: BaseException | None = None
        try:
            if isinstance(self.iterator, AsyncIterator):
                await self._awaited(self.iterator, channel, report)
            elif self.in_memory:
                await self._direct(self.iterator, channel, report)
            else:
                await self._threaded(self.iterator, channel, report)
        except BaseException as raised:
            if not isinstance(raised, Exception) and cancelled():
                raise
            error = raised
        finally:
            channel.close(error)

    async def _direct(self, iterator: Iterator[Any], channel: Channel, report: Report) -> None:
        self._skipped(sum(1 for _ in islice(iterator, self.first)))
        numbered = enumerate(iterator, self.index)
        while True:
            room = await _room(channel)
            if self.keep:
                cells: list[Cell] = [[n, x, x, UNDERWAY] for n, x in islice(numbered, room)]
            else:
                cells = [[n, x, None, UNDERWAY] for n, x in islice(numbered, room)]
            if not cells:
                return
            report.inputs += len(cells)
            channel.items.extend(cells)
            if channel.readers:
                wake(channel.readers)

    async def _awaited(
        self, iterator: AsyncIterator[Any], channel: Channel, report: Report
    ) -> None:
        try:
            for passed in range(self.first):
                if await anext(iterator, channel) is channel:
                    raise self.too_short(passed)
            put = self._putter(channel, report)
            while not self.stopping:  # though the source may swallow its cancellation
                if len(channel.items) >= channel.capacity:
                    await channel.emptied()
                    continue
                try:
                    item = await anext(iterator)
                except StopAsyncIteration:
                    return
                put(item)
        finally:
            # What was read ahead is lost, so the source is of no use to anyone else: close it.
            if isinstance(iterator, AsyncGenerator):
                await iterator.aclose()

    async def _threaded(self, iterator: Iterator[Any], channel: Channel, report: Report) -> None:
        thread = JobThread("source of a stream")
        put = self._putter(channel, report)
        pace = Pace(channel.most)
        items: deque[Any] = deque()
        stop: list[bool] = []

        def deliver() -> None:
            while items:
                put(items.popleft())

        def read(most: int) -> None:
            for item in islice(iterator, most):
                items.append(item)
                if stop:
                    return

        def skip() -> None:
            self._skipped(sum(not stop for _ in islice(iterator, self.first)))

        try:
            if self.first:
                await thread.do(skip)
            while True:
                most = min(pace.items, await _room(channel))
                if most < pace.items:
                    channel.grow()  # the source is quick, and there was no room for more
                before = report.inputs
                pace.begin()
                await watched(thread.do(lambda most=most: read(most)), deliver)  # type: ignore[misc]
                deliver()
                pace.end(report.inputs - before)
                if report.inputs - before < most:
                    return
        finally:
            stop.append(True)
            if isinstance(iterator, Generator):
                thread.begin(iterator.close)
            try:
                await thread.close()
            finally:
                deliver()

    def _skipped(self, items: int) -> None:
        if items < self.first:
            raise self.too_short(items)

    def _putter(self, channel: Channel, report: Report) -> Callable[[Any], None]:
        index = self.index

        def put(item: Any) -> None:
            nonlocal index
            channel.items.append([index, item, item if self.keep else None, UNDERWAY])
            index += 1
            report.inputs += 1
            if channel.readers:
                wake(channel.readers)

        return put


async def _room(channel: Channel) -> int:
    while (room := channel.capacity - len(channel.items)) <= 0:
        await channel.emptied()
    return room
