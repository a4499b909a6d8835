"""Where the calls of a stage run: on the event loop, in a thread, in a worker."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from .._errors import HandlerCancelled, WorkerDied, cancelled_inside
from .._stage import Stage, is_async
from ..tasks._worker import Failed, Value, Worker
from ._thread import JobThread
from ._watch import cancelled

# How many workers in turn an item may take down before it counts as a failure of the item.
_DEATHS = 3
# Several quick items go to a place together, as many as take about this many seconds. A thread that
# waits for the interpreter's lock for its switch interval, 5 ms, must not seem slow.
_QUICK = 0.005


class WorkerRuntime(Protocol):
    """What supplies workers for stages: a runtime."""

    async def worker(self, call: Callable[[Any], Any], /, *, name: str) -> Worker:
        """A new worker that applies ``call``."""


class Place(Protocol):
    """Where one unit of a stage's concurrency runs its calls."""

    async def one(self, value: Any) -> Any:
        """Apply the stage to ``value``, and return or raise what it does."""

    async def many(self, values: Sequence[Any], results: list[Any]) -> None:
        """Append to ``results`` what the stage gives for each value: its result or a `Failed`."""

    async def ready(self) -> None:
        """Return when a call would begin at once, so that a timeout counts the call alone."""

    async def abandon(self) -> None:
        """The call in hand has timed out: end it if that is possible."""

    async def close(self, *, cancel: bool) -> None:
        """Leave nothing behind."""


class Here:
    """On the event loop."""

    def __init__(self, call: Callable[[Any], Any]) -> None:
        self._call = call

    async def one(self, value: Any) -> Any:
        """Await the call if it can be awaited."""
        try:
            result = self._call(value)
            return await result if inspect.isawaitable(result) else result
        except asyncio.CancelledError as error:
            if cancelled():
                raise
            raise not_ours(error) from error

    async def many(self, values: Sequence[Any], results: list[Any]) -> None:
        """One after another."""
        for value in values:
            results.append(await outcome(self.one(value)))

    async def ready(self) -> None:
        """It always is."""

    async def abandon(self) -> None:
        """It has been cancelled."""

    async def close(self, *, cancel: bool) -> None:
        """Nothing was begun."""


class InThread:
    """In a thread of its own."""

    def __init__(self, call: Callable[[Any], Any], thread: JobThread) -> None:
        self._call = call
        self._thread = thread

    async def one(self, value: Any) -> Any:
        """Apply the stage in the thread, and await on the loop what can be awaited."""
        results: list[Any] = []
        await self.many([value], results)
        if isinstance(results[0], Failed):
            raise results[0].error
        return results[0]

    async def many(self, values: Sequence[Any], results: list[Any]) -> None:
        """One after another, until the task that waits for them is cancelled."""
        call = self._call
        cancelled: list[bool] = []

        def work() -> None:
            for value in values:
                if cancelled:
                    return
                try:
                    result = call(value)
                except Exception as error:
                    result = Failed(error)
                results.append(result)

        try:
            await self._thread.do(work)
        except BaseException:
            cancelled.append(True)
            raise
        for at, result in enumerate(results):
            if hasattr(result, "__await__"):
                results[at] = await outcome(result)

    async def ready(self) -> None:
        """Wait for a call that has timed out and goes on."""
        await self._thread.idle()

    async def abandon(self) -> None:
        """A thread cannot be interrupted: it takes the next call when this one has returned."""

    async def close(self, *, cancel: bool) -> None:
        """Return when the call in hand has returned."""
        await self._thread.close()


class InWorker:
    """In workers, one after another: the next one when one has died."""

    def __init__(self, new: Callable[[], Awaitable[Worker]]) -> None:
        self._new = new
        self._worker: Worker | None = None

    async def one(self, value: Any) -> Any:
        """Apply the stage, again if its worker dies, until it has taken down three."""
        for attempt in range(1, _DEATHS + 1):
            worker = await self._present()
            try:
                (result,) = await worker.call([value])
            except WorkerDied:
                await self._lost()
                if attempt == _DEATHS:
                    raise
            else:
                if isinstance(result, Failed):
                    raise result.error
                return result.value
        raise AssertionError

    async def many(self, values: Sequence[Any], results: list[Any]) -> None:
        """In one call, or one by one when the worker has died of it."""
        worker = await self._present()
        try:
            outcomes = await worker.call(values)
        except WorkerDied:
            await self._lost()
            for value in values:
                results.append(await outcome(self.one(value)))
        else:
            for _, each in zip(values, outcomes, strict=True):
                results.append(each.value if isinstance(each, Value) else each)

    async def ready(self) -> None:
        """Have a worker that has taken its stage."""
        try:
            if self._worker is None:
                await (await self._present()).call([])
        except WorkerDied:
            await self._lost()

    async def abandon(self) -> None:
        """End the worker, and the call with it."""
        await self.close(cancel=True)

    async def close(self, *, cancel: bool) -> None:
        """End the worker."""
        worker, self._worker = self._worker, None
        if worker is not None:
            await worker.close(cancel=cancel)

    async def _present(self) -> Worker:
        if self._worker is None:
            self._worker = await self._new()
        return self._worker

    async def _lost(self) -> None:
        await self.close(cancel=True)


class Pace:
    """How many items go to a place together: more when they are quick, one when they are not."""

    def __init__(self, most: int) -> None:
        self.items = 1
        self._most = most
        self._since = 0.0

    def begin(self) -> None:
        """Items go."""
        self._since = time.perf_counter()

    def end(self, items: int, seconds: float | None = None) -> None:
        """All ``items`` are back, if that is known after ``seconds`` of work."""
        if seconds is None:
            seconds = time.perf_counter() - self._since
        if seconds > 4 * _QUICK:
            self.items = max(1, self.items // 2)
        elif seconds < _QUICK and items == self.items:
            self.items = min(2 * self.items, self._most)


def not_ours(error: asyncio.CancelledError) -> HandlerCancelled:
    """The failure of a stage that awaited something which was cancelled, as its task was not."""
    return cancelled_inside("what the stage awaited", error)


def told(error: Exception) -> Exception:
    """``error``, or the ``StopIteration`` that became a ``RuntimeError`` on its way out of an await."""
    cause = error.__cause__
    return cause if isinstance(error, RuntimeError) and isinstance(cause, StopIteration) else error


async def outcome(call: Awaitable[Any]) -> Any:
    """What ``call`` returns, or what it raises as a `Failed`."""
    try:
        return await call
    except Exception as error:
        return Failed(told(error))


def place_of(stage: Stage, call: Callable[[Any], Any], runtime: WorkerRuntime | None) -> Place:
    """A new place for ``call``, which is what ``stage`` calls with one argument."""
    name = f"{stage.pipeline!r}, stage {stage.name!r}"
    coroutine = is_async(stage.call)
    where = stage.options.place(coroutine)
    if where == "inline":
        return Here(call)
    if runtime is not None:
        return InWorker(lambda: runtime.worker(call, name=name))
    if where == "thread":
        return InThread(call, JobThread(name))

    async def process() -> Worker:
        from ..tasks._process import ProcessWorker

        return ProcessWorker(call, name=name)

    return InWorker(process)


class Spread:
    """A function of several arguments as one of a tuple of them; it pickles if the function does."""

    def __init__(self, call: Callable[..., Any], *, batched: bool) -> None:
        self.call = call
        self.batched = batched

    def __call__(self, values: Any) -> Any:
        """Call with the values as arguments; with those of a batch, as a list for each argument."""
        return (
            self.call(*map(list, zip(*values, strict=True))) if self.batched else self.call(*values)
        )
