"""One instance of an actor at a time: its hooks, its children, and what it has in hand."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from .._errors import ActorStopped, cancelled_inside
from ._children import Children, refuse_if_stopping
from ._dead_letters import DeadLetters
from ._inbox import Inbox
from ._mailbox import Mailbox
from ._scope import Scope
from ._supervision import Supervision
from ._turn import turn
from ._waiting import Node

if TYPE_CHECKING:
    from ._actor import Actor
    from ._ref import ActorRef
    from ._spawning import ChildOptions

logger = logging.getLogger(__name__)

NOTHING = object()


class Handler(Protocol):
    """What a cell runs: an `Actor`."""

    async def on_start(self) -> None: ...
    async def on_stop(self) -> None: ...
    async def on_restart(self, error: BaseException | None, /) -> None: ...
    async def process_message(self, message: Any, /) -> Any: ...


class Life(Inbox):
    """Runs what an instance does besides handling messages, where it can be told to leave it."""

    def __init__(
        self,
        path: str,
        actor: Handler,
        mailbox: Mailbox[Any],
        dead_letters: DeadLetters,
        supervision: Supervision | None,
        grace: float,
    ) -> None:
        super().__init__(path, mailbox, dead_letters)
        self.actor = actor
        self.children = Children(path, supervision or Supervision(), self.fail)
        self.failed = 0
        self.hooks = 0
        self.task: asyncio.Task[Any] | None = None
        self._grace = grace
        self._in_hand: Any = NOTHING
        self._drain = True
        self._scope: Scope | None = None
        self._aborted = False

    def fail(self, error: BaseException) -> None:
        """Fail with the error of a child."""
        raise NotImplementedError

    def in_own_task(self) -> bool:
        """Whether the task in which it handles messages runs now."""
        return self.task is asyncio.current_task()

    def child_refs(self) -> tuple[ActorRef, ...]:
        """References to its children, the oldest first."""
        return tuple(child.ref() for child in self.children if isinstance(child, Inbox))

    async def spawn(
        self, actor: Callable[..., Actor], args: tuple[Any, ...], options: ChildOptions
    ) -> ActorRef:
        """Start a child."""
        from ._spawning import spawned  # which makes cells

        self.refuse_children()
        return await spawned(actor, args, self.children, self.dead_letters, options)

    def refuse_children(self) -> None:
        """Raise if it cannot spawn, as nobody would stop the child."""
        ending = self.ended is not None or self._aborted or self.phase in ("ending", "restarting")
        refuse_if_stopping(self.path, ending)

    def waits_for(self) -> list[Node]:
        """Whom the message in hand waits for, and the children that a stop waits for."""
        waits = super().waits_for()
        return [*waits, *self.children.cells()] if self.stopping else waits

    async def _end(self) -> None:
        """End the instance: its children, the youngest first, and then itself."""
        self.phase = "ending"
        self._bury_in_hand()
        await self._stop_children()
        # Who stops it sets a limit if there is one; its supervisor's restarts do not wait for ever.
        limit = None if self.stopping and not self._aborted else self._grace
        try:
            with self._scoped(limit):
                await self._as_turn(self.actor.on_stop())
        except Exception:
            logger.exception("on_stop of %s failed", self.path)
            self.failed += 1
        self.cancel_timers()

    async def _stop_children(self) -> None:
        if not self._aborted:
            with self._scoped():
                patience = None if self.stopping else self.children.supervision.shutdown
                drain = self.stopping and self._drain
                await self._as_turn(self.children.stop(drain, patience))
        if len(self.children):
            await self.children.stop(False, 0)

    @property
    def _interrupted(self) -> bool:
        """Whether it should leave what it is doing."""
        return self._scope is not None and self._scope.fired

    def _told_to_leave(self) -> bool:
        """Whether a cancellation is meant for the actor, not for what it awaits."""
        assert self.task is not None, "an actor runs in a task"
        return bool(self.task.cancelling()) or self._interrupted

    def _interrupt(self) -> None:
        if self._scope is not None:
            self._scope.fire()

    @contextmanager
    def _scoped(self, limit: float | None = None) -> Iterator[None]:
        """A block that `_interrupt` ends, or ``limit`` in seconds."""
        scope, before = Scope(), self._scope
        loop = asyncio.get_running_loop()
        timer = None if limit is None else loop.call_later(limit, scope.fire)
        with scope:
            self._scope = scope
            try:
                yield
            finally:
                self._scope = before
                if timer is not None:
                    timer.cancel()

    async def _as_turn(self, hook: Awaitable[None]) -> None:
        """Await ``hook`` as a turn of the actor, so that a cycle of asks through it is seen."""
        self.turn += 1
        self.hooks += 1
        turn.set((self, self.turn))
        self.busy = True
        self.waits = []
        try:
            await hook
        except asyncio.CancelledError as error:
            if self._told_to_leave():
                raise
            raise cancelled_inside(f"{self.path}: what its hook awaited", error) from error
        finally:
            self.busy = False
            self.waits = []

    def _bury_in_hand(self) -> None:
        """What a cancelled handler had in hand is a dead letter."""
        self.busy = False
        entry, self._in_hand = self._in_hand, NOTHING
        if entry is not NOTHING:
            self.bury(
                entry, "cancelled", self.stopped_error() if self.stopping else _cancelled(self)
            )


def _cancelled(life: Life) -> ActorStopped:
    return ActorStopped(f"{life.path} was told to end before it had handled the message")
