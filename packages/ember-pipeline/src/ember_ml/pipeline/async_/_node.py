"""A stage in a run: what it takes, what becomes of it, and who counts it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from itertools import dropwhile
from typing import TYPE_CHECKING, Any, Protocol

from .._describe import describe
from .._errors import FailureBudgetExceeded, ItemFiltered
from .._stage import Stage
from ..wiring._graph import INPUT, ends_of, is_chain, spent_after
from ._channel import FATAL, GONE, INDEX, PASSED, STATE, UNDERWAY, VALUE, Cell, Channel, wake
from ._places import told

if TYPE_CHECKING:
    from ._run import Run

# A fraction of fewer items than these says nothing.
_LEAST_SEEN = 20


class Unit(Protocol):
    """One unit of a stage's concurrency."""

    task: asyncio.Task[None]
    cells: Sequence[Cell]


class Node:
    """One stage between two channels.

    It takes a cell when there is room for it behind, so that nothing waits to be put down. What it
    has taken and not passed on is held here: in the order in which it came if the stage is
    ordered, where what is ready waits for what came before.

    Of the stages of a relay the first takes cells, and holds them until they have been through all
    of them; the others have no units.
    """

    def __init__(
        self, run: Run, position: int, stage: Stage, inbox: Channel, outbox: Channel
    ) -> None:
        self.run = run
        self.position = position
        self.stage = stage
        self.inbox = inbox
        self.outbox = outbox
        self.report = run.report.stages[position]
        self.wiring = Wiring(run.stages, position)
        self.legs: Sequence[Node] | None = None  # of a relay; none if another one leads it
        self.units: list[Unit] = []
        self.gives: str | None = None  # what the first call gave, to be told when a later one fails
        self.failing = False
        self.stopping = False
        options = stage.options
        self._ahead = options.concurrency * (options.batch_size or 1) - 1
        self._ordered = options.ordered
        self.collecting = asyncio.Lock()  # one unit fills a batch at a time
        self.line: deque[Cell] = deque()  # what is in hand, if the stage is ordered
        self._loose: dict[int, Cell] = {}

    @property
    def room(self) -> int:
        """How many more cells it may take."""
        outbox = self.outbox
        held = len(outbox.items) + len(self.line) + len(self._loose)
        return outbox.capacity + self._ahead - held

    async def take(self) -> Cell | None:
        """Take a cell when there is one and room for it; None when there will be none."""
        # A stage may swallow its cancellation, and is not to go on with the next item then.
        while not (self.failing or self.stopping):
            if self.room <= 0:
                await self.outbox.emptied()
                continue
            if self.inbox.items:
                return self.pop()
            # Whoever was woken, and has nothing to do, lets the next one look.
            if self.outbox.writers:
                wake(self.outbox.writers)
            if self.inbox.closed:
                return None
            await self.inbox.filled()
        return None

    def pop(self) -> Cell:
        """Take the first cell that waits."""
        inbox = self.inbox
        cell = inbox.items.popleft()
        inbox.taken()
        # Whoever is woken wakes the next one, if there is more to do.
        if inbox.readers and inbox.items:
            wake(inbox.readers)
        if self.legs is None:
            self.report.inputs += 1
        self.hold(cell)
        if self.outbox.writers and self.room > 0:
            wake(self.outbox.writers)
        return cell

    def lead(self, legs: Sequence[Node]) -> None:
        """Take for all of ``legs``, as many as they would: a relay, of which it is the first."""
        outbox = legs[-1].outbox
        self._ahead = (len(legs) - 1) * outbox.capacity
        for leg in legs:
            leg.legs = ()
            leg.outbox = outbox
        self.legs = legs

    def hold(self, cell: Cell) -> None:
        """``cell`` is in hand."""
        if self._ordered:
            self.line.append(cell)
        else:
            self._loose[cell[INDEX]] = cell

    def passed(self, cell: Cell, result: Any) -> None:
        """The call returned ``result`` for ``cell``."""
        if self.stage.filters:
            if not result:
                self.filtered(cell)
                return
            result = self.wiring.value(cell)
        if self.gives is None:
            self.gives = describe(result)
        self.report.outputs += 1
        self.wiring.store(cell, result)
        self._settle(cell, PASSED)

    def filtered(self, cell: Cell) -> None:
        """``cell`` goes no further, as a filter said."""
        self.report.filtered += 1
        self.run.filtered(cell, self.stage)
        self._settle(cell, GONE)

    def failed(self, cell: Cell, error: Exception, batch: Sequence[Any] | None = None) -> None:
        """The last attempt on ``cell``, or on a ``batch`` that it begins, raised."""
        error = told(error)
        if isinstance(error, ItemFiltered):
            self.filtered(cell)
            return
        stage, report, run = self.stage, self.report, self.run
        cells = 1 if batch is None else len(batch)
        report.failures += cells
        if run.emitter is not None:
            run.emitter.emit(
                "failed", stage=stage.name, index=cell[INDEX], error=error, items=cells
            )
        if stage.options.on_error == "raise":
            item = self.wiring.value(cell) if batch is None else batch
            self.fatal(cell, stage.failure(item, error, cell[INDEX], self.gives))
            return
        if stage.options.on_error == "skip":
            report.skipped += 1
            run.filtered(cell, stage)
        else:
            report.dead_lettered += 1
            run.dead_lettered(cell, stage, error)
        if self._over_budget():
            self.fatal(cell, self._budget_error(error), counted=True)
        else:
            self._settle(cell, GONE)

    def fatal(self, cell: Cell, error: BaseException, *, counted: bool = False) -> None:
        """End the run with ``error`` as soon as what came before ``cell`` has gone out."""
        if not counted:
            self.report.cancelled += 1
            self.run.report.cancelled += 1
        self.failing = True
        cell[VALUE] = error
        self.run.stop_before(self)
        before: list[Cell] = []
        if self._ordered:
            after = {id(c) for c in dropwhile(lambda c: c is not cell, self.line)}
            before = [c for c in self.line if id(c) not in after]
        kept = {id(c) for c in before}
        here = asyncio.current_task()
        for unit in self.units:
            if unit.task is not here and not any(id(c) in kept for c in unit.cells):
                unit.task.cancel()
        self._settle(cell, FATAL)

    def left(self, unit: Unit) -> None:
        """``unit`` has ended; the last one closes the channel behind."""
        self.units.remove(unit)
        if not self.units and not self.failing:
            self.outbox.close(self.inbox.error)

    def bury(self) -> None:
        """Count what is held when the run has ended."""
        for leg in self.legs or ():
            leg.report.cancelled += leg.report.in_flight
        for cell in (*self.line, *self._loose.values()):
            if cell[STATE] == UNDERWAY and self.legs is None:
                self.report.cancelled += 1
            if cell[STATE] in (UNDERWAY, PASSED):
                self.run.report.cancelled += 1
        self.line.clear()
        self._loose.clear()

    def _settle(self, cell: Cell, state: int) -> None:
        if self._ordered:
            cell[STATE] = state
            self._flush()
            return
        del self._loose[cell[INDEX]]
        self._release(cell, state)

    def _flush(self) -> None:
        line = self.line
        while line and line[0][STATE] and not self.outbox.closed:
            cell = line.popleft()
            self._release(cell, cell[STATE])

    def _release(self, cell: Cell, state: int) -> None:
        outbox = self.outbox
        if state == PASSED:
            cell[STATE] = UNDERWAY
            outbox.items.append(cell)
            if outbox.readers:
                wake(outbox.readers)
        elif state == GONE:
            if outbox.writers:
                wake(outbox.writers)
        else:
            outbox.close(cell[VALUE])

    def _over_budget(self) -> bool:
        budget, report = self.stage.options.failure_budget, self.report
        if budget is None:
            return False
        lost = report.skipped + report.dead_lettered
        if isinstance(budget, int):
            return lost > budget
        seen = lost + report.outputs + report.filtered
        return seen >= _LEAST_SEEN and lost > budget * seen

    def _budget_error(self, error: Exception) -> FailureBudgetExceeded:
        report, budget = self.report, self.stage.options.failure_budget
        exceeded = FailureBudgetExceeded(
            f"pipeline {self.stage.pipeline!r}: stage {self.stage.name!r} has failed on "
            f"{report.skipped + report.dead_lettered} of {report.inputs} items, and its "
            f"failure_budget is {budget!r}; the last failure was {type(error).__name__}: {error}"
        )
        exceeded.__cause__ = error
        return exceeded


class Wiring:
    """Where a stage finds what it takes in a cell, and where it puts what it gives.

    In a chain the value of a cell is what the stage before gave. In a graph it is a dict of all
    results that are still needed.
    """

    def __init__(self, stages: Sequence[Stage], position: int) -> None:
        self.chain = is_chain(stages) and len(ends_of(stages)) == 1
        if stages:
            self._takes = stages[position].after
            self._gives = stages[position].name
            self._spent = spent_after(stages)[position]
        self._first = position == 0
        self._last = position == len(stages) - 1
        self._ends = ends_of(stages)

    def value(self, cell: Cell) -> Any:
        """What the stage takes; a tuple if it takes several results."""
        if self.chain:
            return cell[VALUE]
        if self._first:
            return cell[VALUE] if len(self._takes) == 1 else (cell[VALUE],) * len(self._takes)
        results = cell[VALUE]
        taken = tuple(results[name] for name in self._takes)
        return taken[0] if len(taken) == 1 else taken

    def store(self, cell: Cell, result: Any) -> None:
        """Keep what the stage gives."""
        if self.chain:
            cell[VALUE] = result
            return
        results = {INPUT: cell[VALUE]} if self._first else cell[VALUE]
        results[self._gives] = result
        for name in self._spent:
            results.pop(name, None)
        if self._last:
            ends = self._ends
            results = results[ends[0]] if len(ends) == 1 else {name: results[name] for name in ends}
        cell[VALUE] = results
