"""ember-pipeline with the core alone: every module imports, a pipeline, a stream and an actor run."""

import asyncio
import importlib
import pkgutil
import sys

ENGINES = ("numpy", "torch", "mlx", "jax", "tensorflow", "ray")


async def asynchronous(package):
    class Total(package.Actor):
        total = 0.0

        async def process_message(self, message):
            self.total += message
            return self.total

    async with package.ActorSystem() as system:
        total = await system.spawn(Total)
        parse = package.AsyncPipeline("parse").add_stage(float, retry=2, on_error="dead_letter")
        stream = parse.add_stage(total.ask).stream(["1", "one", "1", "3"])
        results = [result async for result in stream]
    assert [letter.message for letter in stream.dead_letters] == ["one"]
    assert stream.report.balanced
    return results


def main() -> None:
    package = importlib.import_module("ember_ml.pipeline")
    for info in pkgutil.walk_packages(package.__path__, "ember_ml.pipeline."):
        importlib.import_module(info.name)
    result = package.Pipeline("sum").add_stage(lambda x: x + 1).add_stage(lambda x: x * 10).run(4)
    assert result == 50, result
    assert asyncio.run(asynchronous(package)) == [1.0, 2.0, 5.0]
    assert not [engine for engine in ENGINES if engine in sys.modules]


if __name__ == "__main__":
    main()
