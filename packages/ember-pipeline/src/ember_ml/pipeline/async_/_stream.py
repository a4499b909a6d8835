"""What `AsyncPipeline.stream` returns."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from types import TracebackType
from typing import Any, Self

from ..actors._dead_letters import DeadLetters
from ._report import Report


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
        self, results: AsyncGenerator[Any, None], report: Report, dead_letters: DeadLetters
    ) -> None:
        self.report = report
        self.dead_letters = dead_letters
        self._results = results

    def __aiter__(self) -> AsyncGenerator[Any, None]:
        # The generator itself: a loop over it costs a third of one through `__anext__` below.
        return self._results

    async def __anext__(self) -> Any:
        """The next result.

        Raises:
            StopAsyncIteration: If there are no more.
        """
        return await anext(self._results)

    async def aclose(self) -> None:
        """End the run: cancel what is under way and wait until it has ended."""
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
