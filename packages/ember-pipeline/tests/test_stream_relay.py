"""Neighbouring stages in threads, beside stages of other kinds and with options of the run."""

import asyncio
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ember_ml.pipeline import AsyncPipeline, DeadlineExceeded, ItemFiltered, StageError

COUNTS = ("inputs", "outputs", "filtered", "skipped", "dead_lettered", "cancelled", "failures")


async def same(x):
    return x


def counts(report):
    return {stage.name: [getattr(stage, name) for name in COUNTS] for stage in report.stages}


class Later:
    """What can be awaited, and need not be if the run ends before."""

    def __init__(self, result):
        self.result = result

    def __await__(self):
        yield
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


def leg(number, fates):
    """A stage that fails on some items, filters some, and makes others wait for the event loop."""

    def call(x):
        match fates.get(x[0]):
            case "fails":
                raise ValueError(x)
            case "filtered":
                raise ItemFiltered("no")
            case "ends":
                raise StopIteration
            case "fails later":
                return Later(KeyError(x))
            case "is awaited":
                return Later((*x, number))
        return (*x, number)

    return call


async def outcome(stages, source, on_event):
    """What a run gives; told of events, its stages do not share anything."""
    pipeline = AsyncPipeline("p")
    for number, (kind, fates) in enumerate(stages):
        if kind == "coroutine":
            pipeline.add_stage(same, name=f"s{number}")
        elif kind == "filter":
            pipeline.add_filter(lambda x: x[0] % 7, name=f"s{number}")
        else:
            options = {"retry": 2} if kind == "option" else {}
            pipeline.add_stage(leg(number, fates), name=f"s{number}", **options)
    stream = pipeline.stream(source, on_event=on_event, deadline=60)
    seen, told = [], None
    try:
        async for x in stream:
            seen.append(x)
    except StageError as error:
        told = error.stage, error.index, error.item, repr(error.cause), error.gives
    assert stream.report.balanced
    assert asyncio.all_tasks() == {asyncio.current_task()}
    return seen, told, stream.report


fates = st.dictionaries(
    st.integers(0, 9),
    st.sampled_from(
        ["filtered", "filtered", "is awaited", "is awaited", "fails", "fails later", "ends"]
    ),
    max_size=3,
)
kinds = st.sampled_from(["leg", "leg", "leg", "leg", "coroutine", "filter", "option"])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(kinds, fates), min_size=2, max_size=5), st.sampled_from([10, 60, 5, 0]))
def test_promise_7_neighbours_in_threads_do_what_they_do_apart(stages, count):
    source = [(x,) for x in range(count)]
    seen, told, report = asyncio.run(outcome(stages, source, None))
    wanted, error, apart = asyncio.run(outcome(stages, source, lambda event: None))
    assert (seen, told) == (wanted, error)
    if told is None:
        assert counts(report) == counts(apart)
    else:  # how far other stages have come when one fails is a matter of chance
        assert report[told[0]].failures == apart[told[0]].failures == 1
        assert report[told[0]].outputs == apart[told[0]].outputs


@pytest.mark.parametrize("buffer", [None, 1])
@pytest.mark.parametrize("legs", [2, 3])
async def test_neighbours_that_block_have_items_in_hand_at_the_same_time(legs, buffer):
    barrier = threading.Barrier(legs)

    def meet(x):
        # nobody passes until all of the stages have an item: a stage of several is one too few
        if legs - 1 <= x[0] + x[1] < 20:
            barrier.wait(timeout=30)
        return x[0], x[1] + 1

    # Item n is in stage k when item n + k is in the first one, and so n + k is the time.
    pipeline = AsyncPipeline("p")
    for number in range(legs):
        pipeline.add_stage(meet, name=f"meet{number}")
    pipeline.add_stage(same)
    async with asyncio.timeout(60):
        seen = [x async for x in pipeline.stream([(n, 0) for n in range(20)], buffer=buffer)]
    assert seen == [(n, legs) for n in range(20)]


async def test_the_report_tells_in_which_stage_an_item_is():
    loop = asyncio.get_running_loop()
    entered, release = asyncio.Event(), threading.Event()

    def block(x):
        loop.call_soon_threadsafe(entered.set)
        assert release.wait(timeout=30)
        return x

    pipeline = AsyncPipeline("p").add_stage(abs).add_stage(block).add_stage(same)
    stream = pipeline.stream([1])
    first = asyncio.ensure_future(anext(stream))
    await entered.wait()
    assert [stage.in_flight for stage in stream.report.stages] == [0, 1, 0]
    release.set()
    assert await first == 1
    await stream.aclose()


async def test_a_failure_is_the_last_thing_that_the_stages_behind_see():
    seen = []

    def fail(x):
        if x == 30:
            raise KeyError(x)
        return x

    def note(x):
        seen.append(x)
        return x

    pipeline = AsyncPipeline("p").add_stage(fail).add_stage(note).add_stage(same)
    with pytest.raises(StageError) as caught:
        await pipeline.drain(range(1000))
    assert (caught.value.stage, caught.value.index, caught.value.item) == ("fail", 30, 30)
    assert seen == list(range(30))


async def test_a_deadline_ends_a_wait_for_what_a_thread_has_returned():
    cancelled = []

    async def forever(x):
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append(x)

    pipeline = AsyncPipeline("p").add_stage(abs).add_stage(lambda x: forever(x), name="waits")
    stream = pipeline.stream([1, 2], deadline=0.2)
    with pytest.raises(DeadlineExceeded):
        await stream.finish()
    assert cancelled == [1]
    assert (stream.report.cancelled, stream.report.balanced) == (2, True)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_each_stage_has_a_thread_of_its_own():
    threads = [set(), set()]

    def note(number):
        def call(x):
            threads[number].add(threading.get_ident())
            return x

        return call

    pipeline = AsyncPipeline("p").add_stage(note(0), name="a").add_stage(note(1), name="b")
    await pipeline.add_stage(same).drain(range(3000))
    assert [len(idents) for idents in threads] == [1, 1]
    assert threads[0] != threads[1]


@pytest.mark.parametrize("source", [list, iter], ids=["in memory", "read"])
async def test_a_pipeline_of_nothing_but_blocking_stages_overlaps(source):
    inside, most = set(), 0
    lock = threading.Lock()

    def blocks(number):
        def call(x):
            nonlocal most
            with lock:
                inside.add(number)
                most = max(most, len(inside))
            threading.Event().wait(0.003)
            with lock:
                inside.discard(number)
            return x + 1

        return call

    pipeline = AsyncPipeline("p").add_stage(blocks(0)).add_stage(blocks(1)).add_stage(blocks(2))
    stream = pipeline.stream(source(range(60)))
    assert [y async for y in stream] == list(range(3, 63))
    assert most == 3
    assert counts(stream.report) == {
        name: [60, 60, 0, 0, 0, 0, 0] for name in ("call", "call-2", "call-3")
    }
    assert stream.report.balanced
