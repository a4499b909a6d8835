"""How an actor comes into being."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from ember_ml.backend.errors import ArgumentError, InvalidValueError

from .._checks import check_one_of
from ._cell import Cell
from ._children import Children
from ._dead_letters import DeadLetters
from ._mailbox import Mailbox, Overflow
from ._ref import ActorRef
from ._supervision import Restart, Supervision
from ._waiting import waiting_for

if TYPE_CHECKING:
    from ._actor import Actor


@dataclass(frozen=True, slots=True)
class ChildOptions:
    """What `spawn` was told of a child."""

    name: str | None = None
    capacity: int | None = None
    overflow: Overflow | None = None
    restart: Restart = "transient"
    supervision: Supervision | None = None


def check_options(children: Children, options: ChildOptions) -> None:
    """Raise if an option of a child-to-be is none."""
    check_one_of(children.path, "restart", options.restart, get_args(Restart))
    if options.supervision is not None and not isinstance(options.supervision, Supervision):
        raise ArgumentError(
            f"{children.path}: supervision must be a Supervision, got {options.supervision!r}"
        )


def built(factory: Callable[..., Actor], args: tuple[Any, ...], path: str) -> Actor:
    """A new actor; ``path`` is that of its supervisor.

    Raises:
        ArgumentError: If ``factory`` does not make one.
    """
    from ._actor import Actor  # which can spawn

    if not callable(factory):
        raise ArgumentError(
            f"{path}: spawn takes a subclass of Actor, or a function that returns an actor, got "
            f"{factory!r}; a restart makes a new one, so give the class, and its arguments after it"
        )
    actor = factory(*args)
    if not isinstance(actor, Actor):
        raise ArgumentError(
            f"{path}: spawn takes a subclass of Actor, or a function that returns an "
            f"actor, and {factory!r} gave {actor!r}"
        )
    if actor._actor_options.cell is not None:
        raise ArgumentError(f"{path}: {actor!r} is in use already; make a new one")
    return actor


def free_name(children: Children, name: str | None, kind: str) -> str:
    """The name of a child-to-be.

    Raises:
        ArgumentError: If it is not a non-empty string.
        InvalidValueError: If it is taken, or no part of a path.
    """
    if name is None:
        return children.numbered(kind)
    if not isinstance(name, str) or not name:
        raise ArgumentError(f"{children.path}: a name must be a non-empty string, got {name!r}")
    if "/" in name or name in children:
        problem = "has a slash, which paths are divided by" if "/" in name else "is taken"
        raise InvalidValueError(f"{children.path}: the name {name!r} {problem}; choose another")
    return name


def mailbox_for(
    path: str, options: ChildOptions, capacity: int, overflow: Overflow
) -> Mailbox[Any]:
    """The mailbox of the actor at ``path``; what `spawn` was told goes before what the actor says."""
    return Mailbox(
        f"the mailbox of {path}",
        capacity=capacity if options.capacity is None else options.capacity,
        overflow=overflow if options.overflow is None else options.overflow,
    )


async def spawned(
    factory: Callable[..., Actor],
    args: tuple[Any, ...],
    children: Children,
    dead_letters: DeadLetters,
    options: ChildOptions,
) -> ActorRef:
    """Start an actor in this process as one of ``children``.

    Raises:
        ArgumentError: If ``factory`` does not make an actor.
        InvalidValueError: If the name is taken or an option is none.
        Exception: What its constructor or `on_start` raises.
    """
    check_options(children, options)

    def renew() -> Actor:
        actor = built(factory, args, children.path)
        actor._actor_options.cell = cell
        return actor

    actor = built(factory, args, children.path)
    own = actor._actor_options
    name = free_name(
        children, own.name if options.name is None else options.name, type(actor).__name__
    )
    path = f"{children.path}/{name}"
    cell = Cell(
        name,
        actor,
        mailbox_for(path, options, own.capacity, own.overflow),
        dead_letters,
        path=path,
        parent=children,
        renew=renew,
        restart=options.restart,
        supervision=options.supervision or type(actor).supervision,
        grace=children.supervision.shutdown,
    )
    own.cell = cell
    children.add(cell)
    return await started(cell)


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


def _retrieve(task: asyncio.Task[None]) -> None:
    """What ended an actor has been told to its supervisor and its watchers."""
    if not task.cancelled():
        task.exception()
