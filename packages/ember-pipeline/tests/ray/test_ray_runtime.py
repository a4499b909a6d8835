"""The runtime as an object: what it needs, what it starts and what it ends."""

import asyncio
import os
import subprocess
import sys

import pytest

from ember_ml.pipeline import (
    Actor,
    ActorStopped,
    ActorSystem,
    MissingExtraError,
    RayRuntime,
    WorkerDied,
)
from ember_ml.pipeline.runtimes._ray_module import import_ray

OWN_CLUSTER = """
import asyncio, os
from ember_ml.pipeline.runtimes import RayRuntime

async def main():
    runtime = RayRuntime(init={"num_cpus": 1, "log_to_driver": False, "logging_level": "ERROR"})
    assert repr(runtime) == "RayRuntime(local, not connected)"
    async with runtime:
        import ray
        assert repr(runtime) == "RayRuntime(local, connected)"
        print(ray.nodes()[0]["NodeManagerAddress"])
        worker = await runtime.worker(lambda x: -x, name="negate")
        print((await worker.call([5]))[0].value)
    assert not ray.is_initialized()
    await runtime.close()  # once more does no harm

asyncio.run(main())
"""


def test_a_runtime_that_starts_ray_keeps_to_loopback_and_ends_it():
    names = ("RAY_USAGE_STATS_ENABLED", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "RAY_ADDRESS")
    environment = {name: value for name, value in os.environ.items() if name not in names}
    done = subprocess.run(
        [sys.executable, "-c", OWN_CLUSTER],
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["127.0.0.1", "-5"]


def test_without_ray_the_error_names_the_extra(monkeypatch):
    import_ray.cache_clear()
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r'pip install "ember-pipeline\[ray\]"') as caught:
        import_ray()
    assert isinstance(caught.value, ImportError)


def test_importing_the_runtimes_does_not_import_ray():
    code = (
        "import sys, ember_ml.pipeline as p; p.RayRuntime(); "
        "print(sorted({'ray', 'numpy', 'multiprocessing', 'tenacity'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


async def test_a_system_closes_the_runtime_that_it_has_started(ray):
    runtime = RayRuntime(hosts=1)
    async with ActorSystem(runtime=runtime):
        assert repr(runtime) == "RayRuntime(local, connected)"
    assert repr(runtime) == "RayRuntime(local, not connected)"
    async with runtime:
        async with ActorSystem(runtime=runtime):
            pass
        assert repr(runtime) == "RayRuntime(local, connected)"


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class Sleeper(Actor):
    async def process_message(self, message):
        if message == "pid":
            return os.getpid()
        await asyncio.sleep(1000)


async def test_nothing_is_left_of_a_system_that_is_cancelled(ray):
    async def run(started):
        async with RayRuntime(hosts=2) as runtime, ActorSystem(runtime=runtime) as system:
            sleepers = [await system.spawn(Sleeper) for _ in range(3)]
            started.set_result([await sleeper.ask("pid") for sleeper in sleepers])
            await asyncio.gather(*(sleeper.ask("sleep") for sleeper in sleepers))

    started = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(run(started))
    pids = await started
    assert len(set(pids)) == 2
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asyncio.all_tasks() == {asyncio.current_task()}
    async with asyncio.timeout(60):
        while any(alive(pid) for pid in pids):  # noqa: ASYNC110 - they end by themselves
            await asyncio.sleep(0.01)


async def test_a_system_that_stops_meanwhile_starts_no_actor(ray):
    async with RayRuntime(hosts=1) as runtime:
        async with ActorSystem(runtime=runtime) as system:
            spawn = asyncio.create_task(system.spawn(Sleeper))
            await asyncio.sleep(0)
            await system.stop()
            with pytest.raises(ActorStopped, match="starts no more actors"):
                await spawn
        assert system.inspect().children == ()


async def test_closing_ends_the_processes(ray):
    runtime = RayRuntime()
    await runtime.close()
    await runtime.start()
    worker = await runtime.worker(str, name="str")
    await runtime.close()
    with pytest.raises(WorkerDied):
        await worker.call([1])
