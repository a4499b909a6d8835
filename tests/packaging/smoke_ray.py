"""ember-pipeline with its extra `ray` and the core alone: a stage and an actor in other processes."""

import asyncio
import os

from ember_ml.pipeline import Actor, ActorSystem, AsyncPipeline, RayRuntime

LOCAL = {"num_cpus": 2, "object_store_memory": 100 * 2**20, "log_to_driver": False}


class Process(Actor):
    async def process_message(self, message: object) -> int:
        return os.getpid()


async def main() -> None:
    async with RayRuntime(hosts=1, init=LOCAL) as runtime:
        double = AsyncPipeline("double").add_stage(lambda x: (2 * x, os.getpid()))
        results = [result async for result in double.stream(range(3), runtime=runtime)]
        assert [value for value, _ in results] == [0, 2, 4], results
        assert os.getpid() not in {process for _, process in results}
        async with ActorSystem(runtime=runtime) as system:
            assert await (await system.spawn(Process)).ask("where") != os.getpid()


if __name__ == "__main__":
    asyncio.run(main())
