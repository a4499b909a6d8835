"""A tree of supervised actors."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ember_ml.backend.errors import ArgumentError

from .._checks import check_number, check_timeout
from .._errors import SystemFailed, UsageError
from ._actor import Actor
from ._children import Children, refuse_if_stopping
from ._dead_letters import DeadLetters
from ._inspect import ActorInfo, info_of
from ._mailbox import Overflow
from ._ref import ActorRef
from ._spawning import ChildOptions, spawned
from ._supervision import Restart, Supervision
from ._turn import turn
from ._waiting import Node, cycle_through, waiting_for
from ._watchdog import Blocked, Watchdog

if TYPE_CHECKING:
    from ..runtimes import Runtime

logger = logging.getLogger(__name__)


class ActorSystem:
    """Starts actors, supervises them, and stops them when its block is left.

    When the block ends well, the actors handle what waits in their mailboxes and stop, the youngest
    first. When it ends in an exception or a cancellation, they finish the message in hand, for
    which they have ``supervision.shutdown`` seconds.

    Args:
        name: The first part of the actors' paths.
        runtime: Where the actors live, such as a `RayRuntime`; by default here, on this event loop.
            One that is not started yet is started here, and closed with the system.
        supervision: What happens to the actors that `spawn` starts here when they fail. When it
            escalates, the system stops, and leaving the block raises `SystemFailed`.
        dead_letters: Where the messages go that no actor handled. By default the system's own.
        blocked_after: A handler that keeps the event loop from turning for so many seconds is
            logged as a warning, with the line where it is. None: nobody looks.
        on_blocked: Called, in another thread, with each such `Blocked`.

    Raises:
        ArgumentError: If ``name`` is not a non-empty string without slashes, ``supervision`` not a
            `Supervision` or ``blocked_after`` not a number.
        InvalidValueError: If ``blocked_after`` is not positive.

    Example:
        >>> import asyncio
        >>> from dataclasses import dataclass
        >>> from ember_ml.pipeline import Actor, ActorSystem
        >>> @dataclass(frozen=True)
        ... class Deposit:
        ...     amount: int
        >>> @dataclass(frozen=True)
        ... class Balance:
        ...     pass
        >>> class Account(Actor):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.total = 0
        ...     async def process_message(self, message):
        ...         match message:
        ...             case Deposit(amount):
        ...                 self.total += amount
        ...             case Balance():
        ...                 return self.total
        >>> async def main():
        ...     async with ActorSystem("bank") as system:
        ...         account = await system.spawn(Account, name="savings")
        ...         await account.send(Deposit(40))
        ...         await account.send(Deposit(2))
        ...         print(account.path, await account.ask(Balance()))
        >>> asyncio.run(main())
        bank/savings 42
    """

    def __init__(
        self,
        name: str = "ember",
        *,
        runtime: Runtime | None = None,
        supervision: Supervision | None = None,
        dead_letters: DeadLetters | None = None,
        blocked_after: float | None = 1.0,
        on_blocked: Callable[[Blocked], object] | None = None,
    ) -> None:
        if not isinstance(name, str) or not name or "/" in name:
            raise ArgumentError(
                f"ActorSystem needs a name that is a non-empty string without slashes, got {name!r}"
            )
        owner = f"ActorSystem {name!r}"
        if blocked_after is not None:
            wanted = "positive or None"
            check_number(owner, "blocked_after", blocked_after, wanted, lambda seconds: seconds > 0)
        if supervision is not None and not isinstance(supervision, Supervision):
            raise ArgumentError(f"{owner}: supervision must be a Supervision, got {supervision!r}")
        self.name = name
        self.dead_letters = dead_letters if dead_letters is not None else DeadLetters()
        self.failure: BaseException | None = None
        self._runtime = runtime
        self._own_runtime = False
        self._children = Children(name, supervision or Supervision(), self._fail)
        self._watchdog = Watchdog(blocked_after, on_blocked) if blocked_after is not None else None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = False
        self._stops: set[asyncio.Task[None]] = set()

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
        """Start an actor and return a reference to it, when its `on_start` is done.

        Args:
            actor: A subclass of `Actor`, or a function that returns a new actor.
            args: What it is called with, now and at each restart. For keywords, use
                `functools.partial`.
            name: Its name; by default that of the class, and a number.
            capacity: How many messages may wait; by default what the actor says, else 1024.
            overflow: What happens to a message for a full mailbox, see `Mailbox`.
            restart: ``"transient"``: when it has failed. ``"permanent"``: also when it has stopped
                itself. ``"temporary"``: never.
            supervision: How it supervises the actors that it spawns in its turn; by default what
                its class says.

        Raises:
            ActorStopped: If the system has stopped or is stopping.
            ArgumentError: If ``actor`` does not make an actor.
            InvalidValueError: If the name is taken or an option is none.
            UsageError: If the system has not been entered.
            WorkerDied: If its process on the runtime could not be started, or has ended.
            Exception: What the actor's constructor or `on_start` raises.
        """
        if self._loop is None:
            raise UsageError(
                f"the actor system {self.name!r} has not been entered: use `async with`"
            )
        refuse_if_stopping(self.name, self._stopping)
        options = ChildOptions(name, capacity, overflow, restart, supervision)
        spawn = spawned if self._runtime is None else self._runtime.spawn
        return await spawn(actor, args, self._children, self.dead_letters, options)

    def inspect(self) -> ActorInfo:
        """A picture of the tree, with the depth of each mailbox; print it.

        Example:
            >>> class Idle(Actor):
            ...     async def process_message(self, message):
            ...         pass
            >>> async def main():
            ...     async with ActorSystem("app") as system:
            ...         await system.spawn(Idle)
            ...         print(system.inspect())
            >>> asyncio.run(main())
            app: 1 actor
            └── Idle-1: running, 0 of 1024 waiting, 0 handled
        """
        return info_of(self.name, "stopped" if self._stopping else "running", self._children)

    async def stop(self, *, drain: bool = True, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Stop all actors, the youngest first; leaving the block does it.

        Called from the handler of one of them, or from one that they wait for, it returns at once
        and they stop afterwards; leaving the block waits for them.

        Args:
            drain: Whether they handle what waits in their mailboxes.
            timeout: After how many seconds to cancel what an actor has in hand. None: never.
        """
        if timeout is not None:
            check_timeout(self.name, timeout)
        self._stopping = True
        everybody = _Everybody(self.name, self._children)
        if await cycle_through(everybody) is not None:
            self._stop_later(drain, timeout)
            return
        with waiting_for(everybody):
            await self._children.stop(drain, timeout)

    async def __aenter__(self) -> Self:
        if self._loop is not None:
            raise UsageError(f"the actor system {self.name!r} has been entered before")
        self._loop = asyncio.get_running_loop()
        if self._runtime is not None:
            self._own_runtime = await self._runtime.start()
        if self._watchdog is not None:
            self._watchdog.start(self._loop)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if error is None and self.failure is None:
                await self.stop()
            else:
                await self.stop(drain=False, timeout=self._children.supervision.shutdown)
            if self._stops:
                await asyncio.wait(self._stops)
        except asyncio.CancelledError:
            await self.stop(drain=False, timeout=0)
            raise
        finally:
            if self._watchdog is not None:
                self._watchdog.stop()
            if self._runtime is not None and self._own_runtime:
                await self._runtime.close()
        if self.failure is not None and error is None:
            raise SystemFailed(
                f"the actor system {self.name!r} has stopped: {self.failure}"
            ) from self.failure

    def _fail(self, error: BaseException) -> None:
        """The failures of the actors are more than the supervision allows."""
        if self.failure is None:
            self.failure = error
            logger.error("the actor system %r stops", self.name, exc_info=error)
            self._stopping = True
            self._stop_later(False, self._children.supervision.shutdown)

    def _stop_later(self, drain: bool, timeout: float | None) -> None:
        context = contextvars.copy_context()
        context.run(turn.set, None)  # it is no part of what a handler does
        task = asyncio.get_running_loop().create_task(
            self._children.stop(drain, timeout), name=f"{self.name} stops", context=context
        )
        self._stops.add(task)
        task.add_done_callback(self._stops.discard)

    def __repr__(self) -> str:
        return f"ActorSystem({self.name!r}, {len(self._children)} actors)"


@dataclass(frozen=True, slots=True)
class _Everybody:
    """All actors of a system, for whom a stop of it waits."""

    path: str
    children: Children

    def waits_for(self) -> list[Node]:
        return self.children.everybody()
