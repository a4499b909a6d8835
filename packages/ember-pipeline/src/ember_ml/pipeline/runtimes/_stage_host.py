"""The calls of a stage in a process of Ray's."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import itertools
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .._errors import WorkerDied
from ..tasks._worker import Failed, Outcome, Value, merged, pack_each
from ._pickling import dump_error, dumps, loads, unreadable
from ._ray_module import first_line, import_ray


class StageHost:
    """The Ray actor. A thread makes the calls, so that the process can be told to stop."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._thread = ThreadPoolExecutor(1)
        self._stage: Any = None
        self._cancelled = -1

    async def load(self, stage: bytes) -> bytes | int:
        """Take the stage; the process's number, or the error if the stage cannot be read."""
        try:
            self._stage = loads(stage)
        except Exception as error:
            return dump_error(unreadable(f"{self._name}: the stage", error))
        return os.getpid()

    async def call(self, number: int, items: list[bytes]) -> list[tuple[bool, bytes]]:
        """Apply the stage to each item: whether it returned, and what it returned or raised."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._apply_to_all, number, items, loop)

    async def cancel(self, number: int) -> None:
        """Begin no more items of the call ``number``."""
        self._cancelled = number

    async def finish(self) -> None:
        """Return when the calls in hand are done."""
        await asyncio.get_running_loop().run_in_executor(self._thread, int)

    def _apply_to_all(
        self, number: int, items: list[bytes], loop: asyncio.AbstractEventLoop
    ) -> list[tuple[bool, bytes]]:
        return [self._apply(item, loop) for item in items if self._cancelled != number]

    def _apply(self, item: bytes, loop: asyncio.AbstractEventLoop) -> tuple[bool, bytes]:
        try:
            result = self._stage(loads(item))
            if inspect.isawaitable(result):
                result = asyncio.run_coroutine_threadsafe(_awaited(result), loop).result()
            return True, dumps(result)
        except BaseException as error:
            return False, dump_error(error)


class RayWorker:
    """A `Worker` whose calls are made in a process of Ray's."""

    def __init__(self, host: Any, name: str, ended: Callable[[RayWorker], None]) -> None:
        self._ray = import_ray()
        self._host = host
        self._name = name
        self._ended = ended
        self._numbers = itertools.count()
        self.pid = 0

    async def load(self, stage: Any) -> None:
        """Send the stage.

        Raises:
            RemoteError: If it cannot be read there.
            WorkerDied: If the process could not be started.
        """
        loaded = await self._made(self._host.load.remote(dumps(stage)))
        if isinstance(loaded, bytes):
            raise loads(loaded)
        self.pid = loaded

    async def call(self, items: Sequence[Any], /) -> list[Outcome]:
        """See `Worker`."""
        sent, failures = pack_each(items, dumps)
        number = next(self._numbers)
        try:
            results = await self._made(self._host.call.remote(number, sent))
        except asyncio.CancelledError:
            with contextlib.suppress(WorkerDied):
                await self._made(self._host.cancel.remote(number))
            raise
        return merged(failures, itertools.starmap(self._outcome, results))

    async def close(self, *, cancel: bool = False) -> None:
        """See `Worker`."""
        if not cancel:
            with contextlib.suppress(WorkerDied):
                await self._made(self._host.finish.remote())
        self.kill()

    def kill(self) -> None:
        """End the process."""
        self._ray.kill(self._host)
        self._ended(self)

    def _outcome(self, returned: bool, data: bytes) -> Outcome:
        try:
            value = loads(data)
        except Exception as error:
            return Failed(unreadable(f"{self._name}: the result", error))
        return Value(value) if returned else Failed(value)

    async def _made(self, call: Any) -> Any:
        """What a call of Ray's gives."""
        errors = self._ray.exceptions
        try:
            return await call
        except errors.RayTaskError:
            raise
        except errors.RayError as error:
            raise WorkerDied(
                f"{self._name}: process {self.pid or '(not started)'} on Ray has ended: "
                f"{first_line(error)}"
            ) from error


async def _awaited(result: Any) -> Any:
    return await result
