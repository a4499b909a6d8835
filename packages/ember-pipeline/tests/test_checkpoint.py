import asyncio
import itertools
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ember_ml.pipeline._errors import CheckpointError
from ember_ml.pipeline.async_._checkpoint import Checkpoint


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.checkpoint"


async def written(path, *indexes, completed=False):
    checkpoint = Checkpoint.open(path, "p")
    for index in indexes:
        checkpoint.acknowledge(index)
    await checkpoint.close(completed=completed)
    return Checkpoint.open(path, "p")


async def test_a_new_one_begins_at_the_beginning(path):
    checkpoint = Checkpoint.open(path, "p")
    assert (checkpoint.resume_at, checkpoint.completed) == (0, False)
    assert path.exists()


@pytest.mark.parametrize(
    "indexes, next_one",
    [
        ([0, 1, 2], 3),
        ([2, 1, 0], 3),
        ([1, 2, 3], 0),
        ([0, 2, 4, 1], 3),
        ([0, 2, 4, 3, 1], 5),
        ([5, 3, 4, 0, 1, 2], 6),
        ([0, 0, 1, 1, 0], 2),
    ],
)
async def test_it_resumes_after_the_last_of_those_that_have_no_gap(path, indexes, next_one):
    assert (await written(path, *indexes)).resume_at == next_one


async def test_a_resumed_run_counts_on(path):
    await written(path, 0, 1, 2)
    assert (await written(path, 3, 4, 6)).resume_at == 5


async def test_many_at_once(path):
    checkpoint = Checkpoint.open(path, "p")
    checkpoint.acknowledge(10, 5)
    checkpoint.acknowledge(15, 5)
    checkpoint.acknowledge(0, 9)
    assert checkpoint.next == 9
    checkpoint.acknowledge(9)
    assert checkpoint.next == 20


async def test_a_run_to_the_end_says_so_until_it_is_gone_on_with(path):
    done = await written(path, 0, 1, completed=True)
    assert (done.resume_at, done.completed) == (2, True)
    assert Checkpoint.open(path, "p").completed
    more = await written(path, 2)
    assert (more.resume_at, more.completed) == (3, False)


async def test_the_latest_dead_letters_are_kept(path):
    for start in (0, 1000):
        checkpoint = Checkpoint.open(path, "p")
        checkpoint.acknowledge(start, 1000, dead=True)
        await checkpoint.close()
    assert list(Checkpoint.open(path, "p").dead_letters) == list(range(976, 2000))


async def test_memory_does_not_grow_while_one_early_item_is_late(path):
    checkpoint = Checkpoint.open(path, "p")
    for index in range(1, 10_001):
        checkpoint.acknowledge(index)
    assert len(checkpoint._starts) == len(checkpoint._ends) == 1
    checkpoint.acknowledge(0)
    assert checkpoint.next == 10_001
    assert checkpoint._starts == checkpoint._ends == []


async def test_it_is_due_after_half_a_second_or_a_thousand_items_and_never_at_once(path):
    clock = Clock()
    checkpoint = Checkpoint.open(path, "p", clock=clock)
    clock.now += 10
    assert not checkpoint.due  # nothing is new
    await checkpoint.flush()
    assert not checkpoint.acknowledge(0)
    clock.now += 0.49
    assert not checkpoint.due
    clock.now += 0.02
    assert checkpoint.due
    await checkpoint.flush()
    assert not checkpoint.acknowledge(1, 1000)
    clock.now += 0.06
    assert checkpoint.acknowledge(1001)
    await checkpoint.flush()
    assert not checkpoint.due


async def test_flushes_at_the_same_time_leave_the_latest_state(path):
    checkpoint = Checkpoint.open(path, "p")

    async def acknowledge(index):
        checkpoint.acknowledge(index)
        await checkpoint.flush()

    await asyncio.gather(*(acknowledge(index) for index in range(50)))
    assert Checkpoint.open(path, "p").resume_at == 50


async def test_nothing_but_the_file_is_left(path):
    await written(path, 0)
    assert [file.name for file in path.parent.iterdir()] == ["run.checkpoint"]


async def test_another_pipelines_file_is_refused(path):
    await written(path, 0)
    with pytest.raises(CheckpointError, match=r"'q'.*run.checkpoint' belongs to the pipeline 'p'"):
        Checkpoint.open(path, "q")


@pytest.mark.parametrize(
    "content", [b"", b"\x00\xff", b"[]", b"{}", b"3", b'{"format": "other", "version": 1}']
)
async def test_what_is_no_checkpoint_is_refused(path, content):
    path.write_bytes(content)
    with pytest.raises(
        CheckpointError, match="is not a checkpoint, or is damaged.*delete the file"
    ):
        Checkpoint.open(path, "p")
    assert path.read_bytes() == content


async def test_each_damage_is_seen(path):
    await written(path, 0, 1, 2)
    content = path.read_bytes()
    for at in range(len(content) - 1):  # without the end of the line, which says nothing
        for damaged in (content[:at], content[:at] + b"7" + content[at + 1 :]):
            if damaged == content or json_equal(damaged, content):
                continue
            path.write_bytes(damaged)
            with pytest.raises(CheckpointError):
                Checkpoint.open(path, "p")


def json_equal(left, right):
    try:
        return json.loads(left) == json.loads(right)
    except ValueError:
        return False


async def test_a_newer_file_is_refused(path):
    await written(path, 0)
    content = json.loads(path.read_bytes())
    path.write_text(json.dumps(content | {"version": 2, "crc32": 0, "more": []}))
    with pytest.raises(CheckpointError, match=r"version 2 .* knows 1. Upgrade"):
        Checkpoint.open(path, "p")


@pytest.mark.parametrize("where", ["missing/run.checkpoint", "."])
async def test_a_file_that_cannot_be_written_fails_at_the_start(tmp_path, where):
    with pytest.raises(CheckpointError, match="cannot be (read|written)"):
        Checkpoint.open(tmp_path / where, "p")


async def test_a_source_that_ends_too_early_is_not_the_same(path):
    error = (await written(path, 0, 1, 2)).too_short(2)
    assert isinstance(error, CheckpointError)
    assert "says that 3 items are done, and the source has 2" in str(error)


WRITER = """
import asyncio, sys
from ember_ml.pipeline.async_._checkpoint import Checkpoint

async def main():
    checkpoint = Checkpoint.open(sys.argv[1], "p")
    print(checkpoint.resume_at, flush=True)
    index = checkpoint.resume_at
    while True:
        checkpoint.dead_letters.extend(range(index, index + 1024))  # to have something to write
        checkpoint.acknowledge(index)
        await checkpoint.flush()
        index += 1
        print(index, flush=True)

asyncio.run(main())
"""


def test_a_process_that_is_killed_in_the_middle_of_writing_leaves_a_readable_file(path):
    chance = random.Random(5)
    before = 0
    for _ in range(10):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
        ) as writer:
            lines = [writer.stdout.readline() for _ in range(chance.randrange(2, 30))]
            writer.kill()
            lines += writer.stdout.readlines()
        # The first line is what this process found. The last may be cut short by the kill.
        assert int(lines[0]) == before
        told = [int(line) for line in lines if line.endswith("\n")]
        found = Checkpoint.open(path, "p").resume_at
        assert told[-1] <= found <= told[-1] + 1
        before = found


class Acknowledging(RuleBasedStateMachine):
    """Against a set of the indexes that are done, of which a restart keeps those in the file."""

    @initialize()
    def start(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "c"
        self.done = set()
        self.on_disk = 0
        self.completed = False
        self.checkpoint = Checkpoint.open(self.path, "p")

    def first_missing(self):
        return next(index for index in itertools.count() if index not in self.done)

    @rule(ahead=st.integers(0, 12), count=st.integers(1, 4))
    def acknowledge(self, ahead, count):
        index = self.first_missing() + ahead
        self.checkpoint.acknowledge(index, count)
        self.done.update(range(index, index + count))

    @rule(back=st.integers(1, 12))
    def acknowledge_again(self, back):
        index = max(0, self.first_missing() - back)
        self.checkpoint.acknowledge(index)
        self.done.add(index)

    @rule()
    def flush(self):
        asyncio.run(self.checkpoint.flush())
        self.on_disk, self.completed = self.first_missing(), False

    @rule(completed=st.booleans())
    def close(self, completed):
        asyncio.run(self.checkpoint.close(completed=completed))
        self.on_disk, self.completed = self.first_missing(), completed
        self.killed()

    @rule()
    def killed(self):
        self.checkpoint = Checkpoint.open(self.path, "p")
        assert self.checkpoint.resume_at == self.on_disk
        assert self.checkpoint.completed == self.completed
        self.done = set(range(self.on_disk))

    @invariant()
    def the_first_missing_is_next(self):
        assert self.checkpoint.next == self.first_missing()

    @invariant()
    def ranges_are_in_order_and_do_not_touch(self):
        bounds = [self.checkpoint.next]
        for start, end in zip(self.checkpoint._starts, self.checkpoint._ends, strict=True):
            bounds += [start, end]
        assert bounds == sorted(set(bounds))

    def teardown(self):
        self.folder.cleanup()


TestAcknowledging = Acknowledging.TestCase
TestAcknowledging.settings = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
