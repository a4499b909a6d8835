"""An event loop whose time does not pass but jumps, for tests that play with timeouts."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

import pytest


class _Jumping(selectors.SelectSelector):
    """Waits for nobody: moves the clock to when the next timer is due."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        if not ready:
            # Nothing is due, ever, and no other thread is there to change it.
            assert timeout is not None, "a deadlock: every task waits for another"
            self.now += timeout
        return ready


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._clock = _Jumping()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now


def _run(main: Coroutine[Any, Any, Any]) -> Any:
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(main)


@pytest.fixture(scope="session")
def run_in_jumping_time() -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """`asyncio.run`, but sleeping takes no time, the order of events is the same each time, and a
    deadlock is an error at once.
    """
    return _run
