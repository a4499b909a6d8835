"""A long stream in which much goes wrong, seeded, so that a failure can be played again."""

import asyncio
import random
import resource
from pathlib import Path

import pytest

from ember_ml.pipeline import (
    AsyncPipeline,
    DeadLetters,
    DeadlineExceeded,
    Retry,
    StageError,
    StageTimeout,
)

STATM = Path("/proc/self/statm")
RETRY = Retry(3, wait=0.0, on=ConnectionError)


class Fates:
    """What happens to each item, known beforehand from its number alone."""

    def __init__(self, seed, count):
        draw = random.Random(seed)
        self.flaky = set(draw.sample(range(count), count // 100))  # fails once, then succeeds
        self.hopeless = set(draw.sample(range(count), count // 200))  # always a ConnectionError
        self.skipped = set(draw.sample(range(count), count // 100))  # a ValueError, skipped
        self.stuck = set(draw.sample(range(count), count // 2000))  # never returns: times out
        self.slow = set(draw.sample(range(count), count // 100))  # returns later
        self.dull = set(draw.sample(range(count), count // 50))  # filtered
        self.rotten = set(draw.sample(range(count), count // 500))  # spoils its batch
        self.tried = set()
        everything = set(range(count))
        self.dead = (self.hopeless | self.stuck) | (
            self.rotten - self.hopeless - self.stuck - self.skipped - self.dull
        )
        self.filtered = (self.skipped | self.dull) - self.hopeless - self.stuck
        self.passed = everything - self.dead - self.filtered


def pipeline_of(fates, *, ordered):
    async def fetch(x):
        if x in fates.slow:
            await asyncio.sleep(0.0005)
        if x in fates.flaky and x not in fates.tried:
            fates.tried.add(x)
            raise ConnectionError(x)
        if x in fates.hopeless:
            raise ConnectionError(x)
        return x

    async def wait(x):
        if x in fates.stuck:
            await asyncio.Event().wait()
        return x

    def check(x):
        if x in fates.skipped:
            raise ValueError(x)
        return x

    def batch(xs):
        for x in xs:
            if x in fates.rotten:
                raise RuntimeError(x)
        return [10 * x for x in xs]

    async def last(x):
        if x in fates.slow:
            await asyncio.sleep(0)
        return x // 10

    pipeline = AsyncPipeline("chaos")
    pipeline.add_stage(fetch, concurrency=4, ordered=ordered, retry=RETRY, on_error="dead_letter")
    pipeline.add_stage(wait, concurrency=8, timeout=0.05, on_error="dead_letter")
    pipeline.add_stage(check, where="inline", on_error="skip")
    pipeline.add_filter(lambda x: x not in fates.dull, name="bright", where="inline")
    pipeline.add_stage(batch, batch_size=32, batch_timeout=0.05, on_error="dead_letter")
    pipeline.add_stage(last, concurrency=3, ordered=ordered)
    pipeline.add_stage(str).add_stage(int)
    return pipeline


async def collect(stream, seen):
    async for x in stream:
        seen.append(x)


async def numbers(count):
    for number in range(count):
        yield number


def sources(count):
    return {
        "memory": lambda: range(count),
        "thread": lambda: (x for x in range(count)),
        "async": lambda: numbers(count),
    }


async def played(seed, count, source, *, ordered):
    fates = Fates(seed, count)
    letters = DeadLetters(limit=count)
    stream = pipeline_of(fates, ordered=ordered).stream(
        sources(count)[source](), dead_letters=letters
    )
    seen, under_way, memory = [], [], []
    async with asyncio.timeout(120):
        async for x in stream:
            seen.append(x)
            if len(seen) % 1000 == 0:
                under_way.append(stream.report.in_flight)
                memory.extend(resident())
    assert sorted(seen) == sorted(fates.passed)
    if ordered:
        assert seen == sorted(seen)
    dead = {letter.index: letter for letter in letters}
    assert set(dead) == fates.dead
    assert all(letter.message == index for index, letter in dead.items())
    assert all(isinstance(dead[x].error, StageTimeout) for x in fates.stuck - fates.hopeless)
    report = stream.report
    assert (report.inputs, report.outputs) == (count, len(fates.passed))
    assert (report.filtered, report.dead_lettered) == (len(fates.filtered), len(fates.dead))
    assert report.cancelled == 0
    assert report.balanced
    # two attempts more for each hopeless item; one for a flaky one, unless it is hopeless too
    assert report["fetch"].retries == 2 * len(fates.hopeless) + len(fates.flaky - fates.hopeless)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    return under_way, memory


def resident():
    """Bytes of memory that the process has, where the system tells it in a file."""
    if STATM.exists():
        yield int(STATM.read_text().split()[1]) * resource.getpagesize()


@pytest.mark.slow
async def test_promise_7_holds_for_200_000_items_of_which_many_fail_seed_5():
    under_way, memory = await played(5, 200_000, "memory", ordered=True)
    # Nine channels, each of 1024 at most, and what the stages have in hand and hold for the order.
    assert max(under_way) < 9 * 1024 + 9 * 1024
    # Growth from the first fifth of the run to its end: 160,000 results, 3,000 letters, no more.
    if memory:
        assert memory[-1] - memory[len(memory) // 5] < 40e6


@pytest.mark.parametrize("ordered", [True, False], ids=["ordered", "unordered"])
@pytest.mark.parametrize("source", ["memory", "thread", "async"])
@pytest.mark.parametrize("seed", [1, 2])
async def test_promise_7_holds_for_items_of_which_many_fail(seed, source, ordered):
    await played(seed, 4_000, source, ordered=ordered)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("end", ["close", "cancel", "deadline"])
async def test_promise_7_holds_when_a_run_ends_early(end, seed):
    draw = random.Random(f"{end} {seed}")
    count, ordered = 3_000, draw.random() < 0.5
    fates = Fates(seed, count)
    letters = DeadLetters(limit=count)
    stream = pipeline_of(fates, ordered=ordered).stream(
        sources(count)[draw.choice(["memory", "thread", "async"])](),
        dead_letters=letters,
        buffer=draw.choice([None, 1, 8]),
        deadline=draw.uniform(0.001, 0.3) if end == "deadline" else None,
    )
    seen = []
    enough = draw.randrange(count // 2) if end == "close" else count

    async def consume():
        async with stream:
            async for x in stream:
                seen.append(x)
                if len(seen) > enough:
                    break

    consumer = asyncio.create_task(consume())
    if end == "cancel":
        await asyncio.sleep(draw.uniform(0, 0.3))
        consumer.cancel()
    try:
        async with asyncio.timeout(60):
            await consumer
    except (asyncio.CancelledError, DeadlineExceeded):
        assert end in ("cancel", "deadline")
    report = stream.report
    assert report.balanced
    assert report.finished
    assert report.outputs == len(seen)
    assert report.dead_lettered == len(letters)
    assert set(seen) <= fates.passed
    assert len(set(seen)) == len(seen)
    assert not ordered or seen == sorted(seen)
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("seed", range(6))
async def test_promise_7_holds_when_a_failure_ends_the_run(seed):
    count = 3_000
    draw = random.Random(seed)
    fates = Fates(seed, count)
    fatal = draw.choice(sorted(fates.passed))

    def explode(x):
        if x == fatal:
            raise ZeroDivisionError
        return x

    pipeline = pipeline_of(fates, ordered=True)
    pipeline.add_stage(explode, concurrency=draw.randrange(1, 4))
    seen = []
    stream = pipeline.stream(range(count))
    with pytest.raises(StageError, match="explode"):
        await collect(stream, seen)
    # all that came before the one that failed, in order
    assert seen == [x for x in sorted(fates.passed) if x < fatal]
    assert stream.report.balanced
    assert stream.report.outputs == len(seen)
    assert asyncio.all_tasks() == {asyncio.current_task()}
