"""Stages in workers that a runtime supplies, some of which die."""

import asyncio
import os
import random

import pytest

from ember_ml.pipeline import AsyncPipeline, DeadLetters, StageError, WorkerDied
from ember_ml.pipeline.tasks._worker import Failed, Value


class Worker:
    """A worker in this process that dies when it has begun with certain calls."""

    def __init__(self, runtime, call):
        self.runtime = runtime
        self.call_item = call
        self.dead = False
        self.closed = False

    async def call(self, items):
        assert not self.dead
        assert not self.closed
        outcomes = []
        for item in items:
            await asyncio.sleep(0)
            self.runtime.begun.append(item)
            if self.runtime.kills(item, len(self.runtime.begun)):
                self.dead = True
                self.runtime.deaths += 1
                raise WorkerDied("process 7 was killed")
            try:
                outcomes.append(Value(self.call_item(item)))
            except Exception as error:
                outcomes.append(Failed(error))
        self.runtime.sizes.append(len(items))
        return outcomes

    async def close(self, *, cancel=False):
        self.closed = True


class Runtime:
    """Supplies workers; ``kills(item, number of the call)`` says when one dies."""

    def __init__(self, kills=lambda item, number: False):
        self.kills = kills
        self.workers = []
        self.names = []
        self.begun = []
        self.sizes = []
        self.deaths = 0

    async def worker(self, call, /, *, name):
        worker = Worker(self, call)
        self.workers.append(worker)
        self.names.append(name)
        return worker

    @property
    def all_closed(self):
        return all(worker.closed for worker in self.workers)


def double(x):
    return 2 * x


async def results(pipeline, source, runtime, **options):
    stream = pipeline.stream(source, runtime=runtime, **options)
    async with asyncio.timeout(60):
        seen = [x async for x in stream]
    assert stream.report.balanced
    assert asyncio.all_tasks() == {asyncio.current_task()}
    return seen, stream.report


async def test_stages_that_are_not_inline_or_asynchronous_run_in_workers():
    async def triple(x):
        return 3 * x

    runtime = Runtime()
    pipeline = AsyncPipeline("p").add_stage(double, name="a").add_stage(double, where="inline")
    pipeline.add_stage(triple).add_stage(double, name="b", where="thread")
    seen, _ = await results(pipeline, range(50), runtime)
    assert seen == [24 * x for x in range(50)]
    assert runtime.names == ["'p', stage 'a'", "'p', stage 'b'"]
    assert runtime.all_closed


async def test_quick_items_share_calls_and_concurrency_has_workers_of_its_own():
    runtime = Runtime()
    pipeline = AsyncPipeline("p").add_stage(double, concurrency=3)
    seen, _ = await results(pipeline, range(3000), runtime)
    assert seen == [2 * x for x in range(3000)]
    assert len(runtime.workers) == 3
    assert max(runtime.sizes) > 1


@pytest.mark.parametrize("ordered", [True, False], ids=["ordered", "unordered"])
@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.parametrize("seed", [0, 1, 2])
async def test_workers_that_die_lose_nothing_and_deliver_nothing_twice(seed, concurrency, ordered):
    draw = random.Random(seed)
    deadly = set(draw.sample(range(1, 800), 15))  # numbers of calls, so that each strikes once
    runtime = Runtime(lambda item, number: number in deadly)
    pipeline = AsyncPipeline("p").add_stage(double, concurrency=concurrency, ordered=ordered)
    seen, report = await results(pipeline, range(1000), runtime)
    assert (seen if ordered else sorted(seen)) == [2 * x for x in range(1000)]
    assert runtime.deaths == 15
    assert len(runtime.workers) >= 15
    assert (report.outputs, report.failures) == (1000, 0)
    assert runtime.all_closed


async def test_an_item_that_takes_down_three_workers_fails():
    runtime = Runtime(lambda item, number: item == 70)
    letters = DeadLetters()
    pipeline = AsyncPipeline("p").add_stage(double, name="d", on_error="dead_letter")
    seen, report = await results(pipeline, range(100), runtime, dead_letters=letters)
    assert seen == [2 * x for x in range(100) if x != 70]
    (letter,) = letters
    assert (letter.message, letter.index, letter.recipient) == (70, 70, "p/d")
    assert isinstance(letter.error, WorkerDied)
    # once among others, unless it came alone, then three times alone
    assert runtime.begun.count(70) in (3, 4)
    assert (report.dead_lettered, report.failures) == (1, 1)


async def test_such_an_item_ends_the_run_if_errors_are_raised():
    runtime = Runtime(lambda item, number: item == 7)
    pipeline = AsyncPipeline("p").add_stage(double, concurrency=2)
    stream = pipeline.stream(range(100), runtime=runtime)
    with pytest.raises(StageError) as caught:
        _ = [x async for x in stream]
    assert isinstance(caught.value.cause, WorkerDied)
    assert (caught.value.index, caught.value.item) == (7, 7)
    assert stream.report.outputs == 7
    assert stream.report.balanced
    assert runtime.all_closed


async def test_a_retry_of_the_stage_counts_from_failures_of_the_item_alone():
    tries = []

    def fail_once(x):
        tries.append(x)
        if tries.count(x) == 1:
            raise ConnectionError
        return x

    runtime = Runtime(lambda item, number: number in (2, 5))
    seen, report = await results(
        AsyncPipeline("p").add_stage(fail_once, retry=2), range(4), runtime
    )
    assert seen == [0, 1, 2, 3]
    assert (report.retries, report.failures, runtime.deaths) == (4, 0, 2)


async def test_a_batch_whose_worker_dies_goes_to_the_next():
    runtime = Runtime(lambda item, number: number in (1, 3))
    pipeline = AsyncPipeline("p").add_stage(lambda xs: [-x for x in xs], batch_size=4)
    seen, _ = await results(pipeline, range(10), runtime)
    assert seen == [-x for x in range(10)]
    assert runtime.deaths == 2


async def test_a_runtime_that_supplies_no_worker_is_a_failure_of_the_stage():
    class Broken:
        async def worker(self, call, /, *, name):
            raise OSError("no room")

    pipeline = AsyncPipeline("p").add_stage(double, on_error="skip")
    seen, report = await results(pipeline, range(10), Broken())
    assert seen == []
    assert report.filtered == 10


async def test_a_timeout_ends_the_worker():
    class Hanging(Worker):
        async def call(self, items):
            if items and items[0] == 1:
                await asyncio.Event().wait()
            return await super().call(items)

    class Hangs(Runtime):
        async def worker(self, call, /, *, name):
            self.workers.append(Hanging(self, call))
            return self.workers[-1]

    runtime = Hangs()
    pipeline = AsyncPipeline("p").add_stage(double, timeout=0.05, on_error="skip")
    seen, _ = await results(pipeline, range(3), runtime)
    assert seen == [0, 4]
    assert [worker.closed for worker in runtime.workers] == [True, True]


async def test_one_item_runs_in_workers_too():
    runtime = Runtime(lambda item, number: number == 1)
    pipeline = AsyncPipeline("p").add_stage(double).add_stage(double)
    assert await pipeline.run(3, runtime=runtime) == 12
    assert runtime.deaths == 1
    assert runtime.all_closed


def own_pid(x):
    return os.getpid()


def die_once(path):
    if not os.path.exists(path):
        with open(path, "w"):
            pass
        os._exit(3)
    return path


def square(x):
    return x * x


async def test_promise_7_stages_run_in_processes_of_their_own():
    pipeline = AsyncPipeline("p").add_stage(own_pid, where="process", concurrency=2)
    stream = pipeline.stream(range(200))
    pids = {pid async for pid in stream}
    assert os.getpid() not in pids
    assert 1 <= len(pids) <= 2
    assert stream.report.balanced


async def test_promise_7_a_process_that_dies_loses_nothing(tmp_path):
    paths = [str(tmp_path / name) for name in "ab"]
    pipeline = AsyncPipeline("p").add_stage(die_once, where="process")
    stream = pipeline.stream(paths)
    assert [path async for path in stream] == paths
    assert stream.report.balanced


async def test_a_stream_of_processes_can_be_left_early():
    stream = AsyncPipeline("p").add_stage(square, where="process").stream(range(10**6))
    async with stream:
        async for x in stream:
            if x == 9:
                break
    assert stream.report.balanced
    assert stream.report.outputs == 4
