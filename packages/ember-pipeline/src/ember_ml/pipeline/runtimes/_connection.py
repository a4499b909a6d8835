"""A two-way stream of small operations over calls that one side makes to the other."""

from __future__ import annotations

import asyncio
import pickle
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

from ._link import Link, Packet

# An operation: what it is, whom it is for, and at the end what it carries: bytes, or a list of them.
# All of it is plain, so that a frame can always be read; what users sent is in it as bytes.
Op = tuple[Any, ...]

_WINDOW = 4  # frames under way in each direction
_FRAME_OPS = 512
FRAME_BYTES = 1 << 20
_PAUSE = 0.05  # seconds until a call that did not come through is repeated


class Exchange(Protocol):
    """One call to the other side: it takes ``packet`` and returns one of its own.

    With ``wait`` it returns as soon as the other side has a frame to send; with ``resend`` as well,
    that starts with all frames that may not have arrived.

    Raises:
        ConnectionError: If the call may not have come through; it can be repeated.
        WorkerDied: If the other side has ended.
    """

    def __call__(
        self, packet: Packet[bytes], wait: bool, resend: bool, /
    ) -> Awaitable[Packet[bytes]]: ...


class Outbox:
    """Operations that wait to be sent, and frames of them."""

    def __init__(self) -> None:
        self.ops: deque[Op] = deque()

    def frame(self) -> bytes:
        """Take as many operations as make a frame, and pack them."""
        ops: list[Op] = []
        size = 0
        while self.ops and len(ops) < _FRAME_OPS and size < FRAME_BYTES:
            op = self.ops.popleft()
            ops.append(op)
            load = op[-1]
            size += len(load) if isinstance(load, bytes) else sum(map(len, load))
        return pickle.dumps(ops, pickle.HIGHEST_PROTOCOL)


class Connection:
    """The side that calls.

    Args:
        exchange: Makes a call.
        receive: Is given each operation that the other side has posted, in order.
        lost: Is told, once, when the other side has ended.
    """

    def __init__(
        self,
        exchange: Exchange,
        receive: Callable[[Op], None],
        lost: Callable[[Exception], None],
    ) -> None:
        self._exchange = exchange
        self._receive = receive
        self._lost = lost
        self._link: Link[bytes] = Link(window=_WINDOW)
        self._outbox = Outbox()
        self._flushing = False
        self._ended = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._start(self._poll())

    def post(self, op: Op) -> None:
        """Send ``op``, after those that were posted before and together with those that follow."""
        self._outbox.ops.append(op)
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self._flush)

    async def join(self) -> None:
        """Wait until the other side has ended and nothing is under way any more."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _flush(self) -> None:
        self._flushing = False
        while self._outbox.ops and self._link.room and not self._ended:
            self._start(self._push(self._link.send(self._outbox.frame())))

    def _start(self, call: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(call)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _poll(self) -> None:
        resend = False
        while not self._ended:
            resend = not await self._call(self._link.acknowledgement(), True, resend)

    async def _push(self, packet: Packet[bytes]) -> None:
        arrived = await self._call(packet, False, False)
        while not arrived and not self._ended:
            arrived = True
            for again in self._link.resend():
                arrived = await self._call(again, False, False) and arrived

    async def _call(self, packet: Packet[bytes], wait: bool, resend: bool) -> bool:
        """Make one call and take what it returns; whether it came through."""
        try:
            answer = await self._exchange(packet, wait, resend)
        except ConnectionError:
            await asyncio.sleep(_PAUSE)
            return False
        except Exception as error:
            if not self._ended:
                self._ended = True
                self._lost(error)
            return True
        for frame in self._link.receive(answer):
            for op in pickle.loads(frame):
                self._receive(op)
        self._flush()
        return True


class Port:
    """The side that is called.

    Args:
        receive: Is given each operation that the other side has posted, in order.
        gather: Is asked for operations to add at the end of each frame.
    """

    def __init__(
        self, receive: Callable[[Op], None], gather: Callable[[], list[Op]] = list
    ) -> None:
        self._receive = receive
        self._gather = gather
        self._link: Link[bytes] = Link(window=_WINDOW)
        self._outbox = Outbox()
        self._again: deque[Packet[bytes]] = deque()
        self._news = asyncio.Event()

    def post(self, op: Op) -> None:
        """Send ``op``, after those that were posted before and together with those that follow."""
        self._outbox.ops.append(op)
        self._news.set()

    def ring(self) -> None:
        """Say that ``gather`` has something."""
        self._news.set()

    async def exchange(self, packet: Packet[bytes], wait: bool, resend: bool) -> Packet[bytes]:
        """See `Exchange`."""
        for frame in self._link.receive(packet):
            for op in pickle.loads(frame):
                self._receive(op)
        # Frames go out with the answers to waiting calls alone: the next one, which follows at once,
        # tells of their arrival.
        if not wait:
            return self._link.acknowledgement()
        if resend:
            self._again = deque(self._link.resend())
        while (answer := self._packet()) is None:
            self._news.clear()
            await self._news.wait()
        return answer

    def _packet(self) -> Packet[bytes] | None:
        if self._again:
            return self._again.popleft()
        self._outbox.ops.extend(self._gather())
        return self._link.send(self._outbox.frame()) if self._outbox.ops else None
