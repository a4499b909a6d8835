"""A message on its way to an actor, in its hands, and answered."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._cell import Cell


@dataclass(frozen=True, slots=True)
class Reply:
    """How an ask ended. A future cannot carry every exception as its own; it can carry this."""

    value: Any = None
    error: BaseException | None = None

    def unwrap(self) -> Any:
        """Return the value or raise the error."""
        if self.error is not None:
            raise self.error
        return self.value


@dataclass(slots=True, eq=False)
class Delivery:
    """One message for one actor.

    Attributes:
        message: The message.
        recipient: The cell of the actor.
        reply: Where the asker waits, if the message was asked and not just sent.
        in_hand: Whether the recipient is handling the message now.
        waits_for: The cells of the actors that the handling waits for.
    """

    message: Any
    recipient: Cell
    reply: asyncio.Future[Reply] | None = None
    in_hand: bool = False
    waits_for: list[Cell] = field(default_factory=list)

    def answer(self, value: Any = None, error: BaseException | None = None) -> bool:
        """End the ask; false if the message was only sent, or its asker waits no more."""
        if self.reply is None or self.reply.done():
            return False
        self.reply.set_result(Reply(value, error))
        return True


_current: ContextVar[Delivery | None] = ContextVar("ember_pipeline_delivery", default=None)


def current_delivery() -> Delivery | None:
    """The delivery whose handler runs this code, directly or in a task that it made."""
    delivery = _current.get()
    # A task that a handler made may outlive the handling, and keeps its context.
    return delivery if delivery is not None and delivery.in_hand else None


def in_own_task() -> bool:
    """Whether this code runs in the very task in which an actor handles a message."""
    delivery = current_delivery()
    return delivery is not None and delivery.recipient.task is asyncio.current_task()


@contextmanager
def handling(delivery: Delivery) -> Iterator[None]:
    """Make ``delivery`` the current one for the code inside."""
    token = _current.set(delivery)
    delivery.in_hand = True
    try:
        yield
    finally:
        delivery.in_hand = False
        _current.reset(token)
