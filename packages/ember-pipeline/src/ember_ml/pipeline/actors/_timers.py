"""Messages that an actor sends itself later."""

from __future__ import annotations

import asyncio
from typing import Any

from ember_ml.backend.errors import ArgumentError, InvalidValueError

from ._inbox import Inbox


class Timer:
    """A message to come; `Actor.send_after` and `Actor.send_interval` return it."""

    __slots__ = ("_cell", "_due", "_handle", "_interval", "_message")

    def __init__(self, cell: Inbox, message: Any, delay: float, interval: float | None) -> None:
        for seconds in (delay, interval):
            if seconds is not None and not isinstance(seconds, int | float):
                raise ArgumentError(f"{cell.path}: a timer needs seconds, got {seconds!r}")
        if not delay >= 0 or (interval is not None and not interval > 0):
            raise InvalidValueError(
                f"{cell.path}: a timer needs a delay of at least 0 s and an interval of more than "
                f"0 s, got {delay!r}"
            )
        self._cell = cell
        self._message = message
        self._interval = interval
        self._due = asyncio.get_running_loop().time() + delay
        self._handle: asyncio.TimerHandle | None = cell.after(delay, self._ring)

    @property
    def active(self) -> bool:
        """Whether a message is still to come."""
        return self._handle is not None and not self._handle.cancelled()

    def cancel(self) -> None:
        """Send no more; a message that is in the mailbox already stays."""
        if self._handle is not None:
            self._cell.cancel(self._handle)
            self._handle = None

    def _ring(self) -> None:
        self._handle = None
        if self._interval is not None:
            # Counted from when it was due, so that delays do not add up; and what was missed while
            # the event loop was busy is left out.
            now = asyncio.get_running_loop().time()
            self._due = max(self._due + self._interval, now)
            self._handle = self._cell.after(self._due - now, self._ring)
        self._cell.offer(self._message)
