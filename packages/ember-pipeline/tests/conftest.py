"""Ray for the tests that need it, and an event loop for those that play with time."""

from __future__ import annotations

import asyncio
import os
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

import pytest


@pytest.fixture(scope="session")
def ray():
    """Ray on this machine alone: started by the first test that needs it, ended after the last."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # Ray replaces 127.0.0.1 by the machine's own address where clusters are enabled.
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    import ray

    ray.init(
        num_cpus=2,
        _node_ip_address="127.0.0.1",
        include_dashboard=False,
        object_store_memory=100 * 2**20,
        log_to_driver=False,
        logging_level="ERROR",
    )
    yield ray
    ray.shutdown()


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


@pytest.fixture(scope="session")
def jumping_loop() -> type[asyncio.SelectorEventLoop]:
    """An event loop in which sleeping takes no time, the order of events is the same each time, and
    a deadlock is an error at once.
    """
    return _Loop


@pytest.fixture(scope="session")
def run_in_jumping_time() -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """`asyncio.run` on such a loop."""

    def run(main: Coroutine[Any, Any, Any]) -> Any:
        with asyncio.Runner(loop_factory=_Loop) as runner:
            return runner.run(main)

    return run
