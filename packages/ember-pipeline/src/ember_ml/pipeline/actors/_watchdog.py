"""Notices handlers that block the event loop."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Blocked:
    """The event loop has not turned for a while.

    Attributes:
        task: Name of the task that holds it up: ``"actor "`` and the path, if it is an actor.
        seconds: For how long, so far.
        where: The innermost line, as ``file:line in function``.
    """

    task: str
    seconds: float
    where: str


class Watchdog:
    """A thread that asks the event loop for a sign of life, and tells once if there is none.

    Args:
        patience: How many seconds may pass.
        tell: Called in the thread; a warning is logged in any case.
    """

    def __init__(self, patience: float, tell: Callable[[Blocked], object] | None) -> None:
        self._patience = patience
        self._tell = tell
        self._end = threading.Event()
        self._alive = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Watch ``loop``, which runs in this thread."""
        self._thread = threading.Thread(
            target=self._watch,
            args=(loop, threading.get_ident()),
            name="ember-watchdog",
            daemon=True,
        )
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._end.set()
        self._alive.set()  # the loop, which waits here, cannot answer
        if self._thread is not None:
            self._thread.join()

    def _watch(self, loop: asyncio.AbstractEventLoop, thread: int) -> None:
        alive = self._alive
        while True:
            alive.clear()
            if self._end.is_set():
                return
            asked = time.monotonic()
            try:
                loop.call_soon_threadsafe(alive.set)
            except RuntimeError:  # closed
                return
            told = False
            while not alive.wait(self._patience / 4):
                seconds = time.monotonic() - asked
                if self._end.is_set() or loop.is_closed():
                    return
                if seconds >= self._patience and not told:
                    told = True
                    self._report(loop, thread, seconds)
            self._end.wait(self._patience / 4)

    def _report(self, loop: asyncio.AbstractEventLoop, thread: int, seconds: float) -> None:
        task = asyncio.current_task(loop)
        frame = sys._current_frames().get(thread)
        if task is None or frame is None:
            return  # the loop has stopped, or something else than a task holds it up
        line = traceback.extract_stack(frame)[-1]
        blocked = Blocked(task.get_name(), seconds, f"{line.filename}:{line.lineno} in {line.name}")
        logger.warning(
            "%s has blocked the event loop for %.1f s, at %s; await what takes long, or use "
            "asyncio.to_thread",
            blocked.task,
            blocked.seconds,
            blocked.where,
        )
        if self._tell is not None:
            try:
                self._tell(blocked)
            except Exception:
                logger.exception("on_blocked failed on %r", blocked)
