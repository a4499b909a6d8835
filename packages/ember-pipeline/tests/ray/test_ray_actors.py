"""What only processes have: what does not pickle, handlers that block, limits that hold there."""

import asyncio
import threading
import time

import pytest
import pytest_asyncio

from ember_ml.pipeline import (
    Actor,
    ActorStopped,
    ActorSystem,
    AskTimeout,
    RemoteError,
    Supervision,
    Terminated,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def system(runtime):
    supervision = Supervision(max_restarts=100)
    async with ActorSystem("app", runtime=runtime, supervision=supervision) as system:
        yield system
        await system.stop(drain=False, timeout=1)  # whatever a failed test has left in hand


class Scripted(Actor):
    """Calls the functions that it is sent; keeps everything else, and gives it back."""

    def __init__(self):
        super().__init__()
        self.seen = []

    async def process_message(self, message):
        if callable(message):
            return await message(self)
        self.seen.append(message)
        return message


async def seen(actor):
    return actor.seen


async def fail(actor):
    raise KeyError("missing")


def block_until(gate):
    while not gate.exists():
        time.sleep(0.01)


async def within_limits(awaitable):
    """A deadlock fails the test, rather than hanging the suite."""
    return await asyncio.wait_for(awaitable, timeout=60)


def letters(system):
    return [(letter.message, letter.reason) for letter in system.dead_letters]


class Odd(Exception):
    """Pickles, and cannot be read again."""

    def __init__(self, one, two):
        super().__init__(f"{one} {two}")


async def raise_odd(actor):
    raise Odd("cannot", "travel")


async def reply_with_a_lock(actor):
    return threading.Lock()


class Unreadable:
    """Cannot be read where it arrives."""

    def __reduce__(self):
        return int, ("not a number",)


@pytest.mark.parametrize(
    ("message", "error", "text"),
    [
        (fail, KeyError, "missing"),
        (raise_odd, RemoteError, "Odd: cannot travel"),
        (reply_with_a_lock, TypeError, "pickle"),
        (threading.Lock(), TypeError, "pickle"),
        (Unreadable(), RemoteError, "a message cannot be read in its process: ValueError"),
    ],
    ids=["raised", "odd error", "reply does not pickle", "does not pickle", "unreadable"],
)
async def test_promise_3_an_ask_raises_what_went_wrong(system, message, error, text):
    ref = await system.spawn(Scripted)
    with pytest.raises(error, match=text):
        await within_limits(ref.ask(message))
    assert await within_limits(ref.ask("next")) == "next"
    assert letters(system) == []


@pytest.mark.parametrize("message", [threading.Lock(), Unreadable()], ids=["lock", "unreadable"])
async def test_promise_2_what_cannot_be_delivered_is_a_dead_letter_and_its_followers_are_not(
    system, message
):
    ref = await system.spawn(Scripted)
    for each in (1, message, 2, message, 3):
        await ref.send(each)
    assert await within_limits(ref.ask(seen)) == [1, 2, 3]
    assert letters(system) == [(message, "undeliverable")] * 2
    assert [each.failed for each in system.inspect().children] == [0]


async def test_promise_5_what_cannot_be_made_there_is_raised_by_spawn(system):
    def broken():
        raise Odd("cannot be", "made")

    with pytest.raises(RemoteError, match="Odd: cannot be made"):
        await within_limits(system.spawn(broken))
    with pytest.raises(TypeError, match="pickle"):
        await within_limits(system.spawn(Scripted, threading.Lock()))
    assert system.inspect().children == ()


async def test_promise_6_the_error_of_an_end_arrives_though_it_does_not_pickle(system):
    class Watcher(Scripted):
        async def process_message(self, message):
            if isinstance(message, Terminated):
                message = (message.ref.path, message.reason, str(message.error))
            return await super().process_message(message)

    class Fails(Scripted):
        async def process_message(self, message):
            error = Odd("of no", "use")
            error.lock = threading.Lock()
            raise error

    async def watch(actor):
        ref = await actor.spawn(Fails, name="child", restart="temporary")
        actor.watch(ref)
        await ref.send("go")
        return (await ref.terminated()).reason

    watcher = await system.spawn(Watcher)
    assert await within_limits(watcher.ask(watch)) == "failed"
    news = ("app/Watcher-1/child", "failed", "Odd: of no use")
    assert await within_limits(watcher.ask(seen)) == [news]


async def test_promise_3_asks_between_processes_time_out_and_are_told_of_a_stop(system, tmp_path):
    gate = tmp_path / "gate"
    asked, asker = [await system.spawn(Scripted) for _ in range(2)]

    async def hold(actor):
        while not gate.exists():  # noqa: ASYNC110 - the test makes it
            await asyncio.sleep(0.01)

    async def ask(actor):
        outcomes = []
        for timeout in (0.05, None):
            try:
                outcomes.append(await asked.ask("question", timeout=timeout))
            except (AskTimeout, ActorStopped) as error:
                outcomes.append(type(error))
        return outcomes

    def state():
        told = system.inspect().children[0]
        return told.handled, told.waiting

    await asked.send(hold)
    asking = asyncio.create_task(asker.ask(ask))
    async with asyncio.timeout(60):
        while state() != (1, 2):  # noqa: ASYNC110 - it changes in another process
            await asyncio.sleep(0.01)
    stop = asyncio.create_task(asked.stop(drain=False))
    assert await within_limits(asking) == [AskTimeout, ActorStopped]
    assert letters(system) == [("question", "actor stopped")] * 2
    assert not stop.done()
    gate.touch()
    await within_limits(stop)


async def test_promise_8_a_handler_that_blocks_its_process_blocks_nobody_here(system, tmp_path):
    gate = tmp_path / "gate"

    async def block(actor):
        block_until(gate)
        return "done"

    ref = await system.spawn(Scripted)
    ask = asyncio.create_task(ref.ask(block))
    await asyncio.sleep(0.1)
    assert not ask.done()
    gate.touch()
    assert await within_limits(ask) == "done"
