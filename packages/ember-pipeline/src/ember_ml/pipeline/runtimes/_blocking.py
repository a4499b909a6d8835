"""A synchronous pipeline on a runtime: the asynchronous engine in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from .._errors import StageError

if TYPE_CHECKING:
    from .._pipeline import Pipeline
    from ..async_._pipeline import AsyncPipeline
    from ..async_._stream import Stream
    from ._protocol import Runtime

_STAGE = "pipeline"
_AHEAD = 1024  # results that may wait for the caller


def run_on(runtime: Runtime, pipeline: Pipeline, raw: Any) -> Any:
    """What ``pipeline`` gives for ``raw`` in a process of ``runtime``."""
    with LoopThread() as thread:
        try:
            return thread.call(_whole(pipeline, 1).run(raw, runtime=runtime))
        except StageError as error:
            raise _unwrapped(error) from error.cause


def map_on(runtime: Runtime, pipeline: Pipeline, items: Iterable[Any]) -> Iterator[Any]:
    """What ``pipeline`` gives for each of ``items``, in order, by all processes of ``runtime``."""
    with LoopThread() as thread:
        processes = thread.call(runtime.capacity())
        results = _Results(_whole(pipeline, processes).stream(items, runtime=runtime))
        try:
            while chunk := thread.call(results.some()):
                yield from chunk
        except StageError as error:
            raise _unwrapped(error) from error.cause
        finally:
            thread.call(results.close())


def _whole(pipeline: Pipeline, processes: int) -> AsyncPipeline:
    """All of ``pipeline`` as one stage, which goes to a process as it is."""
    from ..async_._pipeline import AsyncPipeline

    return AsyncPipeline(pipeline.name).add_stage(pipeline, name=_STAGE, concurrency=processes)


def _unwrapped(error: StageError) -> StageError:
    """The error as if the stage of ``pipeline`` had raised it here."""
    stage = error.stage.removeprefix(f"{_STAGE}/")
    return StageError(error.pipeline, stage, error.item, error.cause, error.index, error.gives)


class _Results:
    """Results of a stream that a task reads ahead, so that they are handed over many at a time."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._ready: list[Any] = []
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None

    async def some(self) -> list[Any]:
        """All results that are there, at least one; none at the end."""
        if self._reader is None:
            self._reader = asyncio.create_task(self._read())
        while not self._ready and not self._reader.done():
            self._news.clear()
            await self._news.wait()
        ready, self._ready = self._ready, []
        self._room.set()
        if not ready:
            await self._reader
        return ready

    async def close(self) -> None:
        """Leave nothing behind."""
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
        await self._stream.aclose()

    async def _read(self) -> None:
        try:
            async for result in self._stream:
                self._ready.append(result)
                self._news.set()
                while len(self._ready) >= _AHEAD:
                    self._room.clear()
                    await self._room.wait()
        finally:
            self._news.set()


class LoopThread:
    """An event loop in a thread, for callers that may be on an event loop themselves."""

    def __enter__(self) -> Self:
        running = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(running,), name="ember-runtime")
        self._thread.start()
        running.wait()
        return self

    def call(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run ``work`` to its end. An interruption cancels it."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    def _run(self, running: threading.Event) -> None:
        async def until_the_end() -> None:
            self._loop = asyncio.get_running_loop()
            self._end = asyncio.Event()
            running.set()
            await self._end.wait()

        asyncio.run(until_the_end())  # which cancels what is left, and waits for it
