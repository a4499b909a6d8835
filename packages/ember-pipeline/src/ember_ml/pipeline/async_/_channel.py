"""Where items wait between two stages of a stream."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

# An item on its way: a list that travels from the source to the consumer, so that nothing is made
# for it at each stage. It has the item's place in the source, its value after the latest stage, the
# item as the source gave it where a dead letter may need it, and its state in a stage.
Cell = list[Any]
INDEX, VALUE, RAW, STATE = range(4)

# States of a cell that a stage has taken. Those after UNDERWAY count as true.
UNDERWAY, PASSED, GONE, FATAL = range(4)


class Channel:
    """Cells that wait for a stage, and who waits for cells or for room.

    Nothing waits to put a cell in: a stage looks for room before it takes a cell from the channel
    in front of it. A writer that waits is woken when the channel is half empty, so that the two
    sides change places once for many cells.

    Attributes:
        items: The cells.
        capacity: How many there may be.
        low: Down to how many cells the reader goes before it wakes a writer.
        closed: Whether no more cells will come.
        error: Why, unless the source has ended.
        readers: Tasks that wait for cells.
        writers: Tasks that wait for room.
    """

    __slots__ = ("capacity", "closed", "error", "items", "low", "readers", "writers")

    def __init__(self, capacity: int) -> None:
        self.items: deque[Cell] = deque()
        self.capacity = capacity
        self.low = capacity // 2
        self.closed = False
        self.error: BaseException | None = None
        self.readers: deque[asyncio.Future[None]] = deque()
        self.writers: deque[asyncio.Future[None]] = deque()

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
