"""References to actors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._errors import UsageError
from ._address import Address
from ._inbox import Inbox


class ActorRef(Address):
    """Stands for an actor, wherever it lives and however often it is restarted.

    `ActorSystem.spawn` and `Actor.spawn` return it; it can be kept, compared, used as a key and
    sent in messages.
    """

    __slots__ = ("_cell",)

    def __init__(self, cell: Inbox) -> None:
        self._cell = cell

    def __eq__(self, other: object) -> bool:
        return self._cell is other._cell if isinstance(other, ActorRef) else NotImplemented

    def __hash__(self) -> int:
        return hash(id(self._cell))

    def __repr__(self) -> str:
        return f"ActorRef({self._cell.path!r}, {self._cell.state})"

    def __reduce__(self) -> Any:
        address = self._cell.address
        if address is None:
            raise UsageError(
                f"{self!r} stands for an actor of this process and cannot be pickled; a system with "
                "a runtime takes references to its other processes in messages"
            )
        return _resolved, (*address, self._cell.path)


# For each runtime that this process belongs to, what gives the side to send to of its actors.
homes: dict[str, Callable[[int, str], Inbox]] = {}


def _resolved(runtime: str, number: int, path: str) -> ActorRef:
    home = homes.get(runtime)
    if home is None:
        raise UsageError(f"a reference to {path} can be used in the processes of its runtime alone")
    return ActorRef(home(number, path))
