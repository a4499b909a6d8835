"""What can be sent messages: references to actors, and actors themselves."""

from __future__ import annotations

import asyncio
import contextlib
import reprlib
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError
from typing import Any, TypeVar

from .._checks import check_timeout
from .._errors import ActorStopped, AskCycleError, AskTimeout, UsageError
from ._inbox import Inbox
from ._messages import Terminated
from ._turn import Ask, Raised, handler_here, turn
from ._waiting import cycle_through, waiting_for

T = TypeVar("T")

_EXPIRED = object()


class Address:
    """Sends to the actor of one cell."""

    _cell: Inbox

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self._cell.path.rpartition("/")[2]

    @property
    def path(self) -> str:
        """Its name after those of its supervisors: what errors, logs and dead letters call it."""
        return self._cell.path

    async def send(self, message: Any, /) -> None:
        """Queue ``message`` and return; it is handled later.

        What a policy drops goes to the dead letters instead, and this returns as well. It may be
        called on any event loop, of any thread.

        Raises:
            ActorStopped: If the actor has stopped or is stopping.
            MailboxFull: If the mailbox is full and its policy is ``"fail"``; or if the policy is
                ``"block"`` and there could never be room, because the actor waits for the very
                handler that sends.
        """
        cell = self._cell
        if cell.loop is not asyncio.get_running_loop() and cell.loop is not None:
            await self._elsewhere(cell.post(message))
            return
        mailbox = cell.mailbox
        if len(mailbox.items) < mailbox.limit:
            mailbox.items.append(message)
            if mailbox.reader is not None:
                mailbox.wake_reader()
        else:
            await cell.post(message)

    async def ask(self, message: Any, /, *, timeout: float | None = None) -> Any:  # noqa: ASYNC109
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
            HandlerCancelled: If something that the handler awaited was cancelled.
            MailboxFull: If the mailbox is full and its policy is not ``"block"``.
            ArgumentError: If ``timeout`` is not a number; the message is not sent then.
        """
        cell = self._cell
        if timeout is not None:
            check_timeout(cell.path, timeout)
        loop = asyncio.get_running_loop()
        if cell.loop is not loop and cell.loop is not None:
            return await self._elsewhere(self._ask(message, timeout))
        mailbox = cell.mailbox
        if len(mailbox.items) >= mailbox.limit or (
            turn.get() is not None and handler_here() is not None
        ):
            return await self._ask(message, timeout)
        reply = loop.create_future()
        mailbox.items.append(Ask(message, reply))
        if mailbox.reader is not None:
            mailbox.wake_reader()
        timer = None if timeout is None else loop.call_later(timeout, _expire, reply)
        try:
            outcome = await reply
        except asyncio.CancelledError:
            cell.unheard(message, reply)
            raise
        finally:
            if timer is not None:
                timer.cancel()
        if type(outcome) is Raised:
            raise outcome.error
        if outcome is _EXPIRED:
            raise self._late(message, timeout)
        return outcome

    async def stop(self, *, drain: bool = True, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Refuse new messages, handle those that wait, end, and return when that is done.

        It does not go through the mailbox, so that neither a full nor an empty one delays it. It
        can be called again, for instance with a ``timeout`` to hurry a stop that takes too long.
        Called from the actor's own handler, or from one that the actor waits for, it returns at
        once and the actor stops afterwards. Its children stop after its last message, the youngest
        first. When a message fails while the actor drains, a new instance goes on with those that
        wait, if that is what its supervisor decides; an actor that waits to be restarted just ends.

        Args:
            drain: Whether to handle the messages that wait. If not, they become dead letters, and
                only the one in hand is finished.
            timeout: After how many seconds to cancel the message in hand; it and those that still
                wait become dead letters. None: never.
        """
        cell = self._cell
        if timeout is not None:
            check_timeout(cell.path, timeout)
        if cell.loop is not asyncio.get_running_loop() and cell.loop is not None:
            if cell.ended is None:
                await self._elsewhere(cell.stop(drain, timeout))
            return
        await cell.stop(drain, timeout)

    async def terminated(self) -> Terminated:
        """Wait until the actor has ended, for good, and tell why."""
        cell = self._cell
        if cell.loop is not asyncio.get_running_loop() and cell.loop is not None:
            if cell.ended is not None:
                return Terminated(cell.ref(), *cell.ended)
            return await self._elsewhere(self.terminated())
        cycle = await cycle_through(cell)
        if cycle is not None:
            raise AskCycleError(
                f"the end of {cell.path} cannot be awaited here, as it would wait for itself "
                f"({cycle}); watch() it instead"
            )
        end: asyncio.Future[Terminated] = asyncio.get_running_loop().create_future()

        def tell(news: Terminated) -> None:
            if not end.done():  # its task may have been cancelled, and not know it yet
                end.set_result(news)

        cell.watch(end, tell)
        try:
            with waiting_for(cell):
                return await end
        finally:
            cell.unwatch(end)

    def send_blocking(self, message: Any, /, *, timeout: float | None = None) -> None:
        """`send` for threads that run no event loop: returns when the message is queued.

        Raises:
            TimeoutError: If there is no room within ``timeout`` seconds.
            UsageError: If it is called on the actor's own event loop, which it would block.
        """
        if timeout is not None:
            check_timeout(self._cell.path, timeout)
        self._from_thread(self.send(message), timeout)

    def ask_blocking(self, message: Any, /, *, timeout: float | None = None) -> Any:
        """`ask` for threads that run no event loop: returns the reply.

        Raises:
            AskTimeout: If there is no reply within ``timeout`` seconds.
            UsageError: If it is called on the actor's own event loop, which it would block.
        """
        return self._from_thread(self.ask(message, timeout=timeout), None)

    async def _ask(self, message: Any, timeout: float | None) -> Any:  # noqa: ASYNC109
        """`ask` where the asker is an actor, or the mailbox is full."""
        cell = self._cell
        cycle = await cycle_through(cell)
        if cycle is not None:
            raise AskCycleError(
                f"{cell.path} cannot be asked here, as the reply would wait for itself ({cycle}); "
                "send() the message, with a reply_to if there is something to reply"
            )
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(timeout):
                with waiting_for(cell):
                    await cell.post(Ask(message, reply))
                    outcome = await reply
        except asyncio.CancelledError:
            cell.unheard(message, reply)
            raise
        except TimeoutError:
            cell.unheard(message, reply)
            raise self._late(message, timeout) from None
        if type(outcome) is Raised:
            raise outcome.error
        return outcome

    def _late(self, message: Any, timeout: float | None) -> AskTimeout:
        return AskTimeout(
            f"{self._cell.path} did not reply to {reprlib.repr(message)} within {timeout} s"
        )

    async def _elsewhere(self, work: Coroutine[Any, Any, T]) -> T:
        """Await ``work`` on the actor's event loop, which is not this one."""
        future = self._submit(work)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise self._loop_ended() from None

    def _from_thread(self, work: Coroutine[Any, Any, T], timeout: float | None) -> T:
        try:
            running: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            running = None
        if running is not None:
            work.close()
            raise UsageError(
                f"{self._cell.path}: a blocking call would stall the event loop that runs here; "
                "await send() or ask() instead"
            )
        future = self._submit(work)
        try:
            return future.result(timeout)
        except TimeoutError:
            future.cancel()
            raise
        except CancelledError:
            raise self._loop_ended() from None

    def _loop_ended(self) -> ActorStopped:
        return ActorStopped(f"{self._cell.path} has stopped: its event loop has ended")

    def _submit(self, work: Coroutine[Any, Any, T]) -> Any:
        cell = self._cell
        loop = cell.loop
        if loop is None or loop.is_closed() or cell.ended is not None:
            work.close()
            if loop is None:
                raise UsageError(f"{cell.path} has not been started, and so has no event loop")
            raise ActorStopped(f"{cell.path} has stopped and takes no messages")
        return asyncio.run_coroutine_threadsafe(work, loop)


def _expire(reply: asyncio.Future[Any]) -> None:
    if not reply.done():
        reply.set_result(_EXPIRED)


def call_on(loop: asyncio.AbstractEventLoop, call: Callable[..., object], *args: Any) -> None:
    """Call on another event loop, if that is not closed."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(call, *args)
