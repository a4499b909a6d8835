import asyncio
import inspect
import threading
from contextlib import aclosing

import pytest

from ember_ml.backend.errors import ArgumentError, InvalidValueError
from ember_ml.pipeline import AsyncPipeline, HandlerCancelled, StageError


def stages(*callables):
    pipeline = AsyncPipeline("p")
    for call in callables:
        pipeline.add_stage(call, where=None if inspect.iscoroutinefunction(call) else "inline")
    return pipeline


async def collect(stream, seen=None):
    seen = [] if seen is None else seen
    async for item in stream:
        seen.append(item)
    return seen


async def numbers(n):
    for number in range(n):
        yield number


async def increment(x):
    await asyncio.sleep(0)
    return x + 1


def other_tasks():
    return asyncio.all_tasks() - {asyncio.current_task()}


@pytest.mark.parametrize(
    "source",
    [
        [0, 1, 2, 3],
        range(4),
        (0, 1, 2, 3),
        {0: "a", 1: "b", 2: "c", 3: "d"},
        iter([0, 1, 2, 3]),
        (x for x in range(4)),
        numbers(4),
    ],
    ids=["list", "range", "tuple", "dict", "iterator", "generator", "asynchronous"],
)
async def test_every_kind_of_iterable_is_a_source(source):
    pipeline = AsyncPipeline("p").add_stage(increment).add_stage(lambda x: 10 * x)
    assert await collect(pipeline.stream(source)) == [10, 20, 30, 40]
    assert other_tasks() == set()


@pytest.mark.parametrize("n", [0, 1, 500])
async def test_an_empty_pipeline_and_a_small_buffer_pass_everything_on(n):
    assert await collect(AsyncPipeline("p").stream(range(n), buffer=1)) == list(range(n))


async def test_order_is_kept_when_a_later_item_is_read_early():
    three_was_read = asyncio.Event()

    async def source():
        for number in range(4):
            if number == 3:
                three_was_read.set()
            yield number

    async def hold_the_first(x):
        if x == 0:
            await asyncio.wait_for(three_was_read.wait(), timeout=30)
        return x

    assert await collect(stages(hold_the_first).stream(source())) == [0, 1, 2, 3]


async def test_stages_overlap():
    second_started = asyncio.Event()

    async def first(x):
        if x == 1:
            # ends only if the second stage has item 0 in hand at the same time
            await asyncio.wait_for(second_started.wait(), timeout=30)
        return x

    async def second(x):
        second_started.set()
        return x

    assert await collect(stages(first, second).stream(range(2))) == [0, 1]


async def test_a_consumer_that_waits_holds_the_source_back():
    read = []

    async def source():
        for number in range(1000):
            read.append(number)
            yield number

    async with aclosing(stages(increment, increment).stream(source(), buffer=2)) as stream:
        assert await anext(stream) == 2
        for _ in range(200):
            await asyncio.sleep(0)
        # one item yielded; 2 in each of 3 queues; nobody takes an item before there is room behind
        assert 3 <= len(read) <= 1 + 3 * 2


async def test_a_blocking_source_is_read_in_a_thread():
    loop = asyncio.get_running_loop()
    entered, release = asyncio.Event(), threading.Event()

    def source():
        loop.call_soon_threadsafe(entered.set)
        yield release.wait(timeout=10)

    items = asyncio.create_task(collect(AsyncPipeline("p").stream(source())))
    await entered.wait()
    release.set()
    assert await items == [True]


async def test_items_before_the_one_that_failed_come_out_first():
    def fail_on_three(x):
        if x == 3:
            raise KeyError(x)
        return x

    seen = []
    with pytest.raises(StageError) as caught:
        await collect(stages(fail_on_three, increment).stream(range(10)), seen)
    assert seen == [1, 2, 3]
    assert (caught.value.stage, caught.value.item) == ("fail_on_three", 3)
    assert isinstance(caught.value.__cause__, KeyError)
    assert other_tasks() == set()


async def test_a_failure_cancels_and_awaits_the_stages_before():
    second_item_in_first = asyncio.Event()
    cleaned = []

    async def first(x):
        if x == 1:
            second_item_in_first.set()
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)
                cleaned.append(x)
        return x

    async def second(x):
        await second_item_in_first.wait()
        raise KeyError(x)

    with pytest.raises(StageError):
        await collect(stages(first, second).stream(range(5)))
    assert cleaned == [1]
    assert other_tasks() == set()


async def test_a_failure_cancels_the_stages_before_while_those_after_still_work():
    upstream_cancelled = asyncio.Event()

    async def first(x):
        try:
            if x == 2:
                await asyncio.Event().wait()
        finally:
            if x == 2:
                upstream_cancelled.set()
        return x

    async def fail_on_one(x):
        if x == 1:
            raise KeyError(x)
        return x

    async def hold(x):
        await asyncio.wait_for(upstream_cancelled.wait(), timeout=10)
        return x

    seen = []
    with pytest.raises(StageError, match="fail_on_one"):
        await collect(stages(first, fail_on_one, hold).stream(range(5)), seen)
    assert seen == [0]


async def test_an_error_of_the_source_is_raised_unchanged_after_the_items_before():
    async def source():
        yield 1
        yield 2
        raise OSError("disk")

    seen = []
    with pytest.raises(OSError, match="disk"):
        await collect(stages(increment).stream(source()), seen)
    assert seen == [2, 3]
    assert other_tasks() == set()


async def test_an_error_of_a_plain_source_is_raised_too():
    def source():
        yield 1
        raise OSError("disk")

    with pytest.raises(OSError, match="disk"):
        await collect(stages(increment).stream(source()))


@pytest.mark.parametrize("options", [{}, {"timeout": 30}, {"concurrency": 2}], ids=str)
async def test_a_stage_that_awaits_something_cancelled_has_failed(options):
    async def cancelled(x):
        if x == 1:
            raise asyncio.CancelledError
        return x

    async with asyncio.timeout(30):
        pipeline = AsyncPipeline("p").add_stage(cancelled, **options).add_stage(increment)
        with pytest.raises(StageError) as caught:
            await collect(pipeline.stream(range(3)))
        assert isinstance(caught.value.cause, HandlerCancelled)
        with pytest.raises(StageError, match="awaited was cancelled"):
            await pipeline.run(1)
        skipping = AsyncPipeline("p").add_stage(cancelled, on_error="skip", **options)
        assert await collect(skipping.stream(range(3))) == [0, 2]
    assert other_tasks() == set()


async def test_a_function_in_a_thread_that_raises_a_cancellation_has_failed():
    def cancelled(x):
        raise asyncio.CancelledError

    async with asyncio.timeout(30):
        pipeline = AsyncPipeline("p").add_stage(cancelled).add_stage(increment)
        with pytest.raises(StageError, match="awaited was cancelled"):
            await collect(pipeline.stream(range(3)))
    assert other_tasks() == set()


async def test_abandoning_the_stream_cancels_the_stages_and_closes_the_source():
    ended = []

    async def source():
        try:
            for number in range(1000):
                yield number
        finally:
            ended.append("source")

    async def stage(x):
        try:
            if x > 0:
                await asyncio.Event().wait()
            return x
        finally:
            if x > 0:
                ended.append("stage")

    async with aclosing(stages(stage).stream(source(), buffer=1)) as stream:
        async for item in stream:
            assert item == 0
            break
        for _ in range(10):
            await asyncio.sleep(0)
    assert sorted(ended) == ["source", "stage"]
    assert other_tasks() == set()


async def test_cancelling_the_consumer_cancels_the_stages():
    entered = asyncio.Event()
    ended = []

    async def stage(x):
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(x)

    consumer = asyncio.create_task(collect(stages(stage).stream([7])))
    await entered.wait()
    consumer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await consumer
    assert ended == [7]
    assert other_tasks() == set()


async def test_streams_can_be_joined():
    first, second = stages(increment), stages(lambda x: -x)
    joined = second.stream(first.stream(range(100)))
    async with aclosing(joined):
        assert [await anext(joined) for _ in range(3)] == [-1, -2, -3]
    assert other_tasks() == set()


async def test_the_source_must_be_iterable():
    with pytest.raises(ArgumentError, match="must be iterable, got 3"):
        AsyncPipeline("p").stream(3)


@pytest.mark.parametrize("buffer", [0, -1])
async def test_the_buffer_holds_at_least_one_item(buffer):
    with pytest.raises(InvalidValueError, match=f"at least 1, got {buffer}"):
        AsyncPipeline("p").stream([], buffer=buffer)
