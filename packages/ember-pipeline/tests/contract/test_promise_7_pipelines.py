import asyncio
import os
import threading
import time

import pytest
from promised_actors import within_limits

from ember_ml.pipeline import (
    AsyncPipeline,
    DeadLetters,
    FailureBudgetExceeded,
    StageError,
    StageTimeout,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")


def square(x):
    if x % 10 == 7:
        raise ValueError(f"{x} ends in 7")
    return x * x


def slowly(x):
    time.sleep(0.002 * (x % 3))
    return x


async def arrives(x):
    await asyncio.sleep(0)
    return x


async def collected(stream):
    async with asyncio.timeout(60):
        return [item async for item in stream]


async def test_promise_7_nothing_is_lost_silently(runtime):
    letters = DeadLetters()
    pipeline = AsyncPipeline("p").add_stage(square, name="square", on_error="dead_letter")
    pipeline.add_filter(lambda x: x % 2, where="inline")
    stream = pipeline.stream(range(100), dead_letters=letters, runtime=runtime)
    outputs = await collected(stream)
    assert outputs == [x * x for x in range(100) if x % 10 != 7 and x % 2]
    report = stream.report
    assert (report.inputs, report.outputs) == (100, 40)
    assert (report.filtered, report.dead_lettered, report.cancelled) == (50, 10, 0)
    assert report.balanced
    assert [(letter.message, letter.index, letter.recipient) for letter in letters] == [
        (x, x, "p/square") for x in range(7, 100, 10)
    ]
    assert {type(letter.error) for letter in letters} == {ValueError}


async def test_promise_7_what_is_under_way_when_the_consumer_leaves_is_cancelled(runtime):
    pipeline = AsyncPipeline("p").add_stage(slowly)
    outputs = []
    async with pipeline.stream(range(1000), runtime=runtime) as stream:
        async for item in stream:
            outputs.append(item)
            if len(outputs) == 5:
                break
    report = stream.report
    assert outputs == list(range(5))
    assert report.outputs == 5
    assert report.inputs == report.outputs + report.cancelled
    assert report.inputs < 1000
    assert report.balanced


@pytest.mark.parametrize("ordered", [True, False])
async def test_promise_7_concurrency_in_order_or_not(runtime, ordered):
    pipeline = AsyncPipeline("p").add_stage(slowly, concurrency=2, ordered=ordered)
    outputs = await collected(pipeline.stream(range(60), runtime=runtime))
    assert (outputs if ordered else sorted(outputs)) == list(range(60))


async def test_promise_7_retries_are_made_and_counted(runtime, tmp_path):
    def fails_once(x):
        tried = tmp_path / str(x)
        if x % 5 == 0 and not tried.exists():
            tried.touch()
            raise OSError("not yet")
        return x

    pipeline = AsyncPipeline("p").add_stage(fails_once, retry=3)
    stream = pipeline.stream(range(20), runtime=runtime)
    assert await collected(stream) == list(range(20))
    assert stream.report.retries == 4
    assert stream.report.balanced


async def test_promise_7_a_timeout_is_a_failure_of_the_item(runtime):
    def hangs_on_two(x):
        if x == 2:
            time.sleep(1)
        return x

    letters = DeadLetters()
    pipeline = AsyncPipeline("p").add_stage(hangs_on_two, timeout=0.3, on_error="dead_letter")
    stream = pipeline.stream(range(5), dead_letters=letters, runtime=runtime)
    assert await collected(stream) == [0, 1, 3, 4]
    [letter] = letters
    assert letter.index == 2
    assert isinstance(letter.error, StageTimeout)
    assert stream.report.balanced


async def test_promise_7_batches_by_size(runtime):
    pipeline = AsyncPipeline("p")
    pipeline.add_stage(lambda batch: [(x, len(batch)) for x in batch], batch_size=4)
    outputs = await collected(pipeline.stream(range(10), runtime=runtime))
    assert outputs == [(x, 4) for x in range(8)] + [(8, 2), (9, 2)]


async def test_promise_7_batches_by_time(runtime):
    gone = asyncio.Event()

    async def source():
        yield 1
        yield 2
        await gone.wait()  # comes when the first batch has, which is not full
        yield 3

    pipeline = AsyncPipeline("p")
    pipeline.add_stage(
        lambda batch: [(x, len(batch)) for x in batch], batch_size=100, batch_timeout=0.05
    )
    outputs = []
    async with asyncio.timeout(60):
        async for output in pipeline.stream(source(), runtime=runtime):
            outputs.append(output)
            if len(outputs) == 2:
                gone.set()
    assert outputs == [(1, 2), (2, 2), (3, 1)]


async def test_promise_7_a_skipped_failure_counts_as_filtered(runtime):
    pipeline = AsyncPipeline("p").add_stage(square, on_error="skip")
    stream = pipeline.stream(range(20), runtime=runtime)
    assert len(await collected(stream)) == 18
    assert (stream.report.filtered, stream.report.dead_lettered) == (2, 0)
    assert stream.report.balanced


async def test_promise_7_a_failure_that_is_raised_tells_stage_and_item_and_ends_the_run(runtime):
    before = asyncio.all_tasks()
    pipeline = AsyncPipeline("p").add_stage(arrives).add_stage(square, name="square")
    stream = pipeline.stream(range(100), runtime=runtime)
    outputs = []

    async def consume():
        async for output in stream:
            outputs.append(output)

    with pytest.raises(StageError, match="7 ends in 7") as caught:
        await within_limits(consume())
    assert (caught.value.stage, caught.value.index, caught.value.item) == ("square", 7, 7)
    assert outputs == [x * x for x in range(7)]
    assert asyncio.all_tasks() == before  # those that it has cancelled have ended
    assert stream.report.balanced


async def test_promise_7_a_failure_budget_ends_the_run(runtime):
    letters = DeadLetters()
    pipeline = AsyncPipeline("p").add_stage(square, on_error="dead_letter", failure_budget=2)
    stream = pipeline.stream(range(100), dead_letters=letters, runtime=runtime)
    with pytest.raises(FailureBudgetExceeded):
        await collected(stream)
    assert [letter.message for letter in letters][:2] == [7, 17]
    assert stream.report.balanced


async def test_promise_7_a_resumed_run_starts_after_the_last_contiguous_acknowledged_item(
    runtime, tmp_path
):
    pipeline = AsyncPipeline("p").add_stage(slowly)
    checkpoint = tmp_path / "checkpoint"
    first = []
    async with pipeline.stream(range(50), checkpoint=checkpoint, runtime=runtime) as stream:
        async for item in stream:
            first.append(item)
            if len(first) == 20:
                break
    second = await collected(pipeline.stream(range(50), checkpoint=checkpoint, runtime=runtime))
    # the consumer has asked for the next item 19 times, which acknowledges those before
    assert first == list(range(20))
    assert second == list(range(19, 50))


def whereabouts(x):
    return os.getpid(), threading.get_ident()


async def test_promise_7_a_stage_runs_where_it_is_told(runtime):
    here = (os.getpid(), threading.get_ident())
    pipeline = AsyncPipeline("p").add_stage(lambda x: [whereabouts(x)], where="inline")
    pipeline.add_stage(lambda seen: [*seen, whereabouts(0)])
    inline, thread = await within_limits(pipeline.run(0, runtime=runtime))
    assert inline == here
    if runtime is None:
        assert thread[0] == here[0]
        assert thread[1] != here[1]
        in_process = AsyncPipeline("p").add_stage(os.path.realpath, where="process")
        assert await within_limits(in_process.run("/proc/self")) != f"/proc/{here[0]}"
    else:
        assert thread[0] != here[0]
