"""An object that handles the messages in its mailbox one at a time."""

from __future__ import annotations

import asyncio
import inspect
import itertools
import reprlib
from abc import ABC, abstractmethod
from typing import Any

from ember_ml.backend.errors import ArgumentError

from .._errors import (
    AskCycleError,
    AskTimeout,
    MailboxFull,
    UsageError,
)
from ._cell import Cell
from ._dead_letters import DeadLetters
from ._delivery import Delivery, Reply, in_own_task
from ._mailbox import Mailbox, Overflow
from ._waiting import cycle_through, waiting_for

_numbers = itertools.count(1)


class Actor(ABC):
    """Base of actors: write ``process_message``, run `start`, and talk to it with `send` and `ask`.

    The actor handles one message at a time, in the order in which they were queued, each at most
    once. An actor belongs to the event loop that runs `start`. From another thread, go through
    ``asyncio.run_coroutine_threadsafe(actor.send(message), loop)``.

    A handler that raises does not end the actor. Who asked gets the exception; if the message was
    sent, it is logged, counted in `failed` and kept in `dead_letters`.

    Args:
        name: What errors, logs and dead letters call the actor. By default the class and a number.
        capacity: How many messages may wait in the mailbox.
        overflow: What happens to a message for a full mailbox: see `Mailbox`.
        dead_letters: Where messages go that nobody handled, to share one among actors. By default
            its own.

    Raises:
        InvalidValueError: If ``capacity`` is less than 1 or ``overflow`` is unknown.

    Example:
        >>> import asyncio
        >>> class Counter(Actor):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.count = 0
        ...     async def process_message(self, message):
        ...         self.count += message
        ...         return self.count
        >>> async def main():
        ...     counter = Counter()
        ...     task = asyncio.create_task(counter.start())
        ...     await counter.send(20)
        ...     count = await counter.ask(22, timeout=10)
        ...     await counter.stop()
        ...     await task
        ...     return count
        >>> asyncio.run(main())
        42
    """

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if not inspect.iscoroutinefunction(inspect.unwrap(cls.process_message)):
            raise ArgumentError(
                f"{cls.__name__}.process_message must be a coroutine function: write `async def`"
            )

    def __init__(
        self,
        *,
        name: str | None = None,
        capacity: int = 1024,
        overflow: Overflow = "block",
        dead_letters: DeadLetters | None = None,
    ) -> None:
        name = name if name is not None else f"{type(self).__name__}-{next(_numbers)}"
        self._own_cell = Cell(
            name,
            self.process_message,
            Mailbox(f"the mailbox of {name}", capacity=capacity, overflow=overflow),
            dead_letters if dead_letters is not None else DeadLetters(),
        )

    @property
    def name(self) -> str:
        """What errors, logs and dead letters call the actor."""
        return self._cell.name

    @property
    def dead_letters(self) -> DeadLetters:
        """Where messages go that nobody handled."""
        return self._cell.dead_letters

    @property
    def failed(self) -> int:
        """How many messages the handler raised on."""
        return self._cell.failed

    @abstractmethod
    async def process_message(self, message: Any) -> Any:
        """Handle one message. What it returns is the reply, if the message was asked."""

    async def start(self) -> None:
        """Handle messages until the actor is stopped; messages that were sent before come first.

        Cancelling it stops the actor at once: the message in hand and those that wait become dead
        letters.

        Raises:
            ActorStopped: If the actor has been stopped.
            UsageError: If it has been started.
        """
        await self._cell.run()

    async def send(self, message: Any) -> None:
        """Queue ``message`` and return; it is handled later.

        What a policy drops goes to the dead letters instead, and this returns as well.

        Raises:
            ActorStopped: If the actor has stopped or is stopping.
            MailboxFull: If the mailbox is full and its policy is ``"fail"``; or if the policy is
                ``"block"`` and there could never be room, because the actor waits for the very
                handler that sends.
        """
        cell = self._cell
        delivery = Delivery(message, cell)
        if not (cell.mailbox.blocks and in_own_task()):
            await cell.post(delivery)
            return
        cycle = await cycle_through(cell)
        if cycle is not None:
            raise MailboxFull(
                f"{cell.name} has a full mailbox, and to wait for room would be a deadlock ({cycle}); "
                "give it a larger capacity or another overflow policy"
            )
        with waiting_for(cell):
            await cell.post(delivery)

    async def ask(self, message: Any, *, timeout: float | None = None) -> Any:  # noqa: ASYNC109
        """Queue ``message`` and return the reply to it, or raise what the handler raised.

        Args:
            message: The message.
            timeout: How many seconds to wait, for room in the mailbox included. None: until there
                is a reply or the actor stops.

        Raises:
            AskTimeout: If there is no reply in time. The message may still be handled; the reply is
                discarded.
            ActorStopped: If the actor stops, or has stopped, before it has handled the message.
            AskCycleError: If the actor waits, directly or through others, for the handler that
                asks.
            MailboxFull: If the mailbox is full and its policy is not ``"block"``.
        """
        cell = self._cell
        cycle = await cycle_through(cell)
        if cycle is not None:
            raise AskCycleError(
                f"{cell.name} cannot be asked here, as the reply would wait for itself ({cycle}); "
                "send() the message, with a reply_to if there is something to reply"
            )
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(timeout):
                with waiting_for(cell):
                    await cell.post(Delivery(message, cell, reply))
                    outcome = await reply
        except TimeoutError:
            raise AskTimeout(
                f"{cell.name} did not reply to {reprlib.repr(message)} within {timeout} s"
            ) from None
        return outcome.unwrap()

    async def stop(self, *, drain: bool = True, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Refuse new messages, handle those that wait, end, and return when that is done.

        It does not go through the mailbox, so that neither a full nor an empty one delays it. It
        can be called again, for instance with a ``timeout`` to hurry a stop that takes too long.
        Called from the actor's own handler, or from one that the actor waits for, it returns at
        once and the actor stops afterwards.

        Args:
            drain: Whether to handle the messages that wait. If not, they become dead letters, and
                only the one in hand is finished.
            timeout: After how many seconds to cancel the message in hand; it and those that still
                wait become dead letters. None: never.

        Example:
            >>> class Printer(Actor):
            ...     async def process_message(self, message):
            ...         print(message)
            >>> async def main():
            ...     printer = Printer()
            ...     task = asyncio.create_task(printer.start())
            ...     await printer.send("last words")
            ...     await printer.stop()
            ...     await printer.send("too late")
            >>> asyncio.run(main())
            Traceback (most recent call last):
            ember_ml.pipeline._errors.ActorStopped: Printer-... has stopped and takes no messages
        """
        await self._cell.stop(drain, timeout)

    def __repr__(self) -> str:
        cell = self._cell
        return f"{type(self).__name__}({cell.name!r}, {cell.state}, {len(cell.mailbox)} waiting)"

    @property
    def _cell(self) -> Cell:
        try:
            return self._own_cell
        except AttributeError:
            raise UsageError(
                f"{type(self).__name__}.__init__ has not called super().__init__()"
            ) from None
