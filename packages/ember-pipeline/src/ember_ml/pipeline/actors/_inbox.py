"""The side of an actor that others see: what it is sent, who watches it, and what is left of it."""

from __future__ import annotations

import asyncio
import logging
import reprlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from .._errors import ActorStopped, MailboxClosed, MailboxFull
from ._dead_letters import DeadLetter, DeadLetters
from ._mailbox import Mailbox
from ._messages import Reason, Terminated
from ._turn import Letter, Raised, in_own_task, message_of
from ._waiting import Node, cycle_through, waiting_for

if TYPE_CHECKING:
    from ._actor import Actor
    from ._ref import ActorRef
    from ._spawning import ChildOptions

logger = logging.getLogger(__name__)

Phase = Literal["not started", "starting", "running", "ending", "restarting"]


class Inbox:
    """The mailbox of an actor, its watchers and timers, and where its dead letters go."""

    def __init__(self, path: str, mailbox: Mailbox[Any], dead_letters: DeadLetters) -> None:
        self.path = path
        self.mailbox = mailbox
        self.dead_letters = dead_letters
        self.phase: Phase = "not started"
        self.loop: asyncio.AbstractEventLoop | None = None
        self.ended: tuple[Reason, BaseException | None] | None = None
        self.busy = False  # it has a message in hand
        self.turn = 0  # counts them
        # Which runtime it belongs to and its number there, if other processes can send to it.
        self.address: tuple[str, int] | None = None
        self.waits: list[Node] = []  # whom the message in hand waits for
        self._watchers: dict[object, Callable[[Terminated], object]] = {}
        self._timers: set[asyncio.TimerHandle] = set()
        mailbox.on_drop = self.dropped

    def ref(self) -> ActorRef:
        """A reference to the actor."""
        from ._ref import ActorRef  # which knows cells

        return ActorRef(self)

    @property
    def state(self) -> str:
        """Where it is in its life, in a word or two."""
        if self.ended is not None:
            return "stopped"
        return "stopping" if self.mailbox.closed else self.phase

    @property
    def stopping(self) -> bool:
        """Whether it has been told to stop, or has."""
        return self.mailbox.closed

    def waits_for(self) -> list[Node]:
        """Whom the message in hand waits for."""
        return list(self.waits) if self.busy else []

    def in_own_task(self) -> bool:
        """Whether the task in which it handles messages runs now."""
        raise NotImplementedError

    def child_refs(self) -> tuple[ActorRef, ...]:
        """References to its children, the oldest first."""
        raise NotImplementedError

    async def spawn(
        self, actor: Callable[..., Actor], args: tuple[Any, ...], options: ChildOptions
    ) -> ActorRef:
        """Start a child."""
        raise NotImplementedError

    async def stop(self, drain: bool, timeout: float | None) -> None:  # noqa: ASYNC109
        """Take no more messages, and return when it has ended, unless it would wait for us."""
        raise NotImplementedError

    async def post(self, entry: Any) -> None:
        """Put a message, or a letter that holds one, into the mailbox."""
        try:
            if not (self.mailbox.blocks and in_own_task()):
                await self.mailbox.put(entry)
                return
            cycle = await cycle_through(self)
            if cycle is not None:
                raise MailboxFull(
                    f"{self.path} has a full mailbox, and to wait for room would be a deadlock "
                    f"({cycle}); give it a larger capacity or another overflow policy"
                )
            with waiting_for(self):
                await self.mailbox.put(entry)
        except MailboxClosed:
            raise self.stopped_error() from None

    def push(self, message: Any) -> None:
        """Queue what an actor is told whatever its capacity, while it takes messages at all."""
        if not self.mailbox.closed:
            self.mailbox.push(message)

    def offer(self, message: Any) -> None:
        """Queue ``message`` if there is room; else it is a dead letter. For who cannot wait."""
        if self.mailbox.closed:
            self.bury(message, "actor stopped", self.stopped_error())
        elif len(self.mailbox.items) < self.mailbox.limit:
            self.mailbox.items.append(message)
            self.mailbox.wake_reader()
        else:
            self.dropped(message)

    def bury(self, entry: Any, reason: str, error: BaseException) -> None:
        """Give an entry of the mailbox to the dead letters, and tell its asker."""
        letter = DeadLetter(message_of(entry), reason, self.path)
        self.dead_letters.add(letter)
        if isinstance(entry, Letter):
            entry.fail(error, buried=True)

    def unheard(self, message: Any, reply: asyncio.Future[Any]) -> None:
        """Whoever asked was cancelled: if it was in the very turn of the reply, it has not heard."""
        if reply.done() and not reply.cancelled():
            outcome = reply.result()
            if isinstance(outcome, Raised) and not outcome.buried:
                self.raised(message, outcome.error)

    def raised(self, message: Any, error: BaseException) -> None:
        """The handler has raised ``error``, and nobody waits to be told."""
        logger.error("%s failed on %s", self.path, reprlib.repr(message), exc_info=error)
        self.dead_letters.add(DeadLetter(message, "handler raised", self.path, error))

    def bury_waiting(self) -> None:
        """Give all that waits to the dead letters."""
        for entry in self.mailbox.take_all():
            if not isinstance(entry, Terminated):  # news, which nobody misses
                self.bury(entry, "actor stopped", self.stopped_error())

    def dropped(self, entry: Any) -> None:
        """The mailbox has no room for ``entry``."""
        error = MailboxFull(f"{self.path} dropped the message, as its mailbox is full")
        self.bury(entry, "mailbox full", error)

    def stopped_error(self) -> ActorStopped:
        """Why it takes no message."""
        state = "has stopped" if self.ended is not None else "is stopping"
        return ActorStopped(f"{self.path} {state} and takes no messages")

    def watch(self, key: object, tell: Callable[[Terminated], object]) -> None:
        """Call ``tell`` once when the actor has ended, however often it is watched under ``key``."""
        if self.ended is not None:
            tell(Terminated(self.ref(), *self.ended))
        else:
            self._watchers[key] = tell

    def unwatch(self, key: object) -> None:
        """End the watch under ``key``."""
        self._watchers.pop(key, None)

    def after(self, seconds: float, call: Callable[[], object]) -> asyncio.TimerHandle:
        """Call ``call`` in so many seconds, if the actor has not ended until then."""

        def due() -> None:
            self._timers.discard(handle)
            call()

        handle = asyncio.get_running_loop().call_later(seconds, due)
        self._timers.add(handle)
        return handle

    def cancel(self, handle: asyncio.TimerHandle) -> None:
        """Cancel what `after` returned."""
        handle.cancel()
        self._timers.discard(handle)

    def cancel_timers(self) -> None:
        """Cancel all that `after` returned."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def close(self, reason: Reason, error: BaseException | None) -> None:
        """The actor has ended: what waits is buried, and who watches is told."""
        self.mailbox.close()
        self.ended = (reason, error)
        self.bury_waiting()
        self.cancel_timers()
        watchers, self._watchers = self._watchers, {}
        for tell in watchers.values():
            tell(Terminated(self.ref(), reason, error))
