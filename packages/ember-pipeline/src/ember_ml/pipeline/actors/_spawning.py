"""How an actor comes into being."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, get_args

from ember_ml.backend.errors import ArgumentError, InvalidValueError

from .._errors import ActorStopped
from ._cell import Cell
from ._children import Children, Parent
from ._dead_letters import DeadLetters
from ._mailbox import Mailbox, Overflow
from ._ref import ActorRef
from ._supervision import Restart, Supervision
from ._waiting import waiting_for

if TYPE_CHECKING:
    from ._actor import Actor


def cell_of(
    factory: Callable[..., Actor],
    args: tuple[Any, ...],
    parent: Parent,
    children: Children,
    dead_letters: DeadLetters,
    *,
    name: str | None,
    capacity: int | None,
    overflow: Overflow | None,
    restart: Restart,
    supervision: Supervision | None,
) -> Cell:
    """Make an actor and its cell, as a child that has not started.

    Raises:
        ArgumentError: If ``factory`` does not make an actor.
        InvalidValueError: If the name is taken or an option is none.
    """
    from ._actor import Actor  # which can spawn

    if restart not in get_args(Restart):
        raise InvalidValueError(
            f"{children.path}: restart must be one of {', '.join(get_args(Restart))}, got {restart!r}"
        )

    def build() -> Actor:
        actor = factory(*args)
        if not isinstance(actor, Actor):
            raise ArgumentError(
                f"{children.path}: spawn takes a subclass of Actor, or a function that returns an "
                f"actor, and {factory!r} gave {actor!r}"
            )
        if actor._actor_options.cell is not None:
            raise ArgumentError(f"{children.path}: {actor!r} is in use already; make a new one")
        return actor

    def renew() -> Actor:
        actor = build()
        actor._actor_options.cell = cell
        return actor

    actor = build()
    options = actor._actor_options
    name = name or options.name
    if name is None:
        name = children.numbered(type(actor).__name__)
    elif "/" in name or name in children:
        problem = "has a slash, which paths are divided by" if "/" in name else "is taken"
        raise InvalidValueError(f"{children.path}: the name {name!r} {problem}; choose another")
    path = f"{children.path}/{name}"
    mailbox: Mailbox[Any] = Mailbox(
        f"the mailbox of {path}",
        capacity=capacity if capacity is not None else options.capacity,
        overflow=overflow if overflow is not None else options.overflow,
    )
    cell = Cell(
        name,
        actor,
        mailbox,
        dead_letters,
        path=path,
        parent=parent,
        renew=renew,
        restart=restart,
        supervision=supervision or type(actor).supervision,
    )
    actor._actor_options.cell = cell
    children.add(cell)
    return cell


async def started(cell: Cell) -> ActorRef:
    """Start ``cell`` and wait until it has.

    Raises:
        Exception: What kept it from starting.
    """
    loop = asyncio.get_running_loop()
    cell.loop = loop
    cell.started = loop.create_future()
    cell.task = loop.create_task(cell.run(), name=f"actor {cell.path}")
    cell.task.add_done_callback(_retrieve)
    try:
        with waiting_for(cell):
            error = await asyncio.shield(cell.started)
    except asyncio.CancelledError:
        await cell.stop(False, 0)
        raise
    if error is not None:
        await asyncio.wait([cell.task])
        raise error
    return ActorRef(cell)


def refuse_if_stopping(path: str, stopping: bool) -> None:
    """Raise if a supervisor takes no more children."""
    if stopping:
        raise ActorStopped(f"{path} is stopping or has stopped, and starts no more actors")


def _retrieve(task: asyncio.Task[None]) -> None:
    """What ended an actor has been told to its supervisor and its watchers."""
    if not task.cancelled():
        task.exception()
