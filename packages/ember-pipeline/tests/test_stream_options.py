"""What each option of a stage does in a stream."""

import asyncio
import threading
import time

import pytest

from ember_ml.backend.errors import InvalidValueError
from ember_ml.pipeline import (
    AsyncPipeline,
    DeadLetters,
    DeadlineExceeded,
    FailureBudgetExceeded,
    ItemFiltered,
    Retry,
    StageError,
    StageTimeout,
)


class Probe:
    """A coroutine function that notes how many of its calls run at once."""

    def __init__(self, hold=0):
        self.running = self.most = 0
        self.hold = hold

    async def __call__(self, x):
        self.running += 1
        self.most = max(self.most, self.running)
        for _ in range(self.hold + x % 3):
            await asyncio.sleep(0)
        self.running -= 1
        return x


async def collect(stream):
    async with asyncio.timeout(60):
        seen = [x async for x in stream]
    assert stream.report.balanced
    assert asyncio.all_tasks() == {asyncio.current_task()}
    return seen


async def drain(stream, seen):
    async for x in stream:
        seen.append(x)


@pytest.mark.parametrize("ordered", [True, False], ids=["ordered", "unordered"])
async def test_concurrency_is_reached_and_not_exceeded(ordered):
    probe = Probe(hold=3)
    pipeline = AsyncPipeline("p").add_stage(probe, concurrency=4, ordered=ordered)
    assert sorted(await collect(pipeline.stream(range(100)))) == list(range(100))
    assert probe.most == 4


async def test_promise_7_an_ordered_stage_keeps_the_order_and_its_bound():
    release = asyncio.Event()
    begun = []

    async def hold_the_first(x):
        begun.append(x)
        if x == 0:
            await release.wait()
        return x

    pipeline = AsyncPipeline("p").add_stage(hold_the_first, concurrency=3)
    stream = pipeline.stream(range(1000), buffer=4)
    seen = []
    consumer = asyncio.create_task(drain(stream, seen))
    for _ in range(100):
        await asyncio.sleep(0)
    # item 0 in hand, and no more behind it than the buffer and the other two in hand
    assert begun == list(range(len(begun)))
    assert 4 <= len(begun) <= 4 + 3 - 1
    release.set()
    await consumer
    assert seen == list(range(1000))


async def test_promise_7_an_unordered_stage_gives_results_as_they_come():
    release = asyncio.Event()

    async def hold_the_first(x):
        if x == 0:
            await release.wait()
        return x

    pipeline = AsyncPipeline("p").add_stage(hold_the_first, concurrency=2, ordered=False)
    seen = []
    async for x in pipeline.stream(range(10)):
        seen.append(x)
        if len(seen) == 9:
            release.set()
    assert seen == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]


async def test_threads_work_at_the_same_time_and_hold_back_no_result():
    barrier = threading.Barrier(3)

    def meet(x):
        barrier.wait(timeout=30)
        return x

    pipeline = AsyncPipeline("p").add_stage(meet, concurrency=3)
    assert await collect(pipeline.stream(range(9))) == list(range(9))


async def same(x):
    return x


@pytest.mark.parametrize(
    ("before", "after", "options"),
    [
        ([], [], {}),
        ([], [abs], {"on_error": "skip"}),
        ([same], [abs, abs], {}),
        ([same, abs], [abs], {}),
        ([same, abs, abs], [], {}),
    ],
    ids=["in chunks", "beside options", "first neighbour", "second neighbour", "third neighbour"],
)
async def test_promise_8_a_thread_that_blocks_holds_back_no_result_of_before(
    before, after, options
):
    release = threading.Event()

    def block(x):
        if x == 100:
            assert release.wait(timeout=30)
        return x

    pipeline = AsyncPipeline("p")
    for number, call in enumerate([*before, block]):
        pipeline.add_stage(call, name=f"s{number}")
    for number, call in enumerate(after, len(before) + 1):
        pipeline.add_stage(call, name=f"s{number}", **options)
    seen = []
    async with asyncio.timeout(60):
        async for x in pipeline.stream(range(200)):
            seen.append(x)
            if x == 99:
                release.set()
    assert seen == list(range(200))


async def test_batches_have_their_size_and_the_last_is_shorter():
    sizes = []

    async def add(xs):
        sizes.append(len(xs))
        return tuple(x + 1 for x in xs)

    pipeline = AsyncPipeline("p").add_stage(add, batch_size=4)
    assert await collect(pipeline.stream(range(10))) == list(range(1, 11))
    assert sizes == [4, 4, 2]


async def test_a_batch_goes_when_its_time_is_over():
    sizes = []
    gone = asyncio.Event()

    async def source():
        yield 0
        yield 1
        await gone.wait()  # the third item comes only when the first two have gone
        yield 2

    async def note(xs):
        sizes.append(len(xs))
        gone.set()
        return xs

    pipeline = AsyncPipeline("p").add_stage(note, batch_size=100, batch_timeout=0.02)
    assert await collect(pipeline.stream(source())) == [0, 1, 2]
    assert sizes == [2, 1]


async def test_a_batch_larger_than_the_buffer_is_filled():
    sizes = []

    def note(xs):
        sizes.append(len(xs))
        return xs

    pipeline = AsyncPipeline("p").add_stage(note, batch_size=50, concurrency=2)
    assert await collect(pipeline.stream(range(200), buffer=3)) == list(range(200))
    assert sizes == [50, 50, 50, 50]


@pytest.mark.parametrize("wrong", [[1], None, 7], ids=["too few", "none", "no sequence"])
async def test_a_batch_must_give_as_many_results(wrong):
    async def give(xs):
        return wrong

    pipeline = AsyncPipeline("p").add_stage(give, name="give", batch_size=2)
    with pytest.raises(StageError, match="for a batch of 2") as caught:
        await collect(pipeline.stream([1, 2]))
    assert isinstance(caught.value.cause, InvalidValueError)
    assert caught.value.item == [1, 2]


async def test_of_a_batch_that_fails_only_the_guilty_item_is_lost():
    calls = []

    async def check(xs):
        calls.append(xs)
        if 5 in xs:
            raise ValueError(xs)
        return xs

    letters = DeadLetters()
    pipeline = AsyncPipeline("p").add_stage(
        check, batch_size=4, retry=Retry(2, wait=0.0), on_error="dead_letter"
    )
    seen = await collect(pipeline.stream(range(8), dead_letters=letters))
    assert seen == [0, 1, 2, 3, 4, 6, 7]
    assert [letter.message for letter in letters] == [5]
    # the batch is tried twice, then each item alone, the guilty one twice again
    assert calls == [[0, 1, 2, 3], [4, 5, 6, 7], [4, 5, 6, 7], [4], [5], [5], [6], [7]]


@pytest.mark.parametrize("where", [None, "inline", "thread"])
async def test_a_call_is_tried_again(where):
    tries = []

    def flaky(x):
        tries.append(x)
        if tries.count(x) < 3:
            raise ConnectionError(x)
        return x

    async def coroutine(x):
        return flaky(x)

    retry = Retry(3, wait=0.0)
    pipeline = AsyncPipeline("p")
    pipeline.add_stage(coroutine if where is None else flaky, name="f", where=where, retry=retry)
    stream = pipeline.stream(range(4))
    assert await collect(stream) == [0, 1, 2, 3]
    assert tries == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert (stream.report.retries, stream.report.failures) == (8, 0)


async def test_retries_come_to_an_end():
    async def fail(x):
        raise ConnectionError(x)

    stream = AsyncPipeline("p").add_stage(fail, retry=Retry(3, wait=0.0)).stream([1])
    with pytest.raises(StageError) as caught:
        await collect(stream)
    assert isinstance(caught.value.cause, ConnectionError)
    assert (stream.report.retries, stream.report.failures) == (2, 1)
    assert (stream.report.inputs, stream.report.cancelled) == (1, 1)


async def test_a_coroutine_that_takes_too_long_is_cancelled():
    cancelled = []

    async def hang(x):
        try:
            if x == 1:
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(x)
            raise
        return x

    pipeline = AsyncPipeline("p").add_stage(hang, name="h", timeout=0.02, on_error="dead_letter")
    stream = pipeline.stream(range(3))
    assert await collect(stream) == [0, 2]
    assert cancelled == [1]
    (letter,) = stream.dead_letters
    assert isinstance(letter.error, StageTimeout)
    assert isinstance(letter.error, TimeoutError)
    assert letter.reason == ("StageTimeout: pipeline 'p': stage 'h' did not return within 0.02 s")


async def test_a_thread_that_takes_too_long_fails_and_takes_the_next_item_when_it_is_back():
    release = threading.Event()
    threads = []

    def hang(x):
        threads.append(threading.get_ident())
        if x == 0:
            assert release.wait(timeout=30)
        return x

    pipeline = AsyncPipeline("p").add_stage(hang, timeout=0.02, on_error="dead_letter")
    letters = DeadLetters()
    letters.subscribe(lambda letter: release.set())
    assert await collect(pipeline.stream(range(3), dead_letters=letters)) == [1, 2]
    assert len(set(threads)) == 1
    assert [letter.message for letter in letters] == [0]


async def test_a_timeout_error_of_the_stage_is_not_a_timeout_of_the_pipeline():
    async def fail(x):
        raise TimeoutError("the server's")

    with pytest.raises(StageError) as caught:
        await collect(AsyncPipeline("p").add_stage(fail, timeout=30).stream([1]))
    assert type(caught.value.cause) is TimeoutError


async def test_calls_begin_no_faster_than_the_rate():
    began = []

    async def note(x):
        began.append(time.monotonic())
        return x

    pipeline = AsyncPipeline("p").add_stage(note, rate_limit=200, concurrency=4)
    await collect(pipeline.stream(range(11)))
    # the first at once, ten more at 200 a second
    assert began[-1] - began[0] >= 10 / 200 * 0.9


async def test_promise_7_failures_are_skipped_or_dead_lettered_and_counted():
    def check(x):
        if x % 5 == 0:
            raise ValueError(f"{x} is bad")
        return x

    letters = DeadLetters()
    pipeline = AsyncPipeline("p")
    pipeline.add_stage(lambda x: x + 1, name="next", where="inline")
    pipeline.add_filter(lambda x: x % 2, name="odd", where="inline")
    pipeline.add_stage(check, name="a", where="inline", on_error="dead_letter")
    pipeline.add_stage(lambda x: 1 // (x - 7), name="b", on_error="skip")
    stream = pipeline.stream(range(20), dead_letters=letters)
    # 1 3 5 7 9 11 13 15 17 19: 5 and 15 are dead letters, 7 divides by zero
    assert await collect(stream) == [1 // (x - 7) for x in (1, 3, 9, 11, 13, 17, 19)]
    assert [(letter.message, letter.index) for letter in letters] == [(4, 4), (14, 14)]
    assert [letter.reason for letter in letters] == [
        "ValueError: 5 is bad",
        "ValueError: 15 is bad",
    ]
    assert {letter.recipient for letter in letters} == {"p/a"}
    report = stream.report
    assert (report.inputs, report.outputs, report.filtered) == (20, 7, 11)
    assert (report.dead_lettered, report.cancelled, report.failures) == (2, 0, 3)
    assert (report["odd"].filtered, report["b"].skipped, report["a"].dead_lettered) == (10, 1, 2)


@pytest.mark.parametrize(
    ("budget", "taken"), [(2, 5), (0, 1), (0.3, 21)], ids=["two", "none", "a fraction"]
)
async def test_promise_7_a_failure_budget_ends_the_run(budget, taken):
    def fail_on_even(x):  # items 0, 2, 4, ...: half of them
        if x % 2 == 0:
            raise ValueError(x)
        return x

    pipeline = AsyncPipeline("p").add_stage(
        fail_on_even, where="inline", on_error="skip", failure_budget=budget
    )
    stream = pipeline.stream(range(1000))
    seen = []
    with pytest.raises(FailureBudgetExceeded, match=f"failure_budget is {budget}") as caught:
        await drain(stream, seen)
    assert isinstance(caught.value.__cause__, ValueError)
    # A fraction counts from 20 items on, of which 10 have failed; the next failure is item 20.
    assert seen == [x for x in range(taken) if x % 2]
    assert stream.report.balanced
    assert stream.report.filtered == (taken + 1) // 2


@pytest.mark.parametrize("where", [None, "inline", "thread"])
@pytest.mark.parametrize("batch", [None, 3])
async def test_filters_leave_items_out(where, batch):
    def odd(x):
        return [y % 2 for y in x] if batch else x % 2

    async def coroutine(x):
        return odd(x)

    pipeline = AsyncPipeline("p")
    pipeline.add_filter(
        coroutine if where is None else odd, name="odd", where=where, batch_size=batch
    )
    stream = pipeline.stream(range(10))
    assert await collect(stream) == [1, 3, 5, 7, 9]
    assert (stream.report.filtered, stream.report["odd"].filtered) == (5, 5)
    assert await pipeline.run(3) == 3
    with pytest.raises(ItemFiltered, match="'odd'"):
        await pipeline.run(2)


async def test_a_nested_pipeline_that_filters_filters():
    inner = AsyncPipeline("inner").add_filter(lambda x: x > 1, name="big", where="inline")
    stream = AsyncPipeline("p").add_stage(inner).stream(range(4))
    assert await collect(stream) == [2, 3]
    assert (stream.report.filtered, stream.report.failures) == (2, 0)


async def test_a_batch_of_which_a_nested_filter_leaves_out_an_item_loses_that_one_only():
    inner = AsyncPipeline("inner").add_filter(lambda x: x != 2, name="k", where="inline")

    async def each(xs):
        return [await inner.run(x) for x in xs]

    stream = AsyncPipeline("p").add_stage(each, batch_size=4).stream(range(6))
    assert await collect(stream) == [0, 1, 3, 4, 5]
    assert (stream.report.filtered, stream.report.failures) == (1, 0)


async def test_a_stream_goes_through_a_graph():
    def add(x, y):
        return x + y

    pipeline = AsyncPipeline("p").add_stage(lambda x: x + 1, name="one", where="inline")
    pipeline.add_stage(lambda x: 10 * x, name="ten", after="one", concurrency=2)
    pipeline.add_stage(lambda x: 100 * x, name="hundred", after="one", where="inline")
    pipeline.add_stage(add, name="sum", after=("ten", "hundred"))
    pipeline.add_stage(lambda x: -x, name="minus", after="input")
    expected = [{"sum": 110 * (x + 1), "minus": -x} for x in range(20)]
    assert await collect(pipeline.stream(range(20))) == expected
    assert await pipeline.run(3) == expected[3]


async def test_a_stage_that_joins_takes_batches_of_each():
    def add(xs, ys):
        return [x + y for x, y in zip(xs, ys, strict=True)]

    pipeline = AsyncPipeline("p").add_stage(abs, name="a").add_stage(str, name="s", after="input")
    pipeline.add_stage(lambda s: int(s) * 10, name="b", after="s")
    pipeline.add_stage(add, name="add", after=("a", "b"), batch_size=3)
    assert await collect(pipeline.stream([-1, 2])) == [-9, 22]
    assert await pipeline.run(-1) == -9


async def test_branches_of_a_run_are_concurrent_and_a_failure_cancels_the_others():
    other = asyncio.Event()
    cancelled = []

    async def left(x):
        await asyncio.wait_for(other.wait(), timeout=30)
        return "left"

    async def right(x):
        other.set()
        return "right"

    pipeline = AsyncPipeline("p").add_stage(left, after="input").add_stage(right, after="input")
    assert await pipeline.run(0) == {"left": "left", "right": "right"}

    async def hang(x):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(x)
            raise

    def fail(x):
        raise ValueError(x)

    pipeline = AsyncPipeline("p").add_stage(hang, after="input").add_stage(fail, after="input")
    pipeline.add_stage(max, after=("hang", "fail"))
    with pytest.raises(StageError, match="'fail'"):
        await pipeline.run(5)
    assert cancelled == [5]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_retries_and_timeouts_hold_for_one_item():
    tries = []

    async def flaky(x):
        tries.append(x)
        if len(tries) < 3:
            raise ConnectionError
        return x

    async def hang(x):
        await asyncio.Event().wait()

    assert await AsyncPipeline("p").add_stage(flaky, retry=Retry(3, wait=0.0)).run(1) == 1
    with pytest.raises(StageError) as caught:
        await AsyncPipeline("p").add_stage(hang, timeout=0.01).run(1)
    assert isinstance(caught.value.cause, StageTimeout)


@pytest.mark.parametrize("where", [None, "inline", "thread"])
@pytest.mark.parametrize("options", [{}, {"concurrency": 2}], ids=["plain", "concurrent"])
async def test_a_failure_tells_what_the_stage_takes_and_gives(options, where):
    def invert(xs):
        return [1 / x for x in xs]

    async def coroutine(xs):
        return invert(xs)

    call = coroutine if where is None else invert
    pipeline = AsyncPipeline("p").add_stage(call, where=where, **options)
    with pytest.raises(StageError, match=r"item 2 \(takes list of 3; gives list of 2\)"):
        await collect(pipeline.stream([[1, 2], [3], [4, 0, 5]]))


async def test_a_deadline_ends_the_run():
    async def slow(x):
        await asyncio.sleep(0 if x < 5 else 3600)
        return x

    seen = []
    stream = AsyncPipeline("p").add_stage(slow).stream(range(10), deadline=0.1)
    with pytest.raises(DeadlineExceeded, match="within 0.1 s"):
        await drain(stream, seen)
    assert seen == [0, 1, 2, 3, 4]
    assert stream.report.balanced
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_events_tell_what_happens():
    tries = []

    async def flaky(x):
        tries.append(x)
        if x == 1 and tries.count(1) == 1:
            raise ConnectionError
        if x == 2:
            raise ValueError
        return x

    events = []
    pipeline = AsyncPipeline("p")
    pipeline.add_stage(
        flaky, name="f", retry=Retry(2, wait=0.0, on=ConnectionError), on_error="dead_letter"
    )
    pipeline.add_filter(lambda x: x != 3, name="k", where="inline")
    assert await collect(pipeline.stream(range(4), on_event=events.append)) == [0, 1]
    told = [(event.kind, event.stage, event.index) for event in events]
    assert told[0] == ("run_started", None, None)
    assert told[-1] == ("run_finished", None, None)
    assert [t for t in told if t[1] == "f"] == [
        ("stage_finished", "f", 0),
        ("retried", "f", 1),
        ("stage_finished", "f", 1),
        ("failed", "f", 2),
        ("dead_lettered", "f", 2),
        ("stage_finished", "f", 3),
    ]
    assert [t for t in told if t[1] == "k"] == [
        ("stage_finished", "k", 0),
        ("stage_finished", "k", 1),
        ("stage_finished", "k", 3),
        ("filtered", "k", 3),
    ]


@pytest.mark.parametrize("deadline", [0, -1])
async def test_a_deadline_is_positive(deadline):
    with pytest.raises(InvalidValueError, match=f"got {deadline}"):
        AsyncPipeline("p").stream([], deadline=deadline)


async def test_a_filter_takes_the_results_of_one_stage():
    with pytest.raises(InvalidValueError, match="one stage"):
        AsyncPipeline("p").add_stage(abs).add_filter(bool, after=("abs", "input"))
