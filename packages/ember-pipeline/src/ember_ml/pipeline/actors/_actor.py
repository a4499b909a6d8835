"""An object that handles the messages in its mailbox one at a time."""

from __future__ import annotations

import functools
import inspect
import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from ember_ml.backend.errors import ArgumentError

from .._errors import UsageError
from ._address import Address, call_on
from ._cell import Cell
from ._dead_letters import DeadLetters
from ._mailbox import Mailbox, Overflow
from ._ref import ActorRef
from ._spawning import ChildOptions
from ._supervision import Restart, Supervision
from ._timers import Timer

_numbers = itertools.count(1)


@dataclass(slots=True)
class Options:
    """What an actor says of its mailbox, and its cell when it has one."""

    name: str | None = None
    capacity: int = 1024
    overflow: Overflow = "block"
    dead_letters: DeadLetters | None = None
    cell: Cell | None = None


class Actor(Address, ABC):
    """Base of actors: write ``process_message``, and give the class to `ActorSystem.spawn`.

    The actor handles one message at a time, in the order in which they were queued, each at most
    once. Messages can be of any type; dataclasses go well with ``match``. `on_start` runs before
    the first message, `on_stop` after the last one; an actor that fails is handled as the
    `Supervision` of its supervisor says.

    An actor also runs without a system: make one, run `start` as a task, and use it as its own
    reference. Then a handler that raises does not end it: who asked gets the exception; if the
    message was sent, it is logged, counted in `failed` and kept in `dead_letters`.

    Args:
        name: What errors, logs and dead letters call the actor. By default the class and a number.
        capacity: How many messages may wait in the mailbox.
        overflow: What happens to a message for a full mailbox: see `Mailbox`.
        dead_letters: Without a system: where messages go that nobody handled. By default its own.

    Attributes:
        supervision: How it supervises the actors that it spawns, unless `spawn` said otherwise.

    Raises:
        InvalidValueError: If ``capacity`` is less than 1 or ``overflow`` is unknown.

    Example:
        >>> import asyncio
        >>> from ember_ml.pipeline import ActorSystem
        >>> class Counter(Actor):
        ...     def __init__(self, count):
        ...         super().__init__()
        ...         self.count = count
        ...     async def process_message(self, message):
        ...         self.count += message
        ...         return self.count
        >>> async def main():
        ...     async with ActorSystem() as system:
        ...         counter = await system.spawn(Counter, 0)
        ...         await counter.send(20)
        ...         return await counter.ask(22, timeout=10)
        >>> asyncio.run(main())
        42
    """

    supervision: ClassVar[Supervision] = Supervision()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if not inspect.iscoroutinefunction(inspect.unwrap(cls.process_message)):
            raise ArgumentError(
                f"{cls.__name__}.process_message must be a coroutine function: write `async def`"
            )

    def __init__(
        self,
        *,
        name: str | None = None,
        capacity: int = 1024,
        overflow: Overflow = "block",
        dead_letters: DeadLetters | None = None,
    ) -> None:
        self._actor_options = Options(name, capacity, overflow, dead_letters)
        # Checks the options where they are given.
        Mailbox(
            f"the mailbox of {name or type(self).__name__}", capacity=capacity, overflow=overflow
        )

    @functools.cached_property
    def _actor_options(self) -> Options:
        """For a subclass that does not call ``super().__init__()``: the defaults."""
        return Options()

    # --- what a subclass writes

    @abstractmethod
    async def process_message(self, message: Any, /) -> Any:
        """Handle one message. What it returns is the reply, if the message was asked."""

    async def on_start(self) -> None:
        """Run before the first message. What it raises is raised by `spawn`."""

    async def on_stop(self) -> None:
        """Run after the last message of an instance that had started, before a restart too.

        What it raises is logged. It can spawn no children, and its own have ended.
        """

    async def on_restart(self, error: BaseException | None, /) -> None:
        """Run in a new instance instead of `on_start`, which is what it calls by default.

        Args:
            error: What the instance before it failed with; None if it was restarted together with
                an actor that failed, or had ended of its own accord and is permanent.
        """
        await self.on_start()

    # --- what it can use

    @property
    def ref(self) -> ActorRef:
        """A reference to this actor, to send to others; it outlives restarts."""
        return ActorRef(self._cell)

    @property
    def children(self) -> tuple[ActorRef, ...]:
        """The actors that it has spawned and that have not ended, the oldest first."""
        return self._cell.child_refs()

    @property
    def dead_letters(self) -> DeadLetters:
        """Where messages go that nobody handled."""
        return self._cell.dead_letters

    @property
    def failed(self) -> int:
        """How many messages and hooks have raised."""
        return self._cell.failed

    async def spawn(
        self,
        actor: Callable[..., Actor],
        /,
        *args: Any,
        name: str | None = None,
        capacity: int | None = None,
        overflow: Overflow | None = None,
        restart: Restart = "transient",
        supervision: Supervision | None = None,
    ) -> ActorRef:
        """Start a child: an actor that this one supervises, and that stops when this one does.

        The arguments are those of `ActorSystem.spawn`. A restart of this actor ends its children;
        `on_start` may spawn them anew.

        Raises:
            UsageError: If this actor has not been started, as nobody would stop its children.
        """
        if self._cell.loop is None:
            raise UsageError(
                f"{self._cell.path} has not been started and supervises nobody; spawn in its on_start"
            )
        options = ChildOptions(name, capacity, overflow, restart, supervision)
        return await self._cell.spawn(actor, args, options)

    def watch(self, other: ActorRef, /) -> None:
        """Get one `Terminated` message when ``other`` has ended; at once if it has already.

        To watch it twice is to watch it once, and a watch outlives a restart of this actor.
        """
        cell, watched = self._cell, other._cell
        if cell.loop is None or watched.loop is None or cell.loop is watched.loop:
            watched.watch(cell, cell.push)
        else:
            tell = functools.partial(call_on, cell.loop, cell.push)
            call_on(watched.loop, watched.watch, cell, tell)

    def unwatch(self, other: ActorRef, /) -> None:
        """End the `watch`."""
        cell, watched = self._cell, other._cell
        if cell.loop is None or watched.loop is None or cell.loop is watched.loop:
            watched.unwatch(cell)
        else:
            call_on(watched.loop, watched.unwatch, cell)

    def send_after(self, delay: float, message: Any, /) -> Timer:
        """Send ``message`` to this actor in ``delay`` seconds, unless it has ended by then.

        Timers end with the instance that has set them: after a restart, set them anew.
        """
        return Timer(self._cell, message, delay, None)

    def send_interval(self, interval: float, message: Any, /) -> Timer:
        """Send ``message`` to this actor every ``interval`` seconds, for the first time in one.

        A message that finds the mailbox full is a dead letter.
        """
        return Timer(self._cell, message, interval, interval)

    # --- without a system

    async def start(self) -> None:
        """Handle messages until the actor is stopped; messages that were sent before come first.

        Cancelling it stops the actor at once: the message in hand and those that wait become dead
        letters.

        Raises:
            ActorStopped: If the actor has been stopped.
            UsageError: If it has been started.
            TooManyRestarts: If its children failed too often.
        """
        await self._cell.run()

    def __repr__(self) -> str:
        cell = self._cell
        return f"{type(self).__name__}({cell.path!r}, {cell.state}, {len(cell.mailbox)} waiting)"

    @property
    def _cell(self) -> Cell:  # type: ignore[override]
        options = self._actor_options
        if options.cell is None:
            name = options.name or f"{type(self).__name__}-{next(_numbers)}"
            options.cell = Cell(
                name,
                self,
                Mailbox(
                    f"the mailbox of {name}", capacity=options.capacity, overflow=options.overflow
                ),
                options.dead_letters if options.dead_letters is not None else DeadLetters(),
                supervision=self.supervision,
            )
        return options.cell
