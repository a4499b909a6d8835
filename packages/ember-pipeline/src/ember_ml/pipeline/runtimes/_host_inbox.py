"""What actors in a host's process send to: the driver, which has the mailboxes."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .._errors import ActorStopped, MailboxFull
from ..actors._dead_letters import DeadLetters
from ..actors._inbox import Inbox
from ..actors._mailbox import Mailbox
from ..actors._messages import Terminated
from ..actors._ref import ActorRef
from ..actors._spawning import ChildOptions
from ..actors._turn import Ask, message_of
from ._pickling import dump_error, dumps

if TYPE_CHECKING:
    from ..actors._actor import Actor
    from ._host import Host
    from ._instance import Instance


class HostInbox(Inbox):
    """The side of an actor that others in this process see, whether it lives here or elsewhere."""

    def __init__(self, host: Host, number: int, path: str) -> None:
        super().__init__(path, Mailbox(f"the mailbox of {path}"), DeadLetters())
        self.mailbox.limit = 0  # nothing is queued here
        self.loop = asyncio.get_running_loop()
        self.number = number
        self.address = (host.runtime, number)
        self.instance: Instance | None = None
        self._host = host
        self._children: dict[int, ActorRef] = {}

    @property
    def state(self) -> str:
        """Known to the driver alone."""
        return "in a runtime"

    @property
    def failed(self) -> int:
        """How many messages the instance that lives here has failed on."""
        return 0 if self.instance is None else self.instance.failed

    def in_own_task(self) -> bool:
        """Whether the task in which it handles messages runs now."""
        return self.instance is not None and self.instance.task is asyncio.current_task()

    async def post(self, entry: Any) -> None:
        """Have the driver queue a message, or ask."""
        data = dumps(message_of(entry))
        if isinstance(entry, Ask):
            answer = self._host.ask_driver("ask", self.number, data)
            answer.add_done_callback(functools.partial(_reply, entry))
            entry.reply.add_done_callback(lambda reply: reply.cancelled() and answer.cancel())
        else:
            await self._host.ask_driver("send", self.number, data)

    def offer(self, message: Any) -> None:
        """Have the driver queue ``message`` if there is room."""
        self._host.ask_driver("offer", self.number, dumps(message))

    def raised(self, message: Any, error: BaseException) -> None:
        """Have the driver bury ``message``, whose asker here was cancelled."""
        self._host.ask_driver(
            "raised", self.number, dumps((message, dump_error(error, traced=False)))
        )

    async def stop(self, drain: bool, timeout: float | None) -> None:  # noqa: ASYNC109
        """Have the driver stop it."""
        await self._host.ask_driver("stop", self.number, dumps((drain, timeout)))

    def watch(self, key: object, tell: Callable[[Terminated], object]) -> None:
        """Have the driver watch it: for an actor, or for a caller that waits."""
        if isinstance(key, HostInbox):
            self._host.ask_driver("watch", self.number, dumps(key.number))
            return
        answer = self._host.ask_driver("wait", self.number)
        self._watchers[key] = lambda _: answer.cancel()

        def told(answer: asyncio.Future[Any]) -> None:
            if self._watchers.pop(key, None) is not None and not answer.cancelled():
                tell(answer.result())

        answer.add_done_callback(told)

    def unwatch(self, key: object) -> None:
        """End the watch under ``key``."""
        if isinstance(key, HostInbox):
            self._host.ask_driver("unwatch", self.number, dumps(key.number))
            return
        cancel = self._watchers.pop(key, None)
        if cancel is not None:
            cancel(Terminated(self.ref(), "stopped"))

    def child_refs(self) -> tuple[ActorRef, ...]:
        """References to its children, the oldest first."""
        return tuple(self._children.values())

    async def spawn(
        self, actor: Callable[..., Actor], args: tuple[Any, ...], options: ChildOptions
    ) -> ActorRef:
        """Have the driver start a child."""
        ref: ActorRef = await self._host.ask_driver(
            "spawn", self.number, dumps((actor, args, options))
        )
        child = ref._cell
        assert isinstance(child, HostInbox)
        self._children[child.number] = ref
        return ref

    def forget(self, number: int) -> None:
        """A child has ended."""
        self._children.pop(number, None)

    def gone(self) -> None:
        """The actor has ended."""
        self.cancel_timers()


def _reply(entry: Ask, answer: asyncio.Future[Any]) -> None:
    if answer.cancelled():
        return
    error = answer.exception()
    if error is None:
        entry.answer(answer.result())
    else:
        # Only what the handler itself has raised may be news for the dead letters.
        entry.fail(error, buried=isinstance(error, ActorStopped | MailboxFull))
