import asyncio
import gc
import logging
import threading
import time
import weakref

import pytest
from scripted_actors import (
    Scripted,
    fail,
    nothing,
    puts,
    quiet_system,
    scripted,
    settle,
    until,
    waits_for,
    within_limits,
)

from ember_ml.pipeline import (
    Actor,
    ActorStopped,
    ActorSystem,
    AskCycleError,
    AskTimeout,
    HandlerCancelled,
    MailboxFull,
    Supervision,
    SystemFailed,
    UsageError,
)


@pytest.mark.parametrize("how", ["direct", "gather", "task", "thread"])
async def test_an_actor_that_asks_itself_is_refused(how):
    async def ask_itself(actor):
        match how:
            case "direct":
                return await actor.ref.ask(nothing)
            case "gather":
                return await asyncio.gather(actor.ref.ask(nothing), asyncio.sleep(0))
            case "task":
                return await asyncio.create_task(actor.ref.ask(nothing))
            case "thread":
                return await asyncio.to_thread(actor.ref.ask_blocking, nothing)

    async with quiet_system() as system:
        ref = await system.spawn(Scripted)
        with pytest.raises(AskCycleError):
            await within_limits(ref.ask(ask_itself))
        assert await ref.ask(nothing) == "done"


async def test_a_child_that_asks_in_on_start_the_parent_that_spawns_it_is_refused():
    async def spawn_child(actor):
        async def ask_parent(child):
            await actor.ref.ask(nothing)

        await actor.spawn(scripted(on_start=ask_parent))

    async with quiet_system() as system:
        ref = await system.spawn(Scripted)
        with pytest.raises(AskCycleError):
            await within_limits(ref.ask(spawn_child))
        assert system.inspect().children[0].children == ()


async def test_a_child_that_asks_in_on_stop_the_parent_that_stops_it_is_refused():
    outcomes = []

    async def with_child(actor):
        async def ask_parent(child):
            try:
                await actor.ref.ask(nothing)
            except (AskCycleError, ActorStopped) as error:
                outcomes.append(type(error))

        await actor.spawn(scripted(on_stop=ask_parent))

    async with quiet_system() as system:
        ref = await system.spawn(scripted(on_start=with_child, on_restart=with_child))
        await ref.send(fail)
        assert await within_limits(ref.ask(nothing)) == "done"
        await within_limits(ref.stop())
    assert outcomes == [AskCycleError, AskCycleError]


async def test_a_cycle_of_two_in_their_gathered_tasks_is_refused():
    async def ask_other(actor):
        return await asyncio.gather(second.ask(ask_back), second.ask(nothing))

    async def ask_back(actor):
        return await asyncio.gather(first.ask(nothing), asyncio.sleep(0))

    async with quiet_system() as system:
        first = await system.spawn(Scripted)
        second = await system.spawn(Scripted)
        with pytest.raises(AskCycleError):
            await within_limits(first.ask(ask_other))


async def test_an_ask_that_a_failed_handler_left_behind_is_no_cycle_in_on_stop():
    tasks = []

    async def leave_an_ask(actor):
        tasks.append(asyncio.create_task(other.ask(wait)))
        await entered.wait()
        raise ValueError

    async def wait(actor):
        entered.set()
        await opened.wait()
        return await first.ask(nothing, timeout=20)

    entered, opened = asyncio.Event(), asyncio.Event()

    async def open_and_wait(actor):
        opened.set()
        await settle()

    async with quiet_system() as system:
        other = await system.spawn(Scripted)
        first = await system.spawn(scripted(on_stop=open_and_wait))
        await first.send(leave_an_ask)
        await within_limits(entered.wait())
        assert await within_limits(first.ask(nothing)) == "done"
        assert await within_limits(tasks[0]) == "done"


async def test_a_reply_after_the_timeout_is_discarded_and_the_next_ask_gets_its_own():
    opened = asyncio.Event()

    async def late(actor):
        await opened.wait()
        return "late"

    async with quiet_system() as system:
        ref = await system.spawn(Scripted)
        with pytest.raises(AskTimeout):
            await ref.ask(late, timeout=0.01)
        opened.set()
        assert await ref.ask(nothing) == "done"
        assert len(system.dead_letters) == 0


async def test_a_handler_whose_inner_task_is_cancelled_has_failed_and_the_asker_is_not_cancelled():
    async def await_cancelled(actor):
        inner = asyncio.create_task(asyncio.sleep(1000))
        asyncio.get_running_loop().call_soon(inner.cancel)
        await inner

    async with quiet_system() as system:
        ref = await system.spawn(Scripted)
        with pytest.raises(HandlerCancelled):
            await within_limits(ref.ask(await_cancelled))
        await ref.send(await_cancelled)
        assert await within_limits(ref.ask(nothing)) == "done"
        [letter] = system.dead_letters
        assert (letter.reason, type(letter.error)) == ("handler raised", HandlerCancelled)
        assert system.inspect().children[0].restarts == 2


async def test_an_asker_that_is_cancelled_while_the_handler_runs_changes_nothing_for_it():
    entered, opened = asyncio.Event(), asyncio.Event()
    handled = []

    async def wait(actor):
        entered.set()
        await opened.wait()
        handled.append("to the end")

    async with quiet_system() as system:
        ref = await system.spawn(Scripted)
        asker = asyncio.create_task(ref.ask(wait))
        await entered.wait()
        asker.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asker
        opened.set()
        assert await ref.ask(nothing) == "done"
    assert handled == ["to the end"]


@pytest.mark.parametrize("seconds", [None, 20])
async def test_a_failure_whose_asker_is_cancelled_before_it_has_heard_is_a_dead_letter(seconds):
    async def fail_and_cancel(actor):
        asyncio.get_running_loop().call_soon(asker.cancel)  # after the reply, before it is heard
        raise ValueError("unheard")

    async with quiet_system() as system:
        ref = await system.spawn(Scripted)
        asker = asyncio.create_task(ref.ask(fail_and_cancel, timeout=seconds))
        with pytest.raises(asyncio.CancelledError):
            await asker
        [letter] = system.dead_letters
        assert (letter.reason, str(letter.error)) == ("handler raised", "unheard")


async def test_a_sender_that_is_cancelled_while_it_waits_for_room_has_sent_nothing():
    opened = asyncio.Event()
    handled = []

    async with quiet_system() as system:
        ref = await system.spawn(Scripted, capacity=1)
        await ref.send(waits_for(opened))
        await settle()
        senders = [asyncio.create_task(ref.send(puts(number, handled))) for number in range(4)]
        await settle()
        for cancelled in (1, 3):
            senders[cancelled].cancel()
        opened.set()
        outcomes = await within_limits(asyncio.gather(*senders, return_exceptions=True))
        assert [isinstance(o, asyncio.CancelledError) for o in outcomes] == [0, 1, 0, 1]
    assert handled == [0, 2]


async def test_a_sender_that_is_cancelled_when_its_turn_has_come_passes_it_on():
    opened = asyncio.Event()
    handled = []

    async with quiet_system() as system:
        ref = await system.spawn(Scripted, capacity=1)
        await ref.send(waits_for(opened))
        await settle()
        await ref.send(puts("waits", handled))
        first = asyncio.create_task(ref.send(puts("first", handled)))
        second = asyncio.create_task(ref.send(puts("second", handled)))
        await settle()

        async def cancel_first(actor):
            first.cancel()

        opened.set()
        # the actor takes what waits, which lets the first sender in, in the turn of this cancel
        asyncio.get_running_loop().call_soon(asyncio.get_running_loop().call_soon, first.cancel)
        await asyncio.wait([first, second], timeout=20)
        assert second.exception() is None
        was_sent = not first.cancelled()
    assert handled == ["waits", *["first"] * was_sent, "second"]


async def test_a_send_that_could_never_have_room_is_refused():
    async def fill(actor):
        for _ in range(2):
            await actor.ref.send(nothing)

    async with quiet_system() as system:
        ref = await system.spawn(Scripted, capacity=1)
        with pytest.raises(MailboxFull, match="deadlock"):
            await within_limits(ref.ask(fill))


async def test_a_background_task_that_raises_harms_nobody(caplog):
    done = asyncio.Event()

    async def leave_a_task(actor):
        async def break_down():
            raise RuntimeError("in the background")

        task = asyncio.create_task(break_down())
        task.add_done_callback(lambda _: done.set())

    unhandled = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, told: unhandled.append(told))
    async with quiet_system() as system:
        ref = await system.spawn(Scripted)
        await ref.ask(leave_a_task)
        await within_limits(done.wait())
        assert await ref.ask(nothing) == "done"
        assert system.inspect().children[0].failed == 0
    gc.collect()
    assert [str(told["exception"]) for told in unhandled] == ["in the background"]


async def test_nobody_has_to_keep_the_task_of_an_actor():
    class Echo(Actor):
        async def process_message(self, message):
            await asyncio.sleep(0)
            return message

    actor = Echo()
    asyncio.get_running_loop().create_task(actor.start())
    await settle()
    gc.collect()
    asker = weakref.ref(asyncio.get_running_loop().create_task(actor.ask(1)))
    await asyncio.sleep(0)
    gc.collect()
    assert await within_limits(asker()) == 1
    await within_limits(actor.stop())
    await settle()


async def test_nobody_has_to_keep_the_reference_to_an_actor_of_a_system():
    async def tick(actor):
        await actor.ref.send(note)

    async def note(actor):
        noted.set()

    noted = asyncio.Event()

    async def later(actor):
        actor.send_after(0.01, tick)

    async with quiet_system() as system:
        await system.spawn(scripted(on_start=later))
        gc.collect()
        await within_limits(noted.wait())


async def test_an_actor_that_has_ended_is_freed():
    class Big(Scripted):
        pass

    async with quiet_system() as system:
        ref = await system.spawn(Big)
        cell = weakref.ref(ref._cell)
        await ref.ask(nothing)
        await ref.stop()
        del ref
        await settle()
        gc.collect()
        assert cell() is None


# --- threads and other event loops


def in_thread(work):
    """A task that runs ``work`` in a thread that is no thread of the loop's pool."""
    future = asyncio.get_running_loop().create_future()
    loop = asyncio.get_running_loop()

    def run():
        try:
            value, error = work(), None
        except BaseException as raised:
            value, error = None, raised
        loop.call_soon_threadsafe(
            lambda: future.set_exception(error) if error else future.set_result(value)
        )

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return future


class Sums(Actor):
    def __init__(self):
        super().__init__()
        self.seen = []

    async def process_message(self, message):
        if message == "sum":
            return sum(self.seen)
        if message == "seen":
            return list(self.seen)
        if message == "fail":
            raise ValueError("told to fail")
        self.seen.append(message)
        return None


async def test_threads_send_and_ask_through_a_small_mailbox():
    async with quiet_system() as system:
        ref = await system.spawn(Sums, capacity=2)

        def work():
            for _ in range(200):
                ref.send_blocking(1)
            return ref.ask_blocking("sum") >= 200

        outcomes = await within_limits(asyncio.gather(*(in_thread(work) for _ in range(3))))
        assert outcomes == [True] * 3
        assert await ref.ask("sum") == 600


async def test_another_loop_sends_in_order_and_gets_what_the_handler_raises():
    async with quiet_system(supervision=Supervision(on_failure="resume")) as system:
        ref = await system.spawn(Sums, capacity=2)

        async def elsewhere():
            for number in range(100):
                await ref.send(number)
            with pytest.raises(ValueError, match="told to fail"):
                await ref.ask("fail")
            return await ref.ask("seen", timeout=10)

        assert await within_limits(in_thread(lambda: asyncio.run(elsewhere()))) == list(range(100))


async def test_threads_that_send_while_the_actor_stops_are_told():
    async with quiet_system() as system:
        ref = await system.spawn(Scripted)
        sent, handled = [], []

        async def note(actor):
            handled.append(1)

        def work():
            try:
                while True:
                    ref.send_blocking(note)
                    sent.append(1)
            except ActorStopped:
                return "told"

        workers = [in_thread(work) for _ in range(2)]
        await until(lambda: len(sent) >= 50)
        await ref.stop()
        assert await within_limits(asyncio.gather(*workers)) == ["told", "told"]
        assert len(handled) == len(sent)
        assert len(system.dead_letters) == 0


async def test_another_loop_stops_and_waits_for_the_end():
    async with quiet_system() as system:
        ref = await system.spawn(Sums)

        async def elsewhere():
            end = asyncio.create_task(ref.terminated())
            await asyncio.sleep(0)
            await ref.stop()
            await ref.stop()
            return (await end).reason, (await ref.terminated()).reason

        assert await within_limits(in_thread(lambda: asyncio.run(elsewhere()))) == (
            "stopped",
            "stopped",
        )


def test_an_ask_from_a_thread_ends_when_the_loop_of_the_actor_does():
    refs, outcomes = [], []
    entered, begun = threading.Event(), threading.Event()

    async def wait(actor):
        entered.set()
        await asyncio.Event().wait()

    async def main():
        system = quiet_system()
        await system.__aenter__()
        refs.append(await system.spawn(Scripted))
        begun.set()
        await until(entered.is_set)

    def ask():
        begun.wait(20)
        try:
            refs[0].ask_blocking(wait)
        except ActorStopped as error:
            outcomes.append(error)

    threads = [threading.Thread(target=ask, daemon=True)]
    threads[0].start()
    asyncio.run(asyncio.wait_for(main(), 20))
    threads[0].join(20)
    assert len(outcomes) == 1
    # and afterwards there is no loop any more
    with pytest.raises(ActorStopped):
        refs[0].send_blocking(nothing)
    with pytest.raises(ActorStopped):
        asyncio.run(refs[0].send(nothing))


def test_an_ask_from_another_loop_ends_when_the_loop_of_the_actor_does():
    refs = []
    begun, asked = threading.Event(), threading.Event()

    async def main():
        system = quiet_system()
        await system.__aenter__()
        refs.append(await system.spawn(Scripted))
        begun.set()
        await until(asked.is_set)

    async def wait(actor):
        asked.set()
        await asyncio.Event().wait()

    async def ask():
        with pytest.raises(ActorStopped):
            await within_limits(refs[0].ask(wait))
        return "told"

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    assert begun.wait(20)
    assert asyncio.run(ask()) == "told"
    thread.join(20)


def test_actors_of_two_loops_watch_each_other():
    refs, told = [], []
    begun, watched = threading.Event(), threading.Event()

    async def main():
        async with quiet_system() as system:
            refs.append(await system.spawn(Sums))
            begun.set()
            await until(watched.is_set)

    class Watcher(Actor):
        async def process_message(self, message):
            if message == "watch":
                self.watch(refs[0])
            else:
                told.append(message.reason)
                await self.stop()

    async def watch():
        async with quiet_system() as system:
            ref = await system.spawn(Watcher)
            await ref.ask("watch")
            watched.set()
            await within_limits(ref.terminated())

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    assert begun.wait(20)
    asyncio.run(watch())
    thread.join(20)
    assert told == ["stopped"]


async def test_a_blocking_call_on_an_event_loop_is_refused():
    async with quiet_system() as system:
        ref = await system.spawn(Sums)
        with pytest.raises(UsageError, match="would stall the event loop"):
            ref.send_blocking(1)


async def test_a_send_from_a_thread_that_finds_no_room_in_time_has_sent_nothing():
    opened = asyncio.Event()

    async with quiet_system() as system:
        ref = await system.spawn(Scripted, capacity=1)
        await ref.send(waits_for(opened))
        await settle()
        await ref.send(nothing)
        with pytest.raises(TimeoutError):
            await in_thread(lambda: ref.send_blocking(nothing, timeout=0.05))
        opened.set()
        await ref.ask(nothing)
        assert system.inspect().children[0].handled == 3  # wait, nothing, and the ask


# --- a handler that blocks the loop, and others that break the rules


async def test_a_handler_that_blocks_the_loop_is_reported_with_actor_and_line(caplog):
    reports = []

    async def block(actor):
        time.sleep(0.8)  # noqa: ASYNC251  # the very fault

    async with ActorSystem("app", blocked_after=0.3, on_blocked=reports.append) as system:
        ref = await system.spawn(Scripted, name="lazy")
        await asyncio.sleep(0.05)
        await ref.ask(block)
    [report] = [report for report in reports if report.task == "actor app/lazy"]
    assert report.seconds >= 0.3
    line = block.__code__.co_firstlineno + 1
    assert f"test_asking_actors.py:{line} in block" in report.where
    assert "actor app/lazy has blocked the event loop" in caplog.text


async def test_an_on_blocked_that_raises_is_logged(caplog):
    def broken(report):
        raise RuntimeError("broken listener")

    async def block(actor):
        time.sleep(0.3)  # noqa: ASYNC251  # the very fault

    async with ActorSystem("app", blocked_after=0.05, on_blocked=broken) as system:
        ref = await system.spawn(Scripted)
        await asyncio.sleep(0.05)
        await ref.ask(block)
    assert "on_blocked failed" in caplog.text


async def test_others_have_their_turns_in_a_long_burst_of_messages():
    async with quiet_system() as system:
        ref = await system.spawn(Sums, capacity=100_000)
        for _ in range(100_000):
            await ref.send(1)
        other = asyncio.create_task(ref.ask("sum"))
        turns = 0
        while not other.done():
            await asyncio.sleep(0)
            turns += 1
        assert await other == 100_000
        assert turns >= 100_000 // 1000  # others had their turns in between


@pytest.mark.parametrize("fatal", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_in_a_handler_ends_the_run_and_on_stop_is_called(fatal):
    stopped = []

    async def note(actor):
        stopped.append(actor.ref.name)

    async def interrupt(actor):
        raise fatal

    async def main():
        async with quiet_system() as system:
            await system.spawn(scripted(on_stop=note), name="other")
            ref = await system.spawn(scripted(on_stop=note), name="interrupted")
            with pytest.raises(ActorStopped):
                await ref.ask(interrupt)

    with pytest.raises(fatal):
        asyncio.run(main())
    assert sorted(stopped) == ["interrupted", "other"]


async def test_another_base_exception_in_a_handler_is_a_failure_that_is_escalated():
    class Fatal(BaseException):
        pass

    async def die(actor):
        raise Fatal

    async def run():
        async with quiet_system() as system:
            ref = await system.spawn(Scripted)
            with pytest.raises(ActorStopped):
                await within_limits(ref.ask(die))
            assert (await within_limits(ref.terminated())).reason == "failed"

    with pytest.raises(SystemFailed) as caught:
        await run()
    assert isinstance(caught.value.__cause__, Fatal)


async def test_a_subscriber_to_dead_letters_that_raises_harms_nobody(caplog):
    seen = []

    def broken(letter):
        raise RuntimeError("broken subscriber")

    async with quiet_system() as system:
        system.dead_letters.subscribe(broken)
        system.dead_letters.subscribe(lambda letter: seen.append(letter.reason))
        ref = await system.spawn(Scripted)
        await ref.send(fail)
        assert await within_limits(ref.ask(nothing)) == "done"
    assert seen == ["handler raised"]
    assert "a subscriber to dead letters failed" in caplog.text


async def test_a_subscriber_that_ends_its_subscription_while_it_is_told(caplog):
    seen = []

    async with quiet_system() as system:

        def once(letter):
            seen.append(letter.reason)
            unsubscribe()

        unsubscribe = system.dead_letters.subscribe(once)
        ref = await system.spawn(Scripted)
        with caplog.at_level(logging.CRITICAL):
            await ref.send(fail)
            await ref.send(fail)
            await within_limits(ref.ask(nothing))
    assert seen == ["handler raised"]
    assert system.dead_letters.total == 2
