"""A thread that does one job after another for a task of the event loop."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from queue import SimpleQueue

from ._watch import finished

Job = Callable[[], None]


class JobThread:
    """A thread with the caller's context variables, begun by the first job.

    A job that is cancelled goes on, as a thread cannot be interrupted, and the next one waits for
    it: there is never more than one job in hand.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: SimpleQueue[tuple[Job, asyncio.Future[None]] | None] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._thread: threading.Thread | None = None
        self._last: asyncio.Future[None] | None = None

    def begin(self, job: Job) -> asyncio.Future[None]:
        """Do ``job`` after those before; the future is done when it is, with what it raised."""
        if self._thread is None:
            context = contextvars.copy_context()
            self._thread = threading.Thread(
                target=context.run, args=(self._serve,), name=self._name, daemon=True
            )
            self._thread.start()
        self._last = self._loop.create_future()
        self._last.add_done_callback(_noticed)  # also if whoever waited for it is gone
        self._jobs.put((job, self._last))
        return self._last

    async def do(self, job: Job) -> None:
        """Do ``job`` and return when it is done."""
        await self.idle()
        done = self.begin(job)
        await asyncio.wait([done])  # which does not cancel it, and so the thread can tell us
        done.result()

    async def idle(self) -> None:
        """Return when the job in hand is done."""
        if self._last is not None and not self._last.done():
            await asyncio.wait([self._last])

    async def close(self) -> None:
        """Return when all jobs are done and the thread has ended, even if cancelled meanwhile."""
        thread, self._thread = self._thread, None
        if thread is not None and self._last is not None:
            self._jobs.put(None)
            try:
                await finished([self._last])
            finally:
                thread.join()

    def _serve(self) -> None:
        while (order := self._jobs.get()) is not None:
            job, done = order
            error: BaseException | None = None
            try:
                job()
            except BaseException as raised:
                error = raised
            try:
                self._loop.call_soon_threadsafe(_settle, done, error)
            except RuntimeError:  # the loop is closed: nobody waits
                return
            del order, job, done, error


def _settle(done: asyncio.Future[None], error: BaseException | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)


def _noticed(done: asyncio.Future[None]) -> None:
    if not done.cancelled():
        done.exception()
