"""What the driver sees of one host: a connection, the cells that have instances there, their wishes."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from .._errors import UsageError
from ..actors._inbox import Inbox
from ..actors._ref import ActorRef
from ..actors._turn import turn
from ._connection import Connection, Exchange, Op
from ._ledger import SLOTS, Ledger
from ._pickling import loads
from ._remote_cell import RemoteCell, own_task, sendable
from ._requests import Requests

if TYPE_CHECKING:
    from ._remote_instance import RemoteInstance


class Node:
    """One host.

    Args:
        exchange: Makes a call to it.
        ledger: What it writes its numbers to, if it is on this machine.
        at: Finds the actor of a number.
    """

    def __init__(self, exchange: Exchange, ledger: Ledger, at: Callable[[int], Inbox]) -> None:
        self.lost = False
        self.pid = 0
        self._shared = False
        self._ledger = ledger
        self._at = at
        self._instances: dict[int, RemoteInstance] = {}
        self._slots = list(range(SLOTS))
        self.connection = Connection(exchange, self._receive, self._lose)
        self.requests = Requests(self.connection.post)

    @property
    def load(self) -> int:
        """How many actors live there."""
        return len(self._instances)

    async def greet(self) -> None:
        """Return when the process is there."""
        self.pid, self._shared = await self.requests.make("hello")

    def enter(self, instance: RemoteInstance) -> int:
        """``instance`` lives there from now on; its place in the ledger."""
        if not self._slots:
            raise UsageError(f"process {self.pid} has {SLOTS} actors; start more hosts")
        self._instances[instance.number] = instance
        return self._slots.pop()

    def leave(self, instance: RemoteInstance, slot: int) -> None:
        """``instance`` lives there no more."""
        if self._instances.pop(instance.number, None) is not None:
            self._slots.append(slot)

    def numbers(self, slot: int) -> tuple[int, int] | None:
        """What the ledger says, if there is one."""
        return self._ledger.read(slot) if self._shared else None

    def _lose(self, error: Exception) -> None:
        self.lost = True
        instances, self._instances = self._instances, {}
        for instance in instances.values():
            instance.cell.died(error, instance.numbers())
        self.requests.lose(error)

    def _cell(self, instance: int) -> RemoteCell | None:
        here = self._instances.get(instance)
        return None if here is None else here.cell

    # --- what the host posts

    def _receive(self, op: Op) -> None:
        kind, number, *rest = op
        if kind == "result":
            self.requests.answered(number, *rest)
        elif kind == "cancel":
            self.requests.cancel(number)
        elif kind in _REPORTS:
            cell = self._cell(number)
            if cell is not None:
                _REPORTS[kind](cell, *rest)
        else:
            self._serve(kind, number, *rest)

    def _serve(
        self, kind: str, request: int, instance: int, number: int, own: bool, to: int, data: bytes
    ) -> None:
        """Do what an actor wishes, as if its handler did it here."""
        context = copy_context()
        cell = self._cell(instance)
        context.run(turn.set, None)
        if cell is not None:
            if number > cell.turn:
                cell.progressed(number, number - 1)
            context.run(turn.set, (cell, number))
            context.run(own_task.set, own)
        self.requests.serve(request, _WISHES[kind](self, self._at(to), data), context)

    async def _send(self, target: Inbox, data: bytes) -> None:
        await ActorRef(target).send(loads(data))

    async def _ask(self, target: Inbox, data: bytes) -> Any:
        return await ActorRef(target).ask(loads(data))

    async def _offer(self, target: Inbox, data: bytes) -> None:
        target.offer(loads(data))

    async def _raised(self, target: Inbox, data: bytes) -> None:
        message, error = loads(data)
        target.raised(message, loads(error))

    async def _stop(self, target: Inbox, data: bytes) -> None:
        await target.stop(*loads(data))

    async def _watch(self, target: Inbox, data: bytes) -> None:
        watcher = self._at(loads(data))
        target.watch(watcher, watcher.push)

    async def _unwatch(self, target: Inbox, data: bytes) -> None:
        target.unwatch(self._at(loads(data)))

    async def _wait(self, target: Inbox, data: bytes) -> Any:
        return sendable(await ActorRef(target).terminated())

    async def _spawn(self, target: Inbox, data: bytes) -> ActorRef:
        return await target.spawn(*loads(data))


_REPORTS: dict[str, Callable[..., None]] = {
    "progress": lambda cell, begun, done, _: cell.progressed(begun, done),
    "reply": RemoteCell.replied,
    "failed": RemoteCell.failed_on,
    "refused": RemoteCell.refused,
}

_WISHES: dict[str, Callable[[Node, Inbox, bytes], Any]] = {
    "send": Node._send,
    "ask": Node._ask,
    "offer": Node._offer,
    "raised": Node._raised,
    "stop": Node._stop,
    "watch": Node._watch,
    "unwatch": Node._unwatch,
    "wait": Node._wait,
    "spawn": Node._spawn,
}
