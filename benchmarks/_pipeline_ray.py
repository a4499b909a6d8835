"""Ray's actors: a call for each message, and Ember's batches."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Any

from _pipeline_ember import WAYS, Echo
from _pipeline_raw import Run, collect, collect_async, on_loop, timed


@contextmanager
def _cluster() -> Iterator[Any]:
    """A local cluster on the loopback interface, shared by the cases of a part."""
    os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO="0")
    import ray

    own = not ray.is_initialized()
    if own:
        ray.init(
            num_cpus=2,
            object_store_memory=100 * 2**20,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="ERROR",
            _node_ip_address="127.0.0.1",
        )
    try:
        yield ray
    finally:
        if own:
            ray.shutdown()


def calls(way: str) -> Callable[[], Any]:
    """``actor.handle.remote(...)`` and one ``ray.get`` of the last, or of each."""

    @contextmanager
    def case() -> Iterator[Run]:
        with _cluster() as ray:
            actor = _plain(ray)

            def send(n: int) -> None:
                for i in range(n):
                    reply = actor.handle.remote(i)
                ray.get(reply)

            def ask(n: int) -> None:
                for i in range(n):
                    ray.get(actor.handle.remote(i))

            yield timed({"send": send, "ask": ask}[way])

    return case


def batches(way: str) -> Callable[[], Any]:
    """A reference to an actor that lives in a process of Ray's."""

    @contextmanager
    def case() -> Iterator[Run]:
        from ember_ml.pipeline import ActorSystem, RayRuntime

        with _cluster(), asyncio.Runner() as runner:
            stack = AsyncExitStack()

            async def start() -> Any:
                system = await stack.enter_async_context(ActorSystem(runtime=RayRuntime()))
                ref = await system.spawn(Echo)
                await ref.ask(None)
                return ref

            ref = runner.run(start())
            try:
                yield lambda n: runner.run(WAYS[way](ref, n))
            finally:
                runner.run(stack.aclose())

    return case


@contextmanager
def stage() -> Iterator[Run]:
    """A stage of a stream in a process of Ray's, which the first item starts."""
    from ember_ml.pipeline import AsyncPipeline, RayRuntime

    with _cluster():
        pipeline = AsyncPipeline("ray").add_stage(abs)

        async def measure(n: int) -> float:
            async with RayRuntime() as runtime:
                results = pipeline.stream(range(n), runtime=runtime)
                return await collect_async(results, n, after_first=True)

        yield from on_loop(measure)


@contextmanager
def actor_pool() -> Iterator[Run]:
    """``ray.util.ActorPool.map`` over one actor."""
    with _cluster() as ray:
        from ray.util import ActorPool

        actors = ActorPool([_plain(ray)])
        yield lambda n: collect(actors.map(lambda a, x: a.handle.remote(x), range(n)), n)


def _plain(ray: Any) -> Any:
    @ray.remote(num_cpus=0)
    class Plain:
        def handle(self, message: object) -> object:
            return message

    return Plain.remote()


SEND = {"Ember on Ray": batches("send"), "Ray": calls("send")}
ASK = {"Ember on Ray": batches("ask"), "Ray": calls("ask")}
STREAM = {"Ember on Ray": stage, "Ray, ActorPool.map": actor_pool}
