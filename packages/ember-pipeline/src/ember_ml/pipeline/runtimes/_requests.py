"""Operations that are answered, each once."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any

from ._connection import Op
from ._pickling import dump_error, dumps, loads


class Requests:
    """What this side has asked of the other, and what it does for the other.

    Args:
        post: Sends an operation to the other side.
    """

    def __init__(self, post: Callable[[Op], None]) -> None:
        self._post = post
        self._numbers = itertools.count(1)
        self._pending: dict[int, asyncio.Future[Any]] = {}
        self._served: dict[int, asyncio.Task[None]] = {}
        self._lost: Exception | None = None

    def make(self, kind: str, *fields: Any, data: bytes = b"") -> asyncio.Future[Any]:
        """Ask for something. Cancelling the future tells the other side."""
        answer = asyncio.get_running_loop().create_future()
        if self._lost is not None:
            answer.set_exception(self._lost)
            answer.exception()  # whoever asked may not look
            return answer
        number = next(self._numbers)
        self._pending[number] = answer
        self._post((kind, number, *fields, data))
        answer.add_done_callback(lambda answer: self._given_up(number, answer))
        return answer

    def answered(self, number: int, returned: bool, data: bytes) -> None:
        """The other side has answered."""
        answer = self._pending.pop(number, None)
        if answer is None or answer.done():
            return
        try:
            value = loads(data)
        except Exception as error:
            value, returned = error, False
        if returned:
            answer.set_result(value)
        else:
            answer.set_exception(value)

    def serve(
        self, number: int, work: Coroutine[Any, Any, Any], context: Context | None = None
    ) -> None:
        """Do ``work`` for the other side and answer with what it returns or raises."""
        task = asyncio.get_running_loop().create_task(self._serve(number, work), context=context)
        self._served[number] = task

    def cancel(self, number: int) -> None:
        """The other side does not wait any more."""
        task = self._served.get(number)
        if task is not None:
            task.cancel()

    def answer(self, number: int, value: Any = None, error: BaseException | None = None) -> None:
        """Answer at once."""
        try:
            data = dumps(value)
        except Exception as problem:
            error, data = problem, b""
        self._post(("result", number, error is None, data if error is None else dump_error(error)))

    def lose(self, error: Exception) -> None:
        """The other side has ended: nothing will be answered, and nobody waits for answers."""
        self._lost = error
        pending, self._pending = self._pending, {}
        for answer in pending.values():
            if not answer.done():
                answer.set_exception(error)
        for task in tuple(self._served.values()):
            task.cancel()

    async def join(self) -> None:
        """Wait until nothing is done for the other side any more."""
        while self._served:
            await asyncio.wait(self._served.values())

    async def _serve(self, number: int, work: Coroutine[Any, Any, Any]) -> None:
        try:
            value = await work
        except Exception as error:
            self.answer(number, error=error)
        else:
            self.answer(number, value)
        finally:
            del self._served[number]

    def _given_up(self, number: int, answer: asyncio.Future[Any]) -> None:
        if answer.cancelled() and self._pending.pop(number, None) is not None:
            self._post(("cancel", number, b""))
        elif not answer.cancelled():
            answer.exception()  # whoever asked may be gone
