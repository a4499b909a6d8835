"""A connection over calls that come through late, twice, out of order, or not at all."""

import asyncio
import pickle
import random

import pytest

from ember_ml.pipeline._errors import WorkerDied
from ember_ml.pipeline.runtimes._connection import Connection, Port
from ember_ml.pipeline.runtimes._link import Link


class Network:
    """Carries calls to a port with the faults that a seed draws; ``fault`` is their probability."""

    def __init__(self, port, seed, fault):
        self.port = port
        self.random = random.Random(seed)
        self.fault = fault
        self.lost = 0
        self.dead = asyncio.Event()

    async def exchange(self, packet, wait, resend):
        await self.delay()
        if self.fails():
            raise ConnectionError("lost on the way there")
        if self.fails():
            await self.port.exchange(packet, False, False)  # a duplicate
        answer = asyncio.ensure_future(self.port.exchange(packet, wait, resend))
        death = asyncio.ensure_future(self.dead.wait())
        try:
            await asyncio.wait({answer, death}, return_when=asyncio.FIRST_COMPLETED)
            if self.dead.is_set():
                raise WorkerDied("the process has ended")
            if self.fails():
                raise ConnectionError("lost on the way back")
            await self.delay()
            return answer.result()
        finally:
            for task in (answer, death):
                task.cancel()
            await asyncio.gather(answer, death, return_exceptions=True)

    def fails(self):
        failed = self.random.random() < self.fault
        self.lost += failed
        return failed

    async def delay(self):
        for _ in range(self.random.randrange(20)):
            await asyncio.sleep(0)


async def connected(seed, fault, count, echo=True):
    """Post ``count`` operations, which the port posts back; return what each side has received."""
    there, here, told = [], [], []
    complete = asyncio.Event()

    def receive_there(op):
        there.append(op)
        port.post(op)

    def receive_here(op):
        here.append(op)
        if len(here) == count:
            complete.set()

    port = Port(receive_there)
    network = Network(port, seed, fault)
    connection = Connection(network.exchange, receive_here, told.append)
    for number in range(count):
        connection.post((number, b"x" * (number % 7)))
        if number % 100 == 0:
            await asyncio.sleep(0)
    async with asyncio.timeout(60):
        await complete.wait()
        network.dead.set()
        await connection.join()
    return there, here, told, network


@pytest.mark.parametrize("seed", range(5))
async def test_whatever_is_posted_arrives_in_order_and_once(seed, monkeypatch):
    monkeypatch.setattr("ember_ml.pipeline.runtimes._connection._PAUSE", 0.001)
    monkeypatch.setattr("ember_ml.pipeline.runtimes._connection._FRAME_OPS", 10)
    there, here, told, network = await connected(seed, fault=0.1, count=1000)
    assert [op[0] for op in there] == [op[0] for op in here] == list(range(1000))
    assert network.lost > 0
    assert [type(error) for error in told] == [WorkerDied]


async def test_a_frame_is_bounded_in_bytes(monkeypatch):
    frames = []

    async def exchange(packet, wait, resend):
        if got.is_set():
            raise WorkerDied("the process has ended")
        if packet.number:
            frames.append(len(packet.frame))
        return await port.exchange(packet, wait, resend)

    got = asyncio.Event()
    seen = []
    port = Port(lambda op: (seen.append(op[0]), len(seen) == 30 and got.set()))
    connection = Connection(exchange, [].append, [].append)
    for number in range(30):
        connection.post((number, bytes(1 << 18)))
    await asyncio.wait_for(got.wait(), 60)
    assert seen == list(range(30))
    # four operations of a quarter of a MiB each fill a frame
    assert len(frames) == 8
    port.post((0, b""))  # wakes the call that waits, and the next one meets the end
    await connection.join()


async def test_the_end_of_the_other_side_is_told_once():
    told = []

    async def exchange(packet, wait, resend):
        raise WorkerDied("the process has ended")

    connection = Connection(exchange, told.append, told.append)
    for number in range(10):
        connection.post((number, b""))
    await connection.join()
    assert [str(error) for error in told] == ["the process has ended"]


async def test_what_is_gathered_goes_with_the_next_frame():
    received, gathered = [], []

    def gather():
        ops = list(gathered)
        gathered.clear()
        return ops

    port = Port(received.append, gather)
    gathered.append(("late", b""))
    port.post(("posted", b""))
    link = Link(window=4)
    answer = await port.exchange(link.acknowledgement(), True, False)
    assert [pickle.loads(frame) for frame in link.receive(answer)] == [
        [("posted", b""), ("late", b"")]
    ]
    waiting = asyncio.create_task(port.exchange(link.acknowledgement(), True, False))
    await asyncio.sleep(0)
    assert not waiting.done()
    gathered.append(("alone", b""))
    port.ring()
    answer = await asyncio.wait_for(waiting, 60)
    assert [pickle.loads(frame) for frame in link.receive(answer)] == [[("alone", b"")]]
    assert received == []
