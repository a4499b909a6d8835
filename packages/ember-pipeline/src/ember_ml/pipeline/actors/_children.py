"""The children of an actor: their order, and what happens when one of them fails."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

from .._errors import ActorStopped, TooManyRestarts
from ._supervision import Directive, Restart, Supervision
from ._waiting import waiting_for

if TYPE_CHECKING:
    from ._messages import Reason
    from ._waiting import Node

logger = logging.getLogger(__name__)


class Child(Protocol):
    """What a supervisor knows of a child: an actor here, or the stand-in of one elsewhere."""

    @property
    def path(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def restart(self) -> Restart: ...
    @property
    def children(self) -> Children: ...
    def waits_for(self) -> list[Node]: ...
    @property
    def stopping(self) -> bool:
        """Whether it has been told to stop, or has."""
        ...

    @property
    def suspended(self) -> bool:
        """Whether it waits to be revived."""
        ...

    async def suspend(self) -> None:
        """Cancel the message in hand, end the instance, and wait for `revive`. The mailbox stays."""
        ...

    async def revive(self, error: BaseException | None) -> bool:
        """Begin again with a new instance; whether that started."""
        ...

    def give_up(self) -> None:
        """End for good, where it waits to be revived."""
        ...

    async def stop(self, drain: bool, timeout: float | None) -> None:  # noqa: ASYNC109
        """End for good."""
        ...


class Parent(Protocol):
    """What a child needs of its supervisor."""

    async def decide(self, child: Child, error: BaseException) -> Directive:
        """What to do about ``error``."""
        ...

    def restart(self, child: Child, error: BaseException | None) -> None:
        """See to it that ``child``, which waits for it, is revived or given up."""
        ...

    def escalate(self, child: Child, error: BaseException) -> None:
        """Fail with the error of ``child``, which waits."""
        ...

    def ended(self, child: Child, reason: Reason) -> None:
        """``child`` has ended."""
        ...


class Children:
    """Supervises a group of children.

    Args:
        path: Of the supervisor, for errors and logs.
        supervision: The policy.
        fail: Called when the supervisor itself has to fail.
    """

    def __init__(
        self, path: str, supervision: Supervision, fail: Callable[[BaseException], None]
    ) -> None:
        self.path = path
        self.supervision = supervision
        self.stops = 0  # how often all were stopped, for who starts one meanwhile
        self._fail = fail
        self._children: dict[str, Child] = {}
        self._restarts: deque[float] = deque()  # when, as far as they count
        self._rows: dict[str, tuple[int, float]] = {}  # restarts of a child in a row; the last one
        self._turn = asyncio.Lock()  # one restart of a group at a time
        self._tasks: set[asyncio.Task[None]] = set()
        self._numbers: dict[str, int] = {}
        self._left = asyncio.Event()  # one has ended
        self._escalated: list[Child] = []

    def __iter__(self) -> Iterator[Child]:
        return iter(tuple(self._children.values()))

    def __len__(self) -> int:
        return len(self._children)

    def __contains__(self, name: str) -> bool:
        return name in self._children

    def _has(self, child: Child) -> bool:
        return self._children.get(child.name) is child

    def everybody(self) -> list[Node]:
        """The children and all below them, as nodes of that graph."""
        return [node for child in self for node in (child, *child.children.everybody())]

    def cells(self) -> list[Node]:
        """The children as nodes of the graph of who waits for whom."""
        return list(self._children.values())

    def numbered(self, kind: str) -> str:
        """A free name for a child of this kind."""
        while True:
            number = self._numbers[kind] = self._numbers.get(kind, 0) + 1
            name = f"{kind}-{number}"
            if name not in self._children:
                return name

    def add(self, child: Child) -> None:
        """Add the youngest child."""
        self._children[child.name] = child

    async def decide(self, child: Child, error: BaseException) -> Directive:
        """What the policy says. A policy that fails itself escalates."""
        try:
            directive = self.supervision.directive(error)
        except Exception:
            logger.exception("%s could not decide about %s", self.path, child.path)
            return "escalate"
        return "stop" if directive == "restart" and child.restart == "temporary" else directive

    def restart(self, child: Child, error: BaseException | None) -> None:
        """Restart ``child``, and with it whom the strategy names."""
        task = asyncio.get_running_loop().create_task(
            self._restart(child, error), name=f"{self.path} restarts {child.name}"
        )
        self._tasks.add(task)  # the loop itself would let go of it
        task.add_done_callback(self._tasks.discard)

    def escalate(self, child: Child, error: BaseException) -> None:
        """Fail with the error of ``child``."""
        logger.error("%s escalates the failure of %s", self.path, child.path)
        self._escalated.append(child)
        self._fail(error)

    def give_up(self) -> None:
        """End those that have escalated, as their supervisor goes on without them."""
        escalated, self._escalated = self._escalated, []
        for child in escalated:
            child.give_up()

    def ended(self, child: Child, reason: Reason) -> None:
        """Forget ``child``."""
        if self._has(child):
            del self._children[child.name]
            self._rows.pop(child.name, None)
        self._left.set()

    async def stop(self, drain: bool, timeout: float | None) -> None:  # noqa: ASYNC109
        """Stop all children, the youngest first."""
        self.stops += 1
        await self._cancel_restarts()
        while self._children:
            child = next(reversed(self._children.values()))
            await child.stop(drain, timeout)
            if self._has(child):
                # It waits for whoever stops it, who would wait for ever.
                await child.stop(False, 0)
                with waiting_for(child):
                    while self._has(child):
                        self._left.clear()
                        await self._left.wait()
        await self._cancel_restarts()
        self._escalated.clear()
        self._restarts.clear()  # who begins anew counts anew

    async def _cancel_restarts(self) -> None:
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _restart(self, child: Child, error: BaseException | None) -> None:
        if self.supervision.strategy == "one_for_one":
            if self._admitted(child, error):
                await asyncio.sleep(self._delay(child))
                await child.revive(error)
            return
        async with self._turn:
            # The group may have been restarted, this child included, while it waited for its turn.
            if not child.suspended or not self._admitted(child, error):
                return
            group = self._group(child)
            for member in reversed(group):
                await member.suspend()
            await asyncio.sleep(self._delay(child))
            for member in group:
                if member.restart == "temporary" and member is not child:
                    member.give_up()
                elif not member.stopping:
                    await member.revive(error if member is child else None)

    def _group(self, child: Child) -> list[Child]:
        everybody = [member for member in self._children.values() if not member.stopping]
        if self.supervision.strategy == "rest_for_one" and child in everybody:
            return everybody[everybody.index(child) :]
        return everybody

    def _admitted(self, child: Child, error: BaseException | None) -> bool:
        """Count a restart; or fail, as there have been too many."""
        now = asyncio.get_running_loop().time()
        policy = self.supervision
        while self._restarts and now - self._restarts[0] > policy.within:
            self._restarts.popleft()
        if len(self._restarts) < policy.max_restarts:
            self._restarts.append(now)
            return True
        too_many = TooManyRestarts(
            f"{self.path}: {child.path} failed, and {policy.max_restarts} restarts within "
            f"{policy.within:g} s are the most that its supervision allows"
        )
        too_many.__cause__ = error
        self.escalate(child, too_many)
        return False

    def _delay(self, child: Child) -> float:
        backoff = self.supervision.backoff
        if backoff is None:
            return 0.0
        now = asyncio.get_running_loop().time()
        row, last = self._rows.get(child.name, (0, now))
        # A child that has run for long enough not to count as failing again begins anew.
        row = 1 if now - last > self.supervision.within + backoff.maximum else row + 1
        self._rows[child.name] = (row, now)
        return backoff.delay(row)


def refuse_if_stopping(path: str, stopping: bool) -> None:
    """Raise if a supervisor takes no more children."""
    if stopping:
        raise ActorStopped(f"{path} is stopping or has stopped, and starts no more actors")
