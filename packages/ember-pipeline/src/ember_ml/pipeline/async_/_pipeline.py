"""A pipeline of coroutine functions and plain callables, for one item or a stream of them."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Sequence
from typing import Any, Literal, Self

from ember_ml.backend.errors import InvalidValueError

from .._builder import PipelineBuilder
from .._stage import Stage, StageLike, callable_of, is_async
from ..tasks._options import StageOptions
from ._stream import flow, iterated


class AsyncPipeline(PipelineBuilder):
    """Stages applied one after another, awaited where they are coroutine functions.

    A plain callable runs in a worker thread, with the caller's context variables, so that one that
    blocks does not stall the event loop. Nested pipelines of both kinds are stages too.

    Args:
        name: What errors and ``repr`` call the pipeline.

    Example:
        >>> import asyncio
        >>> from ember_ml.pipeline import AsyncPipeline
        >>> async def fetch(key):
        ...     await asyncio.sleep(0)
        ...     return {"a": " 1 ", "b": " 2 "}[key]
        >>> load = AsyncPipeline("load").add_stage(fetch).add_stage(int)
        >>> asyncio.run(load.run("b"))
        2
    """

    def add_stage(
        self,
        stage: StageLike,
        /,
        *,
        name: str | None = None,
        after: str | Sequence[str] | None = None,
        where: Literal["thread", "inline"] | None = None,
    ) -> Self:
        """Append a stage and return the pipeline, so that calls can be chained.

        Args:
            stage: A coroutine function, a callable of one argument, or an object with a
                ``transform`` method.
            name: What errors and ``repr`` call the stage. By default the name of the function, the
                class or the nested pipeline, with a number where that is taken.
            where: ``"thread"`` (the default for a plain callable) or ``"inline"``, on the event
                loop, which saves the change of thread for a callable that returns at once.
                Coroutine functions are always inline.

        Raises:
            ArgumentError: If ``stage`` is not a stage.
            InvalidValueError: If ``name`` is taken, ``where`` is unknown or asks for a thread for a
                coroutine function, or the pipeline would contain itself.

        Example:
            >>> AsyncPipeline("lengths").add_stage(str.split).add_stage(len, where="inline")
            AsyncPipeline('lengths': split -> len)
        """
        if where is not None and where not in ("thread", "inline"):
            raise InvalidValueError(
                f"{self!r}: where must be one of {', '.join(('thread', 'inline'))}, got {where!r}"
            )
        coroutine = is_async(callable_of(stage, repr(self)))
        if coroutine and where == "thread":
            raise InvalidValueError(
                f"{self!r}: {stage!r} is asynchronous and runs on the event loop; "
                "leave out where='thread'"
            )
        where = "inline" if coroutine else where or "thread"
        self._append(stage, name, after, StageOptions(where=where))
        return self

    async def run(self, raw: Any, /) -> Any:
        """Return ``raw`` after every stage, in order.

        When it is cancelled, a function that a worker thread has in hand still runs to its end (a
        thread cannot be interrupted) and its result is discarded.

        Raises:
            StageError: If a stage raises; it names the stage and is chained to the stage's own
                exception.
        """
        item = raw
        for stage in self.stages:
            item = await apply(stage, item)
        return item

    def stream(
        self, source: Iterable[Any] | AsyncIterable[Any], /, *, buffer: int = 8
    ) -> AsyncGenerator[Any, None]:
        """Yield each item of ``source`` after every stage, in the source's order.

        The stages overlap: while one works on an item, the one before already works on the next.
        Each works on one item at a time, and at most ``buffer`` items wait between two of them;
        then the earlier one waits, so that a slow consumer slows the source down.

        A source that is not held in memory (a file, a generator) is read in a worker thread. When
        the consumer stops early, or a stage or the source fails, the stages are cancelled and
        awaited, and an asynchronous source is closed. The items before the one that failed are
        yielded first.

        Args:
            source: An iterable or asynchronous iterable.
            buffer: How many items may wait in front of each stage and of the consumer.

        Raises:
            ArgumentError: If ``source`` is not iterable.
            InvalidValueError: If ``buffer`` is less than 1.
            StageError: If a stage raises. What ``source`` itself raises is raised unchanged.

        Example:
            >>> async def main():
            ...     square = AsyncPipeline("square").add_stage(lambda x: x * x)
            ...     return [y async for y in square.stream(range(4))]
            >>> asyncio.run(main())
            [0, 1, 4, 9]
        """
        if buffer < 1:
            raise InvalidValueError(f"{self!r}: buffer must be at least 1, got {buffer!r}")
        steps = [functools.partial(apply, stage) for stage in self.stages]
        return flow(iterated(source, repr(self)), steps, buffer)

    async def __call__(self, raw: Any, /) -> Any:
        """The same as `run`, which makes a pipeline a stage of another."""
        return await self.run(raw)


async def apply(stage: Stage, item: Any) -> Any:
    """Apply ``stage`` to ``item`` where it belongs, and await the result if it can be awaited."""
    # Stage.apply wraps what is raised on the thread's side: a StopIteration could not cross a
    # future.
    result = (
        await asyncio.to_thread(stage.apply, item)
        if stage.options.where == "thread"
        else stage.apply(item)
    )
    if not inspect.isawaitable(result):
        return result
    try:
        return await result
    except Exception as error:
        failure = stage.failure(item, error)
        raise failure from failure.cause
