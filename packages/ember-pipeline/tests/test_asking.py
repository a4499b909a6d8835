import asyncio

import pytest

from ember_ml.pipeline import (
    Actor,
    ActorStopped,
    AskCycleError,
    AskTimeout,
    MailboxFull,
    PipelineError,
)


class Oracle(Actor):
    """Answers each question with what the question, a function, makes of the actor."""

    async def process_message(self, message):
        return await message(self)


class Running:
    """Actors that run for the length of a block."""

    def __init__(self, *actors):
        self.actors = actors

    async def __aenter__(self):
        self.tasks = [asyncio.create_task(actor.start()) for actor in self.actors]
        return self.actors

    async def __aexit__(self, *exc):
        await asyncio.gather(*(actor.stop(drain=False) for actor in self.actors))
        await asyncio.gather(*self.tasks)


async def number(actor):
    return 42


async def within_limits(awaitable):
    """A deadlock fails the test, rather than hanging the suite."""
    return await asyncio.wait_for(awaitable, timeout=30)


async def settle():
    for _ in range(10):
        await asyncio.sleep(0)


async def test_an_ask_returns_what_the_handler_returns():
    async with Running(Oracle()) as (oracle,):
        assert await oracle.ask(number) == 42
        assert await oracle.ask(number, timeout=30) == 42


@pytest.mark.parametrize("error", [KeyError("missing"), TimeoutError("its own"), OSError(5)])
async def test_an_ask_raises_what_the_handler_raises(error):
    async def fail(actor):
        raise error

    async with Running(Oracle()) as (oracle,):
        with pytest.raises(type(error)) as caught:
            await oracle.ask(fail, timeout=30)
        assert caught.value is error
        assert not isinstance(caught.value, AskTimeout)
        assert await oracle.ask(number) == 42
        assert oracle.failed == 1
        assert len(oracle.dead_letters) == 0


async def test_an_ask_before_the_start_is_answered_after_it():
    oracle = Oracle()
    answer = asyncio.create_task(oracle.ask(number))
    await settle()
    async with Running(oracle):
        assert await answer == 42


async def test_an_ask_times_out_and_the_late_reply_is_discarded():
    may_reply = asyncio.Event()
    replied = []

    async def late(actor):
        await may_reply.wait()
        replied.append("late")
        return "late"

    async with Running(Oracle(name="oracle")) as (oracle,):
        with pytest.raises(AskTimeout, match=r"oracle did not reply to .* within 0.01 s") as caught:
            await oracle.ask(late, timeout=0.01)
        assert isinstance(caught.value, TimeoutError)
        assert isinstance(caught.value, PipelineError)
        may_reply.set()
        assert await oracle.ask(number) == 42
        assert replied == ["late"]
        assert oracle.failed == 0


async def test_a_failure_that_nobody_waits_for_any_more_is_reported(caplog):
    may_fail = asyncio.Event()

    async def fail_late(actor):
        await may_fail.wait()
        raise KeyError("late")

    async with Running(Oracle()) as (oracle,):
        with pytest.raises(AskTimeout):
            await oracle.ask(fail_late, timeout=0.01)
        may_fail.set()
        assert await oracle.ask(number) == 42
        assert [letter.reason for letter in oracle.dead_letters] == ["handler raised"]
    assert "KeyError: 'late'" in caplog.text


async def test_the_timeout_covers_the_wait_for_room():
    oracle = Oracle(capacity=1)
    await oracle.send(number)
    with pytest.raises(AskTimeout):
        await oracle.ask(number, timeout=0.01)
    async with Running(oracle):
        assert await oracle.ask(number) == 42
    assert len(oracle.dead_letters) == 0


async def test_a_cancelled_ask_does_not_disturb_the_actor():
    entered, may_reply = asyncio.Event(), asyncio.Event()

    async def wait(actor):
        entered.set()
        await may_reply.wait()

    async with Running(Oracle()) as (oracle,):
        ask = asyncio.create_task(oracle.ask(wait))
        await entered.wait()
        ask.cancel()
        with pytest.raises(asyncio.CancelledError):
            await ask
        may_reply.set()
        assert await oracle.ask(number) == 42


async def test_asks_that_a_stop_leaves_unanswered_end_with_actor_stopped():
    entered = asyncio.Event()

    async def forever(actor):
        entered.set()
        await asyncio.Event().wait()

    oracle = Oracle(name="oracle")
    task = asyncio.create_task(oracle.start())
    in_hand = asyncio.create_task(oracle.ask(forever))
    await entered.wait()
    waiting = asyncio.create_task(oracle.ask(number))
    await settle()
    await within_limits(oracle.stop(timeout=0))
    await task
    for ask in (in_hand, waiting):
        with pytest.raises(ActorStopped, match="oracle"):
            await ask
    with pytest.raises(ActorStopped, match="oracle has stopped"):
        await oracle.ask(number)
    assert [letter.reason for letter in oracle.dead_letters] == ["cancelled", "actor stopped"]


async def test_a_drained_ask_is_answered():
    oracle = Oracle()
    ask = asyncio.create_task(oracle.ask(number))
    await settle()
    task = asyncio.create_task(oracle.start())
    await oracle.stop()
    await task
    assert await ask == 42


@pytest.mark.parametrize("overflow", ["drop_new", "drop_old", "fail"])
async def test_an_ask_that_a_full_mailbox_does_not_keep_ends_at_once(overflow):
    oracle = Oracle(capacity=1, overflow=overflow)
    first = asyncio.create_task(oracle.ask(number))
    await settle()
    second = asyncio.create_task(oracle.ask(number))
    await settle()
    lost, kept = (first, second) if overflow == "drop_old" else (second, first)
    with pytest.raises(MailboxFull):
        await within_limits(lost)
    assert len(oracle.dead_letters) == (0 if overflow == "fail" else 1)
    async with Running(oracle):
        assert await kept == 42


async def test_asking_oneself_raises():
    async def ask_itself(actor):
        return await actor.ask(number)

    async with Running(Oracle(name="narcissus")) as (oracle,):
        with pytest.raises(AskCycleError, match="narcissus -> narcissus"):
            await within_limits(oracle.ask(ask_itself))
        assert await oracle.ask(number) == 42


@pytest.mark.parametrize("wrap", [asyncio.gather, asyncio.create_task, asyncio.shield])
async def test_asking_oneself_in_a_task_raises(wrap):
    async def ask_itself(actor):
        return await wrap(actor.ask(number))

    async with Running(Oracle()) as (oracle,):
        with pytest.raises(AskCycleError):
            await within_limits(oracle.ask(ask_itself))


async def test_a_cycle_of_asks_raises_and_names_the_way_round():
    a, b, c = Oracle(name="a"), Oracle(name="b"), Oracle(name="c")

    async def a_asks(actor):
        return await b.ask(b_asks)

    async def b_asks(actor):
        return await c.ask(c_asks)

    async def c_asks(actor):
        return await a.ask(number)

    async with Running(a, b, c):
        with pytest.raises(AskCycleError, match=r"c -> a -> b -> c"):
            await within_limits(a.ask(a_asks))
        # Nobody is left waiting.
        assert [await actor.ask(number) for actor in (a, b, c)] == [42, 42, 42]


async def test_two_actors_that_ask_each_other_about_different_messages_do_not_hang():
    a, b = Oracle(name="a"), Oracle(name="b")
    both = asyncio.Barrier(2)
    outcomes = asyncio.Queue()

    def ask(other):
        async def question(actor):
            await both.wait()
            try:
                await outcomes.put(await other.ask(number))
            except AskCycleError:
                await outcomes.put("refused")

        return question

    async with Running(a, b):
        await a.send(ask(b))
        await b.send(ask(a))
        assert await within_limits(outcomes.get()) == "refused"
        assert await within_limits(outcomes.get()) == 42


async def test_a_handler_may_catch_the_refusal_and_answer():
    async def ask_itself(actor):
        try:
            return await actor.ask(number)
        except AskCycleError:
            return "knew it"

    async with Running(Oracle()) as (oracle,):
        assert await oracle.ask(ask_itself) == "knew it"


async def test_asking_the_same_actor_twice_in_one_handler_is_no_cycle():
    a, b = Oracle(), Oracle()

    async def twice(actor):
        return await b.ask(number) + sum(await asyncio.gather(b.ask(number), b.ask(number)))

    async with Running(a, b):
        assert await within_limits(a.ask(twice)) == 126


async def test_an_actor_that_has_just_been_answered_can_be_asked():
    a, b = Oracle(name="a"), Oracle(name="b")
    answers = []

    async def ask_b(actor):
        return await b.ask(number)

    async def ask_a(actor):
        answers.append(await a.ask(number))

    # b answers a, and then takes the next message before a has had a turn to notice.
    waiting = asyncio.create_task(a.ask(ask_b))
    starting = asyncio.create_task(a.start())
    await settle()
    await b.send(ask_a)
    async with Running(b):
        assert await within_limits(waiting) == 42
        await within_limits(b.ask(number))
    await a.stop()
    await starting
    assert answers == [42]


async def test_an_asker_that_gave_up_can_be_asked():
    a, b = Oracle(name="a"), Oracle(name="b")
    gave_up = asyncio.Event()
    answered = asyncio.Event()

    async def give_up(actor):
        with pytest.raises(AskTimeout):
            await b.ask(ask_back, timeout=0.01)
        gave_up.set()

    async def ask_back(actor):
        await gave_up.wait()
        assert await a.ask(number) == 42
        answered.set()

    async with Running(a, b):
        await a.send(give_up)
        await within_limits(answered.wait())


async def test_a_task_that_outlives_its_handler_may_ask_the_actor():
    handled = asyncio.Event()
    tasks = []

    async def leave_a_task(actor):
        async def later():
            await handled.wait()
            return await actor.ask(number)

        tasks.append(asyncio.create_task(later()))

    async with Running(Oracle()) as (oracle,):
        await oracle.ask(leave_a_task)
        handled.set()
        assert await within_limits(tasks[0]) == 42


async def test_a_message_that_was_sent_does_not_bind_its_sender():
    a, b = Oracle(), Oracle()
    answered = asyncio.Event()

    async def send_on(actor):
        await b.send(ask_back)

    async def ask_back(actor):
        assert await a.ask(number) == 42
        answered.set()

    async with Running(a, b):
        await a.send(send_on)
        await within_limits(answered.wait())


async def test_a_child_that_an_actor_starts_in_its_handler_is_no_part_of_the_chain():
    tasks = []

    async def make_child(actor):
        child = Oracle()
        tasks.append(asyncio.create_task(child.start()))
        return child

    async def ask_parent(actor):
        return await parent.ask(number)

    async with Running(Oracle()) as (parent,):
        child = await parent.ask(make_child)
        assert await within_limits(child.ask(ask_parent)) == 42
        await child.stop()
        await tasks[0]
