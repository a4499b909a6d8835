import asyncio

import pytest
from promised_actors import Scripted, busy, info, letters, seen, until, within_limits

from ember_ml.pipeline import MailboxFull

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_promise_2_a_mailbox_holds_1024_messages_unless_told_otherwise(system, tmp_path):
    ref = await system.spawn(Scripted)
    assert info(system, ref).capacity == 1024
    gate = tmp_path / "gate"
    await busy(system, ref, gate)
    for number in range(1024):
        await within_limits(ref.send(number))
    assert info(system, ref).waiting == 1024
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(ref.send("one too many"), 0.05)
    gate.touch()
    assert await within_limits(ref.ask(seen)) == list(range(1024))


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
            await within_limits(ref.send(number))
        except MailboxFull:
            refused.append(number)
    assert info(system, ref).waiting == 2
    gate.touch()
    await until(lambda: info(system, ref).handled == 3)
    assert await within_limits(ref.ask(seen)) == kept
    assert refused == ([2, 3] if overflow == "fail" else [])
    assert letters(system) == [(number, "mailbox full") for number in dropped]


@pytest.mark.parametrize("overflow", ["drop_new", "drop_old", "fail"])
async def test_promise_2_who_asked_a_message_that_is_dropped_is_told(system, tmp_path, overflow):
    ref = await system.spawn(Scripted, capacity=1, overflow=overflow)
    gate = tmp_path / "gate"
    await busy(system, ref, gate)
    asks = []
    for number in range(2):
        asks.append(asyncio.create_task(ref.ask(number)))
        await asyncio.sleep(0)
    lost, kept = (0, 1) if overflow == "drop_old" else (1, 0)
    with pytest.raises(MailboxFull):
        await within_limits(asks[lost])
    gate.touch()
    assert await within_limits(asks[kept]) == kept
    assert letters(system) == ([] if overflow == "fail" else [(lost, "mailbox full")])


async def test_promise_2_senders_wait_for_room_in_the_order_in_which_they_came(system, tmp_path):
    ref = await system.spawn(Scripted, capacity=1)
    gate = tmp_path / "gate"
    await busy(system, ref, gate)
    await ref.send("fits")
    waiting = []
    for number in range(5):
        waiting.append(asyncio.create_task(ref.send(number)))
        await asyncio.sleep(0)
    cancelled = waiting.pop(2)
    cancelled.cancel()
    await asyncio.sleep(0.02)
    assert not any(task.done() for task in waiting)
    gate.touch()
    await within_limits(asyncio.gather(*waiting))
    assert await within_limits(ref.ask(seen)) == ["fits", 0, 1, 3, 4]
    assert letters(system) == []


async def test_promise_2_an_actor_waits_for_room_with_another(system, tmp_path):
    ref = await system.spawn(Scripted, capacity=1)
    sender = await system.spawn(Scripted)
    gate = tmp_path / "gate"
    await busy(system, ref, gate)
    await ref.send("fits")

    async def send_on(actor):
        await ref.send("from an actor")
        return "sent"

    ask = asyncio.create_task(sender.ask(send_on))
    await asyncio.sleep(0.05)
    assert not ask.done()
    gate.touch()
    assert await within_limits(ask) == "sent"
    assert await within_limits(ref.ask(seen)) == ["fits", "from an actor"]
