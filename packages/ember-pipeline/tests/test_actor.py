import asyncio
import functools
import logging

import pytest

from ember_ml.backend.errors import ArgumentError, InvalidValueError
from ember_ml.pipeline import (
    Actor,
    ActorStopped,
    AsyncPipeline,
    DeadLetters,
    MailboxFull,
    UsageError,
)


class Recorder(Actor):
    """Keeps what it is sent."""

    def __init__(self, **options):
        super().__init__(**options)
        self.seen = []

    async def process_message(self, message):
        await asyncio.sleep(0)
        self.seen.append(message)


class Counter(Actor):
    def __init__(self):
        super().__init__()
        self.total = 0

    async def process_message(self, message):
        match message:
            case {"add": amount}:
                self.total += amount
            case {"reply_to": actor}:
                await actor.send({"total": self.total})


class Picky(Recorder):
    async def process_message(self, message):
        if message < 0:
            raise ValueError(f"{message} is negative")
        await super().process_message(message)


def reasons(actor):
    return [(letter.message, letter.reason) for letter in actor.dead_letters]


async def test_messages_are_handled_in_order():
    recorder = Recorder()
    task = asyncio.create_task(recorder.start())
    for number in range(200):
        await recorder.send(number)
    await recorder.stop()
    await task
    assert recorder.seen == list(range(200))


async def test_a_reply_goes_to_whom_the_message_names():
    counter, recorder = Counter(), Recorder()
    async with asyncio.TaskGroup() as group:
        group.create_task(counter.start())
        group.create_task(recorder.start())
        await counter.send({"add": 2})
        await counter.send({"add": 3})
        await counter.send({"reply_to": recorder})
        await counter.stop()
        await recorder.stop()
    assert recorder.seen == [{"total": 5}]


async def test_what_is_sent_before_the_start_is_handled_first():
    recorder = Recorder()
    await recorder.send("early")
    task = asyncio.create_task(recorder.start())
    await recorder.send("late")
    await recorder.stop()
    await task
    assert recorder.seen == ["early", "late"]


async def test_an_actor_handles_one_message_at_a_time():
    class OneAtATime(Actor):
        def __init__(self):
            super().__init__()
            self.inside = 0
            self.most = 0

        async def process_message(self, message):
            self.inside += 1
            self.most = max(self.most, self.inside)
            for _ in range(3):
                await asyncio.sleep(0)
            self.inside -= 1

    actor = OneAtATime()
    task = asyncio.create_task(actor.start())
    await asyncio.gather(*(actor.send(number) for number in range(10)))
    await actor.stop()
    await task
    assert actor.most == 1


async def test_messages_of_concurrent_senders_keep_each_senders_order():
    recorder = Recorder(capacity=3)
    task = asyncio.create_task(recorder.start())

    async def send_all(sender):
        for number in range(50):
            await recorder.send((sender, number))

    await asyncio.gather(*(send_all(sender) for sender in "abc"))
    await recorder.stop()
    await task
    for sender in "abc":
        assert [n for who, n in recorder.seen if who == sender] == list(range(50))


async def test_an_actor_that_is_never_idle_lets_others_run():
    class Endless(Actor):
        async def process_message(self, message):
            await self.send(message)

    actor = Endless()
    task = asyncio.create_task(actor.start())
    await actor.send("again")
    await asyncio.sleep(0)  # would the actor not give way, this would never end
    await actor.stop(drain=False)
    await task
    assert reasons(actor) == [("again", "actor stopped")]


async def test_a_handler_that_raises_is_reported_and_the_actor_goes_on(caplog):
    picky = Picky(name="picky")
    task = asyncio.create_task(picky.start())
    with caplog.at_level(logging.ERROR, logger="ember_ml.pipeline"):
        for number in (1, -2, 3):
            await picky.send(number)
        await picky.stop()
    await task
    assert picky.seen == [1, 3]
    assert picky.failed == 1
    (letter,) = picky.dead_letters
    assert (letter.message, letter.reason, letter.recipient) == (-2, "handler raised", "picky")
    assert isinstance(letter.error, ValueError)
    (record,) = caplog.records
    assert record.getMessage() == "picky failed on -2"
    assert record.exc_info[1] is letter.error


async def test_a_handler_that_awaits_something_cancelled_does_not_end_the_actor(caplog):
    class Waits(Recorder):
        async def process_message(self, message):
            if message == "cancelled":
                future = asyncio.get_running_loop().create_future()
                future.cancel()
                await future
            await super().process_message(message)

    actor = Waits()
    task = asyncio.create_task(actor.start())
    await actor.send("cancelled")
    await actor.send("next")
    await actor.stop()
    await task
    assert actor.seen == ["next"]
    assert reasons(actor) == [("cancelled", "handler raised")]
    assert "failed on 'cancelled'" in caplog.text


@pytest.mark.parametrize(
    ("overflow", "seen", "dropped"),
    [("drop_new", [0, 1], [2, 3]), ("drop_old", [2, 3], [0, 1])],
)
async def test_what_a_full_mailbox_drops_goes_to_the_dead_letters(overflow, seen, dropped):
    recorder = Recorder(capacity=2, overflow=overflow)
    for number in range(4):
        await recorder.send(number)
    task = asyncio.create_task(recorder.start())
    await recorder.stop()
    await task
    assert recorder.seen == seen
    assert reasons(recorder) == [(number, "mailbox full") for number in dropped]


async def test_a_full_mailbox_that_fails_tells_the_sender():
    recorder = Recorder(name="recorder", capacity=1, overflow="fail")
    await recorder.send(1)
    with pytest.raises(MailboxFull, match="the mailbox of recorder is full: 1 messages wait"):
        await recorder.send(2)
    assert len(recorder.dead_letters) == 0


async def test_a_full_mailbox_that_blocks_lets_the_sender_wait():
    recorder = Recorder(capacity=1)
    await recorder.send(1)
    sender = asyncio.create_task(recorder.send(2))
    await asyncio.sleep(0)
    assert not sender.done()
    task = asyncio.create_task(recorder.start())
    await sender
    await recorder.stop()
    await task
    assert recorder.seen == [1, 2]


async def test_an_actor_that_fills_its_own_mailbox_gets_an_error_and_no_deadlock():
    class Chain(Actor):
        refusal = None

        async def process_message(self, message):
            await self.send("fits")
            try:
                await self.send("does not")
            except MailboxFull as error:
                self.refusal = str(error)
            await self.stop(drain=False)

    actor = Chain(name="chain", capacity=1)
    await actor.send("go")
    await asyncio.wait_for(actor.start(), timeout=30)
    assert "deadlock (chain -> chain); give it a larger capacity" in actor.refusal


async def test_two_actors_that_fill_each_others_mailboxes_get_an_error_and_no_deadlock():
    class Forwards(Actor):
        other = None

        async def process_message(self, message):
            for _ in range(3):
                try:
                    await self.other.send(message)
                except MailboxFull:
                    refused.set()

    refused = asyncio.Event()
    left, right = Forwards(capacity=1), Forwards(capacity=1)
    left.other, right.other = right, left
    await left.send("ball")
    await right.send("ball")
    tasks = [asyncio.create_task(actor.start()) for actor in (left, right)]
    await asyncio.wait_for(refused.wait(), timeout=30)
    await asyncio.gather(left.stop(drain=False), right.stop(drain=False))
    await asyncio.gather(*tasks)


async def test_dead_letters_can_be_shared():
    letters = DeadLetters()
    one = Recorder(name="one", capacity=1, overflow="drop_new", dead_letters=letters)
    two = Recorder(name="two", capacity=1, overflow="drop_new", dead_letters=letters)
    for actor in (one, two):
        await actor.send("kept")
        await actor.send("dropped")
    assert [letter.recipient for letter in letters] == ["one", "two"]
    assert one.dead_letters is two.dead_letters is letters


async def test_an_actor_starts_once():
    recorder = Recorder(name="recorder")
    task = asyncio.create_task(recorder.start())
    await asyncio.sleep(0)
    with pytest.raises(UsageError, match="recorder has been started"):
        await recorder.start()
    await recorder.send("still here")
    await recorder.stop()
    await task
    assert recorder.seen == ["still here"]
    with pytest.raises(ActorStopped, match="cannot start again"):
        await recorder.start()


async def test_a_method_of_an_actor_is_a_stage():
    recorder = Recorder()
    task = asyncio.create_task(recorder.start())
    pipeline = AsyncPipeline("p").add_stage(str.upper).add_stage(recorder.send)
    await pipeline.run("hello")
    await recorder.stop()
    await task
    assert recorder.seen == ["HELLO"]


async def test_other_threads_and_event_loops_send_ask_and_stop():
    recorder = Recorder(name="recorder")
    task = asyncio.create_task(recorder.start())
    await asyncio.sleep(0)

    async def on_another_loop():
        await recorder.send("from a loop")
        assert await recorder.ask("asked", timeout=30) is None

    def in_thread():
        asyncio.run(on_another_loop())
        recorder.send_blocking("from a thread")
        recorder.ask_blocking("and asked", timeout=30)
        asyncio.run(recorder.stop())

    await asyncio.to_thread(in_thread)
    await task
    assert recorder.seen == ["from a loop", "asked", "from a thread", "and asked"]
    with pytest.raises(UsageError, match="would stall the event loop"):
        recorder.send_blocking("here")
    with pytest.raises(ActorStopped):
        await asyncio.to_thread(recorder.send_blocking, "too late")


def test_actors_are_named_after_their_class():
    one, two = Recorder(), Recorder()
    assert one.name.startswith("Recorder-")
    assert one.name != two.name
    assert Recorder(name="scribe").name == "scribe"


async def test_repr_tells_the_state():
    recorder = Recorder(name="r")
    await recorder.send(1)
    assert repr(recorder) == "Recorder('r', not started, 1 waiting)"
    task = asyncio.create_task(recorder.start())
    await asyncio.sleep(0)
    assert repr(recorder) == "Recorder('r', running, 0 waiting)"
    stop = asyncio.create_task(recorder.stop())
    await recorder.stop()
    assert repr(recorder) == "Recorder('r', stopped, 0 waiting)"
    await asyncio.gather(stop, task)


def test_the_handler_must_be_a_coroutine_function():
    with pytest.raises(ArgumentError, match=r"Blocking\.process_message must be a coroutine"):

        class Blocking(Actor):
            def process_message(self, message):
                return message


async def test_the_handler_may_be_decorated():
    def logged(handler):
        @functools.wraps(handler)
        def wrapper(self, message):
            return handler(self, message)

        return wrapper

    class Decorated(Actor):
        @logged
        async def process_message(self, message):
            return message

    actor = Decorated()
    task = asyncio.create_task(actor.start())
    assert await actor.ask(5) == 5
    await actor.stop()
    await task


def test_an_actor_without_a_handler_cannot_be_made():
    with pytest.raises(TypeError, match="process_message"):
        Actor()


async def test_a_subclass_need_not_call_the_constructor_of_its_base():
    class Forgetful(Actor):
        def __init__(self):
            self.count = 0

        async def process_message(self, message):
            self.count += message
            return self.count

    actor = Forgetful()
    task = asyncio.create_task(actor.start())
    assert await actor.ask(3) == 3
    await actor.stop()
    await task


@pytest.mark.parametrize("options", [{"capacity": 0}, {"overflow": "explode"}])
def test_mailbox_options_are_checked(options):
    with pytest.raises(InvalidValueError, match="the mailbox of Recorder: "):
        Recorder(**options)
