"""Items flow from a source through steps that overlap, each with a bounded queue in front."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Sequence,
)
from dataclasses import dataclass
from typing import Any

from ember_ml.backend.errors import ArgumentError

Step = Callable[[Any], Awaitable[Any]]

_IN_MEMORY = (list, tuple, range, str, bytes, dict, set, frozenset, deque)


@dataclass(frozen=True, slots=True)
class _Item:
    value: Any


@dataclass(frozen=True, slots=True)
class _Failed:
    error: BaseException


class _End:
    """The source has no more items."""


# What travels in the queues. A failure keeps its place in the line, behind the items that came
# before it.
_Event = _Item | _Failed | _End


def iterated(source: Iterable[Any] | AsyncIterable[Any], owner: str) -> AsyncIterator[Any]:
    """``source`` as an asynchronous iterator that never blocks the event loop.

    Raises:
        ArgumentError: If ``source`` is not iterable.
    """
    if isinstance(source, AsyncIterable):
        return aiter(source)
    try:
        iterator = iter(source)
    except TypeError as error:
        raise ArgumentError(
            f"{owner}: the source of a stream must be iterable, got {source!r}"
        ) from error
    return _in_memory(iterator) if isinstance(source, _IN_MEMORY) else _in_thread(iterator)


async def flow(
    source: AsyncIterator[Any], steps: Sequence[Step], buffer: int
) -> AsyncGenerator[Any, None]:
    """Yield the items of ``source`` after all ``steps``, one task per step."""
    queues: list[asyncio.Queue[_Event]] = [asyncio.Queue(buffer) for _ in range(len(steps) + 1)]
    tasks = [asyncio.create_task(_feed(source, queues[0]))]
    for step, inbox, outbox in zip(steps, queues, queues[1:], strict=False):
        tasks.append(asyncio.create_task(_work(step, inbox, outbox, upstream=tuple(tasks))))
    try:
        while isinstance(event := await queues[-1].get(), _Item):
            yield event.value
        if isinstance(event, _Failed):
            raise event.error
    finally:
        _cancel(tasks)
        await asyncio.gather(*tasks, return_exceptions=True)


async def _feed(source: AsyncIterator[Any], outbox: asyncio.Queue[_Event]) -> None:
    event: _Event = _Item(None)
    try:
        while isinstance(event, _Item):
            event = await _next(source)
            await outbox.put(event)
    finally:
        # What was read ahead is lost, so the source is of no use to anyone else: close it.
        if isinstance(source, AsyncGenerator):
            await source.aclose()


async def _next(source: AsyncIterator[Any]) -> _Event:
    try:
        return _Item(await anext(source))
    except StopAsyncIteration:
        return _End()
    except BaseException as error:
        return _failed(error)


async def _work(
    step: Step,
    inbox: asyncio.Queue[_Event],
    outbox: asyncio.Queue[_Event],
    upstream: Sequence[asyncio.Task[None]],
) -> None:
    event: _Event = _Item(None)
    while isinstance(event, _Item):
        event = await inbox.get()
        if isinstance(event, _Item):
            try:
                event = _Item(await step(event.value))
            except BaseException as error:
                event = _failed(error)
                _cancel(upstream)
        await outbox.put(event)


def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        if not task.cancelling():  # a second cancellation would interrupt the task's clean-up
            task.cancel()


def _failed(error: BaseException) -> _Failed:
    """``error`` as an event, unless it asks this very task to end."""
    task = asyncio.current_task()
    own = isinstance(error, asyncio.CancelledError) and task is not None and not task.cancelling()
    if isinstance(error, Exception) or own:
        return _Failed(error)
    raise error


async def _in_memory(iterator: Iterator[Any]) -> AsyncIterator[Any]:
    for item in iterator:
        yield item


async def _in_thread(iterator: Iterator[Any]) -> AsyncIterator[Any]:
    end = object()
    while (item := await asyncio.to_thread(next, iterator, end)) is not end:
        yield item
