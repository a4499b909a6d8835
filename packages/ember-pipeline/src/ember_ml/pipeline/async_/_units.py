"""The loops that lead items through a stage, one for each unit of its concurrency."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from .._describe import describe
from .._errors import ItemFiltered
from .._stage import is_async
from ..tasks._options import StageOptions
from ..tasks._worker import Failed
from ._caller import Caller
from ._channel import VALUE, Cell, wake
from ._node import Node
from ._places import Here, Pace, Place, Spread, not_ours, place_of
from ._relay import Relay
from ._watch import cancelled, watched

# How many items at most go to a thread or a process together.
_MOST = 256


class Unit:
    """One unit of a stage's concurrency: its task, its place, and what it has in hand."""

    task: asyncio.Task[None]

    def __init__(self, node: Node) -> None:
        self.node = node
        self.cells: Sequence[Cell] = ()
        self.place = self._new_place()

    def start(self) -> None:
        """Begin."""
        stage = self.node.stage
        self.node.units.append(self)
        self.task = asyncio.create_task(self._run(), name=f"{stage.pipeline}/{stage.name}")

    async def work(self) -> None:
        """Lead cells through the stage until there are no more."""
        raise NotImplementedError

    def _new_place(self) -> Place:
        stage = self.node.stage
        call = stage.call
        if len(stage.after) > 1:
            call = Spread(call, batched=stage.options.batch_size is not None)
        return place_of(stage, call, self.node.run.runtime)

    async def _run(self) -> None:
        node = self.node
        ended = False
        try:
            await self.work()
            ended = True
        except BaseException as error:
            # Not cancelled by the run itself: whoever waits for results has to know.
            if not (node.stopping or node.failing):
                node.outbox.close(error)
            raise
        finally:
            try:
                await self.place.close(cancel=not ended)
            finally:
                node.left(self)


class Plain(Unit):
    """A stage without options on the event loop: a loop with nothing in it that it does not need."""

    async def work(self) -> None:
        """One item after another, in their order."""
        node = self.node
        call, report = node.stage.call, node.report
        inbox, outbox = node.inbox, node.outbox
        waiting, ready, readers = inbox.items, outbox.items, outbox.readers
        coroutine = is_async(call)
        pace = Pace(outbox.most)
        while not (node.failing or node.stopping):
            if not waiting:
                if inbox.closed:
                    return
                await inbox.filled()
                continue
            room = outbox.capacity - len(ready)
            if room <= 0:
                await outbox.emptied()
                continue
            # Nobody else takes from the one side or puts on the other, so that one look is enough
            # for several items, and they are counted together if they are quick.
            items = min(inbox.until_low(), room, pace.items)
            pace.begin()
            report.inputs += items
            for done in range(items):
                cell = waiting.popleft()
                try:
                    result = call(cell[VALUE])
                    if coroutine or hasattr(result, "__await__"):
                        result = await result
                except BaseException as error:
                    report.inputs -= items - done - 1
                    report.outputs += done
                    node.hold(cell)
                    _raised(node, cell, error)
                    break
                cell[VALUE] = result
                ready.append(cell)
                if readers:
                    wake(readers)
            else:
                report.outputs += items
                pace.end(items)
                if node.gives is None:
                    node.gives = describe(result)
            inbox.taken()


class OneByOne(Unit):
    """One item in hand at a time, with all options."""

    async def work(self) -> None:
        """Call, and say what became of the item."""
        node = self.node
        wiring, options = node.wiring, node.stage.options
        caller = Caller(node.stage, self.place, node.report, node.run.emitter)
        bare = (
            isinstance(self.place, Here) and node.run.emitter is None and _without_limits(options)
        )
        while (cell := await node.take()) is not None:
            self.cells = (cell,)
            try:
                value = wiring.value(cell)
                result = await (self.place.one(value) if bare else caller.item(value, cell[0]))
            except BaseException as error:
                _raised(node, cell, error)
            else:
                node.passed(cell, result)


class Several(Unit):
    """As many items in hand at a time as are quick, in a thread or a worker, without options."""

    async def work(self) -> None:
        """Call, and say what became of each item as soon as that is known."""
        node = self.node
        pace = Pace(_MOST)
        while (cell := await node.take()) is not None:
            cells = [cell]
            while len(cells) < pace.items and node.inbox.items and node.room > 0:
                cells.append(node.pop())
            if len(cells) < pace.items and node.inbox.items:
                node.outbox.grow()  # calls are quick, and there was no room for what they give
            self.cells = cells
            results: list[Any] = []
            settled = 0

            def deliver(results: list[Any] = results, cells: list[Cell] = cells) -> None:
                nonlocal settled
                while settled < len(results) and not hasattr(results[settled], "__await__"):
                    cell, result = cells[settled], results[settled]
                    settled += 1
                    if isinstance(result, Failed):
                        node.failed(cell, result.error)
                    else:
                        node.passed(cell, result)

            pace.begin()
            try:
                values = [node.wiring.value(cell) for cell in cells]
                await watched(self.place.many(values, results), deliver)
            except BaseException as error:
                deliver()
                if cancelled():
                    raise
                for cell in cells[settled:]:
                    if not node.failing:
                        _raised(node, cell, error)
            else:
                deliver()
            pace.end(len(cells))


class Relayed(Unit):
    """Stages in a thread each, without options: items in hand of all of them at the same time."""

    def __init__(self, node: Node, legs: Sequence[Node]) -> None:
        super().__init__(node)
        self._legs = legs

    async def work(self) -> None:
        """Hand cells to the first thread, and say what became of those that leave the last."""
        node = self.node
        relay = Relay(self._legs)
        try:
            while (cell := await node.take()) is not None:
                cells = [cell]
                while len(cells) < _MOST and node.inbox.items and node.room > 0:
                    cells.append(node.pop())
                relay.put(cells)
            await relay.end()
        finally:
            await relay.close()


class Batches(Unit):
    """A batch in hand at a time, with all options."""

    async def work(self) -> None:
        """Collect, call, and say what became of each item."""
        node = self.node
        caller = Caller(node.stage, self.place, node.report, node.run.emitter)
        while cells := await self._collected():
            values = [node.wiring.value(cell) for cell in cells]
            try:
                results = await caller.batch(values, cells[0][0])
            except Exception as error:
                fatal = node.stage.options.on_error == "raise"
                if len(cells) == 1 or (fatal and not isinstance(error, ItemFiltered)):
                    node.failed(cells[0], error, values)
                else:  # so that nobody pays for another
                    await self._alone(caller, cells, values)
            except BaseException as error:
                _raised(node, cells[0], error)
            else:
                for cell, result in zip(cells, results, strict=True):
                    node.passed(cell, result)

    async def _alone(self, caller: Caller, cells: list[Cell], values: list[Any]) -> None:
        for cell, value in zip(cells, values, strict=True):
            if self.node.failing:
                return
            try:
                result = await caller.item(value, cell[0])
            except BaseException as error:
                _raised(self.node, cell, error)
            else:
                self.node.passed(cell, result)

    async def _collected(self) -> list[Cell]:
        node, options = self.node, self.node.stage.options
        size = options.batch_size or 1
        async with node.collecting:
            first = await node.take()
            if first is None:
                return []
            self.cells = cells = [first]
            now = asyncio.get_running_loop().time()
            until = None if options.batch_timeout is None else now + options.batch_timeout
            while len(cells) < size:
                if node.inbox.items and node.room > 0:
                    cells.append(node.pop())
                    continue
                try:
                    async with asyncio.timeout_at(until):
                        cell = await node.take()
                except TimeoutError:
                    break
                if cell is None:
                    break
                cells.append(cell)
        return [] if node.failing else cells


def units_of(node: Node) -> list[Unit]:
    """The units that a stage's options ask for."""
    stage, options, run = node.stage, node.stage.options, node.run
    if node.legs is not None:
        return [Relayed(node, node.legs)] if node.legs else []
    if options.batch_size is not None:
        return [Batches(node) for _ in range(options.concurrency)]
    inline = options.place(is_async(stage.call)) == "inline"
    alone = options.concurrency == 1 and not stage.filters
    free = run.emitter is None and _without_limits(options)
    if inline and alone and free and node.wiring.chain:
        return [Plain(node)]
    if free and not inline:
        return [Several(node) for _ in range(options.concurrency)]
    return [OneByOne(node) for _ in range(options.concurrency)]


def _without_limits(options: StageOptions) -> bool:
    return options.retry is None and options.timeout is None and options.rate_limit is None


def _raised(node: Node, cell: Cell, error: BaseException) -> None:
    """Say that the call for ``cell`` raised, unless it is this task that has to end."""
    if isinstance(error, Exception):
        node.failed(cell, error)
    elif isinstance(error, asyncio.CancelledError) and not cancelled():
        node.failed(cell, not_ours(error))
    else:
        raise error
