"""What a place for actors and stages offers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from ..actors._actor import Actor
    from ..actors._children import Children
    from ..actors._dead_letters import DeadLetters
    from ..actors._ref import ActorRef
    from ..actors._spawning import ChildOptions
    from ..tasks._worker import Worker


class Runtime(Protocol):
    """Other processes for actors and stages. `RayRuntime` is one."""

    async def start(self) -> bool:
        """Connect, and return whether that had to be done. What follows does it as well."""
        ...

    async def spawn(
        self,
        actor: Callable[..., Actor],
        args: tuple[Any, ...],
        children: Children,
        dead_letters: DeadLetters,
        options: ChildOptions,
        /,
    ) -> ActorRef:
        """Start an actor as one of ``children``, whose dead letters go to ``dead_letters``."""
        ...

    async def capacity(self) -> int:
        """How many processes it uses for what can be spread."""
        ...

    async def worker(self, call: Callable[[Any], Any], /, *, name: str) -> Worker:
        """Start a worker that applies ``call`` to items; errors call it ``name``."""
        ...

    async def close(self) -> None:
        """End what was started."""
