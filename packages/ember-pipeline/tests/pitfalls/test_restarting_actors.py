import asyncio
import gc
import tracemalloc

import pytest
from scripted_actors import (
    Scripted,
    fail,
    hang,
    nothing,
    puts,
    quiet_system,
    scripted,
    settle,
    until,
    waits_for,
    within_limits,
)

from ember_ml.backend.errors import InvalidValueError
from ember_ml.pipeline import (
    Actor,
    Backoff,
    Supervision,
    SystemFailed,
    Terminated,
    TooManyRestarts,
)


class Log(list):
    """A list that outlives the instances of an actor, and hooks that write to it."""

    def hook(self, text):
        async def write(actor):
            self.append(text)

        return write


async def test_on_start_that_raises_at_the_start_is_raised_by_spawn_and_not_repeated():
    log = Log()

    async def break_down(actor):
        log.append("on_start")
        raise OSError("no disk")

    async with quiet_system() as system:
        with pytest.raises(OSError, match="no disk"):
            await system.spawn(scripted(on_start=break_down), restart="permanent")
        assert system.inspect().children == ()
    assert log == ["on_start"]


async def test_an_on_restart_that_raises_is_a_failure_too_and_counts():
    attempts = []

    async def fail_twice(actor):
        attempts.append(1)
        if len(attempts) < 3:
            raise OSError("not yet")

    async with quiet_system(supervision=Supervision(max_restarts=3)) as system:
        ref = await system.spawn(scripted(on_restart=fail_twice))
        await ref.send(fail)
        assert await within_limits(ref.ask(nothing)) == "done"
        info = system.inspect().children[0]
        assert (info.restarts, info.failed) == (3, 3)


async def test_an_on_restart_that_always_raises_ends_in_too_many_restarts():
    system = quiet_system(supervision=Supervision(max_restarts=2))

    async def run():
        async with system:
            ref = await system.spawn(scripted(on_restart=fail))
            await ref.send(fail)
            await ref.send(nothing)
            await within_limits(ref.terminated())

    with pytest.raises(SystemFailed) as caught:
        await run()
    assert isinstance(caught.value.__cause__, TooManyRestarts)
    assert isinstance(caught.value.__cause__.__cause__, ValueError)
    assert [letter.reason for letter in system.dead_letters] == ["handler raised", "actor stopped"]


async def test_a_constructor_that_raises_at_a_restart_is_a_failure_too():
    made = []

    class Fragile(Scripted):
        def __init__(self):
            super().__init__()
            made.append(1)
            if len(made) == 2:
                raise OSError("no second one")

    async with quiet_system() as system:
        ref = await system.spawn(Fragile)
        await ref.send(fail)
        assert await within_limits(ref.ask(nothing)) == "done"
        assert system.inspect().children[0].restarts == 2
    assert len(made) == 3


async def test_a_cancelled_inner_task_in_on_restart_is_a_failure_and_not_the_end():
    attempts = []

    async def await_cancelled(actor):
        attempts.append(1)
        if len(attempts) == 1:
            inner = asyncio.create_task(asyncio.sleep(1000))
            asyncio.get_running_loop().call_soon(inner.cancel)
            await inner

    async with quiet_system() as system:
        ref = await system.spawn(scripted(on_restart=await_cancelled))
        await ref.send(fail)
        assert await within_limits(ref.ask(nothing)) == "done"
    assert len(attempts) == 2


async def test_two_that_fail_at_the_same_time_are_restarted_once_and_told_why():
    log = []

    class Told(Scripted):
        async def on_restart(self, error):
            log.append((self.ref.name, type(error).__name__))

    async def fail_otherwise(actor):
        raise KeyError

    async with quiet_system(supervision=Supervision("one_for_all", max_restarts=1)) as system:
        first = await system.spawn(Told, name="a")
        second = await system.spawn(Told, name="b")
        third = await system.spawn(Told, name="c")
        await first.send(fail)
        await second.send(fail_otherwise)
        for ref in (first, second, third):
            assert await within_limits(ref.ask(nothing)) == "done"
    assert log == [("a", "ValueError"), ("b", "KeyError"), ("c", "NoneType")]


async def test_a_child_that_fails_while_its_parent_is_restarted_ends_with_it():
    log = Log()

    async def with_child(actor):
        actor.child = await actor.spawn(
            scripted(on_stop=child_fails, on_restart=log.hook("child restarts"))
        )

    async def child_fails(actor):
        log.append("child stops")
        raise KeyError

    async def fail_with_child(actor):
        await actor.child.send(fail)
        raise ValueError

    async with quiet_system() as system:
        parent = await system.spawn(scripted(on_start=with_child, on_restart=with_child))
        await parent.send(fail_with_child)
        assert await within_limits(parent.ask(nothing)) == "done"
        [info] = system.inspect().children
        assert info.restarts == 1
        assert len(info.children) == 1
    assert log == ["child stops", "child stops"]


async def test_a_child_in_backoff_ends_when_its_parent_is_restarted():
    async def with_child(actor):
        actor.child = await actor.spawn(Scripted)

    async def fail_child(actor):
        await actor.child.send(fail)

    slow = Supervision(backoff=Backoff(initial=1000, maximum=1000))
    async with quiet_system() as system:
        parent = await system.spawn(
            scripted(on_start=with_child, on_restart=with_child), supervision=slow
        )
        await parent.ask(fail_child)
        await settle()
        assert [info.state for info in system.inspect().children[0].children] == ["restarting"]
        await parent.send(fail)
        assert await within_limits(parent.ask(nothing)) == "done"
        assert [info.state for info in system.inspect().children[0].children] == ["running"]


async def test_a_supervisor_that_resumes_gives_up_the_child_that_escalated_alone():
    async def with_children(actor):
        actor.bad = await actor.spawn(Scripted, name="bad")
        actor.good = await actor.spawn(Scripted, name="good")

    async def fail_children(actor):
        await actor.good.send(fail)
        await actor.bad.send(fail_badly)

    async def fail_badly(actor):
        raise KeyError

    async def child_names(actor):
        return [child.name for child in actor.children]

    def decide(error):
        return "escalate" if isinstance(error, KeyError) else "restart"

    below = Supervision(on_failure=decide, backoff=Backoff(initial=0.05, jitter=0))
    async with quiet_system(supervision=Supervision(on_failure="resume")) as system:
        parent = await system.spawn(scripted(on_start=with_children), supervision=below)
        await parent.send(fail_children)
        await until(lambda: len(system.inspect().children[0].children) == 1)
        assert await parent.ask(child_names) == ["good"]
        await until(lambda: system.inspect().children[0].children[0].state == "running")


async def test_a_permanent_actor_that_stops_itself_begins_anew_and_keeps_its_mailbox():
    log = Log()

    async def stop_itself(actor):
        await actor.ref.stop()
        log.append("after stop")

    async with quiet_system() as system:
        ref = await system.spawn(
            scripted(on_stop=log.hook("on_stop"), on_restart=log.hook("on_restart")),
            restart="permanent",
        )
        await ref.send(stop_itself)
        assert await within_limits(ref.ask(nothing)) == "done"
        assert log == ["after stop", "on_stop", "on_restart"]
        await within_limits(ref.stop())
        assert (await ref.terminated()).reason == "stopped"


async def test_a_permanent_actor_that_keeps_stopping_itself_is_too_much():
    async def stop_itself(actor):
        await actor.ref.stop()

    async def run():
        async with quiet_system(supervision=Supervision(max_restarts=2)) as system:
            ref = await system.spawn(Scripted, restart="permanent")
            for _ in range(3):
                await ref.send(stop_itself)
            await within_limits(ref.terminated())

    with pytest.raises(SystemFailed):
        await run()


async def test_a_transient_actor_that_stops_itself_has_stopped():
    async def stop_itself(actor):
        await actor.ref.stop()

    async with quiet_system() as system:
        ref = await system.spawn(Scripted)
        await ref.send(stop_itself)
        assert (await within_limits(ref.terminated())).reason == "stopped"
        assert system.inspect().children == ()


async def test_an_actor_that_is_spawned_while_its_group_is_restarted_runs():
    entered, opened = asyncio.Event(), asyncio.Event()

    async def wait(actor):
        entered.set()
        await opened.wait()

    async with quiet_system(supervision=Supervision("one_for_all")) as system:
        ref = await system.spawn(scripted(on_stop=wait))
        await ref.send(fail)
        await within_limits(entered.wait())
        spawn = asyncio.create_task(system.spawn(Scripted))
        await asyncio.sleep(0)
        opened.set()
        fresh = await within_limits(spawn)
        assert await within_limits(ref.ask(nothing)) == "done"
        assert await within_limits(fresh.ask(nothing)) == "done"


async def test_a_failure_and_a_spawn_in_one_turn_do_not_lock_the_group():
    async with quiet_system(supervision=Supervision("one_for_all")) as system:
        ref = await system.spawn(Scripted)
        spawned = []

        async def spawn_and_fail(actor):
            spawned.append(asyncio.create_task(system.spawn(Scripted)))
            raise ValueError

        await ref.send(spawn_and_fail)
        assert await within_limits(ref.ask(nothing)) == "done"
        await asyncio.wait(spawned)
        # one that had begun to start when its group was restarted was refused, and says so
        fresh = spawned[0].exception() or spawned[0].result()
        if not isinstance(fresh, Exception):
            assert await within_limits(fresh.ask(nothing)) == "done"


# --- timers


async def test_timers_end_with_the_instance_that_has_set_them():
    log = []

    async def set_timers(actor):
        actor.send_interval(0.01, tick)
        actor.timer = actor.send_after(0.05, boom)

    async def tick(actor):
        log.append("tick")

    async def boom(actor):
        log.append("boom")

    async with quiet_system() as system:
        ref = await system.spawn(scripted(on_start=set_timers, on_restart=nothing))
        await until(lambda: log)
        await ref.send(fail)
        await within_limits(ref.ask(nothing))
        log.clear()
        await asyncio.sleep(0.1)
        assert log == []


async def test_timers_that_are_set_in_on_stop_end_too():
    log = []

    async def set_timer(actor):
        actor.send_after(0, tick)

    async def tick(actor):
        log.append("tick")

    async with quiet_system() as system:
        ref = await system.spawn(scripted(on_stop=set_timer))
        await ref.send(fail)
        await within_limits(ref.ask(nothing))
        await asyncio.sleep(0.01)
    assert log == []


async def test_a_restart_does_not_put_off_the_time_of_a_stop():
    async with quiet_system() as system:
        ref = await system.spawn(Scripted)
        await ref.send(fail)
        await ref.send(hang)
        await within_limits(ref.stop(timeout=0.05))  # which drains, and restarts on the way
        assert [letter.reason for letter in system.dead_letters] == ["handler raised", "cancelled"]


async def test_an_interval_that_finds_the_mailbox_full_leaves_dead_letters():
    opened = asyncio.Event()

    async def wait(actor):
        actor.send_interval(0.001, tick)
        await opened.wait()

    async def tick(actor):
        pass

    async with quiet_system() as system:
        ref = await system.spawn(Scripted, capacity=2)
        await ref.send(wait)
        await until(lambda: system.dead_letters.total > 2)
        assert {letter.reason for letter in system.dead_letters} == {"mailbox full"}
        opened.set()
        await ref.stop(drain=False)


@pytest.mark.parametrize(
    "delay", [("send_after", -1), ("send_interval", 0), ("send_interval", -1)], ids=str
)
async def test_a_timer_that_would_never_rest_is_refused(delay):
    method, seconds = delay

    async def set_timer(actor):
        getattr(actor, method)(seconds, nothing)

    async with quiet_system() as system:
        ref = await system.spawn(Scripted)
        with pytest.raises(InvalidValueError, match=f"got {seconds}"):
            await ref.ask(set_timer)


async def test_what_timers_send_to_a_mailbox_that_drops_the_oldest_can_be_dropped():
    opened = asyncio.Event()
    handled = []

    async def wait(actor):
        actor.send_after(0, puts("timer", handled))
        await opened.wait()

    async with quiet_system() as system:
        ref = await system.spawn(Scripted, capacity=1, overflow="drop_old")
        await ref.send(wait)
        await until(lambda: system.inspect().children[0].waiting == 1)
        await ref.send(puts("sent", handled))
        opened.set()
        await ref.stop()
    assert handled == ["sent"]


async def test_news_of_ends_does_not_pile_up_in_a_mailbox_that_drops_the_oldest():
    class Watcher(Scripted):
        async def process_message(self, message):
            if not isinstance(message, Terminated):
                await super().process_message(message)

    async def spawn_and_watch(actor):
        child = await actor.spawn(Scripted)
        actor.watch(child)
        await child.stop()

    async with quiet_system() as system:
        ref = await system.spawn(Watcher, overflow="drop_old")
        for _ in range(100):
            await ref.ask(spawn_and_watch)
        await ref.ask(nothing)
        gc.collect()
        assert sum(type(thing) is Terminated for thing in gc.get_objects()) <= 2


# --- watching


class Watcher(Actor):
    def __init__(self, log):
        super().__init__()
        self.log = log

    async def process_message(self, message):
        match message:
            case Terminated(ref, reason, error):
                self.log.append((ref.name, reason, type(error).__name__))
            case _:
                return await message(self)


def watching(ref, times=1):
    async def watch(actor):
        for _ in range(times):
            actor.watch(ref)

    return watch


async def test_an_actor_that_is_watched_twice_is_reported_once():
    log = []
    async with quiet_system() as system:
        watcher = await system.spawn(Watcher, log)
        ref = await system.spawn(Scripted, name="watched")
        await watcher.ask(watching(ref, times=2))
        await ref.stop()
        await watcher.ask(nothing)
    assert log == [("watched", "stopped", "NoneType")]


async def test_a_watch_of_one_that_has_ended_is_answered_at_once():
    log = []
    async with quiet_system() as system:
        watcher = await system.spawn(Watcher, log)
        ref = await system.spawn(Scripted, name="watched", restart="temporary")
        await ref.send(fail)
        await ref.terminated()
        await watcher.ask(watching(ref))
        await watcher.ask(nothing)
    assert log == [("watched", "failed", "ValueError")]


async def test_a_watch_that_is_ended_reports_nothing():
    log = []
    async with quiet_system() as system:
        watcher = await system.spawn(Watcher, log)
        ref = await system.spawn(Scripted)
        await watcher.ask(watching(ref))

        async def unwatch(actor):
            actor.unwatch(ref)
            actor.unwatch(ref)

        await watcher.ask(unwatch)
        await ref.stop()
        await watcher.ask(nothing)
    assert log == []


async def test_a_watch_outlives_a_restart_of_the_watcher_and_of_the_watched():
    log = []
    async with quiet_system() as system:
        watcher = await system.spawn(Watcher, log)
        ref = await system.spawn(Scripted, name="watched")
        await watcher.ask(watching(ref))
        await watcher.send(fail)
        await watcher.ask(watching(ref))  # as an on_restart would
        await ref.send(fail)
        await ref.ask(nothing)
        assert log == []
        await ref.stop()
        await watcher.ask(nothing)
    assert log == [("watched", "stopped", "NoneType")]


async def test_news_of_an_end_comes_through_a_full_mailbox():
    log, opened = [], asyncio.Event()

    async with quiet_system() as system:
        watcher = await system.spawn(Watcher, log, capacity=1, overflow="fail")
        ref = await system.spawn(Scripted, name="watched")
        await watcher.ask(watching(ref))
        await watcher.send(waits_for(opened))
        await settle()
        await watcher.send(nothing)
        await ref.stop()
        opened.set()
        await watcher.stop()
    assert log == [("watched", "stopped", "NoneType")]


async def test_many_restarts_leave_no_memory_behind():
    async with quiet_system(supervision=Supervision(max_restarts=10**6)) as system:
        system.dead_letters.subscribe(lambda letter: None)
        ref = await system.spawn(Scripted)

        async def some(count):
            for _ in range(count):
                with pytest.raises(ValueError, match="told"):
                    await ref.ask(fail)

        await some(50)
        tracemalloc.start()
        await some(50)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        await some(300)
        gc.collect()
        after = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        assert after - before < 64 * 300  # less than one small object for each restart
