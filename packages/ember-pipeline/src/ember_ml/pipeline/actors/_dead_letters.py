"""Where the messages and items go that nobody handled."""

from __future__ import annotations

import functools
import logging
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .._checks import check_count

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that an actor, or an item that a pipeline, accepted and did not handle to the end.

    Attributes:
        message: The message; of a pipeline, the item as its source gave it.
        reason: Why: of an actor ``"mailbox full"``, ``"actor stopped"``, ``"cancelled"``,
            ``"handler raised"``, and on a runtime also ``"process died"``, ``"process died, outcome
            unknown"`` and ``"undeliverable"``; of a pipeline what its stage raised.
        recipient: Name of the actor, or of the pipeline and its stage.
        error: What the handler or the stage raised, if it did.
        index: Place of the item in its source, counted from 0.
    """

    message: Any
    reason: str
    recipient: str
    error: BaseException | None = None
    index: int | None = None


class DeadLetters:
    """Keeps the latest dead letters, for one actor or for all that it is given to.

    Args:
        limit: How many to keep. Older ones are forgotten, though still counted in `total`.

    Raises:
        ArgumentError: If ``limit`` is not an int.
        InvalidValueError: If ``limit`` is less than 1.

    Example:
        >>> letters = DeadLetters(limit=2)
        >>> for message in "abc":
        ...     letters.add(DeadLetter(message, "mailbox full", "printer"))
        >>> [letter.message for letter in letters], letters.total
        (['b', 'c'], 3)
    """

    def __init__(self, *, limit: int = 1024) -> None:
        check_count("DeadLetters", "limit", limit)
        self.total = 0
        self._letters: deque[DeadLetter] = deque(maxlen=limit)
        self._subscribers: list[Callable[[DeadLetter], object]] = []

    def add(self, letter: DeadLetter) -> None:
        """Keep ``letter`` and tell the subscribers."""
        self.total += 1
        self._letters.append(letter)
        logger.debug("dead letter for %s: %s", letter.recipient, letter.reason)
        for subscriber in tuple(self._subscribers):
            try:
                subscriber(letter)
            except Exception:
                # A subscriber must not take down the actor whose message it is told of.
                logger.exception("a subscriber to dead letters failed on %r", letter)

    def subscribe(self, subscriber: Callable[[DeadLetter], object], /) -> Callable[[], None]:
        """Call ``subscriber`` with each dead letter from now on, at once and on the event loop.

        Returns:
            A function that ends the subscription.

        Example:
            >>> letters, seen = DeadLetters(), []
            >>> unsubscribe = letters.subscribe(lambda letter: seen.append(letter.message))
            >>> letters.add(DeadLetter("late", "actor stopped", "printer"))
            >>> unsubscribe()
            >>> letters.add(DeadLetter("later", "actor stopped", "printer"))
            >>> seen
            ['late']
        """
        # A wrapper of its own tells this subscription from another of the same function.
        call = functools.partial(subscriber)
        self._subscribers.append(call)

        def unsubscribe() -> None:
            if call in self._subscribers:
                self._subscribers.remove(call)

        return unsubscribe

    def __iter__(self) -> Iterator[DeadLetter]:
        return iter(tuple(self._letters))

    def __len__(self) -> int:
        return len(self._letters)

    def __repr__(self) -> str:
        return f"DeadLetters({len(self)} kept of {self.total})"
