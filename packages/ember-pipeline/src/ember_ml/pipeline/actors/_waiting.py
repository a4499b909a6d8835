"""Which actor waits for which: the graph in which a deadlock is a cycle."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from ._turn import handler_here


class Node(Protocol):
    """What somebody may wait for: an actor here, or the stand-in of one elsewhere."""

    @property
    def path(self) -> str: ...
    def waits_for(self) -> list[Node]:
        """Whom the message in hand waits for."""
        ...


async def cycle_through(node: Node) -> str | None:
    """The cycle that would close if the running handler waited for ``node``, as text, or None.

    Asks made by tasks that a handler made count as the handler's: it usually awaits them.
    """
    cycle = _cycle(node)
    if cycle is not None:
        # Somebody in it may have been answered in this very turn of the loop and not know it yet.
        await asyncio.sleep(0)
        cycle = _cycle(node)
    return cycle


@contextmanager
def waiting_for(node: Node) -> Iterator[None]:
    """Record that the running handler, if there is one, waits for ``node``."""
    cell = handler_here()
    if cell is None:
        yield
        return
    waits = cell.waits  # a list for each turn: what outlives its turn changes an old one
    waits.append(node)
    try:
        yield
    finally:
        waits.remove(node)


def _cycle(node: Node) -> str | None:
    start = handler_here()
    if start is None:
        return None
    path = path_between(node, start)
    return None if path is None else " -> ".join(step.path for step in [start, *path])


def path_between(start: Node, goal: Node) -> list[Node] | None:
    """The actors from ``start`` to ``goal``, each of which waits for the next, or None."""
    seen: set[int] = set()

    def search(node: Node) -> list[Node] | None:
        if node is goal:
            return [node]
        if id(node) in seen:
            return None
        seen.add(id(node))
        for following in node.waits_for():
            rest = search(following)
            if rest is not None:
                return [node, *rest]
        return None

    return search(start)
