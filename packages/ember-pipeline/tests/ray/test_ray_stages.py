"""Stages in processes of Ray's, as workers."""

import asyncio
import os
import signal
import threading
import time

import pytest

from ember_ml.pipeline import RayRuntime, RemoteError, WorkerDied
from ember_ml.pipeline.tasks._worker import Failed, Value


@pytest.fixture
async def runtime(ray):
    async with RayRuntime() as runtime:
        yield runtime
    assert ray.is_initialized()  # it was there before


def wait_for(path):
    while not path.exists():
        time.sleep(0.01)


def divide(x):
    return 12 // x


class Awkward(Exception):
    """Pickles, and cannot be read again."""

    def __init__(self, one, two):
        super().__init__(f"{one} {two}")


def awkward(x):
    raise Awkward("does not", "travel")


async def test_a_worker_applies_the_stage_in_another_process(runtime):
    worker = await runtime.worker(lambda x: (x + 1, os.getpid()), name="add")
    (one, two) = await worker.call([1, 2])
    assert one == Value((2, worker.pid))
    assert two == Value((3, worker.pid))
    assert worker.pid != os.getpid()
    await worker.close()


async def test_what_a_call_raises_is_its_outcome(runtime):
    worker = await runtime.worker(divide, name="divide")
    outcomes = await worker.call([3, 0, 4, threading.Lock()])
    assert outcomes[0] == Value(4)
    assert outcomes[2] == Value(3)
    assert isinstance(outcomes[1], Failed)
    assert isinstance(outcomes[1].error, ZeroDivisionError)
    assert "in divide" in outcomes[1].error.__notes__[0]
    assert isinstance(outcomes[3].error, TypeError)  # it cannot be sent
    await worker.close()


def exits(x):
    raise SystemExit(3)


@pytest.mark.parametrize(
    ("stage", "text"),
    [(awkward, "Awkward: does not travel"), (exits, "SystemExit: 3")],
    ids=["awkward", "exits"],
)
async def test_what_cannot_travel_is_described(runtime, stage, text):
    worker = await runtime.worker(stage, name="stage")
    (outcome,) = await worker.call([1])
    assert isinstance(outcome.error, RemoteError)
    assert str(outcome.error) == text
    await worker.close()


async def test_a_coroutine_function_is_awaited_there(runtime):
    async def slowly(x):
        await asyncio.sleep(0)
        return x * 2

    worker = await runtime.worker(slowly, name="slowly")
    assert await worker.call([1, 2, 3]) == [Value(2), Value(4), Value(6)]
    await worker.close()


class Unreadable:
    def __reduce__(self):
        return divide, (0,)

    def __call__(self, x):
        return x


async def test_a_stage_that_cannot_be_read_is_an_error_of_its_own(runtime):
    with pytest.raises(RemoteError, match="unreadable: the stage cannot be read in its process"):
        await runtime.worker(Unreadable(), name="unreadable")


async def test_a_killed_process_is_a_dead_worker(runtime):
    def die_on_zero(x):
        if x == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return x

    worker = await runtime.worker(die_on_zero, name="fragile")
    assert await worker.call([1]) == [Value(1)]
    with pytest.raises(WorkerDied, match=f"fragile: process {worker.pid} on Ray has ended"):
        await worker.call([2, 0, 3])
    with pytest.raises(WorkerDied, match=f"fragile: process {worker.pid} on Ray has ended"):
        await worker.call([2])
    await worker.close()


async def test_calls_that_have_not_begun_do_not_begin_after_a_cancellation(runtime, tmp_path):
    def record(x):
        (tmp_path / str(x)).touch()
        wait_for(tmp_path / "go on")
        return x

    worker = await runtime.worker(record, name="record")
    call = asyncio.create_task(worker.call([1, 2, 3]))
    await asyncio.to_thread(wait_for, tmp_path / "1")
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    (tmp_path / "go on").touch()
    assert await worker.call([4]) == [Value(4)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "4", "go on"]
    await worker.close()


async def test_a_worker_that_hangs_can_be_closed_at_once(runtime, tmp_path):
    def hang(x):
        (tmp_path / str(os.getpid())).touch()
        wait_for(tmp_path / "never")

    worker = await runtime.worker(hang, name="hang")
    call = asyncio.create_task(worker.call([1]))
    await asyncio.to_thread(wait_for, tmp_path / str(worker.pid))
    await worker.close(cancel=True)
    with pytest.raises(WorkerDied):
        await asyncio.wait_for(call, 60)
