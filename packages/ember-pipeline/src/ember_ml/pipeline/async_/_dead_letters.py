"""Where the messages go that nobody handled."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ember_ml.backend.errors import InvalidValueError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was accepted for an actor and not handled to the end.

    Attributes:
        message: The message.
        reason: Why: ``"mailbox full"``, ``"actor stopped"``, ``"cancelled"`` or ``"handler
            raised"``.
        recipient: Name of the actor.
        error: What the handler raised, if it did.
    """

    message: Any
    reason: str
    recipient: str
    error: BaseException | None = None


class DeadLetters:
    """Keeps the latest dead letters, for one actor or for all that it is given to.

    Args:
        limit: How many to keep. Older ones are forgotten, though still counted in `total`.

    Raises:
        InvalidValueError: If ``limit`` is less than 1.

    Example:
        >>> letters = DeadLetters(limit=2)
        >>> for message in "abc":
        ...     letters.add(DeadLetter(message, "mailbox full", "printer"))
        >>> [letter.message for letter in letters], letters.total
        (['b', 'c'], 3)
    """

    def __init__(self, *, limit: int = 1024) -> None:
        if limit < 1:
            raise InvalidValueError(f"DeadLetters: limit must be at least 1, got {limit!r}")
        self.total = 0
        self._letters: deque[DeadLetter] = deque(maxlen=limit)

    def add(self, letter: DeadLetter) -> None:
        """Keep ``letter``."""
        self.total += 1
        self._letters.append(letter)
        logger.debug("dead letter for %s: %s", letter.recipient, letter.reason)

    def __iter__(self) -> Iterator[DeadLetter]:
        return iter(tuple(self._letters))

    def __len__(self) -> int:
        return len(self._letters)

    def __repr__(self) -> str:
        return f"DeadLetters({len(self)} kept of {self.total})"
