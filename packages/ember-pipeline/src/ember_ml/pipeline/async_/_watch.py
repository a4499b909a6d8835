"""Waiting for something without losing sight of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

# Seconds until the first look at a call that has not returned, and between later ones at most.
_FIRST_LOOK, _LAST_LOOK = 0.005, 0.1


async def watched(work: Awaitable[None], look: Callable[[], None]) -> None:
    """Await ``work``, and look now and then how far it is, the more rarely the longer it takes."""
    loop = asyncio.get_running_loop()
    pause = _FIRST_LOOK

    def again() -> None:
        nonlocal pause, timer
        look()
        pause = min(2 * pause, _LAST_LOOK)
        timer = loop.call_later(pause, again)

    timer = loop.call_later(pause, again)
    try:
        await work
    finally:
        timer.cancel()


def cancelled() -> bool:
    """Whether the task that runs has been asked to end."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
