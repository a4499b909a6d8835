import asyncio
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ember_ml.backend.errors import ArgumentError, InvalidValueError
from ember_ml.pipeline import RateLimit


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self):
        self.now = 1000.0
        self.slept = []

    def __call__(self):
        return self.now

    async def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)

    def limit(self, rate, **options):
        return RateLimit(rate, **options, clock=self, sleep=self.sleep)


async def times(clock, limit, count):
    found = []
    for _ in range(count):
        await limit.acquire()
        found.append(clock.now - 1000.0)
    return found


@pytest.mark.parametrize(
    "options, expected",
    [
        ({"rate": 2}, [0.0, 0.5, 1.0, 1.5]),
        ({"rate": 30, "per": 60.0}, [0.0, 2.0, 4.0, 6.0]),
        ({"rate": 1, "burst": 3}, [0.0, 0.0, 0.0, 1.0, 2.0]),
    ],
    ids=["2 a second", "30 a minute", "bursts of 3"],
)
async def test_tokens_come_at_the_rate(options, expected):
    clock = Clock()
    found = await times(clock, clock.limit(**options), len(expected))
    assert found == pytest.approx(expected)


async def test_the_bucket_fills_up_and_not_further():
    clock = Clock()
    limit = clock.limit(1, burst=3)
    await times(clock, limit, 3)
    clock.now += 1.5  # one token and a half
    await limit.acquire()
    assert clock.slept == []
    await limit.acquire()
    assert clock.slept == pytest.approx([0.5])
    clock.now += 100
    assert await times(clock, limit, 4) == pytest.approx([102.0, 102.0, 102.0, 103.0])


async def test_those_who_wait_are_served_in_the_order_in_which_they_came():
    clock = Clock()
    limit = clock.limit(10)
    served = []

    async def work(number):
        await limit.acquire()
        served.append((number, round(clock.now - 1000.0, 6)))

    await asyncio.gather(*(work(number) for number in range(5)))
    assert served == [(0, 0.0), (1, 0.1), (2, 0.2), (3, 0.3), (4, 0.4)]


@pytest.mark.parametrize("place", [1, 2, 3])
async def test_who_is_cancelled_takes_no_token_and_holds_nobody_up(place):
    clock = Clock()
    gate = asyncio.Event()

    async def sleep(seconds):
        await gate.wait()
        clock.now += seconds

    limit = RateLimit(1, clock=clock, sleep=sleep)
    served = []

    async def work(number):
        await limit.acquire()
        served.append((number, clock.now - 1000.0))

    tasks = [asyncio.create_task(work(number)) for number in range(4)]
    await asyncio.sleep(0)
    tasks[place].cancel()
    gate.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    others = [number for number in range(4) if number != place]
    assert [number for number, _ in served] == others
    assert [at for _, at in served] == pytest.approx([0.0, 1.0, 2.0])


async def test_who_is_cancelled_when_its_turn_has_come_passes_it_on():
    clock = Clock()
    limit = clock.limit(1)
    await limit.acquire()
    first, second, third = (asyncio.create_task(limit.acquire()) for _ in range(3))
    await first  # has woken the second, which has not run yet
    second.cancel()
    async with asyncio.timeout(30):
        await third
    assert second.cancelled()


def test_it_serves_one_event_loop_after_another():
    limit = RateLimit(1000)

    async def crowd():
        await asyncio.gather(*(limit.acquire() for _ in range(5)))

    for _ in range(2):
        asyncio.run(crowd())


async def test_with_the_real_clock_it_is_never_faster_than_the_rate():
    loop = asyncio.get_running_loop()
    limit = RateLimit(200)
    begun = loop.time()
    await asyncio.gather(*(limit.acquire() for _ in range(21)))
    assert loop.time() - begun >= 20 / 200 - 0.01


@settings(max_examples=100, deadline=None)
@given(gaps=st.lists(st.floats(0, 3), max_size=30), burst=st.integers(1, 4), rate=st.floats(0.5, 5))
def test_no_span_holds_more_than_its_tokens(gaps, burst, rate):
    """In any span of t seconds at most burst + rate * t calls begin: what a token bucket means."""
    clock = Clock()
    limit = clock.limit(rate, burst=burst)

    async def run():
        begun = []
        for gap in gaps:
            clock.now += gap
            await limit.acquire()
            begun.append(clock.now)
        return begun

    begun = asyncio.run(run())
    for at, start in enumerate(begun):
        for number, end in enumerate(begun[at:], start=1):
            assert number <= burst + rate * (end - start) + 1e-6


@pytest.mark.parametrize(
    "arguments, error, told",
    [
        ({"rate": 0}, InvalidValueError, "rate must be positive and finite, got 0"),
        ({"rate": math.inf}, InvalidValueError, "rate must be positive and finite, got inf"),
        ({"rate": "9"}, ArgumentError, "rate must be a number, got '9'"),
        ({"rate": True}, ArgumentError, "rate must be a number, got True"),
        ({"rate": 1, "per": -1}, InvalidValueError, "per must be positive and finite, got -1"),
        ({"rate": 1, "burst": 0}, InvalidValueError, "burst must be at least 1, got 0"),
        ({"rate": 1, "burst": 1.5}, ArgumentError, "burst must be an int, got 1.5"),
    ],
)
def test_wrong_arguments(arguments, error, told):
    with pytest.raises(error, match=told):
        RateLimit(**arguments)
