"""A picture of a tree of actors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ._cell import Cell
from ._children import Children


@dataclass(frozen=True, slots=True)
class ActorInfo:
    """One actor, or the system, at one moment.

    Attributes:
        path: Its name after those of its supervisors.
        state: ``"starting"``, ``"running"``, ``"restarting"``, ``"stopping"`` or ``"stopped"``.
        waiting: How many messages wait in its mailbox.
        capacity: How many may.
        handled: How many messages it has taken in hand.
        failed: How many messages and hooks have raised.
        restarts: How often it was restarted.
        children: Its children, the oldest first.
    """

    path: str
    state: str
    waiting: int = 0
    capacity: int = 0
    handled: int = 0
    failed: int = 0
    restarts: int = 0
    children: tuple[ActorInfo, ...] = ()

    def __iter__(self) -> Iterator[ActorInfo]:
        """This one and all below it."""
        yield self
        for child in self.children:
            yield from child

    def __str__(self) -> str:
        return "\n".join([self._head(), *_lines(self.children)])

    def _head(self) -> str:
        if not self.capacity:
            count = sum(1 for _ in self) - 1
            return f"{self.path}: {count} actor{'s' if count != 1 else ''}"
        parts = [
            self.state,
            f"{self.waiting} of {self.capacity} waiting",
            f"{self.handled} handled",
        ]
        parts += [f"{self.failed} failed"] * (self.failed > 0)
        parts += [f"{self.restarts} restarts"] * (self.restarts > 0)
        return f"{self.path.rpartition('/')[2]}: {', '.join(parts)}"


def info_of(path: str, state: str, children: Children) -> ActorInfo:
    """The picture of a system."""
    return ActorInfo(path, state, children=_all(children))


def _all(children: Children) -> tuple[ActorInfo, ...]:
    return tuple(_of(child) for child in children if isinstance(child, Cell))


def _of(cell: Cell) -> ActorInfo:
    return ActorInfo(
        cell.path,
        cell.state,
        len(cell.mailbox),
        cell.mailbox.capacity,
        cell.turn - cell.hooks,
        cell.failed,
        cell.restarts,
        _all(cell.children),
    )


def _lines(children: tuple[ActorInfo, ...]) -> Iterator[str]:
    for place, child in enumerate(children):
        last = place == len(children) - 1
        yield ("└── " if last else "├── ") + child._head()
        for line in _lines(child.children):
            yield ("    " if last else "│   ") + line
