"""Waiting for something without losing sight of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

# Seconds until the first look at a call that has not returned, and between later ones at most.
_FIRST_LOOK, _LAST_LOOK = 0.005, 0.1


async def watched(work: Awaitable[None], look: Callable[[], None]) -> None:
    """Await ``work``, and look now and then how far it is, the more rarely the longer it takes."""
    loop = asyncio.get_running_loop()
    timer: asyncio.TimerHandle

    def again(pause: float) -> None:
        nonlocal timer
        look()
        timer = loop.call_later(pause, again, min(2 * pause, _LAST_LOOK))

    timer = loop.call_later(_FIRST_LOOK, again, 2 * _FIRST_LOOK)
    try:
        await work
    finally:
        timer.cancel()


def cancelled() -> bool:
    """Whether the task that runs has been asked to end."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def finished(tasks: Sequence[asyncio.Future[None]]) -> None:
    """Return when ``tasks`` have ended, whatever they ended with; a cancellation has to wait."""
    interrupted: asyncio.CancelledError | None = None
    while running := [task for task in tasks if not task.done()]:
        try:
            await asyncio.wait(running)
        except asyncio.CancelledError as error:
            interrupted = error
    for task in tasks:
        if not task.cancelled():
            task.exception()  # so that it does not count as overlooked
    if interrupted is not None:
        raise interrupted
