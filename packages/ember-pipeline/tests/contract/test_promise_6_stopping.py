import asyncio

import pytest
from promised_actors import (
    Scripted,
    busy,
    fail,
    forever,
    info,
    letters,
    seen,
    until,
    waits,
    within_limits,
)

from ember_ml.pipeline import ActorStopped, ActorSystem, Terminated

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_promise_6_an_idle_actor_stops_at_once(system):
    ref = await system.spawn(Scripted)
    await within_limits(ref.stop())
    assert (await ref.terminated()).reason == "stopped"
    assert info(system, ref) is None


@pytest.mark.parametrize("drain", [True, False])
async def test_promise_6_a_full_mailbox_does_not_delay_a_stop(system, tmp_path, drain):
    diary = await system.spawn(Scripted)
    ref = await system.spawn(Scripted, diary, name="full", capacity=2)
    gate = tmp_path / "gate"
    await busy(system, ref, gate)
    for number in range(2):
        await ref.send(number)
    waiting = asyncio.create_task(ref.send("no room"))
    await asyncio.sleep(0)
    stop = asyncio.create_task(ref.stop(drain=drain))
    with pytest.raises(ActorStopped, match="app/full is stopping"):
        await within_limits(waiting)
    with pytest.raises(ActorStopped, match="app/full is stopping"):
        await ref.send("refused")
    with pytest.raises(ActorStopped, match="app/full is stopping"):
        await ref.ask("refused")
    if not drain:
        await until(lambda: len(letters(system)) == 2)
    assert not stop.done()  # the message in hand goes on
    gate.touch()
    await within_limits(stop)
    assert letters(system) == ([] if drain else [(n, "actor stopped") for n in range(2)])
    assert await within_limits(diary.ask(seen)) == ["full starts", "full stops"]


async def test_promise_6_a_stop_drains_what_waits(system):
    ref = await system.spawn(Scripted)
    asks = [asyncio.create_task(ref.ask(number)) for number in range(50)]
    await asyncio.sleep(0)
    await within_limits(asyncio.gather(ref.stop(), ref.stop()))
    assert [await ask for ask in asks] == list(range(50))
    assert letters(system) == []


async def test_promise_6_a_failure_does_not_end_the_draining(system):
    ref = await system.spawn(Scripted)
    asks = [asyncio.create_task(ref.ask(m)) for m in ("first", fail, "second", fail, "third")]
    await asyncio.sleep(0)
    await within_limits(ref.stop())
    outcomes = await within_limits(asyncio.gather(*asks, return_exceptions=True))
    assert [type(outcome) for outcome in outcomes] == [str, KeyError, str, KeyError, str]


async def test_promise_6_when_the_time_is_up_what_is_left_goes_to_the_dead_letters(
    system, tmp_path
):
    ref = await system.spawn(Scripted)
    never = waits(tmp_path / "never")
    for message in (never, "left", "over"):
        await ref.send(message)
    await until(lambda: info(system, ref).handled == 1)
    await within_limits(ref.stop(timeout=0.05))
    assert letters(system) == [
        (never, "cancelled"),
        ("left", "actor stopped"),
        ("over", "actor stopped"),
    ]
    assert (await ref.terminated()).reason == "stopped"


async def test_promise_6_a_stop_can_be_repeated_and_hurried(system):
    ref = await system.spawn(Scripted)
    await ref.send(forever)
    await until(lambda: info(system, ref).handled == 1)
    patient = asyncio.create_task(ref.stop())
    await asyncio.sleep(0.02)
    assert not patient.done()
    await within_limits(asyncio.gather(ref.stop(timeout=0), ref.stop(timeout=0)))
    await within_limits(patient)
    await within_limits(ref.stop())
    await within_limits(ref.stop(drain=False, timeout=1))
    assert letters(system) == [(forever, "cancelled")]


@pytest.mark.parametrize("drain", [True, False])
async def test_promise_6_an_actor_can_stop_itself(system, drain):
    async def stop_itself(actor):
        await actor.ref.stop(drain=drain)
        return "told"

    ref = await system.spawn(Scripted)
    ask = asyncio.create_task(ref.ask(stop_itself))
    await asyncio.sleep(0)
    await ref.send("next")
    assert await within_limits(ask) == "told"
    assert (await within_limits(ref.terminated())).reason == "stopped"
    assert letters(system) == ([] if drain else [("next", "actor stopped")])


async def test_promise_6_a_child_can_stop_its_parent(system):
    async def have_child(actor):
        return await actor.spawn(Scripted)

    async def stop_parent(actor):
        await parent.stop()
        return "told"

    parent = await system.spawn(Scripted)
    child = await within_limits(parent.ask(have_child))
    assert await within_limits(child.ask(stop_parent)) == "told"
    assert (await within_limits(parent.terminated())).reason == "stopped"
    assert (await within_limits(child.terminated())).reason == "stopped"


async def test_promise_6_one_whom_the_actor_waits_for_can_stop_it(system):
    async def ask_other(actor):
        return await other.ask(stop_asker)

    async def stop_asker(actor):
        await asker.stop()
        return "told"

    asker, other = [await system.spawn(Scripted) for _ in range(2)]
    assert await within_limits(asker.ask(ask_other)) == "told"
    assert (await within_limits(asker.terminated())).reason == "stopped"


async def test_promise_6_an_on_stop_that_raises_does_not_keep_an_actor(system):
    class Broken(Scripted):
        async def on_stop(self):
            raise OSError("cannot close")

    ref = await system.spawn(Broken)
    await within_limits(ref.stop())
    assert (await ref.terminated()).reason == "stopped"


async def test_promise_6_an_on_stop_may_await_a_task_that_it_has_cancelled(system):
    class Careless(Scripted):
        async def on_stop(self):
            background = asyncio.create_task(asyncio.sleep(1000))
            await asyncio.sleep(0)
            background.cancel()
            await self.note("stops")
            await background

    diary = await system.spawn(Scripted)
    ref = await system.spawn(Careless, diary, name="careless")
    await ref.send(fail)
    assert await within_limits(ref.ask(seen)) == []
    await within_limits(ref.stop())
    assert (await ref.terminated()).reason == "stopped"
    assert await within_limits(diary.ask(seen)) == [
        "careless starts",
        "careless stops",
        "careless restarts after KeyError",
        "careless stops",
    ]


async def test_promise_6_an_on_stop_that_hangs_ends_with_the_time_of_the_stop(system):
    class Hangs(Scripted):
        async def on_stop(self):
            await forever(self)

    ref = await system.spawn(Hangs)
    await within_limits(ref.stop(timeout=0.05))
    assert (await ref.terminated()).reason == "stopped"


async def test_promise_6_an_actor_that_ends_starts_no_children_and_one_that_drains_does(system):
    class Late(Scripted):
        async def on_stop(self):
            try:
                await self.spawn(Scripted)
            except ActorStopped:
                await self.note("was refused")

    async def spawn_and_ask(actor):
        child = await actor.spawn(Scripted)
        return await child.ask("hello")

    diary = await system.spawn(Scripted)
    ref = await system.spawn(Late, diary, name="late")
    ask = asyncio.create_task(ref.ask(spawn_and_ask))
    await asyncio.sleep(0)
    await within_limits(ref.stop())
    assert await within_limits(ask) == "hello"
    assert await within_limits(diary.ask(seen)) == ["late starts", "late was refused"]


async def test_promise_6_a_stop_during_the_start(system, tmp_path):
    class Slow(Scripted):
        async def on_start(self):
            (tmp_path / "entered").touch()
            await forever(self)

    spawn = asyncio.create_task(system.spawn(Slow))
    await until((tmp_path / "entered").exists)
    await within_limits(system.stop(timeout=0.05))
    with pytest.raises(ActorStopped):
        await within_limits(spawn)


async def test_promise_6_leaving_the_block_drains_and_an_error_in_it_does_not(runtime):
    async def leave(error):
        async with ActorSystem("app", runtime=runtime, blocked_after=None) as system:
            ref = await system.spawn(Scripted)
            for number in range(20):
                await ref.send(number)
            if error is not None:
                raise error
        return system

    assert letters(await within_limits(leave(None))) == []
    with pytest.raises(KeyError):
        await within_limits(leave(KeyError()))


# --- watching


class Watcher(Scripted):
    async def process_message(self, message):
        if isinstance(message, Terminated):
            message = (message.ref.path, message.reason, type(message.error).__name__)
        return await super().process_message(message)


def watching(ref):
    async def watch(actor):
        actor.watch(ref)
        actor.watch(ref)

    return watch


async def reported(watcher):
    """What it has been told, when it has been told something."""
    async with asyncio.timeout(60):
        while not (told := await watcher.ask(seen)):  # noqa: ASYNC110 - news comes by itself
            await asyncio.sleep(0.005)
    await asyncio.sleep(0.02)
    assert await watcher.ask(seen) == told
    return told


@pytest.mark.parametrize(
    ("end", "reason", "error"), [("stop", "stopped", "NoneType"), ("fail", "failed", "KeyError")]
)
async def test_promise_6_who_watches_is_told_once_why(system, end, reason, error):
    watcher = await system.spawn(Watcher)
    ref = await system.spawn(Scripted, name="watched", restart="temporary")
    await within_limits(watcher.ask(watching(ref)))
    await within_limits(ref.ask("alive"))
    assert await watcher.ask(seen) == []
    if end == "stop":
        await within_limits(asyncio.gather(ref.stop(), ref.stop()))
    else:
        await ref.send(fail)
        await within_limits(ref.terminated())
    assert await reported(watcher) == [("app/watched", reason, error)]


async def test_promise_6_a_watch_of_one_that_has_ended_is_answered(system):
    watcher = await system.spawn(Watcher)
    ref = await system.spawn(Scripted, name="watched")
    await within_limits(ref.stop())

    async def watch(actor):
        actor.watch(ref)

    await within_limits(watcher.ask(watch))
    assert await reported(watcher) == [("app/watched", "stopped", "NoneType")]


async def test_promise_6_a_restart_is_no_end_and_a_watch_outlives_it(system):
    watcher = await system.spawn(Watcher)
    ref = await system.spawn(Scripted, name="watched")
    await within_limits(watcher.ask(watching(ref)))
    for restarted in (ref, watcher):
        await restarted.send(fail)
        await within_limits(restarted.ask(seen))
    assert await watcher.ask(seen) == []
    await within_limits(ref.stop())
    assert await reported(watcher) == [("app/watched", "stopped", "NoneType")]


async def test_promise_6_an_unwatched_end_is_not_told(system):
    watcher = await system.spawn(Watcher)
    ref = await system.spawn(Scripted)

    async def unwatch(actor):
        actor.unwatch(ref)
        return await ref.ask("answered after it has been unwatched")

    await within_limits(watcher.ask(watching(ref)))
    await within_limits(watcher.ask(unwatch))
    await within_limits(ref.stop())
    await asyncio.sleep(0.02)
    assert await watcher.ask(seen) == []
