import asyncio

import pytest

from ember_ml.pipeline import Actor, ActorStopped, AskCycleError


class Gate(Actor):
    """Handles a message when the gate is open; ``entered`` tells that it has one in hand."""

    def __init__(self, **options):
        super().__init__(**options)
        self.entered = asyncio.Event()
        self.open = asyncio.Event()
        self.seen = []
        self.cancelled = []

    async def process_message(self, message):
        self.entered.set()
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled.append(message)
            raise
        self.seen.append(message)


class Calls(Actor):
    """Handles a message, a function, by calling it."""

    async def process_message(self, message):
        return await message()


async def started(actor, *messages):
    """Start ``actor`` and send it messages, the first of which it has in hand."""
    task = asyncio.create_task(actor.start())
    for message in messages:
        await actor.send(message)
    if messages:
        await actor.entered.wait()
    return task


async def within_limits(awaitable):
    return await asyncio.wait_for(awaitable, timeout=30)


async def settle():
    for _ in range(10):
        await asyncio.sleep(0)


def reasons(actor):
    return [(letter.message, letter.reason) for letter in actor.dead_letters]


async def test_stop_returns_while_the_actor_waits_for_messages():
    gate = Gate()
    task = await started(gate)
    await settle()
    await within_limits(gate.stop())
    assert task.done()
    await task


async def test_stop_drains_what_waits():
    gate = Gate()
    task = await started(gate, 1, 2, 3)
    stop = asyncio.create_task(gate.stop())
    await settle()
    assert not stop.done()
    gate.open.set()
    await within_limits(stop)
    assert task.done()
    assert gate.seen == [1, 2, 3]
    assert reasons(gate) == []


async def test_stop_right_after_the_task_was_made_drains_too():
    gate = Gate()
    gate.open.set()
    task = asyncio.create_task(gate.start())
    await gate.send(1)
    await gate.stop()
    await task
    assert gate.seen == [1]


async def test_a_full_mailbox_does_not_delay_stop():
    gate = Gate(capacity=1)
    task = await started(gate, 1)
    await gate.send(2)
    blocked = asyncio.create_task(gate.send(3))
    await settle()
    stop = asyncio.create_task(gate.stop(drain=False))
    await settle()
    with pytest.raises(ActorStopped):
        await blocked
    gate.open.set()
    await within_limits(stop)
    await task
    assert gate.seen == [1]
    assert reasons(gate) == [(2, "actor stopped")]


async def test_a_stopping_actor_refuses_messages():
    gate = Gate(name="gate")
    task = await started(gate, 1)
    stop = asyncio.create_task(gate.stop())
    await settle()
    assert repr(gate) == "Gate('gate', stopping, 0 waiting)"
    with pytest.raises(ActorStopped, match="gate is stopping"):
        await gate.send(2)
    with pytest.raises(ActorStopped, match="gate is stopping"):
        await gate.ask(2)
    gate.open.set()
    await stop
    with pytest.raises(ActorStopped, match="gate has stopped"):
        await gate.send(3)
    await task
    assert gate.seen == [1]


async def test_without_drain_only_the_message_in_hand_is_finished():
    gate = Gate()
    task = await started(gate, 1, 2, 3)
    stop = asyncio.create_task(gate.stop(drain=False))
    await settle()
    gate.open.set()
    await within_limits(stop)
    await task
    assert gate.seen == [1]
    assert reasons(gate) == [(2, "actor stopped"), (3, "actor stopped")]


@pytest.mark.parametrize("seconds", [0, 0.01])
async def test_the_timeout_cancels_the_message_in_hand(seconds):
    gate = Gate(name="gate")
    task = await started(gate, 1, 2)
    await within_limits(gate.stop(timeout=seconds))
    await task  # which ends well: it was asked to stop
    assert not task.cancelled()
    assert gate.cancelled == [1]
    assert reasons(gate) == [(1, "cancelled"), (2, "actor stopped")]
    assert {letter.recipient for letter in gate.dead_letters} == {"gate"}


async def test_a_task_that_ran_an_actor_can_go_on_after_the_timeout():
    gate = Gate()

    async def run_and_go_on():
        await gate.start()
        await asyncio.sleep(0)
        return asyncio.current_task().cancelling()

    task = asyncio.create_task(run_and_go_on())
    await gate.send(1)
    await gate.entered.wait()
    await gate.stop(timeout=0)
    assert await task == 0


async def test_a_handler_that_swallows_the_cancellation_is_the_last():
    class Stubborn(Gate):
        async def process_message(self, message):
            try:
                await super().process_message(message)
            except asyncio.CancelledError:
                return

    stubborn = Stubborn()
    task = await started(stubborn, 1, 2)
    await within_limits(stubborn.stop(timeout=0))
    await task
    assert task.cancelling() == 0
    assert stubborn.cancelled == [1]
    assert reasons(stubborn) == [(2, "actor stopped")]


async def test_stop_can_be_repeated_and_hurried():
    gate = Gate()
    task = await started(gate, 1, 2)
    patient = asyncio.create_task(gate.stop())
    await settle()
    assert not patient.done()
    await within_limits(asyncio.gather(gate.stop(timeout=0), gate.stop(timeout=0), gate.stop()))
    await patient
    await gate.stop()
    await gate.stop(drain=False, timeout=1)
    await task
    assert reasons(gate) == [(1, "cancelled"), (2, "actor stopped")]


async def test_a_stop_whose_caller_gives_up_goes_on():
    gate = Gate()
    task = await started(gate, 1, 2)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(gate.stop(), timeout=0.01)
    with pytest.raises(ActorStopped):
        await gate.send(3)
    gate.open.set()
    await within_limits(task)
    assert gate.seen == [1, 2]


@pytest.mark.parametrize("drain", [True, False])
async def test_an_actor_that_never_started_leaves_its_messages_to_the_dead_letters(drain):
    gate = Gate()
    await gate.send(1)
    ask = asyncio.create_task(gate.ask(2))
    await settle()
    await within_limits(gate.stop(drain=drain))
    await gate.stop()
    with pytest.raises(ActorStopped):
        await ask
    assert reasons(gate) == [(1, "actor stopped"), (2, "actor stopped")]
    with pytest.raises(ActorStopped):
        await gate.start()


@pytest.mark.parametrize(("drain", "handled"), [(True, ["next"]), (False, [])])
async def test_an_actor_can_stop_itself(drain, handled):
    seen = []
    actor = Calls()

    async def stop_itself():
        await actor.stop(drain=drain)
        seen.append("after stop")

    async def following():
        seen.append("next")

    await actor.send(stop_itself)
    await actor.send(following)
    await within_limits(actor.start())
    assert seen == ["after stop", *handled]
    assert len(actor.dead_letters) == 1 - len(handled)


async def test_the_timeout_of_a_stop_from_inside_cancels_its_own_handler():
    actor = Calls()

    async def stop_and_hang():
        await actor.stop(timeout=0)
        await asyncio.Event().wait()

    await actor.send(stop_and_hang)
    await within_limits(actor.start())
    assert reasons(actor) == [(stop_and_hang, "cancelled")]


async def test_a_timeout_that_is_not_needed_any_more_cancels_nothing():
    gate = Gate()

    async def run_and_wait():
        await gate.start()
        await asyncio.sleep(0.1)
        return "undisturbed"

    task = asyncio.create_task(run_and_wait())
    await gate.send(1)
    await gate.entered.wait()
    stop = asyncio.create_task(gate.stop(timeout=0.05))
    await asyncio.sleep(0)
    gate.open.set()
    await stop
    assert await task == "undisturbed"


async def test_a_stop_by_one_whom_the_actor_waits_for_does_not_wait_in_turn():
    asker, asked = Calls(name="asker"), Calls(name="asked")

    async def ask():
        return await asked.ask(stop_asker)

    async def stop_asker():
        await asker.stop()
        return "done"

    tasks = [asyncio.create_task(actor.start()) for actor in (asker, asked)]
    assert await within_limits(asker.ask(ask)) == "done"
    await within_limits(tasks[0])
    await asked.stop()
    await tasks[1]


async def test_an_actor_that_is_being_stopped_cannot_ask_the_one_who_stops_it():
    stopper, stopped = Calls(name="stopper"), Calls(name="stopped")
    stopping = asyncio.Event()

    async def stop_the_other():
        stopping.set()
        await stopped.stop()
        return "done"

    async def ask_back():
        await stopping.wait()
        await settle()
        with pytest.raises(AskCycleError, match="stopped -> stopper -> stopped"):
            await stopper.ask(stop_the_other)
        return "refused"

    tasks = [asyncio.create_task(actor.start()) for actor in (stopper, stopped)]
    answer = asyncio.create_task(stopped.ask(ask_back))
    await settle()
    assert await within_limits(stopper.ask(stop_the_other)) == "done"
    assert await answer == "refused"
    await stopper.stop()
    await asyncio.gather(*tasks)


async def test_cancelling_start_stops_the_actor_and_is_passed_on():
    gate = Gate()
    task = await started(gate, 1, 2)
    ask = asyncio.create_task(gate.ask(3))
    await settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ActorStopped):
        await ask
    with pytest.raises(ActorStopped):
        await gate.send(4)
    await gate.stop()
    assert reasons(gate) == [(1, "cancelled"), (2, "actor stopped"), (3, "actor stopped")]


async def test_a_cancellation_from_outside_is_not_taken_for_a_stop():
    gate = Gate()
    task = await started(gate, 1)
    stop = asyncio.create_task(gate.stop(timeout=0))
    await asyncio.sleep(0)
    # in the same turn of the loop in which the time of the stop is up
    asyncio.get_running_loop().call_later(0, task.cancel)
    await stop
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_fatal_error_ends_the_actor_and_everybody_who_waits_is_told():
    class Fatal(BaseException):
        pass

    actor = Calls()

    async def die():
        raise Fatal

    async def never():
        raise AssertionError

    task = asyncio.create_task(actor.start())
    asks = [asyncio.create_task(actor.ask(message)) for message in (die, never)]
    with pytest.raises(Fatal):
        await task
    for ask in asks:
        with pytest.raises(ActorStopped):
            await ask
