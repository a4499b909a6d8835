"""The message that an actor has in hand, and whoever waits for its outcome."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._inbox import Inbox


class Raised:
    """How an ask ended that did not end in a value. A future cannot carry every exception."""

    __slots__ = ("buried", "error")

    def __init__(self, error: BaseException, buried: bool) -> None:
        self.error = error
        self.buried = buried  # the message is a dead letter too


class Letter:
    """A message whose outcome somebody waits for. Without one, a message travels as it is."""

    __slots__ = ("message",)

    def __init__(self, message: Any) -> None:
        self.message = message

    def begin(self) -> None:
        """The actor takes the message in hand."""

    def answer(self, value: Any) -> None:
        """The handler has returned ``value``."""

    def fail(self, error: BaseException, *, buried: bool = False) -> bool:
        """The message ends in ``error``; whether somebody was told."""
        return False


class Ask(Letter):
    """A message with a future for the reply."""

    __slots__ = ("reply",)

    def __init__(self, message: Any, reply: asyncio.Future[Any]) -> None:
        self.message = message
        self.reply = reply

    def answer(self, value: Any) -> None:
        """End the ask, unless its asker waits no more."""
        reply = self.reply
        if not reply.done():
            reply.set_result(value)

    def fail(self, error: BaseException, *, buried: bool = False) -> bool:
        """End the ask, unless its asker waits no more."""
        if self.reply.done():
            return False
        self.reply.set_result(Raised(error, buried))
        return True


def message_of(entry: Any) -> Any:
    """The message in an entry of a mailbox."""
    return entry.message if isinstance(entry, Letter) else entry


# Set for each message, in the context of the actor's task. A task that a handler makes inherits it,
# and may outlive the handling: then the number is no longer that of the actor's turn.
turn: ContextVar[tuple[Inbox, int] | None] = ContextVar("ember_pipeline_turn", default=None)


def handler_here() -> Inbox | None:
    """The actor whose handler runs this code, directly or in a task that it made."""
    current = turn.get()
    if current is None:
        return None
    cell, number = current
    return cell if cell.busy and cell.turn == number else None


def in_own_task() -> bool:
    """Whether this code runs in the very task in which an actor handles a message."""
    cell = handler_here()
    return cell is not None and cell.in_own_task()
