"""Neighbouring stages in threads: items go from thread to thread, past the event loop."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Coroutine, Iterator, Sequence
from itertools import groupby
from queue import SimpleQueue
from typing import Any

from .._describe import describe
from .._errors import ItemFiltered
from .._stage import is_async
from ._channel import VALUE, Cell, wake
from ._node import Node
from ._places import not_ours
from ._thread import JobThread
from ._watch import finished

# A thread wakes the next one when it has worked for so many seconds, or has nothing left to do.
_SOON = 0.001
# Seconds until the first look at what a slow call holds up, and between later ones at most.
_FIRST_LOOK, _LAST_LOOK = 0.005, 0.1


class Stopped:
    """An item that a stage has not passed on, on its way past the stages behind."""

    __slots__ = ("at", "cell", "error")

    def __init__(self, cell: Cell, at: int, error: BaseException) -> None:
        self.cell = cell
        self.at = at
        self.error = error

    @property
    def ends(self) -> bool:
        """Whether it is the end of the run, so that no stage behind sees what comes after it."""
        return not isinstance(self.error, ItemFiltered)


class Relay:
    """The threads of neighbouring stages, one for each.

    Each stage works while the others do and in a thread of its own, as it would alone, but the
    event loop deals with an item once and not once for each stage. The threads count what their
    stages take and pass on.

    Args:
        nodes: The stages; the first one holds the items.
    """

    def __init__(self, nodes: Sequence[Node]) -> None:
        # In front of each stage, and behind the last; None is the end.
        self._lines: list[deque[Cell | Stopped | None]] = [deque() for _ in range(len(nodes) + 1)]
        self._bells: list[SimpleQueue[None]] = [SimpleQueue() for _ in nodes]
        self._threads = [JobThread(f"{n.stage.pipeline!r}, stage {n.stage.name!r}") for n in nodes]
        self._nodes = nodes
        self._loop = asyncio.get_running_loop()
        self._stopped = False
        self._told = False
        self._timer: asyncio.TimerHandle | None = None
        self._jobs: list[asyncio.Future[None]] = []
        self._awaited: set[asyncio.Task[Any]] = set()

    def put(self, cells: Sequence[Cell]) -> None:
        """Lead ``cells`` through the stages, behind those before."""
        if not self._jobs:
            for at, thread in enumerate(self._threads):
                self._jobs.append(thread.begin(lambda at=at: self._serve(at)))  # type: ignore[misc]
        self._lines[0].extend(cells)
        self._ring(0)
        if self._timer is None:
            self._look_in(_FIRST_LOOK)

    async def end(self) -> None:
        """Return when all items have been through."""
        self._lines[0].append(None)
        self._ring(0)
        if self._jobs:
            await asyncio.wait(self._jobs)
            for job in self._jobs:
                job.result()

    async def close(self) -> None:
        """Return when the calls in hand have returned, even if cancelled meanwhile."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        for bell in self._bells:
            bell.put(None)
        for task in self._awaited:
            task.cancel()
        try:
            await finished(self._jobs)
        finally:
            for thread in self._threads:
                await thread.close()

    def _serve(self, at: int) -> None:
        """Carry out one stage; in its thread."""
        bell, waiting, ready = self._bells[at], self._lines[at], self._lines[at + 1]
        node = self._nodes[at]
        call, report = node.stage.call, node.report  # nobody else counts inputs and outputs
        while True:
            bell.get()
            since = time.perf_counter()
            while waiting:
                if self._stopped:
                    return
                each = waiting.popleft()
                if isinstance(each, list):
                    report.inputs += 1
                    try:
                        result = call(each[VALUE])
                        if hasattr(result, "__await__"):
                            result = self._result_of(result)
                        each[VALUE] = result
                        if node.gives is None:
                            node.gives = describe(result)
                        report.outputs += 1
                    except BaseException as error:
                        each = Stopped(each, at, error)
                ready.append(each)
                if each is None or (isinstance(each, Stopped) and each.ends):
                    self._ring(at + 1)
                    return
                if time.perf_counter() - since > _SOON:
                    self._ring(at + 1)
                    since = time.perf_counter()
            if self._stopped:
                return
            each = result = None  # nothing is kept while there is nothing to do
            self._ring(at + 1)

    def _ring(self, at: int) -> None:
        """Wake the thread of the stage ``at``, or tell the event loop of what is done."""
        if at < len(self._bells):
            if self._bells[at].empty():
                self._bells[at].put(None)
        elif not self._told:
            self._told = True
            self._loop.call_soon_threadsafe(self._look)

    def _look(self) -> None:
        self._told = False  # before, so that what comes now is told again
        self._collect()

    def _collect(self) -> None:
        """Say what became of the items that have been through."""
        first, done = self._nodes[0], self._lines[-1]
        outbox = first.outbox
        # What comes after the end stays in hand, and is counted there.
        while done and not (first.failing or first.stopping):
            each = done.popleft()
            if isinstance(each, list):
                outbox.items.append(first.line.popleft())
            elif each is not None:
                self._settle(each)
        if outbox.items and outbox.readers:
            wake(outbox.readers)

    def _settle(self, stopped: Stopped) -> None:
        cell, error, node = stopped.cell, stopped.error, self._nodes[stopped.at]
        if stopped.at > 0:
            del self._nodes[0].line[0]
            node.hold(cell)
        if isinstance(error, asyncio.CancelledError):
            error = not_ours(error)
        if isinstance(error, Exception):
            node.failed(cell, error)
        else:  # not the end of a task of ours, as the call was in a thread
            node.fatal(cell, error)

    def _look_in(self, pause: float) -> None:
        self._timer = self._loop.call_later(pause, self._look_again, pause)

    def _look_again(self, pause: float) -> None:
        """Pass on what is done in front of a call that takes long."""
        for at, waiting in enumerate(self._lines[:-1]):
            if waiting:
                self._ring(at)
        moved = bool(self._lines[-1])
        self._collect()
        self._timer = None
        if self._nodes[0].line and not self._stopped:
            self._look_in(_FIRST_LOOK if moved else min(2 * pause, _LAST_LOOK))

    def _result_of(self, result: Awaitable[Any]) -> Any:
        """Have ``result`` awaited on the event loop, and wait for that in the thread."""
        reply: SimpleQueue[asyncio.Task[Any]] = SimpleQueue()
        self._loop.call_soon_threadsafe(self._await, result, reply)
        return reply.get().result()

    def _await(self, result: Awaitable[Any], reply: SimpleQueue[asyncio.Task[Any]]) -> None:
        async def wait() -> Any:
            return await result

        # One that is cancelled before it begins does not complain that nobody has awaited it.
        task = asyncio.create_task(result if isinstance(result, Coroutine) else wait())
        self._awaited.add(task)
        task.add_done_callback(self._awaited.discard)
        task.add_done_callback(reply.put)
        if self._stopped:
            task.cancel()


def relayed(nodes: Sequence[Node]) -> Iterator[Sequence[Node]]:
    """Each run of neighbours that a `Relay` may lead items through."""
    for allowed, run in groupby(nodes, _may_be_relayed):
        if allowed:
            yield tuple(run)


def _may_be_relayed(node: Node) -> bool:
    stage, run = node.stage, node.run
    return (
        node.wiring.chain
        and run.runtime is None
        and run.emitter is None
        and stage.options.plain
        and not stage.filters
        and stage.options.place(is_async(stage.call)) == "thread"
    )
