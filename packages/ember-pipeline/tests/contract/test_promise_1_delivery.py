import asyncio

import pytest
from promised_actors import Scripted, busy, fail, info, letters, seen, within_limits

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_promise_1_messages_of_one_sender_arrive_in_order_and_once(system):
    sink = await system.spawn(Scripted)
    for number in range(2000):
        await sink.send(number)
    assert await within_limits(sink.ask(seen)) == list(range(2000))


async def test_promise_1_each_of_several_senders_keeps_its_order(system):
    sink = await system.spawn(Scripted, capacity=8)
    senders = [await system.spawn(Scripted) for _ in range(2)]

    def sends(name):
        async def send_all(actor):
            for number in range(60):
                await sink.send((name, number))

        return send_all

    async def send_from_here(name):
        for number in range(300):
            await sink.send((name, number))

    await within_limits(
        asyncio.gather(
            *(send_from_here(name) for name in "ab"),
            *(sender.ask(sends(name)) for sender, name in zip(senders, "cd", strict=True)),
        )
    )
    arrived = await within_limits(sink.ask(seen))
    for name, count in {"a": 300, "b": 300, "c": 60, "d": 60}.items():
        assert [number for who, number in arrived if who == name] == list(range(count))
    assert len(arrived) == 720


async def test_promise_1_asks_and_sends_of_one_sender_share_its_order(system):
    sink = await system.spawn(Scripted)
    asks = []
    for number in range(100):
        if number % 3:
            await sink.send(number)
        else:
            asks.append(asyncio.create_task(sink.ask(number)))
            await asyncio.sleep(0)
    assert await within_limits(asyncio.gather(*asks)) == list(range(0, 100, 3))
    assert await sink.ask(seen) == list(range(100))


async def test_promise_1_send_means_queued_and_a_reply_means_processed(system, tmp_path):
    sink = await system.spawn(Scripted)
    gate = tmp_path / "gate"
    await busy(system, sink, gate)
    await within_limits(sink.send("queued"))
    ask = asyncio.create_task(sink.ask("asked"))
    await asyncio.sleep(0.02)
    assert info(system, sink).waiting == 2
    assert not ask.done()
    gate.touch()
    assert await within_limits(ask) == "asked"
    assert await sink.ask(seen) == ["queued", "asked"]


async def test_promise_1_nothing_is_delivered_again_after_a_restart(system):
    diary = await system.spawn(Scripted)

    async def note_and_fail(actor):
        await diary.send("handled")
        await fail(actor)

    ref = await system.spawn(Scripted)
    await ref.send("before")
    await ref.send(note_and_fail)
    await ref.send("after")
    assert await within_limits(ref.ask(seen)) == ["after"]
    assert await diary.ask(seen) == ["handled"]
    assert letters(system) == [(note_and_fail, "handler raised")]
