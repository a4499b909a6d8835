"""A tree of actors under failures, restarts, cancellations and stops: every message is accounted for."""

import asyncio
import gc
import logging
import random
from collections import Counter
from dataclasses import dataclass

import pytest

from ember_ml.pipeline import (
    Actor,
    ActorStopped,
    ActorSystem,
    AskTimeout,
    HandlerCancelled,
    MailboxFull,
    Supervision,
    Terminated,
)

MANAGERS, WORKERS, SENDERS = 3, 4, 24
POLICIES = ("block", "block", "drop_new", "drop_old")


class Restart(Exception):
    pass


class Resume(Exception):
    pass


class Stop(Exception):
    pass


class Escalate(Exception):
    pass


FAILURES = (Restart, Restart, Restart, Resume, Resume, Stop, Escalate)


def directive(error):
    for kind in (Resume, Stop, Escalate):
        if isinstance(error, kind):
            return kind.__name__.lower()
    return "restart"


@dataclass(slots=True)
class Parcel:
    number: int  # of all messages, unique
    sender: int
    place: int  # among those of its sender
    fate: float  # decides what its handler does
    asked: bool


class Ledger:
    """What has become of each message."""

    def __init__(self, count):
        self.count = count
        room = count + 1000  # those who are about to send when the last one is made
        self.begun = bytearray(room)
        self.done = bytearray(room)
        self.raised = bytearray(room)
        self.dead = bytearray(room)
        self.sent = bytearray(room)  # accepted, as far as its sender knows
        self.outcomes = {}  # of asks, by number
        self.next = 0
        self.places = Counter()
        self.latest = {}  # place of the latest message, by sender and receiver
        self.out_of_order = []
        self.objects = []

    def parcel(self, sender, fate, asked):
        number = self.next
        self.next += 1
        self.places[sender] += 1
        if number in (self.count // 4, self.count - 1):
            gc.collect()
            self.objects.append(len(gc.get_objects()))
        return Parcel(number, sender, self.places[sender], fate, asked)

    def begin(self, parcel, receiver):
        self.begun[parcel.number] += 1
        way = (parcel.sender, receiver)
        if self.latest.get(way, 0) >= parcel.place:
            self.out_of_order.append((way, parcel))
        self.latest[way] = parcel.place

    def bury(self, letter):
        if isinstance(letter.message, Parcel):
            self.dead[letter.message.number] += 1

    @property
    def exhausted(self):
        return self.next >= self.count


class Node(Actor):
    """Handles parcels as their fate says."""

    def __init__(self, chaos):
        super().__init__()
        self.chaos = chaos

    async def process_message(self, message):
        match message:
            case Terminated():
                await self.lost(message.ref)
            case Parcel():
                ledger = self.chaos.ledger
                ledger.begin(message, self.key)
                await self.handle(message)
                ledger.done[message.number] += 1
                return message.number

    async def handle(self, parcel):
        fate = parcel.fate
        if fate < 0.01:
            self.chaos.ledger.raised[parcel.number] += 1
            raise FAILURES[int(fate * 100 * len(FAILURES))](parcel.number)
        if fate < 0.011:
            self.chaos.ledger.raised[parcel.number] += 1
            inner = asyncio.create_task(asyncio.sleep(1000))
            asyncio.get_running_loop().call_soon(inner.cancel)
            await inner
        elif fate < 0.03:
            await asyncio.sleep(fate)
        elif fate < 0.2:
            await asyncio.sleep(0)

    async def on_restart(self, error):
        self.chaos.restarts += 1
        await self.on_start()

    async def on_stop(self):
        await asyncio.sleep(0.001)

    async def lost(self, ref):
        raise AssertionError("watches nobody")


class Worker(Node):
    def __init__(self, chaos, key):
        super().__init__(chaos)
        self.key = key


class Manager(Node):
    """Keeps its workers going, and passes some parcels on to them."""

    def __init__(self, chaos, key):
        super().__init__(chaos)
        self.key = key
        self.places = {}

    async def on_start(self):
        for place in range(WORKERS):
            await self.hire(place)

    async def hire(self, place):
        self.chaos.hired += 1
        ref = await self.spawn(
            Worker,
            self.chaos,
            (*self.key, place, self.chaos.hired),
            capacity=4,
            overflow=POLICIES[place],
            restart="permanent" if place == 0 else "transient",
        )
        self.watch(ref)
        self.places[ref] = place
        self.chaos.refs[(*self.key, place)] = ref

    async def lost(self, ref):
        place = self.places.pop(ref, None)
        if place is not None:  # otherwise it was hired by the instance before this one
            await self.hire(place)

    async def handle(self, parcel):
        await super().handle(parcel)
        if parcel.fate > 0.8 and not self.chaos.ledger.exhausted:
            to = self.chaos.refs[(*self.key, int(parcel.fate * 1000) % WORKERS)]
            sender = 1000 + self.key[0]
            fate = parcel.fate * 1000 % 1
            if parcel.fate > 0.95:
                await self.chaos.ask(to, sender, fate, timeout=0.5)
            else:
                await self.chaos.send(to, sender, fate)


class Root(Node):
    def __init__(self, chaos):
        super().__init__(chaos)
        self.key = ("root",)

    async def on_start(self):
        for number in range(MANAGERS):
            self.chaos.refs[(number,)] = await self.spawn(
                Manager,
                self.chaos,
                (number,),
                name=f"manager-{number}",
                capacity=8,
                supervision=Supervision(
                    "one_for_one", on_failure=directive, max_restarts=10**9, shutdown=0.01
                ),
            )
            # one that has been stopped for good would leave its senders without an address
            self.watch(self.chaos.refs[(number,)])

    async def lost(self, ref):
        if self.chaos.refs[(int(ref.name[-1]),)] == ref:
            raise Restart(f"{ref.name} has gone")


class Chaos:
    def __init__(self, seed, count, strategy):
        self.random = random.Random(seed)
        self.count = count
        self.strategy = strategy
        self.ledger = Ledger(count)
        self.refs = {}
        self.hired = 0
        self.stops = 0
        self.restarts = 0
        self.ended = Counter()

    async def send(self, to, sender, fate):
        parcel = self.ledger.parcel(sender, fate, asked=False)
        try:
            await to.send(parcel)
        except (ActorStopped, MailboxFull):
            self.ended["send refused"] += 1
            await asyncio.sleep(0.002)  # time for another to be hired
        else:
            self.ledger.sent[parcel.number] = 1

    async def ask(self, to, sender, fate, timeout):  # noqa: ASYNC109
        parcel = self.ledger.parcel(sender, fate, asked=True)
        outcome = "cancelled"
        try:
            reply = await to.ask(parcel, timeout=timeout)
            assert reply == parcel.number
            outcome = "value"
        except (AskTimeout, ActorStopped, MailboxFull, HandlerCancelled) as error:
            outcome = type(error).__name__
            await asyncio.sleep(0.002)
        except (Restart, Resume, Stop, Escalate) as error:
            outcome = "raised" if error.args == (parcel.number,) else "another's error"
        finally:
            assert parcel.number not in self.ledger.outcomes
            self.ledger.outcomes[parcel.number] = outcome
            self.ended[outcome] += 1

    async def send_all(self, sender):
        dice = random.Random(self.random.random())
        keys = [(m,) for m in range(MANAGERS)]
        keys += [(m, w) for m in range(MANAGERS) for w in range(WORKERS)]
        while not self.ledger.exhausted:
            key, fate, what = dice.choice(keys), dice.random(), dice.random()
            if key not in self.refs:
                await asyncio.sleep(0)
                continue
            to = self.refs[key]
            if what < 0.6:
                await self.send(to, sender, fate)
            elif what < 0.8:
                await self.ask(to, sender, fate, timeout=None)
            elif what < 0.9:
                await self.ask(to, sender, fate, timeout=dice.random() * 0.02)
            else:
                await self.cancelled(to, sender, fate, dice)

    async def cancelled(self, to, sender, fate, dice):
        work = self.send(to, sender, fate) if dice.random() < 0.5 else self.ask(to, sender, fate, 1)
        task = asyncio.create_task(work)
        for _ in range(dice.randrange(4)):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])

    async def stop_some(self):
        dice = random.Random(self.random.random())
        while not self.ledger.exhausted:
            await asyncio.sleep(dice.random() * 0.05)
            place = (dice.randrange(MANAGERS), dice.randrange(WORKERS))
            if dice.random() < 0.02:
                place = place[:1]  # of a manager: its workers go too, and the root begins anew
            if place in self.refs:
                self.stops += 1
                drain, timeout = dice.random() < 0.5, dice.choice([None, 0, 0.005])
                await self.refs[place].stop(drain=drain, timeout=timeout)

    async def run(self):
        policy = Supervision(self.strategy, on_failure=directive, max_restarts=10**9, within=0.01)
        top = Supervision(on_failure="restart", max_restarts=10**9, within=0.01, shutdown=0.01)
        async with ActorSystem("chaos", supervision=top, blocked_after=None) as system:
            system.dead_letters.subscribe(self.ledger.bury)
            await system.spawn(Root, self, supervision=policy)
            async with asyncio.TaskGroup() as group:
                for sender in range(SENDERS):
                    group.create_task(self.send_all(sender))
                group.create_task(self.stop_some())
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return self


@pytest.fixture(autouse=True)
def no_log():
    """Thousands of tracebacks, which pytest would keep."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def check(chaos):
    """Each message was handled once, or failed and somebody was told, or is a dead letter."""
    ledger = chaos.ledger
    assert ledger.out_of_order == []
    wrong = []
    for number in range(ledger.next):
        begun, done, raised, dead = (
            ledger.begun[number],
            ledger.done[number],
            ledger.raised[number],
            ledger.dead[number],
        )
        outcome = ledger.outcomes.get(number)
        sent = ledger.sent[number]
        once = begun <= 1 and dead <= 1 and done + raised <= begun and done + dead <= 1
        if outcome is None:
            # A send: accepted, and then handled or dead; or never there.
            fits = done + dead == 1 if sent else begun == done == dead == 0
        elif outcome == "value":
            fits = done == 1
        elif outcome in ("raised", "HandlerCancelled"):
            fits = raised == 1 and dead == 0
        elif outcome == "ActorStopped":
            fits = (done == 0 and dead == begun) or (dead, begun) == (1, 0)
        elif outcome == "MailboxFull":
            fits = begun == 0 and dead <= 1
        elif outcome == "another's error":
            fits = False
        else:  # its asker waited no more: handled all the same, or dead, or never there
            fits = done + dead == 1 or begun == done == dead == 0
        if not (once and fits):
            wrong.append((number, outcome, sent, begun, done, raised, dead))
    assert wrong == []


@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all", "rest_for_one"])
@pytest.mark.parametrize("seed", range(4))
def test_every_message_is_accounted_for(seed, strategy, run_in_jumping_time):
    check(run_in_jumping_time(Chaos(seed, 4000, strategy).run()))


def test_the_same_seed_is_the_same_run(run_in_jumping_time):
    first, second = (run_in_jumping_time(Chaos(7, 3000, "one_for_all").run()) for _ in range(2))
    assert first.ended == second.ended
    assert first.ledger.done == second.ledger.done
    assert first.ledger.dead == second.ledger.dead


@pytest.mark.slow
def test_two_hundred_thousand_messages(run_in_jumping_time):
    chaos = run_in_jumping_time(Chaos(2026, 200_000, "rest_for_one").run())
    check(chaos)
    # the chaos was one
    assert chaos.restarts > 100
    assert chaos.stops > 100
    for outcome in ("value", "raised", "AskTimeout", "ActorStopped", "MailboxFull", "cancelled"):
        assert chaos.ended[outcome] > 100
    # a quarter of the way and at the end there are about as many objects
    early, late = chaos.ledger.objects
    asks = len(chaos.ledger.outcomes)
    assert late - early < 10_000 < asks
