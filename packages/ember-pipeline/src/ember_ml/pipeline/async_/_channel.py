"""Where items wait between two stages of a stream."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Any

# An item on its way: a list that travels from the source to the consumer, so that nothing is made
# for it at each stage. It has the item's place in the source, its value after the latest stage, the
# item as the source gave it where a dead letter may need it, and its state in a stage.
Cell = list[Any]
INDEX, VALUE, RAW, STATE = range(4)

# States of a cell that a stage has taken. Those after UNDERWAY count as true.
UNDERWAY, PASSED, GONE, FATAL = range(4)


# A channel that was full grows if it is nearly empty in less than these seconds.
_QUICK = 0.004


class Channel:
    """Cells that wait for a stage, and who waits for cells or for room.

    Nothing waits to put a cell in: a stage looks for room before it takes a cell from the channel
    in front of it. A writer that waits is woken when the channel is nearly empty, so that the two
    sides change places once for many cells.

    Attributes:
        items: The cells.
        capacity: How many there may be.
        most: How far the capacity grows when they are dealt with quickly.
        low: Down to how many cells the reader goes before it wakes a writer.
        closed: Whether no more cells will come.
        error: Why, unless the source has ended.
        readers: Tasks that wait for cells.
        writers: Tasks that wait for room.
    """

    __slots__ = (
        "capacity",
        "closed",
        "error",
        "items",
        "low",
        "most",
        "readers",
        "writers",
    )

    def __init__(self, capacity: int, most: int) -> None:
        self.items: deque[Cell] = deque()
        self.capacity = capacity
        self.low = capacity // 8
        self.closed = False
        self.error: BaseException | None = None
        self.readers: deque[asyncio.Future[None]] = deque()
        self.writers: deque[asyncio.Future[None]] = deque()
        self.most = most

    async def filled(self) -> None:
        """Wait for cells, or for the end of them."""
        await turn(self.readers)

    async def emptied(self) -> None:
        """Wait for room, and make more if the reader is quick."""
        since = time.perf_counter()
        await turn(self.writers)
        if time.perf_counter() - since < _QUICK:
            self.grow()

    def grow(self) -> None:
        """Hold more, as long as that is allowed."""
        if self.capacity < self.most:
            self.capacity = min(2 * self.capacity, self.most)
            self.low = self.capacity // 8

    def until_low(self) -> int:
        """How many cells a reader may take before it calls `taken`."""
        waiting = len(self.items)
        return waiting - self.low if waiting > self.low else waiting

    def taken(self) -> None:
        """Wake a writer if it is worth it: a reader has taken cells."""
        if self.writers and len(self.items) <= self.low:
            wake(self.writers)

    def close(self, error: BaseException | None = None) -> None:
        """Let no more cells come, and wake everybody."""
        if not self.closed:
            self.closed = True
            self.error = error
            for waiting in (self.readers, self.writers):
                while waiting:
                    wake(waiting)


async def turn(waiting: deque[asyncio.Future[None]]) -> None:
    """Wait in line until woken."""
    place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waiting.append(place)
    try:
        await place
    except asyncio.CancelledError:
        if place in waiting:
            waiting.remove(place)
        else:  # cancelled after it was woken: somebody else can go
            wake(waiting)
        raise


def wake(waiting: deque[asyncio.Future[None]]) -> None:
    """Wake who has waited longest, if anybody waits."""
    while waiting:
        place = waiting.popleft()
        if not place.done():
            place.set_result(None)
            return
