import asyncio

import pytest
from promised_actors import Scripted, fail, info, letters, seen, within_limits

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_promise_4_the_asker_gets_the_exception_and_a_sent_failure_is_a_dead_letter(system):
    ref = await system.spawn(Scripted)
    with pytest.raises(KeyError, match="missing"):
        await within_limits(ref.ask(fail))
    assert letters(system) == []
    await ref.send(fail)
    await within_limits(ref.ask("next"))
    [letter] = system.dead_letters
    assert (letter.message, letter.reason, letter.recipient) == (
        fail,
        "handler raised",
        "app/Scripted-1",
    )
    assert isinstance(letter.error, KeyError)


@pytest.mark.parametrize("asked", [False, True])
async def test_promise_4_supervision_is_the_same_for_ask_and_send(system, asked):
    ref = await system.spawn(Scripted)
    await ref.send("forgotten by the restart")
    if asked:
        with pytest.raises(KeyError):
            await within_limits(ref.ask(fail))
    else:
        await ref.send(fail)
    assert await within_limits(ref.ask(seen)) == []
    told = info(system, ref)
    assert (told.restarts, told.failed) == (1, 1)


async def test_promise_4_the_message_in_hand_is_not_redelivered_and_the_mailbox_survives(system):
    ref = await system.spawn(Scripted)
    for number in range(60):
        await ref.send(fail if number in (20, 40) else number)
    # each instance has kept what it handled to itself
    assert await within_limits(ref.ask(seen)) == list(range(41, 60))
    assert letters(system) == [(fail, "handler raised")] * 2
    assert info(system, ref).handled == 61


async def test_promise_4_asks_that_wait_survive_a_restart_too(system):
    ref = await system.spawn(Scripted)
    asks = [asyncio.create_task(ref.ask(message)) for message in ("first", fail, "last")]
    outcomes = await within_limits(asyncio.gather(*asks, return_exceptions=True))
    assert outcomes[0] == "first"
    assert isinstance(outcomes[1], KeyError)
    assert outcomes[2] == "last"
