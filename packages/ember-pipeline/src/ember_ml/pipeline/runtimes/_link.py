"""Frames in order and once over a network that reorders, duplicates and loses them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from .._errors import UsageError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Packet(Generic[T]):
    """What one end hands to the network.

    Attributes:
        arrived: All frames of the other end up to this number have arrived.
        limit: The highest number that the other end may send: its credit.
        number: Number of the frame that this packet carries, counted from 1; 0 if it carries none.
        frame: The frame.
    """

    arrived: int
    limit: int
    number: int = 0
    frame: T | None = None


class Link(Generic[T]):
    """One end of a connection, without any input or output of its own.

    What `send` returns is handed to the network; what comes out of the network is handed to
    `receive`, which returns the frames that are next in line. When the network has lost something,
    what `resend` returns is handed to it. Selective repeat with cumulative acknowledgements, as in
    A. Tanenbaum, "Computer Networks", section 3.4.

    Args:
        window: How many frames may be on their way to this end. Both ends have the same.

    Example:
        >>> left, right = Link(window=4), Link(window=4)
        >>> first, second = left.send("a"), left.send("b")
        >>> right.receive(second), right.receive(first), right.receive(first)
        ([], ['a', 'b'], [])
    """

    def __init__(self, *, window: int) -> None:
        self._window = window
        self._sent = 0
        self._credit = window
        self._unacknowledged: dict[int, T] = {}
        self._arrived = 0
        self._early: dict[int, T] = {}

    @property
    def room(self) -> bool:
        """Whether another frame may be sent now."""
        return self._sent < self._credit

    def send(self, frame: T) -> Packet[T]:
        """Number ``frame`` and return the packet that carries it.

        Raises:
            UsageError: If there is no `room`.
        """
        if not self.room:
            raise UsageError(f"the link has {len(self._unacknowledged)} frames under way; wait")
        self._sent += 1
        self._unacknowledged[self._sent] = frame
        return self._packet(self._sent, frame)

    def acknowledgement(self) -> Packet[T]:
        """A packet without a frame."""
        return Packet(self._arrived, self._arrived + self._window)

    def resend(self) -> list[Packet[T]]:
        """Packets for all frames whose arrival is not known."""
        return [self._packet(number, frame) for number, frame in self._unacknowledged.items()]

    def receive(self, packet: Packet[T]) -> list[T]:
        """Take ``packet`` and return the frames that can be delivered now, in order."""
        self._credit = max(self._credit, packet.limit)
        for number in [n for n in self._unacknowledged if n <= packet.arrived]:
            del self._unacknowledged[number]
        if packet.number > self._arrived:
            assert packet.frame is not None
            self._early[packet.number] = packet.frame
        ready = []
        while self._arrived + 1 in self._early:
            self._arrived += 1
            ready.append(self._early.pop(self._arrived))
        return ready

    def _packet(self, number: int, frame: T) -> Packet[T]:
        return Packet(self._arrived, self._arrived + self._window, number, frame)
