"""Peers of the pipelines and actors, each called as its own documentation does."""

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
    timed,
    yielding,
)


def pykka(way: str) -> Callable[[], Any]:
    """``tell`` with an ``ask`` behind the last message, or ``ask``; the actor has a thread."""

    @contextmanager
    def case() -> Iterator[Run]:
        from pykka import ThreadingActor

        class Echo(ThreadingActor):
            def on_receive(self, message: object) -> object:
                return message

        actor = Echo.start()

        def tell(n: int) -> None:
            for i in range(n):
                actor.tell(i)
            actor.ask(None)

        def ask(n: int) -> None:
            for i in range(n):
                actor.ask(i)

        def ask_in_time(n: int) -> None:
            for i in range(n):
                actor.ask(i, timeout=60)

        try:
            yield timed({"tell": tell, "ask": ask, "ask in time": ask_in_time}[way])
        finally:
            actor.stop()

    return case


def thespian(base: str, way: str) -> Callable[[], Any]:
    """``tell`` with an ``ask`` behind the last message, or ``ask``, in an actor system ``base``."""

    @contextmanager
    def case() -> Iterator[Run]:
        from _thespian_echo import Echo
        from thespian.actors import ActorSystem

        system = ActorSystem(base, transientUnique=True)
        try:
            actor = system.createActor(Echo)

            def tell(n: int) -> None:
                for i in range(n):
                    system.tell(actor, i)
                system.ask(actor, None, 60)

            def ask(n: int) -> None:
                for _ in range(n):
                    system.ask(actor, None, 60)

            yield timed({"tell": tell, "ask": ask}[way])
        finally:
            system.shutdown()

    return case


def xoscar(processes: int, way: str) -> Callable[[], Any]:
    """``ref.handle.send``, or ``await ref.handle``, in the pool's own process or in another."""

    @contextmanager
    def case() -> Iterator[Run]:
        import xoscar as xo

        class Echo(xo.Actor):
            async def handle(self, message: object) -> object:
                return message

        async def start() -> tuple[Any, Any]:
            pool = await xo.create_actor_pool("127.0.0.1", n_process=processes)
            place = xo.allocate_strategy.ProcessIndex(processes)
            ref = await xo.create_actor(
                Echo, address=pool.external_address, allocate_strategy=place
            )
            return pool, ref

        async def send(n: int) -> float:
            start = time.perf_counter()
            for i in range(n):
                await ref.handle.send(i)
            await ref.handle(None)
            return time.perf_counter() - start

        async def ask(n: int) -> float:
            start = time.perf_counter()
            for i in range(n):
                await ref.handle(i)
            return time.perf_counter() - start

        with asyncio.Runner() as runner:
            pool, ref = runner.run(start())
            try:
                yield lambda n: runner.run({"send": send, "ask": ask}[way](n))
            finally:
                runner.run(pool.stop())

    return case


def aiostream(functions: Any, **options: Any) -> Callable[[], Any]:
    """``stream.iterate(...)`` and a ``stream.map`` for each function."""

    @contextmanager
    def case() -> Iterator[Run]:
        from aiostream import stream

        async def measure(n: int) -> float:
            mapped: Any = stream.iterate(range(n))
            for function in functions:
                mapped = stream.map(mapped, function, **options)
            async with mapped.stream() as results:
                return await collect_async(results, n)

        yield from on_loop(measure)

    return case


def streamable_sync(functions: Any) -> Callable[[], Any]:
    """A plain loop over ``stream(...).map(...)``."""

    @contextmanager
    def case() -> Iterator[Run]:
        from streamable import stream

        def run(n: int) -> float:
            results: Any = stream(range(n))
            for function in functions:
                results = results.map(function)
            return collect(results, n)

        yield run

    return case


def streamable_async(functions: Any, **options: Any) -> Callable[[], Any]:
    """``async for`` over ``stream(...).map(...)``."""

    @contextmanager
    def case() -> Iterator[Run]:
        from streamable import stream

        async def measure(n: int) -> float:
            mapped: Any = stream(range(n))
            for function in functions:
                mapped = mapped.map(function, **options)
            return await collect_async(aiter(mapped), n)

        yield from on_loop(measure)

    return case


THREE = (increment, increment, increment)

SEND = {
    "Pykka": pykka("tell"),
    "Thespian, simple": thespian("simpleSystemBase", "tell"),
    "Thespian, processes": thespian("multiprocQueueBase", "tell"),
    "xoscar, same process": xoscar(0, "send"),
    "xoscar, other process": xoscar(1, "send"),
}
ASK = {
    "Pykka": pykka("ask"),
    "Pykka, timeout": pykka("ask in time"),
    "Thespian, simple": thespian("simpleSystemBase", "ask"),
    "Thespian, processes": thespian("multiprocQueueBase", "ask"),
    "xoscar, same process": xoscar(0, "ask"),
    "xoscar, other process": xoscar(1, "ask"),
}
MAP = {
    "streamable, builtins": streamable_sync(BUILTINS),
    "streamable, lambdas": streamable_sync(LAMBDAS),
}
STREAM = {
    "coroutines": {
        "aiostream": aiostream(THREE, task_limit=1),
        "streamable": streamable_async(THREE),
    },
    "functions": {
        "aiostream": aiostream(BUILTINS),
        "streamable": streamable_async(BUILTINS),
        "streamable, threads": streamable_async(BUILTINS, concurrency=2),
    },
    "concurrent": {
        "aiostream": aiostream((increment,), task_limit=8),
        "aiostream, unordered": aiostream((increment,), task_limit=8, ordered=False),
        "streamable": streamable_async((increment,), concurrency=8),
        "streamable, unordered": streamable_async((increment,), concurrency=8, as_completed=True),
    },
    "suspending": {
        "aiostream": aiostream((yielding,), task_limit=8),
        "aiostream, unordered": aiostream((yielding,), task_limit=8, ordered=False),
        "streamable": streamable_async((yielding,), concurrency=8),
        "streamable, unordered": streamable_async((yielding,), concurrency=8, as_completed=True),
    },
    "process": {},
}
