"""What a cell here sees of its instance in a host's process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from .._errors import WorkerDied
from ._pickling import dump_error, dumps

if TYPE_CHECKING:
    from ..actors._actor import Actor
    from ._node import Node
    from ._remote_cell import RemoteCell


class RemoteInstance:
    """Starts an instance, and ends it.

    Args:
        number: Of the instance, in its runtime.
        factory: Makes the actor,
        args: with these.
        node: Where it is to live, as long as that is there.
        choose: Finds another place.
    """

    def __init__(
        self,
        number: int,
        factory: Callable[..., Actor],
        args: tuple[Any, ...],
        node: Node,
        choose: Callable[[], Awaitable[Node]],
    ) -> None:
        self.number = number
        self.cell: RemoteCell
        self.node = node
        self._factory = factory
        self._args = args
        self._choose = choose
        self._slot: int | None = None

    async def on_start(self) -> None:
        """Start it, with its ``on_start``."""
        await self._start(None)

    async def on_restart(self, error: BaseException | None, /) -> None:
        """Start it, with its ``on_restart``."""
        failure = None if error is None else dump_error(error, traced=False)
        await self._start(failure, restarted=True)

    async def on_stop(self) -> None:
        """End it, after its ``on_stop``, if its process is still there."""
        if self._slot is None or self.node.lost:
            return
        try:
            await self._made(self.node.requests.make("end", self.number, self.cell.turn))
        except WorkerDied:
            return

    async def process_message(self, message: Any, /) -> Any:
        """The cell delivers ahead instead."""
        raise NotImplementedError

    def post(self, kind: str, *fields: Any) -> None:
        """Tell the instance something."""
        self.node.connection.post((kind, self.number, *fields))

    def halt(self, *, cancel: bool) -> asyncio.Future[tuple[int, int]]:
        """Let it begin no more messages, and cancel the one in hand; the numbers begun and done."""
        return self.node.requests.make("halt", self.number, cancel)

    def numbers(self) -> tuple[int, int] | None:
        """The numbers begun and done of an instance whose process has died, if they are known."""
        return None if self._slot is None else self.node.numbers(self._slot)

    async def _start(self, failure: bytes | None, restarted: bool = False) -> None:
        cell = self.cell
        if self.node.lost:
            self.node = await self._choose()
        node = self.node
        self._slot = node.enter(self)
        cell.began(self.number)
        data = dumps((self._factory, self._args, restarted, failure))
        await self._made(
            node.requests.make(
                "start", self.number, cell.number, cell.path, self._slot, cell.turn, data=data
            ),
            keep=True,
        )

    async def _made(self, request: asyncio.Future[Any], keep: bool = False) -> None:
        """Await ``request``; the instance is gone afterwards, unless it succeeds and is kept."""
        try:
            await request
        except asyncio.CancelledError:
            self.post("abandon", self.cell.number, b"")
            keep = False
            raise
        except BaseException:
            keep = False
            raise
        finally:
            if not keep and self._slot is not None:
                self.node.leave(self, self._slot)
                self._slot = None
