import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import types
from pathlib import Path

import pytest

from ember_ml.backend.errors import ArgumentError
from ember_ml.pipeline import AsyncPipeline, RemoteError, UsageError, WorkerDied
from ember_ml.pipeline.tasks._pickles import check_pickles, portable
from ember_ml.pipeline.tasks._process import ProcessWorker
from ember_ml.pipeline.tasks._worker import Failed, Value

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def stages(monkeypatch):
    monkeypatch.syspath_prepend(HERE)  # spawned processes take over sys.path
    import _process_stages

    return _process_stages


@contextlib.asynccontextmanager
async def worker_of(call, *, name="'p', stage 's'"):
    worker = ProcessWorker(call, name=name)
    try:
        yield worker
    finally:
        await worker.close(cancel=True)


async def until(condition):
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - another process cannot set an event
            await asyncio.sleep(0.005)


async def test_outcomes_are_in_the_order_of_the_items(stages):
    async with worker_of(stages.reciprocal) as worker:
        two, zero, text, half = await worker.call([2, 0, "a", 0.5])
        assert (two, half) == (Value(0.5), Value(2.0))
        assert isinstance(zero.error, ZeroDivisionError)
        assert isinstance(text.error, TypeError)
        assert await worker.call([]) == []
        assert await worker.call([4]) == [Value(0.25)]


async def test_a_failure_brings_the_traceback_of_the_process(stages):
    async with worker_of(stages.reciprocal) as worker:
        (failed,) = await worker.call([0])
        (note,) = failed.error.__notes__
        assert "return 1 / x" in note


async def test_it_is_another_process_the_same_for_each_call(stages):
    async with worker_of(stages.pid_of) as worker:
        assert worker.pid is None
        first = await worker.call([0, 1])
        assert first == await worker.call([2, 3]) == [Value(worker.pid)] * 2
        assert worker.pid != os.getpid()


async def test_the_stage_is_pickled_once(stages):
    before = stages.CountsItsPickling.pickled
    async with worker_of(stages.CountsItsPickling()) as worker:
        for number in range(3):
            assert await worker.call([number]) == [Value(number)]
    assert stages.CountsItsPickling.pickled == before + 1


async def test_an_item_that_does_not_pickle_fails_alone(stages):
    async with worker_of(stages.double) as worker:
        one, lock, three = await worker.call([1, threading.Lock(), 3])
        assert (one, three) == (Value(2), Value(6))
        assert isinstance(lock, Failed)
        assert str(lock.error).startswith("the item cannot be sent to a process (lock; TypeError: ")


async def test_an_item_that_cannot_be_read_in_the_process_fails_alone(stages, monkeypatch):
    module = types.ModuleType("only_in_this_process")
    exec("class Item: pass", module.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    async with worker_of(stages.double) as worker:
        failed, two = await worker.call([module.Item(), 1])
        assert two == Value(2)
        assert isinstance(failed.error, ModuleNotFoundError)


async def test_a_result_that_does_not_pickle_fails_alone(stages):
    async with worker_of(stages.a_generator) as worker:
        (failed,) = await worker.call([1])
        assert isinstance(failed.error, TypeError)
        told = "the result cannot be sent back from its process (generator; TypeError: "
        assert str(failed.error).startswith(told)


async def test_an_error_that_cannot_be_sent_arrives_as_its_type_and_text(stages):
    async with worker_of(stages.raise_awkward) as worker:
        (failed,) = await worker.call([404])
        assert isinstance(failed.error, RemoteError)
        assert str(failed.error) == "Awkward: no such page (404)"
        assert "raise Awkward" in failed.error.__notes__[0]


@pytest.mark.parametrize(
    "how, told",
    [
        ("exit", "has ended with exit code 3"),
        ("sys.exit", "has ended with exit code 4"),
        ("kill", "was killed by SIGKILL"),
    ],
)
async def test_a_process_that_dies_is_reported_with_its_number_and_end(stages, how, told):
    async with worker_of(stages.end) as worker:
        assert await worker.call(["well"]) == [Value("well")]
        pid = worker.pid
        for _ in range(2):
            with pytest.raises(WorkerDied, match=f"'p', stage 's': process {pid} {told}"):
                await worker.call(["well", how, "never"])
        await worker.close()
        assert stages.gone(pid)


@pytest.mark.parametrize(
    "number, name",
    [
        (signal.SIGTERM, "SIGTERM$"),
        (signal.SIGKILL, "SIGKILL, which the system also sends when memory runs out$"),
        pytest.param(
            40,
            "signal 40$",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="has no real-time signals"),
        ),
    ],
    ids=["SIGTERM", "SIGKILL", "real-time"],
)
async def test_a_process_that_is_killed_between_two_calls_is_reported(stages, number, name):
    async with worker_of(stages.double) as worker:
        assert await worker.call([1]) == [Value(2)]
        os.kill(worker.pid, number)
        with pytest.raises(WorkerDied, match=f"process {worker.pid} was killed by {name}"):
            await worker.call([2])


async def test_those_who_wait_are_told_that_the_process_died(stages):
    async with worker_of(stages.end) as worker:
        calls = [worker.call([how]) for how in ("well", "exit", "well", "well")]
        first, *others = await asyncio.gather(*calls, return_exceptions=True)
        assert first == [Value("well")]
        assert [type(error) for error in others] == [WorkerDied] * 3


async def test_close_waits_for_the_call_in_hand(stages, tmp_path):
    worker = ProcessWorker(stages.WriteWhenTold(str(tmp_path)), name="w")
    call = asyncio.create_task(worker.call([1]))
    await until((tmp_path / "begun-1").exists)
    closing = asyncio.create_task(worker.close())
    await asyncio.sleep(0)
    assert not closing.done()
    (tmp_path / "go").touch()
    await closing
    assert await call == [Value(1)]
    assert (tmp_path / "ended-1").exists()
    assert stages.gone(worker.pid)
    await worker.close()
    with pytest.raises(UsageError, match="w: the worker is closed"):
        await worker.call([2])


async def test_close_at_once_ends_a_call_that_hangs(stages, tmp_path):
    worker = ProcessWorker(stages.WriteWhenTold(str(tmp_path)), name="w")
    call = asyncio.create_task(worker.call([1]))
    await until((tmp_path / "begun-1").exists)
    await worker.close(cancel=True)
    assert stages.gone(worker.pid)
    with pytest.raises(WorkerDied, match="was killed by SIGKILL"):
        await call


@pytest.mark.parametrize("turns", [0, 1, 20])
async def test_close_at_once_while_the_process_starts(stages, turns):
    worker = ProcessWorker(stages.double, name="w")
    call = asyncio.create_task(worker.call([1]))
    for _ in range(turns):
        await asyncio.sleep(0.001)
    await worker.close(cancel=True)
    assert worker.pid is None or stages.gone(worker.pid)
    (outcome,) = await asyncio.gather(call, return_exceptions=True)
    assert isinstance(outcome, WorkerDied | UsageError)


async def test_close_of_a_worker_that_has_done_nothing(stages):
    worker = ProcessWorker(stages.double, name="w")
    await worker.close()
    assert worker.pid is None


async def test_a_cancelled_call_finishes_its_item_and_begins_no_other(stages, tmp_path):
    # ten seconds of work, so that the word of the cancellation comes in time on a busy machine
    async with worker_of(stages.WriteWhenTold(str(tmp_path), pause=0.05)) as worker:
        call = asyncio.create_task(worker.call(range(200)))
        await until((tmp_path / "begun-0").exists)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        (tmp_path / "go").touch()
        assert await worker.call(["after"]) == [Value("after")]
        await worker.close()
    names = {path.name for path in tmp_path.iterdir()}
    begun = {name.removeprefix("begun-") for name in names if name.startswith("begun-")}
    assert begun == {name.removeprefix("ended-") for name in names if name.startswith("ended-")}
    assert {"0", "after"} <= begun
    assert len(begun) < 100


async def test_a_call_that_is_cancelled_in_the_queue_does_not_begin(stages, tmp_path):
    async with worker_of(stages.WriteWhenTold(str(tmp_path))) as worker:
        first = asyncio.create_task(worker.call([1]))
        await until((tmp_path / "begun-1").exists)
        second = asyncio.create_task(worker.call([2]))
        await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        (tmp_path / "go").touch()
        assert await first == [Value(1)]
        await worker.close()
    assert not (tmp_path / "begun-2").exists()


async def test_the_event_loop_goes_on_while_a_process_works(stages, tmp_path):
    async with worker_of(stages.WriteWhenTold(str(tmp_path))) as worker:
        call = asyncio.create_task(worker.call([1]))
        await until((tmp_path / "begun-1").exists)
        (tmp_path / "go").touch()  # a loop that waited for the call could not tell it to go on
        assert await call == [Value(1)]


async def test_large_items_pass(stages):
    async with worker_of(stages.identity) as worker:
        items = [bytes(5_000_000), b"x" * 5_000_000]
        assert await worker.call(items) == [Value(item) for item in items]


async def test_a_stage_that_cannot_be_loaded_there_fails_each_item(monkeypatch):
    module = types.ModuleType("only_in_this_process")
    exec("def stage(x): return x", module.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    async with worker_of(module.stage) as worker:
        first, second = await worker.call([1, 2])
        assert "'p', stage 's': the stage cannot be loaded in a process" in str(first.error)
        assert "ModuleNotFoundError" in str(second.error)


def open_files():
    return len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else 0


async def test_nothing_is_left_over(stages):
    import multiprocessing

    threads = threading.active_count()
    files = open_files()
    for _ in range(2):
        async with worker_of(stages.double) as worker:
            assert await worker.call([1]) == [Value(2)]
            await worker.close()
        assert stages.gone(worker.pid)
    assert multiprocessing.active_children() == []
    assert threading.active_count() == threads
    assert open_files() <= files + 1  # the resource tracker of multiprocessing keeps one


@pytest.mark.parametrize("ordered", [True, False], ids=["ordered", "unordered"])
async def test_promise_7_nothing_is_lost_when_the_processes_of_a_stage_are_killed(stages, ordered):
    pipeline = AsyncPipeline("p").add_stage(
        stages.with_pid, where="process", concurrency=2, ordered=ordered
    )
    killed, found = [], []
    async with pipeline.stream(range(400)) as stream:
        async for pid, x in stream:
            found.append(x)
            if len(found) % 100 == 0 and pid not in killed and len(killed) < 3:
                with contextlib.suppress(
                    ProcessLookupError
                ):  # it may have been killed by us before
                    os.kill(pid, signal.SIGKILL)
                    killed.append(pid)
    assert (found if ordered else sorted(found)) == list(range(400))
    assert len(killed) > 0
    assert (stream.report.outputs, stream.report.failures, stream.report.balanced) == (400, 0, True)
    assert all(stages.gone(pid) for pid in killed)


SCRIPT = """
import asyncio, os, sys
sys.path.insert(0, {here!r})
import _process_stages as stages
from ember_ml.pipeline.tasks._process import ProcessWorker

async def main():
    worker = ProcessWorker(stages.WriteWhenTold(sys.argv[1]), name="w")
    call = asyncio.create_task(worker.call([1]))
    try:
        while not ({ready} or call.done()):
            await asyncio.sleep(0.001)
        print(worker.pid, flush=True)
        {then}
    finally:
        if {close}:
            await worker.close(cancel=True)

{guard}
    asyncio.run(main())
"""


BEGUN = "os.path.exists(sys.argv[1] + '/begun-1')"
GUARD = "if __name__ == '__main__':"


def script(folder, *, ready=BEGUN, then="await call", close=True, guard=GUARD):
    path = folder / "script.py"
    path.write_text(SCRIPT.format(here=str(HERE), ready=ready, then=then, close=close, guard=guard))
    return subprocess.Popen(
        [sys.executable, str(path), str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_until_gone(stages, pid):
    deadline = time.monotonic() + 60
    while not stages.gone(pid):
        assert time.monotonic() < deadline, f"process {pid} is still there"
        time.sleep(0.01)


def test_a_process_ends_when_its_parent_is_killed(stages, tmp_path):
    with script(tmp_path) as parent:
        pid = int(parent.stdout.readline())
        parent.kill()
        parent.wait(timeout=60)
        wait_until_gone(stages, pid)  # in the middle of a call that would never end
        assert parent.stderr.read() == ""  # it ends when all who could write have ended


@pytest.mark.parametrize("ready", [BEGUN, "worker.pid"], ids=["at work", "starting"])
def test_ctrl_c_is_for_the_parent_alone(stages, tmp_path, ready):
    with script(tmp_path, ready=ready) as parent:
        pid = int(parent.stdout.readline())
        os.killpg(parent.pid, signal.SIGINT)  # as a terminal does
        _, errors = parent.communicate(timeout=60)
        assert stages.gone(pid)
    assert errors.count("KeyboardInterrupt\n") == 1
    assert "spawn" not in errors
    assert "leaked" not in errors


@pytest.mark.parametrize("ready", [BEGUN, "worker.pid"], ids=["at work", "starting"])
def test_a_worker_that_nobody_closed_does_not_hold_up_the_end(stages, tmp_path, ready):
    with script(tmp_path, ready=ready, then="call.cancel()", close=False) as parent:
        out, errors = parent.communicate(timeout=60)
        assert stages.gone(int(out))
        assert (parent.returncode, errors) == (0, "")


def test_a_script_without_a_main_guard_is_told_of_it(tmp_path):
    with script(tmp_path, guard="if True:") as parent:
        _, errors = parent.communicate(timeout=60)
    assert "exit code 1 before it took its stage" in errors
    assert "keep what it runs under if __name__ == '__main__':" in errors


async def test_a_process_that_dies_before_it_has_its_stage_is_reported(monkeypatch, tmp_path):
    main = tmp_path / "broken_main.py"
    main.write_text("import sys; sys.exit(5)")
    module = types.ModuleType("__main__")
    module.__file__ = str(main)
    module.__spec__ = None
    monkeypatch.setitem(sys.modules, "__main__", module)
    async with worker_of(len) as worker:
        with pytest.raises(WorkerDied, match=r"exit code 5 .* under if __name__ == '__main__'"):
            await worker.call(["a"])


@pytest.mark.parametrize(
    "make, remedy",
    [
        (lambda: lambda x: x, "at the top level of a module with def"),
        (lambda: threading.Lock().acquire, "keep in it only"),
    ],
    ids=["lambda", "lock"],
)
def test_a_stage_that_does_not_pickle_is_refused(make, remedy):
    with pytest.raises(ArgumentError, match=f"'p', stage 's': .*{remedy}.*where='thread'"):
        check_pickles(make(), "'p', stage 's'")


def test_a_nested_function_is_told_to_move():
    def nested(x):
        return x

    with pytest.raises(ArgumentError, match="not inside a function"):
        check_pickles(nested, "'p', stage 'nested'")


def test_an_error_that_pickles_stays_what_it_is():
    copy = portable(KeyError("a"))
    assert type(copy) is KeyError
    assert copy.args == ("a",)
