"""The references of the pipeline benchmarks: asyncio alone, and loops without any library."""

from __future__ import annotations

import asyncio
import multiprocessing
import operator
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any

Run = Callable[[int], float]
Requests = asyncio.Queue[tuple[int, asyncio.Future[int]]]

CAPACITY = 1024

#: Three stages that do next to nothing. The first three are written in C, as many a real stage is.
BUILTINS = (abs, operator.neg, operator.invert)
LAMBDAS = (lambda x: x + 1, lambda x: x * 2, lambda x: x - 3)


async def increment(x: int) -> int:
    """A trivial coroutine stage."""
    return x + 1


async def yielding(x: int) -> int:
    """A coroutine stage that suspends once, as one that waits for something does."""
    await asyncio.sleep(0)
    return x + 1


def on_loop(measure: Callable[[int], Coroutine[Any, Any, float]]) -> Iterator[Run]:
    """Give ``measure`` as a plain function, on an event loop of its own."""
    with asyncio.Runner() as runner:
        yield lambda n: runner.run(measure(n))


def timed(run: Callable[[int], object]) -> Run:
    """``run`` as a function that gives the seconds it took."""

    def measure(n: int) -> float:
        start = time.perf_counter()
        run(n)
        return time.perf_counter() - start

    return measure


def collect(results: Iterable[object], n: int) -> float:
    """Seconds to make a list of the ``n`` results."""
    start = time.perf_counter()
    count = len(list(results))
    seconds = time.perf_counter() - start
    _check(count, n)
    return seconds


async def collect_async(
    results: AsyncIterator[object], n: int, *, after_first: bool = False
) -> float:
    """The same of an asynchronous iterator; perhaps without the first result, and what starts then."""
    if after_first:
        await anext(results)
        n -= 1
    start = time.perf_counter()
    count = len([y async for y in results])
    seconds = time.perf_counter() - start
    _check(count, n)
    return seconds


def _check(count: int, n: int) -> None:
    if count != n:
        raise ValueError(f"{count} results for {n} items")


@contextmanager
def queue() -> Iterator[Run]:
    """A producer and a consumer share an asyncio.Queue."""

    async def measure(n: int) -> float:
        q: asyncio.Queue[int] = asyncio.Queue(CAPACITY)

        async def produce() -> None:
            for i in range(n):
                await q.put(i)

        async def take() -> None:
            for _ in range(n):
                await q.get()

        start = time.perf_counter()
        await asyncio.gather(produce(), take())
        return time.perf_counter() - start

    yield from on_loop(measure)


async def _ask(q: Requests, n: int) -> None:
    loop = asyncio.get_running_loop()
    for i in range(n):
        reply = loop.create_future()
        await q.put((i, reply))
        await reply


async def _ask_in_time(q: Requests, n: int) -> None:
    loop = asyncio.get_running_loop()
    for i in range(n):
        async with asyncio.timeout(60):
            reply = loop.create_future()
            await q.put((i, reply))
            await reply


async def _serve(q: Requests) -> None:
    while True:
        message, reply = await q.get()
        reply.set_result(message)


def _requests(ask: Callable[[Requests, int], Awaitable[None]]) -> Iterator[Run]:
    async def measure(n: int) -> float:
        q: Requests = asyncio.Queue(CAPACITY)
        server = asyncio.create_task(_serve(q))
        start = time.perf_counter()
        await ask(q, n)
        seconds = time.perf_counter() - start
        server.cancel()
        await asyncio.gather(server, return_exceptions=True)
        return seconds

    yield from on_loop(measure)


@contextmanager
def request() -> Iterator[Run]:
    """Requests through an asyncio.Queue, each with a future for its reply, one after another."""
    yield from _requests(_ask)


@contextmanager
def request_in_time() -> Iterator[Run]:
    """The same, each request inside an asyncio.timeout."""
    yield from _requests(_ask_in_time)


@contextmanager
def loop_builtins() -> Iterator[Run]:
    """The three functions called one inside the other, in a list comprehension."""
    f, g, h = BUILTINS
    yield timed(lambda n: [h(g(f(x))) for x in range(n)])


@contextmanager
def loop_lambdas() -> Iterator[Run]:
    """The same with lambdas."""
    f, g, h = LAMBDAS
    yield timed(lambda n: [h(g(f(x))) for x in range(n)])


@contextmanager
def generator() -> Iterator[Run]:
    """The three functions in an asynchronous generator: the least that ``async for`` can cost."""
    f, g, h = BUILTINS

    async def results(n: int) -> AsyncIterator[int]:
        for x in range(n):
            yield h(g(f(x)))

    async def measure(n: int) -> float:
        return await collect_async(results(n), n)

    yield from on_loop(measure)


@contextmanager
def generator_awaits() -> Iterator[Run]:
    """Three coroutine functions awaited one after another, in an asynchronous generator."""

    async def results(n: int) -> AsyncIterator[int]:
        for x in range(n):
            yield await increment(await increment(await increment(x)))

    async def measure(n: int) -> float:
        return await collect_async(results(n), n)

    yield from on_loop(measure)


def pool(chunk: int) -> Callable[[], Any]:
    """``map`` of a process of the standard library's, with so many items in a message."""

    @contextmanager
    def case() -> Iterator[Run]:
        spawning = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=spawning) as executor:
            yield lambda n: collect(executor.map(abs, range(n), chunksize=chunk), n)

    return case


STREAM = {
    "coroutines": {"an async generator": generator_awaits},
    "functions": {"an async generator": generator},
    "concurrent": {},
    "suspending": {},
    "process": {
        "ProcessPoolExecutor.map": pool(1),
        "the same, chunksize 64": pool(64),
    },
}
