"""One run of a pipeline over a source: its tasks, its counts and its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from .._errors import DeadlineExceeded
from .._stage import Stage
from ..actors._dead_letters import DeadLetter, DeadLetters
from ._channel import INDEX, RAW, VALUE, Cell, Channel, wake
from ._events import Emitter
from ._node import Node
from ._places import WorkerRuntime
from ._relay import relayed
from ._report import Report
from ._source import Feed
from ._watch import finished

if TYPE_CHECKING:
    from ._checkpoint import Checkpoint
    from ._progress import ProgressDisplay
    from ._units import Unit

# How results are handed over: one by one, as many as are ready together, or not at all.
Hand = Literal["items", "chunks", "nothing"]

# How many cells may wait between two stages, unless that is said, and how many if they are quick.
_LEAST, _MOST = 16, 1024
# Seconds between two looks at whether the checkpoint has to be written.
_KEEPING = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run is to do, and with what.

    Attributes:
        stages: The stages of the pipeline.
        pipeline: Name of the pipeline.
        buffer: How many cells may wait between two stages. None: few, or more if they are quick.
        deadline: Seconds after which the run is ended.
        report: What counts.
        letters: Where items go on which a stage has failed for good.
        emitter: What tells events, if somebody listens.
        runtime: What supplies workers, unless it is this machine.
        checkpoint: What keeps note of the items that are done.
        display: What shows the counts, if somebody watches.
    """

    stages: Sequence[Stage]
    pipeline: str
    buffer: int | None
    deadline: float | None
    report: Report
    letters: DeadLetters
    emitter: Emitter | None
    runtime: WorkerRuntime | None
    checkpoint: Checkpoint | None
    display: ProgressDisplay | None

    @property
    def keeps_items(self) -> bool:
        """Whether cells must keep items as the source gave them."""
        return any(stage.options.on_error == "dead_letter" for stage in self.stages)

    def begin(self) -> None:
        """The run begins."""
        if self.emitter is not None:
            self.emitter.emit("run_started")
        if self.display is not None:
            self.display.start()

    def end(self) -> None:
        """The run has ended, and everything is counted."""
        self.report.finish()
        if self.display is not None:
            self.display.stop()
        if self.emitter is not None:
            self.emitter.emit("run_finished", seconds=self.report.elapsed)


class Run:
    """The tasks of a run and the channels between them."""

    def __init__(self, plan: Plan, feed: Feed) -> None:
        self.plan = plan
        self.stages = plan.stages
        self.report = plan.report
        self.emitter = plan.emitter
        self.runtime = plan.runtime
        self._feed = feed
        feed.keep = plan.keeps_items
        least, most = plan.buffer or _LEAST, plan.buffer or _MOST
        self._channels = [Channel(least, most) for _ in range(len(self.stages) + 1)]
        self._nodes = [
            Node(self, position, stage, *self._channels[position : position + 2])
            for position, stage in enumerate(self.stages)
        ]
        for legs in relayed(self._nodes):
            legs[0].lead(legs)
        self._feeder: asyncio.Task[None] | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._completed = False

    async def results(self, hand: Hand) -> AsyncGenerator[Any, None]:
        """Yield what comes out, and end everything when that ends."""
        report, checkpoint = self.report, self.plan.checkpoint
        channel = self._channels[-1]
        items, writers = channel.items, channel.writers
        one_by_one, chunks = hand == "items", hand == "chunks"
        try:
            self._start()
            while True:
                if not items:
                    if channel.closed:
                        break
                    await channel.filled()
                elif chunks:
                    cells = list(items)
                    items.clear()
                    channel.taken()
                    report.outputs += len(cells)
                    yield [cell[VALUE] for cell in cells]
                    if checkpoint is not None:
                        for cell in cells:
                            checkpoint.acknowledge(cell[INDEX])
                else:
                    cell = items.popleft()
                    if writers and len(items) <= channel.low:
                        wake(writers)
                    report.outputs += 1
                    if one_by_one:
                        yield cell[VALUE]
                    if checkpoint is not None:
                        checkpoint.acknowledge(cell[INDEX])
            if channel.error is not None:
                raise channel.error
            self._completed = True
        finally:
            await self._end()

    def stop_before(self, node: Node) -> None:
        """Cancel the stages before ``node`` and the source: nobody needs their results."""
        self._stop(self._nodes[: node.position])

    def filtered(self, cell: Cell, stage: Stage) -> None:
        """``cell`` has been left out by ``stage``."""
        self.report.filtered += 1
        if self.emitter is not None:
            self.emitter.emit("filtered", stage=stage.name, index=cell[INDEX])
        if self.plan.checkpoint is not None:
            self.plan.checkpoint.acknowledge(cell[INDEX])

    def dead_lettered(self, cell: Cell, stage: Stage, error: Exception) -> None:
        """``stage`` has failed on ``cell`` for good."""
        self.report.dead_lettered += 1
        name = f"{stage.pipeline}/{stage.name}"
        reason = f"{type(error).__name__}: {error}"
        self.plan.letters.add(DeadLetter(cell[RAW], reason, name, error, cell[INDEX]))
        if self.emitter is not None:
            self.emitter.emit("dead_lettered", stage=stage.name, index=cell[INDEX], error=error)
        if self.plan.checkpoint is not None:
            self.plan.checkpoint.acknowledge(cell[INDEX], dead=True)

    def _start(self) -> None:
        from ._units import units_of

        units: list[Unit] = [unit for node in self._nodes for unit in units_of(node)]
        self._feeder = asyncio.create_task(
            self._feed.fill(self._channels[0], self.report), name=f"source of {self.plan.pipeline}"
        )
        for unit in units:
            unit.start()
        self._tasks = [self._feeder, *(unit.task for unit in units)]
        if self.plan.checkpoint is not None:
            self._keeper = asyncio.create_task(self._keep(self.plan.checkpoint))
        self.plan.begin()
        deadline = self.plan.deadline
        if deadline is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(deadline, self._expire, deadline)

    def _expire(self, deadline: float) -> None:
        channel = self._channels[-1]
        self.report.cancelled += len(channel.items)
        channel.items.clear()
        self._stop(self._nodes)
        channel.close()
        channel.error = DeadlineExceeded(
            f"pipeline {self.plan.pipeline!r} did not come to its end within {deadline} s"
        )

    def _stop(self, nodes: Sequence[Node]) -> None:
        self._feed.stopping = True
        if self._feeder is not None:
            _cancel(self._feeder)
        for node in nodes:
            node.stopping = True
            for unit in node.units:
                _cancel(unit.task)

    async def _end(self) -> None:
        """Cancel what still runs, wait for it, and count what did not come through."""
        if self._timer is not None:
            self._timer.cancel()
        self._stop(self._nodes)
        try:
            await finished(self._tasks)
        finally:
            for node in self._nodes:
                node.bury()
            for channel in self._channels:
                self.report.cancelled += len(channel.items)
                channel.items.clear()
            try:
                if self.plan.checkpoint is not None:
                    await self._close(self.plan.checkpoint)
            finally:
                self.plan.end()

    async def _keep(self, checkpoint: Checkpoint) -> None:
        """Write the checkpoint now and then."""
        try:
            while True:
                await asyncio.sleep(_KEEPING)
                if checkpoint.due:
                    await checkpoint.flush()
                    self._kept(checkpoint)
        except Exception as error:
            self._channels[-1].close(error)
            self._channels[-1].error = error
            self._stop(self._nodes)

    async def _close(self, checkpoint: Checkpoint) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await finished([self._keeper])
        await checkpoint.close(completed=self._completed)
        self._kept(checkpoint)

    def _kept(self, checkpoint: Checkpoint) -> None:
        if self.emitter is not None:
            self.emitter.emit("checkpointed", index=checkpoint.next)


def _cancel(task: asyncio.Task[None]) -> None:
    if not task.cancelling():  # a second cancellation would interrupt the task's clean-up
        task.cancel()
