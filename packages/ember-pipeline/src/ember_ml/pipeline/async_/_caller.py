"""One call of a stage with its options: rate limit, timeout, retries."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence, Set
from typing import Any

from ember_ml.backend.errors import InvalidValueError

from .._errors import StageTimeout
from .._stage import Stage
from ._events import Emitter
from ._places import Place, told
from ._report import StageReport


class Caller:
    """Carries out calls of one stage in one place."""

    def __init__(
        self, stage: Stage, place: Place, report: StageReport, emitter: Emitter | None
    ) -> None:
        self._stage = stage
        self._place = place
        self._report = report
        self._emitter = emitter

    async def item(self, value: Any, index: int | None) -> Any:
        """The result for one item, alone in its batch if the stage takes batches."""
        if self._stage.options.batch_size is None:
            return await self._call(value, index, 1)
        return (await self.batch([value], index))[0]

    async def batch(self, values: Sequence[Any], index: int | None) -> Sequence[Any]:
        """The results for a batch."""
        return await self._call(list(values), index, len(values))

    async def _call(self, value: Any, index: int | None, items: int) -> Any:
        options, emitter = self._stage.options, self._emitter
        began = time.monotonic()
        attempt = 0
        while True:
            attempt += 1
            if options.rate_limit is not None:
                await options.rate_limit.acquire()
            try:
                started = time.perf_counter()
                result = await self._attempt(value)
                if options.batch_size is not None:
                    self._check_batch(result, items)
                if emitter is not None:
                    emitter.emit(
                        "stage_finished",
                        stage=self._stage.name,
                        index=index,
                        seconds=time.perf_counter() - started,
                        attempt=attempt,
                        items=items,
                    )
                return result
            except Exception as error:
                elapsed = time.monotonic() - began
                wait = (
                    None
                    if options.retry is None
                    else await options.retry.next_wait(attempt, told(error), elapsed=elapsed)
                )
                if wait is None:
                    raise
                self._report.retries += items
                if emitter is not None:
                    emitter.emit(
                        "retried",
                        stage=self._stage.name,
                        index=index,
                        seconds=wait,
                        error=told(error),
                        attempt=attempt,
                        items=items,
                    )
            await asyncio.sleep(wait)

    async def _attempt(self, value: Any) -> Any:
        limit = self._stage.options.timeout
        if limit is None:
            return await self._place.one(value)
        await self._place.ready()
        try:
            async with asyncio.timeout(limit) as clock:
                return await self._place.one(value)
        except TimeoutError:
            if not clock.expired():
                raise
            await self._place.abandon()
            raise StageTimeout(
                f"pipeline {self._stage.pipeline!r}: stage {self._stage.name!r} did not return "
                f"within {limit} s"
            ) from None

    def _check_batch(self, results: Any, items: int) -> None:
        try:
            given = len(results)
        except TypeError:
            given = None
        if isinstance(results, str | bytes | Mapping | Set):
            given = None  # as many letters or keys as items are results by chance alone
        if given != items:
            what = type(results).__name__ if given is None else f"{given} results"
            raise InvalidValueError(
                f"pipeline {self._stage.pipeline!r}: stage {self._stage.name!r} returned {what} for a "
                f"batch of {items}; it takes a list, and must return as many results, in their order"
            )
