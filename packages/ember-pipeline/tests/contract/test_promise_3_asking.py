import asyncio

import pytest
from promised_actors import Scripted, busy, fail, forever, info, letters, seen, waits, within_limits

from ember_ml.pipeline import ActorStopped, AskCycleError, AskTimeout, HandlerCancelled

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_promise_3_an_ask_ends_in_a_value(system):
    ref = await system.spawn(Scripted)
    assert await within_limits(ref.ask({"deep": [1, None]})) == {"deep": [1, None]}
    assert await within_limits(ref.ask("in time", timeout=60)) == "in time"


async def test_promise_3_an_ask_ends_in_what_the_handler_raises(system):
    async def time_out(actor):
        raise TimeoutError("its own")

    ref = await system.spawn(Scripted)
    with pytest.raises(KeyError, match="missing"):
        await within_limits(ref.ask(fail))
    with pytest.raises(TimeoutError, match="its own") as caught:
        await within_limits(ref.ask(time_out, timeout=60))
    assert not isinstance(caught.value, AskTimeout)
    assert letters(system) == []


async def test_promise_3_an_ask_ends_in_ask_timeout(system, tmp_path):
    ref = await system.spawn(Scripted, capacity=1)
    gate = tmp_path / "gate"
    await busy(system, ref, gate)
    with pytest.raises(AskTimeout, match=r"did not reply to 'late' within 0.02 s"):
        await ref.ask("late", timeout=0.02)
    with pytest.raises(AskTimeout):  # while it waits for room, which "late" has taken
        await ref.ask("no room", timeout=0.02)
    gate.touch()
    assert await within_limits(ref.ask(seen)) == ["late"]


async def test_promise_3_an_ask_ends_in_actor_stopped(system):
    ref = await system.spawn(Scripted)
    in_hand = asyncio.create_task(ref.ask(forever))
    waiting = asyncio.create_task(ref.ask("waits"))
    await asyncio.sleep(0.05)
    await within_limits(ref.stop(timeout=0.05))
    for ask in (in_hand, waiting):
        with pytest.raises(ActorStopped, match="app/Scripted-1"):
            await within_limits(ask)
    with pytest.raises(ActorStopped):
        await within_limits(ref.ask("too late"))
    assert letters(system) == [(forever, "cancelled"), ("waits", "actor stopped")]


async def test_promise_3_an_ask_ends_in_actor_stopped_when_the_actor_fails_for_good(system):
    async def stop_on_failure(actor):
        ref = await actor.spawn(Scripted, restart="temporary")
        asks = [asyncio.create_task(ref.ask(message)) for message in (fail, "waits")]
        outcomes = await asyncio.gather(*asks, return_exceptions=True)
        return [type(outcome) for outcome in outcomes]

    ref = await system.spawn(Scripted)
    assert await within_limits(ref.ask(stop_on_failure)) == [KeyError, ActorStopped]


async def test_promise_3_a_late_reply_is_discarded(system, tmp_path):
    ref = await system.spawn(Scripted)
    gate = tmp_path / "gate"
    with pytest.raises(AskTimeout):
        await ref.ask(waits(gate), timeout=0.02)
    gate.touch()
    assert [await within_limits(ref.ask(number)) for number in range(3)] == [0, 1, 2]
    assert letters(system) == []


async def test_promise_3_a_handler_whose_inner_task_is_cancelled_does_not_cancel_its_asker(system):
    async def await_cancelled(actor):
        inner = asyncio.create_task(asyncio.sleep(1000))
        asyncio.get_running_loop().call_soon(inner.cancel)
        await inner

    ref = await system.spawn(Scripted)
    with pytest.raises(HandlerCancelled):
        await within_limits(ref.ask(await_cancelled))
    assert await within_limits(ref.ask("next")) == "next"


@pytest.mark.parametrize("gathered", [False, True])
async def test_promise_3_a_self_ask_raises(system, gathered):
    async def ask_itself(actor):
        ask = actor.ref.ask("never")
        return await (asyncio.gather(ask) if gathered else ask)

    ref = await system.spawn(Scripted, name="narcissus")
    with pytest.raises(AskCycleError, match="app/narcissus -> app/narcissus"):
        await within_limits(ref.ask(ask_itself))
    assert await within_limits(ref.ask("next")) == "next"


async def test_promise_3_a_cycle_of_asks_raises_and_names_the_way_round(system):
    refs = [await system.spawn(Scripted, name=name) for name in "abc"]

    def asks(others):
        async def ask(actor):
            return await others[0].ask(asks(others[1:]))

        return ask

    with pytest.raises(AskCycleError, match="app/c -> app/a -> app/b -> app/c"):
        await within_limits(refs[0].ask(asks([refs[1], refs[2], refs[0]])))
    assert [await within_limits(ref.ask("next")) for ref in refs] == ["next"] * 3


async def test_promise_3_a_child_that_asks_its_spawning_parent_raises(system):
    async def spawn_child(actor):
        parent = actor.ref

        class Curious(Scripted):
            async def on_start(self):
                await parent.ask("may I?")

        await actor.spawn(Curious)

    ref = await system.spawn(Scripted)
    with pytest.raises(AskCycleError):
        await within_limits(ref.ask(spawn_child))
    assert info(system, ref).children == ()


async def test_promise_3_waiting_for_ones_own_end_raises(system):
    async def wait_for_itself(actor):
        await actor.ref.terminated()

    ref = await system.spawn(Scripted)
    with pytest.raises(AskCycleError):
        await within_limits(ref.ask(wait_for_itself))
