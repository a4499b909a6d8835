"""Processes of actors and of stages that are killed in the middle of their work."""

import asyncio
import os
import random
import signal

import pytest

from ember_ml.pipeline import (
    Actor,
    ActorStopped,
    ActorSystem,
    AsyncPipeline,
    Supervision,
    WorkerDied,
)
from ember_ml.pipeline.runtimes._node import Node

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Records(Actor):
    """Appends each number that it is sent to a file, which survives the process."""

    def __init__(self, path):
        super().__init__()
        self.record = path

    async def on_start(self):
        self.file = os.open(self.record, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    async def process_message(self, message):
        if message == "pid":
            return os.getpid()
        if message == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        os.write(self.file, f"{message}\n".encode())
        return message


def recorded(path):
    return [int(line) for line in path.read_text().split()] if path.exists() else []


async def within_limits(awaitable):
    return await asyncio.wait_for(awaitable, timeout=120)


async def until(condition):
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - it changes in another process
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("seed", range(2))
async def test_promise_9_a_stream_to_an_actor_whose_process_is_killed(runtime, tmp_path, seed):
    """Nothing is lost, nothing is delivered twice, and the order is kept."""
    path = tmp_path / "recorded"
    chance = random.Random(seed)
    sent = 20_000
    kills = sorted(chance.sample(range(1000, 15_000), 3))
    async with ActorSystem(
        "app", runtime=runtime, supervision=Supervision(max_restarts=10)
    ) as system:
        ref = await system.spawn(Records, path)

        async def kill():
            for number in kills:
                pid = await ref.ask("pid")
                await until(lambda number=number: len(recorded(path)) >= number)
                os.kill(pid, signal.SIGKILL)
                await until(lambda: system.inspect().children[0].restarts > len(killed))
                killed.append(pid)

        killed = []
        killer = asyncio.create_task(kill())
        for number in range(sent):
            await ref.send(number)
            if number > 16_000:
                await within_limits(killer)
        assert len(set(killed)) == 3
        await within_limits(ref.stop())
        dead = [(letter.message, letter.reason) for letter in system.dead_letters]
    handled = recorded(path)
    assert handled == sorted(set(handled))  # in order, and none twice
    assert {reason for _, reason in dead} <= {"process died"}
    assert len(dead) <= 3  # at most the one in hand, each time
    # The one in hand may have come as far as the file: nobody can know, and so it is told.
    assert set(handled) | {number for number, _ in dead} == set(range(sent))
    assert len(set(handled) & {number for number, _ in dead}) <= len(dead)


async def test_promise_9_the_one_in_hand_is_a_dead_letter_and_the_others_are_handled(
    runtime, tmp_path
):
    path = tmp_path / "recorded"
    async with ActorSystem(
        "app", runtime=runtime, supervision=Supervision(max_restarts=10)
    ) as system:
        ref = await system.spawn(Records, path)
        for number in range(300):
            await ref.send("die" if number in (100, 200) else number)
        assert await within_limits(ref.ask(300)) == 300
        asks = [asyncio.create_task(ref.ask(message)) for message in ("die", 301)]
        with pytest.raises(ActorStopped, match="process on Ray has ended"):
            await within_limits(asks[0])
        assert await within_limits(asks[1]) == 301
        assert [each.restarts for each in system.inspect().children] == [3]
        dead = [(letter.message, letter.reason) for letter in system.dead_letters]
    assert recorded(path) == [n for n in range(302) if n not in (100, 200)]
    assert dead == [("die", "process died")] * 3


async def test_promise_9_on_another_machine_what_was_delivered_ahead_is_told_as_unknown(
    runtime, tmp_path, monkeypatch
):
    monkeypatch.setattr(Node, "numbers", lambda self, slot: None)  # there is no ledger to be read
    path = tmp_path / "recorded"
    async with ActorSystem("app", runtime=runtime) as system:
        ref = await system.spawn(Records, path)
        for number in range(2000):
            await ref.send("die" if number == 700 else number)
        await within_limits(ref.ask("pid"))
        dead = [letter.message for letter in system.dead_letters]
        assert {letter.reason for letter in system.dead_letters} == {
            "process died, outcome unknown"
        }
    handled = recorded(path)
    assert handled == sorted(set(handled))
    place = dead.index("die")
    dead[place] = 700
    assert dead == list(range(dead[0], dead[0] + len(dead)))  # all that was under way, in order
    assert set(handled) | set(dead) == set(range(2000))
    assert 700 not in handled
    assert handled[-1] == 1999


@pytest.mark.parametrize("directive", ["resume", "restart", "stop"])
async def test_promise_5_the_supervisor_decides_about_a_death(runtime, tmp_path, directive):
    errors = []

    def decide(error):
        errors.append(type(error))
        return directive

    async with ActorSystem(
        "app", runtime=runtime, supervision=Supervision(on_failure=decide)
    ) as system:
        ref = await system.spawn(Records, tmp_path / "recorded")
        first = await ref.ask("pid")
        await ref.send("die")
        if directive == "stop":
            end = await within_limits(ref.terminated())
            assert end.reason == "process died"
            assert isinstance(end.error, WorkerDied)
        else:  # an instance that is gone cannot be resumed, so there is a new one
            assert await within_limits(ref.ask("pid")) != first
    assert errors == [WorkerDied]


async def test_promise_3_whom_a_dead_actor_asked_goes_on_and_its_asker_is_told(runtime, tmp_path):
    class Asks(Actor):
        async def process_message(self, message):
            return await message.ask("die")

    async with ActorSystem(
        "app", runtime=runtime, supervision=Supervision(max_restarts=10)
    ) as system:
        asked = await system.spawn(Records, tmp_path / "recorded")
        asker = await system.spawn(Asks)
        with pytest.raises(ActorStopped):
            await within_limits(asker.ask(asked))
        assert await within_limits(asked.ask(1)) == 1


async def test_promise_7_a_stream_through_a_stage_whose_process_is_killed(runtime, tmp_path):
    """The items that were in the process are done again; each comes out once and in order."""

    def record_pid(number):
        (tmp_path / f"{os.getpid()}").touch()
        return 2 * number

    pipeline = AsyncPipeline("p").add_stage(record_pid, name="double")
    results, killed = [], set()
    async with pipeline.stream(range(6000), runtime=runtime) as stream:
        async for result in stream:
            results.append(result)
            if len(results) in (1000, 2000, 3000):
                (pid,) = {int(path.name) for path in tmp_path.iterdir()} - killed
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)
    assert results == [2 * number for number in range(6000)]
    assert len(killed) == 3
    assert stream.report.balanced
