import asyncio
import os
import subprocess
import sys

import pytest
from promised_actors import Scripted, info, letters, seen, until, within_limits

from ember_ml.pipeline import ActorStopped

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def process(actor):
    return os.getpid()


async def test_promise_9_actors_live_where_the_runtime_puts_them(system, runtime):
    refs = [await system.spawn(Scripted) for _ in range(4)]
    processes = {await within_limits(ref.ask(process)) for ref in refs}
    assert (os.getpid() in processes) == (runtime is None)
    assert len(processes) == (1 if runtime is None else 2)


async def test_promise_9_nothing_but_the_runtime_imports_ray():
    code = "import sys, ember_ml.pipeline; print('ray' in sys.modules)"
    told = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert told.stdout == "False\n"


async def test_promise_9_references_can_be_sent_compared_and_used_everywhere(system):
    one, two = [await system.spawn(Scripted, name=name) for name in ("one", "two")]

    async def introduce(actor):
        child = await actor.spawn(Scripted, name="child")
        return {"child": child, "self": actor.ref, "two": two}

    refs = await within_limits(one.ask(introduce))
    assert refs["self"] == one
    assert refs["two"] == two
    assert refs["child"].path == "app/one/child"
    assert await within_limits(refs["child"].ask("hello")) == "hello"

    async def compare(actor):
        assert refs["two"] == actor.ref
        assert len({refs["two"], actor.ref, two}) == 1
        return await refs["child"].ask(seen)

    assert await within_limits(two.ask(compare)) == ["hello"]


async def test_promise_9_threads_can_send_and_ask(system):
    ref = await system.spawn(Scripted, capacity=4)

    def work():
        for number in range(20):
            ref.send_blocking(number)
        return ref.ask_blocking(seen)

    assert await within_limits(asyncio.to_thread(work)) == list(range(20))
    await within_limits(ref.stop())
    with pytest.raises(ActorStopped):
        await asyncio.to_thread(ref.send_blocking, "too late")


async def test_promise_9_another_event_loop_can_send_ask_and_stop(system):
    ref = await system.spawn(Scripted)

    async def elsewhere():
        for number in range(20):
            await ref.send(number)
        arrived = await ref.ask(seen, timeout=60)
        await ref.stop()
        return arrived

    arrived = await within_limits(asyncio.to_thread(asyncio.run, elsewhere()))
    assert arrived == list(range(20))
    assert info(system, ref) is None


async def test_promise_9_timers_ring_until_they_are_cancelled_or_their_instance_ends(system):
    async def wind(actor):
        actor.send_after(0.01, "once")
        actor.timer = actor.send_interval(0.01, "tick")

    async def unwind(actor):
        actor.timer.cancel()
        return actor.seen

    async def rung(ref, times):
        async with asyncio.timeout(60):
            while (await ref.ask(seen)).count("tick") < times:  # noqa: ASYNC110 - rings by itself
                await asyncio.sleep(0.01)

    async def rings_no_more(ref):
        await within_limits(ref.ask(seen))  # what has ended the timer is over,
        heard = len(await within_limits(ref.ask(seen)))  # and what was in the mailbox has come
        await asyncio.sleep(0.05)
        assert len(await within_limits(ref.ask(seen))) == heard

    async def fail_after_winding(actor):
        actor.send_interval(0.01, "tick")
        raise KeyError

    ref = await system.spawn(Scripted)
    await ref.send(wind)
    await rung(ref, 3)
    heard = await within_limits(ref.ask(unwind))
    assert heard.count("once") == 1
    await rings_no_more(ref)
    await ref.send(fail_after_winding)
    await rings_no_more(ref)


async def test_promise_9_subscribers_hear_of_dead_letters_of_every_actor(system):
    heard = []
    unsubscribe = system.dead_letters.subscribe(lambda letter: heard.append(letter.recipient))

    async def leave_a_letter(actor):
        child = await actor.spawn(Scripted, name="child")
        await child.send(raises)

    async def raises(actor):
        raise KeyError

    ref = await system.spawn(Scripted, name="parent")
    await within_limits(ref.ask(leave_a_letter))
    await until(lambda: heard)
    unsubscribe()
    await ref.send(raises)
    await until(lambda: len(letters(system)) == 2)
    assert heard == ["app/parent/child"]


async def test_promise_9_inspection_shows_the_tree(system):
    async def have_child(actor):
        await actor.spawn(Scripted, name="below", capacity=8)

    ref = await system.spawn(Scripted, name="above")
    await within_limits(ref.ask(have_child))
    await within_limits(ref.ask("one more"))
    assert str(system.inspect()) == (
        "app: 2 actors\n"
        "└── above: running, 0 of 1024 waiting, 2 handled\n"
        "    └── below: running, 0 of 8 waiting, 0 handled"
    )
