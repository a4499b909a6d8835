"""What `AsyncPipeline.stream` returns."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from types import TracebackType
from typing import Any, Self

from .._errors import UsageError
from ..actors._dead_letters import DeadLetters
from ._report import Report
from ._run import Hand


class Stream:
    """The results of a run, one after another, and its report.

    The run begins with the first item that is asked for. Whoever may stop early closes the stream,
    best with ``async with``: then its stages are cancelled and awaited at once.

    Attributes:
        report: The counts of the run, live.
        dead_letters: Where the items went on which a stage has failed for good.

    Example:
        >>> import asyncio
        >>> from ember_ml.pipeline import AsyncPipeline
        >>> async def main():
        ...     double = AsyncPipeline("double").add_stage(lambda x: 2 * x, where="inline")
        ...     async with double.stream(range(1000)) as stream:
        ...         async for y in stream:
        ...             if y > 4:
        ...                 break
        ...     return y, stream.report.outputs, stream.report.balanced
        >>> asyncio.run(main())
        (6, 4, True)
    """

    def __init__(
        self,
        begin: Callable[[Hand], AsyncGenerator[Any, None]],
        report: Report,
        dead_letters: DeadLetters,
    ) -> None:
        self.report = report
        self.dead_letters = dead_letters
        self._begin = begin
        self._hand: Hand = "items"
        self._results: AsyncGenerator[Any, None] | None = None

    def __aiter__(self) -> AsyncGenerator[Any, None]:
        # The generator itself: a loop over it costs a third of one through `__anext__` below.
        return self._opened("items")

    def chunks(self) -> AsyncGenerator[list[Any], None]:
        """The results in lists, each of what is ready, for a consumer that is quick with an item.

        All results of a list count as handed over, and are acknowledged together.

        Raises:
            UsageError: If results were asked for one by one.

        Example:
            >>> import asyncio
            >>> from ember_ml.pipeline import AsyncPipeline
            >>> async def main():
            ...     stream = AsyncPipeline("absolute").add_stage(abs).stream(range(-1000, 1000))
            ...     return sum([sum(chunk) async for chunk in stream.chunks()])
            >>> asyncio.run(main())
            1000000
        """
        return self._opened("chunks")

    async def finish(self) -> None:
        """Run to the end and drop the results.

        Raises:
            UsageError: If results were asked for.
        """
        async for _ in self._opened("nothing"):
            pass

    def _opened(self, hand: Hand) -> AsyncGenerator[Any, None]:
        if self._results is None:
            self._results, self._hand = self._begin(hand), hand
        elif hand != self._hand:
            raise UsageError(
                f"the stream of {self.report.pipeline!r} hands over {self._hand} already, and "
                f"cannot hand over {hand} too; make another stream"
            )
        return self._results

    async def __anext__(self) -> Any:
        """The next result.

        Raises:
            StopAsyncIteration: If there are no more.
        """
        return await anext(self._opened("items"))

    async def aclose(self) -> None:
        """End the run: cancel what is under way and wait until it has ended."""
        if self._results is not None:
            await self._results.aclose()
        self.report.finish()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"Stream({self.report!r})"
