"""A part of an actor's life that can be cut short from outside."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self


class Scope:
    """A block whose task can be told to leave it, which a cancellation from elsewhere is not."""

    def __init__(self) -> None:
        self.fired = False
        self._task: asyncio.Task[object] | None = None
        self._cancelled = 0
        self._cancelling = 0

    def __enter__(self) -> Self:
        self._task = asyncio.current_task()
        assert self._task is not None, "an actor runs in a task"
        self._cancelling = self._task.cancelling()
        return self

    def fire(self) -> None:
        """Leave the block. Its own task, which looks at `fired`, is not cancelled."""
        if not self.fired and self._task is not None:
            self.fired = True
            self.fire_again()

    def fire_again(self) -> None:
        """Cancel the block once more, if it has been told to end and goes on."""
        if self._task is None or (_in_a_task() and asyncio.current_task() is self._task):
            return
        self._cancelled += 1
        self._task.cancel()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        task, self._task = self._task, None
        if task is None or not self._cancelled:
            return False
        # The same counting as in asyncio.Timeout: some cancellations are ours, any other goes on.
        for _ in range(self._cancelled):
            left = task.uncancel()
        return left <= self._cancelling and kind is asyncio.CancelledError


def _in_a_task() -> bool:
    try:
        return asyncio.current_task() is not None
    except RuntimeError:
        return False
