"""The actors of a runtime: in which process each lives, and how it gets there."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from ..actors._children import Children, refuse_if_stopping
from ..actors._dead_letters import DeadLetters
from ..actors._inbox import Inbox
from ..actors._mailbox import Mailbox
from ..actors._ref import ActorRef, homes
from ..actors._spawning import ChildOptions, check_options, free_name, mailbox_for, started
from ._node import Node
from ._pickling import dumps
from ._remote_cell import RemoteCell
from ._remote_instance import RemoteInstance

if TYPE_CHECKING:
    from ..actors._actor import Actor


class Space:
    """The nodes of a runtime and the cells of the actors that live there.

    Args:
        new: Starts a node.
    """

    def __init__(self, new: Callable[[Space], Awaitable[Node]]) -> None:
        self.key = uuid.uuid4().hex
        self.nodes: list[Node] = []
        self._new = new
        self._growing = asyncio.Lock()
        self._numbers = itertools.count(1)
        self._cells: WeakValueDictionary[int, RemoteCell] = WeakValueDictionary()
        homes[self.key] = self.at

    def at(self, number: int, path: str = "an actor") -> Inbox:
        """The cell of actor ``number``, or one that has ended."""
        cell = self._cells.get(number)
        return _Gone(path) if cell is None else cell

    async def node(self, most: int) -> Node:
        """The node with the fewest actors, a new one as long as there are fewer than ``most``."""
        async with self._growing:
            self.nodes = [node for node in self.nodes if not node.lost]
            idle = min(self.nodes, key=lambda node: node.load, default=None)
            if idle is None or (idle.load and len(self.nodes) < most):
                idle = await self._new(self)
                self.nodes.append(idle)
            return idle

    async def spawn(
        self,
        factory: Callable[..., Actor],
        args: tuple[Any, ...],
        children: Children,
        dead_letters: DeadLetters,
        options: ChildOptions,
        choose: Callable[[], Awaitable[Node]],
        parent: int = 0,
    ) -> ActorRef:
        """Start an actor in one of the nodes as one of ``children``.

        Raises:
            ArgumentError: If ``factory`` does not make an actor.
            InvalidValueError: If the name is taken or an option is none.
            Exception: What its constructor or `on_start` raises.
        """
        check_options(children, options)
        if options.name is not None:
            free_name(children, options.name, "")
        stops = children.stops
        node = await choose()
        number = next(self._numbers)
        try:
            kind, own_name, capacity, overflow, supervision = await node.requests.make(
                "build", number, children.path, data=dumps((factory, args))
            )
            refuse_if_stopping(children.path, children.stops != stops)
            name = free_name(children, options.name or own_name, kind)
        except BaseException:
            node.connection.post(("abandon", 0, number, b""))
            raise
        path = f"{children.path}/{name}"

        def instance(where: Node) -> RemoteInstance:
            return RemoteInstance(next(self._numbers), factory, args, where, choose)

        def renew() -> RemoteInstance:
            new = instance(cell.actor.node)
            new.cell = cell
            return new

        first = instance(node)
        cell = RemoteCell(
            name,
            first,
            mailbox_for(path, options, capacity, overflow),
            dead_letters,
            path=path,
            parent=children,
            renew=renew,
            restart=options.restart,
            supervision=options.supervision or supervision,
        )
        first.cell = cell
        cell.address = (self.key, number)

        async def spawn(
            factory: Callable[..., Actor],
            args: tuple[Any, ...],
            children: Children,
            dead_letters: DeadLetters,
            options: ChildOptions,
        ) -> ActorRef:
            return await self.spawn(factory, args, children, dead_letters, options, choose, number)

        cell.place(number, spawn, lambda: self._gone(number, parent))
        self._cells[number] = cell
        children.add(cell)
        return await started(cell)

    def _gone(self, number: int, parent: int) -> None:
        for node in self.nodes:
            if not node.lost:
                node.connection.post(("gone", number, parent, b""))

    async def close(self) -> None:
        """Forget the nodes, which have been ended."""
        homes.pop(self.key, None)
        nodes, self.nodes = self.nodes, []
        for node in nodes:
            await node.connection.join()
            await node.requests.join()


class _Gone(Inbox):
    """Stands for an actor that has ended and is forgotten."""

    def __init__(self, path: str) -> None:
        super().__init__(path, Mailbox(f"the mailbox of {path}"), DeadLetters())
        self.close("stopped", None)

    async def stop(self, drain: bool, timeout: float | None) -> None:  # noqa: ASYNC109
        """It has."""
