"""Runs of pipelines that keep a checkpoint: ended early, killed, interrupted, done again."""

import asyncio
import json
import signal
import subprocess
import sys

import pytest

from ember_ml.pipeline import AsyncPipeline, CheckpointError, StageError
from ember_ml.pipeline.async_._checkpoint import Checkpoint


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.checkpoint"


async def double(x):
    if x == 13:
        raise ValueError(x)
    return 2 * x


def pipeline(**options):
    return AsyncPipeline("p").add_stage(double, **options)


async def taken(count, source, path, **options):
    """The first results of a run, and then the consumer leaves."""
    found = []
    async with pipeline(**options).stream(source, checkpoint=path) as stream:
        async for result in stream:
            found.append(result)
            if len(found) == count:
                break
    assert stream.report.balanced
    return found


async def test_what_the_consumer_had_in_hand_comes_again(path):
    assert await taken(4, range(10), path) == [0, 2, 4, 6]
    # it left with the fourth in hand, and never asked for the next
    assert await taken(None, range(10), path) == [6, 8, 10, 12, 14, 16, 18]


async def test_a_run_that_is_done_has_nothing_to_do_but_for_what_is_new(path):
    assert await taken(None, range(5), path) == [0, 2, 4, 6, 8]
    assert await taken(None, range(5), path) == []
    assert await taken(None, range(7), path) == [10, 12]


async def test_dead_letters_are_done_with(path):
    first = await taken(None, range(12, 16), path, on_error="dead_letter")
    assert first == [24, 28, 30]
    assert list(Checkpoint.open(path, "p").dead_letters) == [1]
    assert await taken(None, range(12, 16), path, on_error="dead_letter") == []


async def test_a_run_that_failed_resumes_with_the_item_that_failed(path):
    with pytest.raises(StageError):
        await taken(None, range(20), path)
    assert Checkpoint.open(path, "p").resume_at == 13
    with pytest.raises(StageError) as caught:
        await taken(None, range(20), path)
    assert caught.value.index == 13


async def test_indexes_go_on_where_the_run_before_left_off(path):
    await taken(10, range(20), path)
    stream = pipeline(on_error="dead_letter").stream(range(20), checkpoint=path)
    async for _ in stream:
        pass
    assert [letter.index for letter in stream.dead_letters] == [13]


async def test_a_source_that_is_too_short_is_refused(path):
    await taken(None, range(5), path)
    with pytest.raises(CheckpointError, match="says that 5 items are done, and the source has 3"):
        await taken(None, range(3), path)


async def test_items_that_are_done_out_of_order_are_not_lost(path):
    late = asyncio.Event()

    async def slow_first(x):
        if x == 0:
            await late.wait()
        return x

    def run():
        stages = AsyncPipeline("p").add_stage(slow_first, concurrency=3, ordered=False)
        return stages.stream(range(6), checkpoint=path)

    async with run() as stream:
        seen = [await anext(stream) for _ in range(5)]
        assert sorted(seen) == [1, 2, 3, 4, 5]
    late.set()
    assert sorted([x async for x in run()]) == [0, 1, 2, 3, 4, 5]


RUN = """
import asyncio, sys, time
from ember_ml.pipeline import AsyncPipeline

def work(x):
    time.sleep(0.002)
    return x

async def main():
    numbers = AsyncPipeline("p").add_stage(work, concurrency=2)
    async with numbers.stream(range(int(sys.argv[2])), checkpoint=sys.argv[1]) as stream:
        async for x in stream:
            print(x, flush=True)

asyncio.run(main())
"""


def run(path, count, number=None, when=lambda: True):
    """The output of a run, which is sent a signal once it has begun and ``when`` holds."""
    command = [sys.executable, "-c", RUN, str(path), str(count)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        lines = []
        for line in process.stdout:
            lines.append(line)
            if number is not None and when():
                process.send_signal(number)
                number = None
        errors = process.stderr.read()
    return [int(line) for line in lines if line.endswith("\n")], errors


def test_promise_7_a_killed_run_repeats_no_more_than_what_was_not_yet_noted(path):
    seen, resumes = [], 0
    for _ in range(3):

        def noted(before=resumes):
            return json.loads(path.read_bytes())["next"] > before

        found, _ = run(path, 2500, signal.SIGKILL, noted)
        assert found == list(range(resumes, resumes + len(found)))  # in order, and nothing left out
        seen += found
        assert resumes < Checkpoint.open(path, "p").resume_at <= found[-1] + 1
        resumes = Checkpoint.open(path, "p").resume_at
    found, errors = run(path, 2500)
    assert found == list(range(resumes, 2500))
    assert set(seen + found) == set(range(2500))
    assert errors == ""


def test_promise_7_ctrl_c_ends_a_run_with_all_that_was_done_noted(path):
    found, errors = run(path, 1000, signal.SIGINT)
    assert errors.count("KeyboardInterrupt\n") == 1
    resumes = Checkpoint.open(path, "p").resume_at
    assert found[-1] <= resumes <= found[-1] + 1
    again, errors = run(path, 1000)
    assert again == list(range(resumes, 1000))
    assert errors == ""
