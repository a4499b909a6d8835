import asyncio

import pytest
from scripted_actors import (
    Scripted,
    fail,
    hang,
    nothing,
    quiet_system,
    reasons,
    scripted,
    settle,
    within_limits,
)

from ember_ml.pipeline import (
    ActorStopped,
    AskCycleError,
    Backoff,
    Supervision,
)


async def test_stop_while_the_actor_waits_for_a_message():
    async with quiet_system() as system:
        ref = await system.spawn(Scripted)
        await settle()
        await within_limits(ref.stop())
        assert (await ref.terminated()).reason == "stopped"


@pytest.mark.parametrize("drain", [True, False])
async def test_stop_with_a_full_mailbox_and_senders_that_wait(drain):
    entered, opened = asyncio.Event(), asyncio.Event()
    handled = []

    async def wait(actor):
        entered.set()
        await opened.wait()

    async def note(actor):
        handled.append("queued")

    async with quiet_system() as system:
        ref = await system.spawn(Scripted, capacity=1)
        await ref.send(wait)
        await entered.wait()
        await ref.send(note)
        senders = [asyncio.create_task(ref.send(note)) for _ in range(3)]
        await settle()
        stop = asyncio.create_task(ref.stop(drain=drain))
        await settle()
        for sender in senders:
            with pytest.raises(ActorStopped):
                await sender
        opened.set()
        await within_limits(stop)
        assert handled == (["queued"] if drain else [])
        assert reasons(system) == ([] if drain else [(note, "actor stopped")])


async def test_senders_that_wait_are_told_when_the_actor_dies():
    entered, opened = asyncio.Event(), asyncio.Event()

    async def die(actor):
        entered.set()
        await opened.wait()
        raise ValueError("dead")

    async with quiet_system(supervision=Supervision(on_failure="stop")) as system:
        ref = await system.spawn(Scripted, capacity=1)
        await ref.send(die)
        await entered.wait()
        await ref.send(nothing)
        senders = [asyncio.create_task(ref.send(nothing)) for _ in range(3)]
        asks = [asyncio.create_task(ref.ask(nothing)) for _ in range(3)]
        await settle()
        opened.set()
        for waiting in (*senders, *asks):
            with pytest.raises(ActorStopped):
                await within_limits(waiting)
        assert reasons(system) == [(die, "handler raised"), (nothing, "actor stopped")]


async def test_an_on_stop_that_raises_does_not_keep_the_actor_from_ending(caplog):
    async with quiet_system() as system:
        ref = await system.spawn(scripted(on_stop=fail))
        await within_limits(ref.stop())
        assert (await ref.terminated()).reason == "stopped"
    assert "on_stop of app/Scripted-1 failed" in caplog.text


async def test_an_on_stop_that_hangs_is_cancelled_when_the_time_of_the_stop_is_up():
    async with quiet_system() as system:
        ref = await system.spawn(scripted(on_stop=hang))
        await within_limits(ref.stop(timeout=0.01))
        assert (await ref.terminated()).reason == "stopped"


@pytest.mark.parametrize("how", ["stop", "restart"])
async def test_an_on_stop_that_hangs_after_its_handler_was_cancelled_is_cancelled_too(how):
    async with quiet_system(supervision=Supervision("one_for_all", shutdown=0.01)) as system:
        ref = await system.spawn(scripted(on_stop=hang))
        await ref.send(hang)
        await settle()
        if how == "stop":
            await within_limits(ref.stop(timeout=0.01))
        else:
            other = await system.spawn(Scripted)
            await other.send(fail)
            assert await within_limits(ref.ask(nothing)) == "done"
            await within_limits(system.stop(timeout=0.01))


async def test_an_on_stop_may_await_a_task_that_it_has_cancelled():
    calls = []

    async def on_start(actor):
        actor.background = asyncio.create_task(asyncio.sleep(1000))

    async def on_stop(actor):
        calls.append("on_stop")
        actor.background.cancel()
        await actor.background

    async with quiet_system() as system:
        ref = await system.spawn(scripted(on_start=on_start, on_stop=on_stop, on_restart=on_start))
        await ref.send(fail)
        assert await within_limits(ref.ask(nothing)) == "done"
        await within_limits(ref.stop())
        assert (await ref.terminated()).reason == "stopped"
    assert calls == ["on_stop", "on_stop"]  # of each instance once


@pytest.mark.parametrize("options", [{"drain": False}, {"timeout": 0.01}, {"timeout": 0}])
async def test_stop_during_start(options):
    entered = asyncio.Event()

    async def on_start(actor):
        entered.set()
        await asyncio.Event().wait()

    async with quiet_system() as system:
        spawn = asyncio.create_task(system.spawn(scripted(on_start=on_start)))
        await entered.wait()
        await within_limits(system.stop(**options))
        with pytest.raises(ActorStopped):
            await spawn


async def test_stop_before_the_start_has_begun():
    started = []

    async def on_start(actor):
        started.append(actor)

    async with quiet_system() as system:
        spawn = asyncio.create_task(system.spawn(scripted(on_start=on_start)))
        await asyncio.sleep(0)
        await within_limits(system.stop(drain=False, timeout=0))
        with pytest.raises(ActorStopped):
            await spawn
    assert started == []


async def test_a_spawn_that_is_cancelled_leaves_no_actor():
    entered = asyncio.Event()

    async def on_start(actor):
        entered.set()
        await asyncio.Event().wait()

    async with quiet_system() as system:
        spawn = asyncio.create_task(system.spawn(scripted(on_start=on_start), name="a"))
        await entered.wait()
        spawn.cancel()
        with pytest.raises(asyncio.CancelledError):
            await within_limits(spawn)
        assert list(system.inspect().children) == []
        await system.spawn(Scripted, name="a")


@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all", "rest_for_one"])
async def test_stop_while_a_restart_is_delayed(strategy):
    patient = Supervision(strategy, backoff=Backoff(initial=1000, maximum=1000))
    async with quiet_system(supervision=patient) as system:
        refs = [await system.spawn(Scripted) for _ in range(3)]
        await refs[1].send(fail)
        await refs[1].send(nothing)
        await settle()
        await within_limits(refs[1].stop())
        assert reasons(system) == [(fail, "handler raised"), (nothing, "actor stopped")]
        await within_limits(system.stop())
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all"])
async def test_stop_while_on_restart_hangs(strategy):
    entered = asyncio.Event()

    async def on_restart(actor):
        entered.set()
        await asyncio.Event().wait()

    async with quiet_system(supervision=Supervision(strategy)) as system:
        ref = await system.spawn(scripted(on_restart=on_restart))
        await ref.send(fail)
        await entered.wait()
        await within_limits(ref.stop(timeout=0.01))
        end = await ref.terminated()
        assert (end.reason, str(end.error)) == ("failed", "told to fail")


async def test_stop_of_a_system_while_a_group_is_restarted():
    entered = asyncio.Event()

    async def slow(actor):
        entered.set()
        await asyncio.sleep(0.05)

    async with quiet_system(supervision=Supervision("one_for_all")) as system:
        refs = [await system.spawn(scripted(on_stop=slow)) for _ in range(3)]
        await refs[0].send(fail)
        await entered.wait()
        await within_limits(system.stop())
        assert [(await ref.terminated()).reason for ref in refs] == ["failed", "stopped", "stopped"]


async def test_a_message_that_fails_does_not_end_the_draining():
    handled = []

    async def note(actor):
        handled.append(id(actor))

    async with quiet_system(supervision=Supervision(max_restarts=0)) as system:
        ref = await system.spawn(Scripted)
        for message in (note, fail, note, fail, note):
            await ref.send(message)
        await within_limits(ref.stop())
        assert reasons(system) == [(fail, "handler raised")] * 2
        assert (await ref.terminated()).reason == "stopped"
    assert len(handled) == 3


async def test_draining_ends_when_the_actor_cannot_start_again():
    async with quiet_system() as system:
        ref = await system.spawn(scripted(on_restart=fail))
        for message in (fail, nothing):
            await ref.send(message)
        await within_limits(ref.stop())
        assert reasons(system) == [(fail, "handler raised"), (nothing, "actor stopped")]
        assert (await ref.terminated()).reason == "failed"


async def test_draining_ends_when_children_keep_the_actor_from_it():
    async def break_down(child):
        child.send_after(0, fail)

    async def with_child(actor):
        await actor.spawn(scripted(on_start=break_down))

    async def wait(actor):
        await asyncio.sleep(0.05)

    below = Supervision(max_restarts=0)
    async with quiet_system() as system:
        ref = await system.spawn(
            scripted(on_start=nothing, on_restart=with_child), supervision=below
        )
        for message in (fail, wait, wait, wait):
            await ref.send(message)
        await within_limits(ref.stop())
        assert (await ref.terminated()).reason == "failed"
        assert {letter.message for letter in system.dead_letters} >= {wait}


async def test_a_child_stops_its_parent():
    async def parent_start(actor):
        actor.child = await actor.spawn(Scripted)

    async def stop_parent(actor):
        await parent.stop()
        return "told"

    async with quiet_system() as system:
        parent = await system.spawn(scripted(on_start=parent_start))

        async def child_of(actor):
            return actor.child

        child = await parent.ask(child_of)
        assert await within_limits(child.ask(stop_parent)) == "told"
        assert (await within_limits(parent.terminated())).reason == "stopped"
        assert (await child.terminated()).reason == "stopped"


async def test_one_whom_a_child_waits_for_stops_its_parent():
    async def parent_start(actor):
        actor.child = await actor.spawn(Scripted)

    async def child_of(actor):
        return actor.child

    async def ask_other(actor):
        return await other.ask(stop_parent)

    async def stop_parent(actor):
        await parent.stop()
        return "told"

    async with quiet_system() as system:
        other = await system.spawn(Scripted)
        parent = await system.spawn(scripted(on_start=parent_start))
        child = await parent.ask(child_of)
        assert await within_limits(child.ask(ask_other)) == "told"
        assert (await within_limits(parent.terminated())).reason == "stopped"


async def test_a_handler_stops_its_system():
    after = []

    async def stop_system(actor):
        await system.stop()
        await asyncio.sleep(0)
        after.append("handled to the end")

    async with quiet_system() as system:
        first = await system.spawn(Scripted)
        ref = await system.spawn(Scripted)
        await ref.send(stop_system)
        await settle()
    assert after == ["handled to the end"]
    assert [(await r.terminated()).reason for r in (first, ref)] == ["stopped", "stopped"]


async def test_a_grandchild_stops_the_system():
    async def with_child(actor):
        actor.child = await actor.spawn(Scripted)

    async def child_of(actor):
        return actor.child

    async def stop_system(actor):
        await system.stop()
        return "told"

    async with quiet_system() as system:
        parent = await system.spawn(scripted(on_start=with_child))
        child = await parent.ask(child_of)
        assert await within_limits(child.ask(stop_system)) == "told"


async def test_a_child_that_waits_for_its_failing_parent_ends_before_it_is_restarted():
    order = []

    async def with_child(actor):
        order.append("parent starts")
        actor.child = await actor.spawn(scripted(on_stop=child_stops), name="child")

    async def child_stops(actor):
        order.append("child stops")

    async def child_of(actor):
        return actor.child

    async def ask_parent(actor):
        with pytest.raises(asyncio.CancelledError):
            await parent.ask(nothing)
        raise asyncio.CancelledError

    async def fail_when_asked(actor):
        await actor.child.send(ask_parent)
        await settle()
        raise ValueError

    async with quiet_system() as system:
        parent = await system.spawn(
            scripted(on_start=with_child, on_restart=with_child), name="parent"
        )
        first = await parent.ask(child_of)
        await parent.send(fail_when_asked)
        second = await within_limits(parent.ask(child_of))
        assert first != second
        assert order == ["parent starts", "child stops", "parent starts"]


async def test_an_actor_that_ends_starts_no_children():
    refused = []

    async def spawn_late(actor):
        with pytest.raises(ActorStopped) as caught:
            await actor.spawn(Scripted)
        refused.append(caught.value)

    async with quiet_system(supervision=Supervision(on_failure="stop")) as system:
        ref = await system.spawn(scripted(on_stop=spawn_late))
        await ref.send(fail)
        await within_limits(ref.terminated())
    assert len(refused) == 1


async def test_one_who_waits_for_the_end_may_be_cancelled_in_the_very_moment_of_it():
    async with quiet_system() as system:
        ref = await system.spawn(Scripted)
        waiting = asyncio.create_task(ref.terminated())
        await settle()

        async def cancel_the_waiting(actor):
            waiting.cancel()

        ref_stop = asyncio.create_task(ref.stop())
        waiting_too = asyncio.create_task(ref.terminated())
        # cancelled after on_stop, before its turn to notice
        await asyncio.sleep(0)
        waiting.cancel()
        await within_limits(ref_stop)
        assert (await within_limits(waiting_too)).reason == "stopped"
        with pytest.raises(asyncio.CancelledError):
            await waiting


async def test_every_watcher_is_told_though_one_was_cancelled_in_the_same_turn():
    waiting = []

    async def cancel_first(actor):
        waiting[0].cancel()

    async with quiet_system() as system:
        ref = await system.spawn(scripted(on_stop=cancel_first))
        waiting += [asyncio.create_task(ref.terminated()) for _ in range(2)]
        await settle()
        await within_limits(ref.stop())
        assert (await within_limits(waiting[1])).reason == "stopped"
        with pytest.raises(asyncio.CancelledError):
            await waiting[0]


async def test_waiting_for_ones_own_end_is_refused():
    async def wait_for_itself(actor):
        await actor.ref.terminated()

    async with quiet_system() as system:
        ref = await system.spawn(Scripted)
        with pytest.raises(AskCycleError, match="app/Scripted-1 -> app/Scripted-1"):
            await within_limits(ref.ask(wait_for_itself))


async def test_waiting_for_the_end_of_one_who_waits_for_the_answer_is_refused():
    async def ask(actor):
        return await asked.ask(wait_for_asker)

    async def wait_for_asker(actor):
        await asker.terminated()

    async with quiet_system() as system:
        asker = await system.spawn(Scripted, name="asker")
        asked = await system.spawn(Scripted, name="asked")
        with pytest.raises(AskCycleError, match="asked -> app/asker -> app/asked"):
            await within_limits(asker.ask(ask))


async def test_a_handler_that_swallows_its_cancellation_can_be_cancelled_again():
    entered = asyncio.Event()
    swallowed = asyncio.Queue()

    async def stubborn(actor):
        for number in (1, 2):
            try:
                entered.set()
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                swallowed.put_nowait(number)

    async with quiet_system() as system:
        ref = await system.spawn(Scripted)
        await ref.send(stubborn)
        await entered.wait()
        first = asyncio.create_task(ref.stop(timeout=0))
        assert await within_limits(swallowed.get()) == 1
        await within_limits(ref.stop(timeout=0))
        await first
    assert swallowed.get_nowait() == 2


def test_asyncio_run_may_end_while_a_system_is_open():
    stopped = []

    async def note(actor):
        stopped.append(actor.ref.name)

    async def with_child(actor):
        await actor.spawn(scripted(on_stop=note), name="child")

    left = []

    async def main():
        system = quiet_system()
        await system.__aenter__()
        parent = await system.spawn(scripted(on_start=with_child, on_stop=note), name="parent")
        await parent.send(hang)
        await settle()
        left.append(system)
        left.append(parent)

    asyncio.run(asyncio.wait_for(main(), 20))
    assert stopped == ["child", "parent"]
    assert [(letter.message, letter.reason) for letter in left[0].dead_letters] == [
        (hang, "cancelled")
    ]
    assert repr(left[1]) == "ActorRef('app/parent', stopped)"


async def test_a_block_that_is_cancelled_while_it_drains_stops_everybody():
    stopped = []

    async def note(actor):
        stopped.append(actor.ref.name)

    async def block():
        async with quiet_system() as system:
            for name in "ab":
                ref = await system.spawn(scripted(on_stop=note), name=name)
                await ref.send(hang)
            await settle()
            leaving.set()

    leaving = asyncio.Event()
    task = asyncio.create_task(block())
    await leaving.wait()
    await settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await within_limits(task)
    assert stopped == ["b", "a"]
