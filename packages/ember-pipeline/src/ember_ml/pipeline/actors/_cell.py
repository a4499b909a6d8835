"""What runs an actor: its mailbox, its message loop, and how the loop ends."""

from __future__ import annotations

import asyncio
import itertools
import logging
import reprlib
from collections.abc import Awaitable, Callable
from typing import Any

from .._errors import ActorStopped, MailboxClosed, MailboxFull, UsageError
from ._dead_letters import DeadLetter, DeadLetters
from ._delivery import Delivery, handling
from ._mailbox import Mailbox
from ._waiting import cycle_through, waiting_for

logger = logging.getLogger(__name__)

_BURST = 64  # messages that an actor may handle before it lets the event loop see to others


class Cell:
    """Feeds the messages of one mailbox to ``handler``, one at a time, until it is stopped."""

    def __init__(
        self,
        name: str,
        handler: Callable[[Any], Awaitable[Any]],
        mailbox: Mailbox[Delivery],
        dead_letters: DeadLetters,
    ) -> None:
        self.name = name
        self.mailbox = mailbox
        self.dead_letters = dead_letters
        self.failed = 0
        self.in_hand: Delivery | None = None
        self.task: asyncio.Task[Any] | None = None
        self._handler = handler
        self._stopped = asyncio.Event()
        self._aborted = False
        self._timers: list[asyncio.TimerHandle] = []
        mailbox.on_drop = self._dropped

    @property
    def state(self) -> str:
        """In a word or two, for ``repr``."""
        if self._stopped.is_set():
            return "stopped"
        if self.mailbox.closed:
            return "stopping"
        return "not started" if self.task is None else "running"

    async def run(self) -> None:
        """Handle messages until stopped."""
        if self._stopped.is_set():
            raise ActorStopped(f"{self.name} has stopped and cannot start again; make a new one")
        if self.task is not None:
            raise UsageError(f"{self.name} has been started; one start() runs until stop()")
        task = self.task = _current_task()
        try:
            await self._serve()
        except asyncio.CancelledError:
            # Our own abort ends here. A cancellation from outside must go on.
            if not self._aborted or task.cancelling() > 1:
                raise
        finally:
            if self._aborted:
                task.uncancel()
            self._finish()

    async def post(self, delivery: Delivery) -> None:
        """Put ``delivery`` into the mailbox."""
        self._check_loop()
        try:
            await self.mailbox.put(delivery)
        except MailboxClosed:
            raise self._stopped_error() from None

    async def stop(self, drain: bool, timeout: float | None) -> None:  # noqa: ASYNC109
        """Close the mailbox and wait until the loop has ended, unless it would wait for us."""
        self._check_loop()
        self.mailbox.close()
        if not drain:
            self._bury_waiting()
        if self.task is None:
            await asyncio.sleep(0)  # lets a task that was just made of start() begin
            if self.task is None:
                self._finish()
        if self._stopped.is_set():
            return
        if timeout is not None:
            self._timers.append(asyncio.get_running_loop().call_later(timeout, self._abort))
        if await cycle_through(self) is None:
            with waiting_for(self):
                await self._stopped.wait()

    def _check_loop(self) -> None:
        if self.task is not None and self.task.get_loop() is not asyncio.get_running_loop():
            raise UsageError(
                f"{self.name} runs on another event loop; "
                "use asyncio.run_coroutine_threadsafe(actor.send(message), its_loop)"
            )

    async def _serve(self) -> None:
        for count in itertools.count(1):
            try:
                delivery = await self.mailbox.get()
            except MailboxClosed:
                return
            await self._handle(delivery)
            if self._aborted:
                return  # the handler swallowed the cancellation
            if count % _BURST == 0:
                await asyncio.sleep(0)

    async def _handle(self, delivery: Delivery) -> None:
        self.in_hand = delivery
        try:
            with handling(delivery):
                value = await self._handler(delivery.message)
        except BaseException as error:
            # What the handler awaited may have been cancelled; that is not the end of the actor.
            survived = (
                isinstance(error, asyncio.CancelledError) and not _current_task().cancelling()
            )
            if not survived and not isinstance(error, Exception):
                self._bury(delivery, "cancelled", self._stopped_error())
                raise
            self._report(delivery, error)
        else:
            delivery.answer(value)
        finally:
            self.in_hand = None

    def _report(self, delivery: Delivery, error: BaseException) -> None:
        """Tell the asker, or everybody else if there is none."""
        self.failed += 1
        if not delivery.answer(error=error):
            logger.error(
                "%s failed on %s", self.name, reprlib.repr(delivery.message), exc_info=error
            )
            letter = DeadLetter(delivery.message, "handler raised", self.name, error)
            self.dead_letters.add(letter)

    def _dropped(self, delivery: Delivery) -> None:
        error = MailboxFull(f"{self.name} dropped the message, as its mailbox is full")
        self._bury(delivery, "mailbox full", error)

    def _bury_waiting(self) -> None:
        for delivery in self.mailbox.take_all():
            self._bury(delivery, "actor stopped", self._stopped_error())

    def _bury(self, delivery: Delivery, reason: str, error: Exception) -> None:
        self.dead_letters.add(DeadLetter(delivery.message, reason, self.name))
        delivery.answer(error=error)

    def _stopped_error(self) -> ActorStopped:
        state = "has stopped" if self._stopped.is_set() else "is stopping"
        return ActorStopped(f"{self.name} {state} and takes no messages")

    def _abort(self) -> None:
        if self.task is not None and not self._aborted:
            self._aborted = True
            self.task.cancel()

    def _finish(self) -> None:
        self.mailbox.close()
        self._bury_waiting()
        for timer in self._timers:
            timer.cancel()
        self._stopped.set()


def _current_task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    assert task is not None, "an actor runs in a task"
    return task
