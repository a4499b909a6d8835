"""Ember's pipelines and actors, as the benchmarks call them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from _pipeline_raw import (
    BUILTINS,
    LAMBDAS,
    Run,
    collect,
    collect_async,
    increment,
    on_loop,
    yielding,
)

from ember_ml.pipeline import Actor, AsyncPipeline, Pipeline


class Echo(Actor):
    async def process_message(self, message: object) -> object:
        return message


async def _send(actor: Any, n: int) -> float:
    """Seconds until the last message is handled: a reply comes behind it."""
    start = time.perf_counter()
    for i in range(n):
        await actor.send(i)
    await actor.ask(None)
    return time.perf_counter() - start


async def _ask(actor: Any, n: int) -> float:
    start = time.perf_counter()
    for i in range(n):
        await actor.ask(i)
    return time.perf_counter() - start


async def _ask_in_time(actor: Any, n: int) -> float:
    start = time.perf_counter()
    for i in range(n):
        await actor.ask(i, timeout=60)
    return time.perf_counter() - start


WAYS = {"send": _send, "ask": _ask, "ask in time": _ask_in_time}


def alone(way: str) -> Callable[[], Any]:
    """An `Actor` that runs in a task of the benchmark's."""

    @contextmanager
    def case() -> Iterator[Run]:
        async def measure(n: int) -> float:
            actor = Echo()
            task = asyncio.create_task(actor.start())
            await actor.ask(None)
            seconds = await WAYS[way](actor, n)
            await actor.stop()
            await task
            return seconds

        yield from on_loop(measure)

    return case


def in_system(way: str) -> Callable[[], Any]:
    """A reference to an actor in an `ActorSystem`."""

    @contextmanager
    def case() -> Iterator[Run]:
        from ember_ml.pipeline import ActorSystem

        async def measure(n: int) -> float:
            async with ActorSystem() as system:
                ref = await system.spawn(Echo)
                await ref.ask(None)
                return await WAYS[way](ref, n)

        yield from on_loop(measure)

    return case


def mapped(functions: Any) -> Callable[[], Any]:
    """`Pipeline.map`."""

    @contextmanager
    def case() -> Iterator[Run]:
        pipeline = _with_stages(Pipeline("three"), functions)
        collect(pipeline.map(range(3)), 3)
        yield lambda n: collect(pipeline.map(range(n)), n)

    return case


def streamed(functions: Any, **options: Any) -> Callable[[], Any]:
    """`AsyncPipeline.stream` of a range."""

    @contextmanager
    def case() -> Iterator[Run]:
        pipeline = _with_stages(AsyncPipeline("stream"), functions, **options)

        async def measure(n: int) -> float:
            return await collect_async(pipeline.stream(range(n)), n)

        yield from on_loop(measure)

    return case


@contextmanager
def in_process() -> Iterator[Run]:
    """A stage in a process, which the first item starts."""
    pipeline = AsyncPipeline("process").add_stage(abs, where="process")

    async def measure(n: int) -> float:
        return await collect_async(pipeline.stream(range(n)), n, after_first=True)

    yield from on_loop(measure)


def drained(functions: Any, **options: Any) -> Callable[[], Any]:
    """`AsyncPipeline.drain` of a range: the results are dropped."""

    @contextmanager
    def case() -> Iterator[Run]:
        pipeline = _with_stages(AsyncPipeline("drain"), functions, **options)

        async def measure(n: int) -> float:
            start = time.perf_counter()
            report = await pipeline.drain(range(n))
            seconds = time.perf_counter() - start
            assert report.outputs == n
            return seconds

        yield from on_loop(measure)

    return case


def _with_stages(pipeline: Any, functions: Any, **options: Any) -> Any:
    for function in functions:
        pipeline.add_stage(function, **options)
    return pipeline


THREE = (increment, increment, increment)

SEND = {"Ember": in_system("send"), "Ember, Actor alone": alone("send")}
ASK = {
    "Ember": in_system("ask"),
    "Ember, timeout": in_system("ask in time"),
    "Ember, Actor alone": alone("ask"),
    "Ember, Actor alone, timeout": alone("ask in time"),
}
MAP = {"Ember, builtins": mapped(BUILTINS), "Ember, lambdas": mapped(LAMBDAS)}
STREAM = {
    "coroutines": {"Ember": streamed(THREE)},
    "functions": {
        "Ember, inline": streamed(BUILTINS, where="inline"),
        "Ember, thread": streamed(BUILTINS),
        "Ember, inline, drain": drained(BUILTINS, where="inline"),
        "Ember, thread, drain": drained(BUILTINS),
    },
    "concurrent": {
        "Ember": streamed((increment,), concurrency=8),
        "Ember, unordered": streamed((increment,), concurrency=8, ordered=False),
    },
    "suspending": {
        "Ember": streamed((yielding,), concurrency=8),
        "Ember, unordered": streamed((yielding,), concurrency=8, ordered=False),
    },
    "process": {"Ember": in_process},
}
