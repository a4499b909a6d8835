"""Which actor waits for which: the graph in which a deadlock is a cycle."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ._delivery import current_delivery

if TYPE_CHECKING:
    from ._cell import Cell


async def cycle_through(cell: Cell) -> str | None:
    """The cycle that would close if the running handler waited for ``cell``, as text, or None.

    Asks made by tasks that a handler made count as the handler's: it usually awaits them.
    """
    cycle = _cycle(cell)
    if cycle is not None:
        # Somebody in it may have been answered in this very turn of the loop and not know it yet.
        await asyncio.sleep(0)
        cycle = _cycle(cell)
    return cycle


@contextmanager
def waiting_for(cell: Cell) -> Iterator[None]:
    """Record that the running handler, if there is one, waits for ``cell``."""
    delivery = current_delivery()
    if delivery is None:
        yield
        return
    delivery.waits_for.append(cell)
    try:
        yield
    finally:
        delivery.waits_for.remove(cell)


def _cycle(cell: Cell) -> str | None:
    delivery = current_delivery()
    if delivery is None:
        return None
    path = _path(cell, delivery.recipient)
    return None if path is None else " -> ".join(step.name for step in [delivery.recipient, *path])


def _path(start: Cell, goal: Cell) -> list[Cell] | None:
    if start is goal:
        return [goal]
    in_hand = start.in_hand
    for cell in in_hand.waits_for if in_hand is not None else ():
        rest = _path(cell, goal)
        if rest is not None:
            return [start, *rest]
    return None
