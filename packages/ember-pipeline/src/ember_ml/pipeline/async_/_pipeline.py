"""A pipeline of coroutine functions and plain callables, for one item or a stream of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self

from ember_ml.backend.errors import ArgumentError, InvalidValueError

from .._builder import PipelineBuilder
from .._checks import check_count, check_seconds
from .._stage import StageLike, callable_of, is_async, name_of
from ..actors._dead_letters import DeadLetters
from ..tasks._options import OnError, Where, stage_options
from ._checkpoint import Checkpoint
from ._chunks import ChunkedRun, shares_a_call
from ._events import Emitter, OnEvent
from ._once import once
from ._progress import ProgressDisplay
from ._report import Report
from ._run import Plan, Run
from ._source import Feed, Source
from ._stream import Stream

if TYPE_CHECKING:
    from rich.progress import Progress
    from tenacity import BaseRetrying

    from ..tasks._rate import RateLimit
    from ..tasks._retry import Retry
    from ._places import WorkerRuntime


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
        where: Where | None = None,
        concurrency: int = 1,
        ordered: bool = True,
        batch_size: int | None = None,
        batch_timeout: float | None = None,
        retry: int | Retry | BaseRetrying | None = None,
        timeout: float | None = None,
        rate_limit: float | RateLimit | None = None,
        on_error: OnError = "raise",
        failure_budget: int | float | None = None,
    ) -> Self:
        """Append a stage and return the pipeline, so that calls can be chained.

        Args:
            stage: A coroutine function, a callable, or an object with a ``transform`` method.
            name: What errors and ``repr`` call the stage. By default the name of the function, the
                class or the nested pipeline, with a number where that is taken.
            after: The stage or stages whose results it takes, in the order of its arguments;
                ``"input"`` is what the pipeline is given. By default the stage added last.
            where: ``"thread"`` (the default for a plain callable); ``"inline"``, on the event loop,
                which saves the change of thread for a callable that returns at once; or
                ``"process"``, for what keeps a processor busy and pickles. Coroutine functions are
                always inline.
            concurrency: How many calls may run at the same time.
            ordered: Whether results leave in the order of the source. If not, they leave as they
                come, and a slow item holds back nobody.
            batch_size: The stage takes a list of so many items, and returns a sequence of as many
                results. The last batch may be shorter.
            batch_timeout: Seconds after which a batch goes though it is not full, counted from its
                first item. None: it waits until it is full or the source ends.
            retry: How often a call is tried in all, or a `Retry`, or an object of tenacity's. A
                batch is tried again as a whole; if it fails for good and ``on_error`` is not
                ``"raise"``, its items are tried alone, so that only those are lost that fail.
            timeout: Seconds that one call may take; then it fails with `StageTimeout`. A coroutine
                is cancelled and a process ended. A thread cannot be: the item fails at once, and
                the thread takes the next one when the call has returned.
            rate_limit: Calls in a second, or a `RateLimit`.
            on_error: What becomes of an item whose last attempt raised: ``"raise"`` ends the run
                with a `StageError`, ``"skip"`` leaves the item out and counts it as filtered,
                ``"dead_letter"`` puts it into the dead letters.
            failure_budget: How many items may be skipped or dead-lettered (an int), or what
                fraction of those seen once there are 20 (a float), before the run ends with
                `FailureBudgetExceeded`.

        Raises:
            ArgumentError: If ``stage`` is not a stage, or an option is of the wrong type.
            InvalidValueError: If ``name`` is taken, an option makes no sense, alone or beside the
                others, or the pipeline would contain itself.

        Example:
            >>> AsyncPipeline("lengths").add_stage(str.split).add_stage(len, where="inline")
            AsyncPipeline('lengths': split -> len)
        """
        call = callable_of(stage, repr(self))
        options = stage_options(
            f"{self!r}, stage {name or name_of(stage)!r}",
            call,
            coroutine=is_async(call),
            where=where,
            concurrency=concurrency,
            ordered=ordered,
            batch_size=batch_size,
            batch_timeout=batch_timeout,
            retry=retry,
            timeout=timeout,
            rate_limit=rate_limit,
            on_error=on_error,
            failure_budget=failure_budget,
        )
        self._append(stage, name, after, options)
        return self

    def add_filter(
        self,
        predicate: Callable[[Any], Any],
        /,
        *,
        name: str | None = None,
        after: str | None = None,
        where: Where | None = None,
        concurrency: int = 1,
        ordered: bool = True,
        batch_size: int | None = None,
        batch_timeout: float | None = None,
        retry: int | Retry | BaseRetrying | None = None,
        timeout: float | None = None,
        rate_limit: float | RateLimit | None = None,
        on_error: OnError = "raise",
        failure_budget: int | float | None = None,
    ) -> Self:
        """Append a filter: items for which ``predicate`` is true go on unchanged, others no further.

        Args:
            predicate: A function or coroutine function; with ``batch_size`` it takes a list of
                items and returns as many truth values.
            name: As for `add_stage`, as all that follow.
            after: The one stage whose results it filters.
            where: Where it runs.
            concurrency: How many calls may run at the same time.
            ordered: Whether items leave in the order of the source.
            batch_size: How many items one call takes.
            batch_timeout: Seconds that a batch waits to be full.
            retry: How often a call is tried in all.
            timeout: Seconds that one call may take.
            rate_limit: Calls in a second.
            on_error: What becomes of an item on which it raises.
            failure_budget: On how many items it may raise.

        Raises:
            ArgumentError: If ``predicate`` is not callable, or an option is of the wrong type.
            InvalidValueError: As for `add_stage`, or if ``after`` names several stages.

        Example:
            >>> import asyncio
            >>> odd = AsyncPipeline("odd").add_filter(lambda x: x % 2, name="odd", where="inline")
            >>> async def main():
            ...     stream = odd.stream(range(5))
            ...     return [x async for x in stream], stream.report.filtered
            >>> asyncio.run(main())
            ([1, 3], 3)
        """
        if after is not None and not isinstance(after, str):
            raise InvalidValueError(
                f"{self!r}: a filter takes the results of one stage, got after={after!r}"
            )
        call = callable_of(predicate, repr(self))
        options = stage_options(
            f"{self!r}, filter {name or name_of(predicate)!r}",
            call,
            coroutine=is_async(call),
            where=where,
            concurrency=concurrency,
            ordered=ordered,
            batch_size=batch_size,
            batch_timeout=batch_timeout,
            retry=retry,
            timeout=timeout,
            rate_limit=rate_limit,
            on_error=on_error,
            failure_budget=failure_budget,
        )
        self._append(predicate, name, after, options, filters=True)
        return self

    async def run(self, raw: Any, /, *, runtime: WorkerRuntime | None = None) -> Any:
        """Return ``raw`` after every stage; branches that do not need each other run concurrently.

        Stages that take batches get a batch of one. Retries, timeouts and rate limits hold here
        too; ``on_error`` does not, as there is no other item to go on with.

        When it is cancelled, a function that a worker thread has in hand still runs to its end (a
        thread cannot be interrupted) and its result is discarded.

        Args:
            raw: The item.
            runtime: What supplies workers for the stages that are not asynchronous or inline. None:
                threads and processes of this machine.

        Raises:
            StageError: If a stage raises; it names the stage and is chained to the stage's own
                exception.
            ItemFiltered: If a filter leaves out the item.
            ArgumentError: If ``runtime`` is not a runtime.
        """
        self._check_runtime(runtime)
        return await once(self.stages, raw, runtime)

    def stream(
        self,
        source: Source,
        /,
        *,
        buffer: int | None = None,
        deadline: float | None = None,
        progress: bool | Progress = False,
        checkpoint: str | os.PathLike[str] | None = None,
        on_event: OnEvent | None = None,
        dead_letters: DeadLetters | None = None,
        runtime: WorkerRuntime | None = None,
    ) -> Stream:
        """Yield each item of ``source`` after every stage, in the source's order.

        The stages overlap: while one works on an item, the one before already works on the next. At
        most ``buffer`` items wait between two of them; then the earlier one waits, so that a slow
        consumer slows the source down. Plain callables in threads have a thread each, and neighbours
        without options hand items from one to the other and share the room behind them. If all
        stages are plain callables in the same place and without options, they share a call for each
        item as long as that takes less than a millisecond; a thread takes no more than an item or
        two to see that they block, and should overlap.

        A source that is not held in memory (a file, a generator) is read in a worker thread. When
        the consumer stops early, or a stage or the source fails, the stages are cancelled and
        awaited, and a generator is closed. The items before the one that failed are yielded first,
        and the one that ended the run counts as cancelled.

        Args:
            source: An iterable or asynchronous iterable.
            buffer: How many items may wait in front of each stage and of the consumer. None: 16,
                up to 1024 where so many are dealt with in a few milliseconds, and up to 4096 on their
                way to a thread and back.
            deadline: Seconds after which the run is ended, from its start.
            progress: True to show how the run comes along, or a ``rich`` `Progress` to show it in;
                needs ``pip install "ember-pipeline[progress]"``.
            checkpoint: A file that keeps how far the run has come: the items from the start without
                a gap that were left out or dead-lettered, or after which the consumer has asked for
                another. The same call again, with the same source, begins behind them.
            on_event: Called with each `Event` of the run.
            dead_letters: Where items go on which a stage has failed for good. By default the
                stream has its own, which keep the latest 1024.
            runtime: What supplies workers for the stages that are not asynchronous or inline. None:
                threads and processes of this machine.

        Returns:
            A `Stream`: iterate over it, and look into its ``report``. Nothing begins before that.

        Raises:
            ArgumentError: If ``source`` is not iterable, or an option is of the wrong type.
            InvalidValueError: If ``buffer`` is less than 1 or ``deadline`` not positive.
            StageError: If a stage raises. What ``source`` itself raises is raised unchanged.
            FailureBudgetExceeded: If a stage fails more often than it may.
            DeadlineExceeded: If the deadline passes.
            CheckpointError: If the checkpoint cannot be used.

        Example:
            >>> import asyncio
            >>> async def main():
            ...     square = AsyncPipeline("square").add_stage(lambda x: x * x)
            ...     return [y async for y in square.stream(range(4))]
            >>> asyncio.run(main())
            [0, 1, 4, 9]
        """
        if buffer is not None:
            check_count(repr(self), "buffer", buffer)
        if deadline is not None:
            check_seconds(repr(self), "deadline", deadline)
        if checkpoint is not None and not isinstance(checkpoint, str | os.PathLike):
            raise ArgumentError(f"{self!r}: checkpoint must be a path, got {checkpoint!r}")
        if dead_letters is not None and not isinstance(dead_letters, DeadLetters):
            raise ArgumentError(f"{self!r}: dead_letters must be DeadLetters, got {dead_letters!r}")
        self._check_runtime(runtime)
        letters = dead_letters if dead_letters is not None else DeadLetters()
        done = None if checkpoint is None else Checkpoint.open(checkpoint, self.name)
        feed = Feed(source, repr(self), first=0 if done is None else done.resume_at)
        if done is not None:
            feed.too_short = done.too_short
        report = Report(self.name, [stage.name for stage in self.stages], total=feed.total)
        plan = Plan(
            stages=self.stages,
            pipeline=self.name,
            buffer=buffer,
            deadline=deadline,
            report=report,
            letters=letters,
            emitter=None if on_event is None else Emitter(self.name, on_event),
            runtime=runtime,
            checkpoint=done,
            display=None if progress is False else ProgressDisplay(report, progress),
        )
        run = ChunkedRun(plan, feed) if shares_a_call(plan, feed) else Run(plan, feed)
        return Stream(run.results, report, letters)

    async def drain(
        self,
        source: Source,
        /,
        *,
        buffer: int | None = None,
        deadline: float | None = None,
        progress: bool | Progress = False,
        checkpoint: str | os.PathLike[str] | None = None,
        on_event: OnEvent | None = None,
        dead_letters: DeadLetters | None = None,
        runtime: WorkerRuntime | None = None,
    ) -> Report:
        """Lead all of ``source`` through the stages, drop the results and return the report.

        Takes and raises what `stream` does.

        Example:
            >>> import asyncio
            >>> lines = AsyncPipeline("lines").add_stage(str.strip).add_filter(bool, name="filled")
            >>> report = asyncio.run(lines.drain([" a", "", "b "]))
            >>> report.inputs, report.outputs, report.filtered, report.balanced
            (3, 2, 1, True)
        """
        stream = self.stream(
            source,
            buffer=buffer,
            deadline=deadline,
            progress=progress,
            checkpoint=checkpoint,
            on_event=on_event,
            dead_letters=dead_letters,
            runtime=runtime,
        )
        async with stream:
            await stream.finish()
        return stream.report

    async def __call__(self, raw: Any, /) -> Any:
        """The same as `run`, which makes a pipeline a stage of another."""
        return await self.run(raw)

    def _check_runtime(self, runtime: object) -> None:
        if runtime is not None and (isinstance(runtime, type) or not hasattr(runtime, "worker")):
            raise ArgumentError(
                f"{self!r}: runtime must be a runtime, such as RayRuntime(), got {runtime!r}"
            )
