"""The cell of an actor whose instance lives in a host's process."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from .._errors import ActorStopped
from ..actors._cell import Cell, End
from ..actors._dead_letters import DeadLetter
from ..actors._messages import Reason, Terminated
from ..actors._turn import Letter, message_of
from ._connection import FRAME_BYTES
from ._pickling import dump_error, dumps, loads, unreadable
from ._remote_instance import RemoteInstance

if TYPE_CHECKING:
    from ..actors._actor import Actor
    from ..actors._ref import ActorRef
    from ..actors._spawning import ChildOptions

logger = logging.getLogger(__name__)

# How many messages may be in the process and not begun. Where the process cannot be asked any more,
# they are lost with it.
_AHEAD = 512

# Whether a request of a host's comes from the very task in which its actor handles a message.
own_task: ContextVar[bool] = ContextVar("ember_pipeline_own_task", default=False)


class RemoteCell(Cell):
    """A cell here, with mailbox, supervision and all, that hands its messages to a process.

    Messages are delivered ahead and stay in the mailbox until they have been begun there, so that
    capacity means the same as for an actor here, and a process that dies takes with it no more than
    the message in hand. Their numbers follow from their places: the first one in the mailbox is
    ``turn + 1``.
    """

    actor: RemoteInstance

    def place(self, number: int, spawn: Callable[..., Any], gone: Callable[[], None]) -> None:
        """Say which actor of the runtime it is, how it spawns, and whom to tell when it is gone."""
        self.number = number
        self._spawn = spawn
        self._gone = gone
        self._delivered = 0  # so many of the first in the mailbox are in the process
        self._begun: deque[Any] = deque()  # and these have been begun and not reported done
        self._failed_with: Exception | None = None  # what the first of them has raised
        self._death: Exception | None = None
        self._halt: asyncio.Future[tuple[int, int]] | None = None

    def in_own_task(self) -> bool:
        """Whether the request that is carried out here comes from its own task there."""
        return own_task.get()

    async def spawn(
        self, actor: Callable[..., Actor], args: tuple[Any, ...], options: ChildOptions
    ) -> ActorRef:
        """Start a child in one of the processes."""
        self.refuse_children()
        ref: ActorRef = await self._spawn(actor, args, self.children, self.dead_letters, options)
        return ref

    async def stop(self, drain: bool, timeout: float | None) -> None:  # noqa: ASYNC109
        """See `Cell.stop`."""
        await super().stop(drain, timeout)
        if self._renewing and self._halt is None:
            self._recall()  # the instance has had its last message

    def bury_waiting(self) -> None:
        """Give all that waits to the dead letters; what has been delivered when it is back."""
        items = self.mailbox.items
        delivered = [items.popleft() for _ in range(self._delivered)]
        super().bury_waiting()
        items.extend(delivered)
        if delivered and self._halt is None:
            self._recall()

    def close(self, reason: Reason, error: BaseException | None) -> None:
        """The actor has ended."""
        super().close(
            "process died" if error is not None and error is self._death else reason, error
        )
        self._gone()

    # --- what its process reports

    def began(self, instance: int) -> None:
        """A new instance has been started."""
        self._death = self._halt = self._failed_with = None

    def progressed(self, begun: int, done: int) -> None:
        """The process has begun and done the messages up to these numbers."""
        items = self.mailbox.items
        if begun > self.turn:
            self.waits = []
            for _ in range(begun - self.turn):
                self._begun.append(items.popleft())
            self._delivered = max(0, self._delivered - (begun - self.turn))
            self.turn = begun
            if self.mailbox.senders:
                self.mailbox.admit()
        for _ in range(len(self._begun) - (self.turn - done)):
            entry = self._begun.popleft()
            if isinstance(entry, Letter):
                entry.fail(ActorStopped(f"{self.path} handled the message, and its reply is lost"))
        self.busy = bool(self._begun)
        self.mailbox.wake_reader()

    def replied(self, number: int, returned: bool, data: bytes) -> None:
        """A message that was asked is done."""
        entry = self._taken(number)
        try:
            value = loads(data)
        except Exception as error:
            value, returned = unreadable(f"{self.path}: a reply", error), False
        if returned:
            entry.answer(value)
        else:
            entry.fail(value)

    def refused(self, number: int, data: bytes) -> None:
        """A message could not be read there."""
        self._undeliverable(self._taken(number), loads(data))

    def failed_on(self, number: int, data: bytes) -> None:
        """The handler has raised."""
        self.progressed(number, number - 1)
        self._failed_with = loads(data)

    def died(self, error: Exception, numbers: tuple[int, int] | None) -> None:
        """The process has ended; with ``numbers`` it is known how far it was."""
        self._death = error
        if numbers is not None:
            self.progressed(max(numbers[0], self.turn), numbers[1])
            reason = "process died"
        else:
            self.progressed(self.turn + self._delivered, 0)
            reason = "process died, outcome unknown"
        if self._failed_with is None:
            lost = ActorStopped(f"{self.path}: {error}")
            while self._begun:
                self.bury(self._begun.popleft(), reason, lost)
        self._delivered = 0
        self.busy = False
        self.mailbox.wake_reader()

    def _taken(self, number: int) -> Any:
        self.progressed(number, number - 1)
        entry = self._begun.popleft()
        self.busy = False
        return entry

    # --- its life

    async def _handle_all(self) -> End | None:
        """Deliver messages until there are no more to come, the handler fails, or it is told to."""
        scope, mailbox = self._scope, self.mailbox
        assert scope is not None, "messages are handled in a scope"
        try:
            while not scope.fired:
                if self._failed_with is not None:
                    end = await self._failure_in_hand()
                    if end is not None:
                        return end
                    continue
                if self._death is not None:
                    return await self._after_death()
                self._deliver()
                if not self._begun and not self._delivered:
                    if self._renewing:
                        return End("restart")
                    if mailbox.closed and not mailbox.items:
                        return End("stop")
                await mailbox.wait()
        finally:
            await self._settle(scope.fired)
        return None

    def _deliver(self) -> None:
        """Send what waits, as far ahead as may be."""
        if self._halt is not None:
            return
        mailbox = self.mailbox
        if mailbox.overflow == "drop_old":
            # What has been delivered cannot be dropped any more, so it is taken in hand at once.
            while mailbox.items and not self._begun:
                if self._send([mailbox.items[0]]):
                    self.progressed(self.turn + 1, self.turn)
        elif self._delivered < min(len(mailbox.items), _AHEAD // 2):  # a few at a time cost more
            self._delivered += self._send(
                list(itertools.islice(mailbox.items, self._delivered, _AHEAD))
            )

    def _send(self, entries: list[Any]) -> int:
        """Send the entries that can be sent, how many they are; the others leave the mailbox."""
        first = self.turn + self._delivered + 1
        asked = bytearray()
        messages: list[bytes] = []
        size = 0
        for entry in entries:
            try:
                data = dumps(sendable(message_of(entry)))
            except Exception as error:
                del self.mailbox.items[self._delivered + len(messages)]
                self.mailbox.admit()
                self._undeliverable(entry, error)
                continue
            messages.append(data)
            asked.append(isinstance(entry, Letter))
            size += len(data)
            if size > FRAME_BYTES:
                break
        if messages:
            self.actor.post("deliver", first, bytes(asked), messages)
        return len(messages)

    def _undeliverable(self, entry: Any, error: Exception) -> None:
        if not (isinstance(entry, Letter) and entry.fail(error)):
            letter = DeadLetter(message_of(entry), "undeliverable", self.path, error)
            self.dead_letters.add(letter)

    async def _failure_in_hand(self) -> End | None:
        error, self._failed_with = self._failed_with, None
        assert error is not None
        entry = self._begun.popleft()
        self.busy = False
        end = await self._decided(self._raised(entry, error))
        if end is None and self._death is None:
            self.actor.post("resume", b"")
        return end

    async def _after_death(self) -> End:
        assert self._death is not None
        self.failed += 1
        logger.error("%s has lost its process: %s", self.path, self._death)
        # An instance that is gone cannot be resumed.
        return await self._decided(self._death) or End("restart", self._death)

    def _recall(self) -> None:
        """Let the process begin no more, and take back what it has not begun."""
        self._halt = self.actor.halt(cancel=False)
        self._halt.add_done_callback(self._recalled)

    def _recalled(self, halt: asyncio.Future[tuple[int, int]]) -> None:
        self._take_back(halt)
        if self.stopping and not self._drain:
            self.bury_waiting()

    def _take_back(self, halt: asyncio.Future[tuple[int, int]]) -> None:
        if halt.exception() is None:  # else `died` has seen to it
            self.progressed(*halt.result())
            self._delivered = 0
            self.mailbox.wake_reader()

    async def _settle(self, cancel: bool) -> None:
        """Leave nothing in the process but what has been done; the mailbox keeps the rest."""
        if not self._begun and not self._delivered:
            return
        halt = self.actor.halt(cancel=cancel)
        halt.add_done_callback(self._take_back)
        interruption: asyncio.CancelledError | None = None
        while not halt.done():
            try:
                await asyncio.wait({halt})
            except asyncio.CancelledError as cancelled:
                interruption = cancelled  # to leave now would be to forget what is in hand there
        if self._failed_with is not None:
            error, self._failed_with = self._failed_with, None
            self._raised(self._begun.popleft(), error)
        elif self._begun:
            self._in_hand = self._begun.popleft()
        if interruption is not None:
            raise interruption


def sendable(message: Any) -> Any:
    """News of an end has an error in it that may not pickle."""
    if isinstance(message, Terminated) and message.error is not None:
        error = loads(dump_error(message.error, traced=False))
        return Terminated(message.ref, message.reason, error)
    return message
