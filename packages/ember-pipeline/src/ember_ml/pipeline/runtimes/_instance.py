"""One instance of an actor in its process: it handles what the driver delivers, until it fails."""

from __future__ import annotations

import asyncio
import reprlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any

from .._errors import cancelled_inside
from ..actors._turn import turn
from ._pickling import dump_error, dumps, loads, unreadable

if TYPE_CHECKING:
    from ..actors._actor import Actor
    from ._host import Host
    from ._host_inbox import HostInbox

_BURST = 64  # messages that an instance may handle before it lets the event loop see to others


class Instance:
    """Handles messages one at a time in a task of its own, and tells the driver how far it is.

    After a failure, and when it is told to halt, it begins no message until it is told to go on:
    what becomes of those that wait is decided by the driver, which still has them.
    """

    def __init__(self, host: Host, number: int, inbox: HostInbox, slot: int) -> None:
        self.number = number
        self.begun = 0
        self.done = 0
        self.failed = 0
        self.task: asyncio.Task[None] | None = None
        self._host = host
        self._inbox = inbox
        self._slot = slot
        self._queue: deque[tuple[int, int, bytes]] = deque()
        self._halted = False
        self._halting: list[int] = []  # requests that wait until nothing is in hand
        self._cancelling = False
        self._end: tuple[int, int] | None = None
        self._wake: asyncio.Future[None] | None = None

    # --- what the driver says

    def start(
        self,
        request: int,
        number: int,
        make: Callable[[], tuple[Actor, Callable[[], Awaitable[None]]]],
    ) -> None:
        """Make the actor and run its hook, as turn ``number``."""
        self.begun = self.done = number
        if self._host.ledger is not None:
            self._host.ledger.reset(self._slot, number)
        self.task = asyncio.get_running_loop().create_task(
            self._live(request, number, make), name=f"actor {self._inbox.path}"
        )

    def deliver(self, messages: Iterable[tuple[int, int, bytes]]) -> None:
        """Handle messages, when those before are done: their numbers, whether they were asked."""
        self._queue.extend(messages)
        self._rouse()

    def resume(self) -> None:
        """Go on with what waits."""
        self._halted = False
        self._rouse()

    def halt(self, request: int, cancel: bool) -> None:
        """Begin no more; answer with the numbers, after the message in hand if it is cancelled."""
        self._halted = True
        self._queue.clear()
        if cancel and self._inbox.busy and self.task is not None:
            self._halting.append(request)
            if not self._cancelling:
                self._cancelling = True
                self.task.cancel()
        else:
            self._host.requests.answer(request, (self.begun, self.done))

    def end(self, request: int, number: int) -> None:
        """Run ``on_stop`` as turn ``number``, and be gone."""
        self._end = (request, number)
        self._rouse()

    def abandon(self) -> None:
        """Be gone at once."""
        if self.task is not None:
            self.task.cancel()

    # --- its life

    async def _live(
        self,
        request: int,
        number: int,
        make: Callable[[], tuple[Actor, Callable[[], Awaitable[None]]]],
    ) -> None:
        requests = self._host.requests
        self._inbox.instance = self
        try:
            self._enter(number)
            actor, hook = make()
            actor._actor_options.cell = self._inbox  # type: ignore[assignment]
            await hook()
        except BaseException as error:
            requests.answer(request, error=self._meant(error))
            self._gone()
            return
        finally:
            self._inbox.busy = False
        requests.answer(request)
        request, number = await self._handle_all(actor)
        try:
            self._enter(number)
            await actor.on_stop()
        except BaseException as error:
            requests.answer(request, error=self._meant(error))
        else:
            requests.answer(request)
        finally:
            self._inbox.busy = False
            self._gone()

    def _gone(self) -> None:
        self._inbox.cancel_timers()  # they were this instance's
        self._host.ended(self)

    def _meant(self, error: BaseException) -> BaseException:
        """What a hook has raised; a cancellation of what it awaited is a failure of its own."""
        assert self.task is not None
        if not isinstance(error, asyncio.CancelledError) or self.task.cancelling():
            return error
        return cancelled_inside(f"{self._inbox.path}: what its hook awaited", error)

    async def _handle_all(self, actor: Actor) -> tuple[int, int]:
        """Handle messages until told to end; the request and the turn of that."""
        count = 0
        while self._end is None:
            if self._queue and not self._halted:
                await self._handle(actor, *self._queue.popleft())
                count += 1
                if count % _BURST == 0:
                    await asyncio.sleep(0)
            else:
                self._host.rests(self)
                self._wake = asyncio.get_running_loop().create_future()
                await self._wake
        return self._end

    async def _handle(self, actor: Actor, number: int, asked: int, data: bytes) -> None:
        host = self._host
        self.begun = number
        if host.ledger is not None:
            host.ledger.begin(self._slot, number)
        host.moved(self)
        try:
            message = loads(data)
        except Exception as error:
            problem = unreadable(f"{self._inbox.path}: a message", error)
            host.port.post(("refused", self.number, number, dump_error(problem)))
            self._finish(number)
            return
        self._enter(number)
        try:
            value = await actor.process_message(message)
        except BaseException as error:
            self._inbox.busy = False
            self._raised(number, message, error)
        else:
            self._inbox.busy = False
            if asked:
                self._reply(number, value)
            self._finish(number)
        if self._cancelling:
            self._cancelled()

    def _raised(self, number: int, message: Any, error: BaseException) -> None:
        if isinstance(error, asyncio.CancelledError):
            if self._cancelling:
                return  # the message is begun and not done
            if self.task is not None and self.task.cancelling():
                raise error
            what = f"{self._inbox.path}: what its handler awaited for {reprlib.repr(message)}"
            error = cancelled_inside(what, error)
        self._halted = True
        self.failed += 1
        self._host.port.post(("failed", self.number, number, dump_error(error)))

    def _reply(self, number: int, value: Any) -> None:
        try:
            returned, data = True, dumps(value)
        except Exception as error:
            returned, data = False, dump_error(error)
        self._host.port.post(("reply", self.number, number, returned, data))

    def _finish(self, number: int) -> None:
        self.done = number
        self._host.moved(self)
        if self._host.ledger is not None:
            self._host.ledger.finish(self._slot, number)

    def _cancelled(self) -> None:
        """The message in hand has taken its cancellation, one way or another."""
        assert self.task is not None
        self._cancelling = False
        self.task.uncancel()
        requests, self._halting = self._halting, []
        for request in requests:
            self._host.requests.answer(request, (self.begun, self.done))

    def _enter(self, number: int) -> None:
        """Begin a turn."""
        self._inbox.turn = number
        turn.set((self._inbox, number))
        self._inbox.busy = True

    def _rouse(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)
