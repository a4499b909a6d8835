"""The numbered promises of the design, kept by actors that live in processes of Ray's."""

import asyncio
import functools
import os
import threading
import time

import pytest
import pytest_asyncio

from ember_ml.pipeline import (
    Actor,
    ActorStopped,
    ActorSystem,
    AskCycleError,
    AskTimeout,
    MailboxFull,
    RayRuntime,
    RemoteError,
    Supervision,
    SystemFailed,
    Terminated,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def runtime(ray):
    async with RayRuntime(hosts=2) as runtime:
        yield runtime


@pytest_asyncio.fixture(loop_scope="module")
async def system(runtime):
    supervision = Supervision(max_restarts=100)
    async with ActorSystem("app", runtime=runtime, supervision=supervision) as system:
        yield system


class Scripted(Actor):
    """Calls the functions that it is sent; keeps everything else."""

    def __init__(self, log=None):
        super().__init__()
        self.seen = []
        self.log = log

    async def process_message(self, message):
        if callable(message):
            return await message(self)
        self.seen.append(message)
        return message

    async def on_start(self):
        self.note("start")

    async def on_stop(self):
        self.note("stop")

    def note(self, what):
        if self.log is not None:
            with open(self.log, "a") as log:
                log.write(f"{what} {self.name}\n")


async def seen(actor):
    return actor.seen


async def pid(actor):
    return os.getpid()


async def fail(actor):
    raise KeyError("missing")


def waits(gate):
    """A message that is in hand until the file ``gate`` is there; ``gate``.entered tells that it is."""
    entered = gate.with_suffix(".entered")

    async def wait(actor):
        entered.touch()
        while not gate.exists():  # noqa: ASYNC110 - it changes in another process
            await asyncio.sleep(0.01)

    return wait


def block_until(gate):
    while not gate.exists():
        time.sleep(0.01)


async def within_limits(awaitable):
    """A deadlock fails the test, rather than hanging the suite."""
    return await asyncio.wait_for(awaitable, timeout=60)


async def until(condition):
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - it changes in another process
            await asyncio.sleep(0.005)


def info(system, ref):
    return next(info for info in system.inspect() if info.path == ref.path)


def letters(system):
    return [(letter.message, letter.reason) for letter in system.dead_letters]


async def busy(system, ref, gate):
    """Let ``ref`` wait for ``gate`` in its handler."""
    await ref.send(waits(gate))
    await until(lambda: info(system, ref).handled == 1)


# --- promise 1: at most once, in order; send means queued, a reply means handled


async def test_promise_1_each_senders_messages_arrive_in_order_and_once(system):
    sink = await system.spawn(Scripted)
    senders = [await system.spawn(Scripted) for _ in range(2)]

    def sends(name):
        async def send_all(actor):
            for number in range(100):
                await sink.send((name, number))

        return send_all

    async def send_from_here():
        for number in range(3000):
            await sink.send(("here", number))

    await within_limits(
        asyncio.gather(
            send_from_here(), *(sender.ask(sends(i)) for i, sender in enumerate(senders))
        )
    )
    arrived = await sink.ask(seen)
    for name, count in (("here", 3000), (0, 100), (1, 100)):
        assert [n for who, n in arrived if who == name] == list(range(count))
    assert len(arrived) == 3200
    pids = {await ref.ask(pid) for ref in (sink, *senders)}
    assert len(pids) == 2
    assert os.getpid() not in pids


# --- promise 2: bounded mailboxes with a policy; what is dropped is told


@pytest.mark.parametrize(
    ("overflow", "kept", "dropped"),
    [("drop_new", [0, 1], [2, 3]), ("drop_old", [2, 3], [0, 1]), ("fail", [0, 1], [])],
)
async def test_promise_2_a_full_mailbox_does_what_its_policy_says(
    system, tmp_path, overflow, kept, dropped
):
    ref = await system.spawn(Scripted, capacity=2, overflow=overflow)
    gate = tmp_path / "gate"
    await busy(system, ref, gate)
    refused = []
    for number in range(4):
        try:
            await ref.send(number)
        except MailboxFull:
            refused.append(number)
    assert info(system, ref).waiting == 2
    gate.touch()
    await until(lambda: info(system, ref).handled == 3)
    assert await within_limits(ref.ask(seen)) == kept
    assert refused == ([2, 3] if overflow == "fail" else [])
    assert letters(system) == [(number, "mailbox full") for number in dropped]


async def test_promise_2_a_sender_waits_for_room_here_and_there(system, tmp_path):
    ref = await system.spawn(Scripted, capacity=1)
    other = await system.spawn(Scripted)
    gate = tmp_path / "gate"
    await busy(system, ref, gate)
    await ref.send("fits")

    async def send_there(actor):
        await ref.send("there")
        return "sent"

    here = asyncio.create_task(ref.send("here"))
    await asyncio.sleep(0)
    there = asyncio.create_task(other.ask(send_there))
    await until(lambda: len(ref._cell.mailbox.senders) == 2)
    assert not here.done()
    assert not there.done()
    gate.touch()
    await within_limits(here)
    assert await within_limits(there) == "sent"
    assert await within_limits(ref.ask(seen)) == ["fits", "here", "there"]


# --- promise 3: each ask ends exactly once


class Odd(Exception):
    """Pickles, and cannot be read again."""

    def __init__(self, one, two):
        super().__init__(f"{one} {two}")


async def raise_odd(actor):
    raise Odd("cannot", "travel")


async def reply_with_a_lock(actor):
    return threading.Lock()


@pytest.mark.parametrize(
    ("message", "error", "text"),
    [
        (fail, KeyError, "missing"),
        (raise_odd, RemoteError, "Odd: cannot travel"),
        (reply_with_a_lock, TypeError, "pickle"),
        (threading.Lock(), TypeError, "pickle"),
    ],
    ids=["raised", "unreadable", "reply does not pickle", "message does not pickle"],
)
async def test_promise_3_an_ask_raises_what_went_wrong(system, message, error, text):
    ref = await system.spawn(Scripted)
    with pytest.raises(error, match=text):
        await within_limits(ref.ask(message))
    assert await within_limits(ref.ask("next")) == "next"
    assert letters(system) == []


async def test_promise_3_a_late_reply_is_discarded(system, tmp_path):
    ref = await system.spawn(Scripted)
    asker = await system.spawn(Scripted)
    gate = tmp_path / "gate"
    with pytest.raises(AskTimeout, match="within 0.05 s"):
        await ref.ask(waits(gate), timeout=0.05)

    async def ask_there(actor):
        try:
            await ref.ask("late", timeout=0.05)
        except AskTimeout:
            return "late"

    assert await within_limits(asker.ask(ask_there)) == "late"
    gate.touch()
    assert await within_limits(ref.ask("next")) == "next"
    assert await within_limits(ref.ask(seen)) == ["late", "next"]


async def test_promise_3_an_ask_of_an_actor_that_stops_is_told(system, tmp_path):
    ref = await system.spawn(Scripted)
    asker = await system.spawn(Scripted)
    gate = tmp_path / "gate"
    await busy(system, ref, gate)

    async def ask_there(actor):
        try:
            await ref.ask("question")
        except ActorStopped as error:
            return type(error)

    here = asyncio.create_task(ref.ask("question"))
    there = asyncio.create_task(asker.ask(ask_there))
    await until(lambda: info(system, ref).waiting == 2)
    stop = asyncio.create_task(ref.stop(drain=False))
    await until(lambda: len(system.dead_letters) == 2)  # while the message in hand goes on
    gate.touch()
    await within_limits(stop)
    with pytest.raises(ActorStopped):
        await here
    assert await within_limits(there) is ActorStopped
    with pytest.raises(ActorStopped):
        await ref.ask("too late")
    assert letters(system) == [("question", "actor stopped")] * 2


async def test_promise_3_a_cycle_of_asks_through_processes_raises(system):
    refs = [await system.spawn(Scripted, name=name) for name in "abc"]

    def round_trip(rest):
        async def ask(actor):
            return await rest[0].ask(round_trip(rest[1:]))

        return ask

    cycle = "app/c -> app/a -> app/b -> app/c"
    with pytest.raises(AskCycleError, match=cycle):
        await within_limits(refs[0].ask(round_trip([refs[1], refs[2], refs[0]])))

    async def ask_itself(actor):
        await actor.ref.ask("never")

    with pytest.raises(AskCycleError, match="app/b -> app/b"):
        await within_limits(refs[1].ask(ask_itself))


# --- promise 4: a failure and a restart lose the message in hand alone


async def test_promise_4_the_mailbox_survives_a_restart(system):
    ref = await system.spawn(Scripted)
    for number in range(100):
        await ref.send(fail if number == 50 else number)
    # the messages before the failure were handled by the instance that is gone
    assert await within_limits(ref.ask(seen)) == list(range(51, 100))
    assert letters(system) == [(fail, "handler raised")]
    (letter,) = system.dead_letters
    assert isinstance(letter.error, KeyError)
    assert info(system, ref).restarts == 1


# --- promise 5: supervision


@pytest.mark.parametrize(
    ("directive", "after"), [("resume", [0, 1, 3]), ("restart", [3]), ("stop", None)]
)
async def test_promise_5_what_is_decided_about_a_failure_happens(runtime, directive, after):
    supervision = Supervision(on_failure=directive)
    async with ActorSystem("app", runtime=runtime, supervision=supervision) as system:
        ref = await system.spawn(Scripted)
        for message in (0, 1, fail, 3):
            await ref.send(message)
        if after is not None:
            assert await within_limits(ref.ask(seen)) == after
        else:
            end = await within_limits(ref.terminated())
            assert end.reason == "failed"
            assert letters(system) == [(fail, "handler raised"), (3, "actor stopped")]


async def test_promise_5_too_many_restarts_escalate(runtime):
    supervision = Supervision(max_restarts=1, within=60)

    async def fail_twice():
        async with ActorSystem("app", runtime=runtime, supervision=supervision) as system:
            ref = await system.spawn(Scripted)
            await ref.send(fail)
            await ref.send(fail)
            await ref.terminated()

    with pytest.raises(SystemFailed, match="1 restarts within 60 s are the most"):
        await within_limits(fail_twice())


async def test_promise_5_children_in_other_processes_start_in_order_and_stop_in_reverse(
    system, tmp_path
):
    log = tmp_path / "log"

    async def have_children(actor):
        for name in ("one", "two", "three"):
            await actor.spawn(Scripted, log, name=name)
        return [child.path for child in actor.children]

    parent = await system.spawn(Scripted, log, name="parent")
    paths = await within_limits(parent.ask(have_children))
    assert paths == [f"app/parent/{name}" for name in ("one", "two", "three")]
    assert [each.path for each in system.inspect()] == ["app", "app/parent", *paths]
    await within_limits(parent.stop())
    assert log.read_text().splitlines() == [
        "start parent",
        "start one",
        "start two",
        "start three",
        "stop three",
        "stop two",
        "stop one",
        "stop parent",
    ]


async def test_promise_5_one_for_all_restarts_the_siblings_too(runtime):
    supervision = Supervision(strategy="one_for_all")
    async with ActorSystem("app", runtime=runtime, supervision=supervision) as system:
        one, two = [await system.spawn(Scripted) for _ in range(2)]
        await two.ask("forgotten")
        with pytest.raises(KeyError):
            await within_limits(one.ask(fail))
        await until(lambda: info(system, two).restarts == 1)
        assert await within_limits(two.ask(seen)) == []


async def test_promise_5_what_on_start_raises_is_raised_by_spawn(system):
    class Refuses(Scripted):
        async def on_start(self):
            raise OSError("no such device")

    def broken():
        raise ValueError("cannot be made")

    with pytest.raises(OSError, match="no such device"):
        await within_limits(system.spawn(Refuses))
    with pytest.raises(ValueError, match="cannot be made"):
        await within_limits(system.spawn(broken))
    assert system.inspect().children == ()


# --- promise 6: stopping and watching


async def test_promise_6_stop_drains_a_full_mailbox(system):
    log = []
    ref = await system.spawn(Scripted, capacity=10)
    asks = [asyncio.create_task(ref.ask(number)) for number in range(10)]
    await asyncio.sleep(0)
    stop = asyncio.create_task(ref.stop())
    await asyncio.sleep(0)
    with pytest.raises(ActorStopped, match="is stopping"):
        await ref.send("refused")
    await within_limits(asyncio.gather(stop, ref.stop()))
    assert [await ask for ask in asks] == list(range(10))
    assert log == letters(system)


async def test_promise_6_the_timeout_cancels_the_message_in_hand(system, tmp_path):
    ref = await system.spawn(Scripted)
    never = waits(tmp_path / "never")
    await ref.send(never)
    await ref.send("left")
    await until((tmp_path / "never.entered").exists)
    await within_limits(ref.stop(timeout=0.05))
    assert letters(system) == [(never, "cancelled"), ("left", "actor stopped")]


@pytest.mark.parametrize("drain", [True, False])
async def test_promise_6_an_actor_can_stop_itself(system, drain):
    async def stop_itself(actor):
        await actor.stop(drain=drain)
        return "stopped"

    ref = await system.spawn(Scripted)
    ask = asyncio.create_task(ref.ask(stop_itself))
    await asyncio.sleep(0)
    await ref.send("next")
    assert await within_limits(ask) == "stopped"
    assert (await within_limits(ref.terminated())).reason == "stopped"
    assert letters(system) == ([] if drain else [("next", "actor stopped")])


async def test_promise_6_who_watches_is_told_once(system):
    class Watcher(Scripted):
        async def process_message(self, message):
            if isinstance(message, Terminated):
                self.seen.append((message.ref.path, message.reason))
            else:
                return await super().process_message(message)

    watcher = await system.spawn(Watcher)
    watched = await system.spawn(Scripted, name="watched")

    async def watch(actor):
        actor.watch(watched)
        actor.watch(watched)
        return await watched.ask("hello")  # answered after the watch was taken

    async def wait_there(actor):
        return (await watched.terminated()).reason

    waiter = await system.spawn(Scripted)
    await within_limits(watcher.ask(watch))
    waiting = asyncio.create_task(waiter.ask(wait_there))
    await within_limits(watched.stop())
    await watched.stop()
    assert await within_limits(waiting) == "stopped"
    assert await within_limits(watcher.ask(seen)) == [("app/watched", "stopped")]


# --- promise 8: a handler that blocks its process holds up nobody here


async def test_promise_8_a_blocking_handler_does_not_block_the_driver(system, tmp_path):
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


# --- promise 9: the same classes; references go everywhere


async def test_promise_9_references_work_wherever_they_are_sent(system):
    one, two = [await system.spawn(Scripted, name=name) for name in ("one", "two")]

    async def introduce(actor):
        child = await actor.spawn(functools.partial(Scripted, None), name="child")
        return {"child": child, "self": actor.ref, "two": two}

    refs = await within_limits(one.ask(introduce))
    assert refs["self"] == one
    assert refs["two"] == two
    assert await within_limits(refs["child"].ask("hello")) == "hello"

    async def compare(actor):
        assert refs["two"] == actor.ref
        assert len({refs["two"], actor.ref, two}) == 1
        return await refs["child"].ask(seen)

    assert await within_limits(two.ask(compare)) == ["hello"]


async def test_promise_9_timers_ring_until_the_actor_ends(system):
    async def wind(actor):
        actor.send_after(0.01, "once")
        actor.timer = actor.send_interval(0.02, "tick")

    async def unwind(actor):
        actor.timer.cancel()

    ref = await system.spawn(Scripted)
    await ref.send(wind)
    while (await ref.ask(seen)).count("tick") < 3:  # noqa: ASYNC110 - it changes in another process
        await asyncio.sleep(0.01)
    await ref.ask(unwind)
    assert (await ref.ask(seen)).count("once") == 1
