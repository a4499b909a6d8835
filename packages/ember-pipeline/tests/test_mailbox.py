import asyncio

import pytest

from ember_ml.backend.errors import InvalidValueError
from ember_ml.pipeline import Mailbox, MailboxClosed, MailboxFull, UsageError


async def filled(capacity, overflow="block", **options):
    box = Mailbox(capacity=capacity, overflow=overflow, **options)
    for item in range(capacity):
        await box.put(item)
    return box


async def settle():
    """Let every task run until it waits."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_first_in_first_out():
    box = await filled(5)
    assert [await box.get() for _ in range(5)] == [0, 1, 2, 3, 4]
    assert len(box) == 0


async def test_the_default_holds_1024_and_then_blocks():
    box = Mailbox()
    for item in range(1024):
        await box.put(item)
    assert box.full
    late = asyncio.create_task(box.put("late"))
    await settle()
    assert not late.done()
    late.cancel()


async def test_a_reader_waits_for_an_item():
    box = Mailbox()
    reader = asyncio.create_task(box.get())
    await settle()
    assert not reader.done()
    await box.put("hello")
    assert await reader == "hello"


async def test_a_sender_waits_for_room():
    box = await filled(2)
    sender = asyncio.create_task(box.put(2))
    await settle()
    assert not sender.done()
    assert len(box) == 2
    assert await box.get() == 0
    await sender
    assert [await box.get(), await box.get()] == [1, 2]


async def test_waiting_senders_are_served_in_order():
    box = await filled(1)
    senders = [asyncio.create_task(box.put(item)) for item in range(1, 6)]
    await settle()
    assert [await box.get() for _ in range(6)] == [0, 1, 2, 3, 4, 5]
    await asyncio.gather(*senders)


async def test_a_newcomer_does_not_overtake_a_sender_that_was_just_woken():
    box = await filled(2)
    waiting = asyncio.create_task(box.put("waited"))
    await settle()
    await box.get()
    await box.get()
    # There is room for two now. The one who waited has been woken and has not run yet.
    await box.put("newcomer")
    await waiting
    assert [await box.get(), await box.get()] == ["waited", "newcomer"]


async def test_there_are_never_more_items_than_the_capacity():
    box = await filled(3)
    senders = [asyncio.create_task(box.put(item)) for item in range(3, 30)]
    received = []
    while len(received) < 30:
        await asyncio.sleep(0)
        assert len(box) <= 3
        received.append(await box.get())
    assert received == list(range(30))
    await asyncio.gather(*senders)


async def test_a_cancelled_sender_has_not_queued_its_item():
    box = await filled(1)
    cancelled = asyncio.create_task(box.put("cancelled"))
    patient = asyncio.create_task(box.put("patient"))
    await settle()
    assert repr(box) == "Mailbox('mailbox', 1 of 1, block, 2 senders wait)"
    cancelled.cancel()
    await settle()
    assert repr(box) == "Mailbox('mailbox', 1 of 1, block, 1 senders wait)"
    assert [await box.get(), await box.get()] == [0, "patient"]
    await patient
    assert cancelled.cancelled()
    assert len(box) == 0


async def test_a_sender_cancelled_after_its_turn_came_passes_the_room_on():
    box = await filled(1)
    cancelled = asyncio.create_task(box.put("cancelled"))
    patient = asyncio.create_task(box.put("patient"))
    await settle()
    assert await box.get() == 0
    cancelled.cancel()  # it has been woken and has not run yet
    assert await asyncio.wait_for(box.get(), timeout=30) == "patient"
    await patient
    assert cancelled.cancelled()
    await box.put("room again")
    assert len(box) == 1


async def test_a_cancelled_sender_that_is_not_yet_out_of_the_line_is_passed_over():
    box = await filled(1)
    cancelled = asyncio.create_task(box.put("cancelled"))
    patient = asyncio.create_task(box.put("patient"))
    await settle()
    cancelled.cancel()
    assert await box.get() == 0  # before the cancelled sender has run
    assert await asyncio.wait_for(box.get(), timeout=30) == "patient"
    await patient


async def test_a_cancelled_reader_has_taken_no_item():
    box = Mailbox()
    reader = asyncio.create_task(box.get())
    await settle()
    await box.put("kept")
    reader.cancel()  # it has been woken and has not run yet
    await settle()
    assert reader.cancelled()
    assert await box.get() == "kept"


async def test_fail_raises_and_keeps_what_is_there():
    box = await filled(2, "fail")
    with pytest.raises(MailboxFull, match="2 messages wait; give it a larger capacity"):
        await box.put("late")
    assert [await box.get(), await box.get()] == [0, 1]
    await box.put("fits")
    assert await box.get() == "fits"


@pytest.mark.parametrize(
    ("overflow", "kept", "dropped"),
    [("drop_new", [0, 1], ["a", "b", "c"]), ("drop_old", ["b", "c"], [0, 1, "a"])],
)
async def test_the_dropping_policies_hand_over_what_they_drop(overflow, kept, dropped):
    seen = []
    box = await filled(2, overflow, on_drop=seen.append)
    for item in "abc":
        await box.put(item)
    assert seen == dropped
    assert box.take_all() == kept


async def test_taking_all_makes_room_for_those_who_wait():
    box = await filled(2)
    senders = [asyncio.create_task(box.put(item)) for item in (2, 3, 4)]
    await settle()
    assert box.take_all() == [0, 1]
    await settle()
    assert [sender.done() for sender in senders] == [True, True, False]
    assert box.take_all() == [2, 3]
    await settle()
    assert box.take_all() == [4]


async def test_a_closed_mailbox_can_be_emptied_and_not_filled():
    box = await filled(2)
    box.close()
    with pytest.raises(MailboxClosed, match="takes no more messages"):
        await box.put("late")
    assert [await box.get(), await box.get()] == [0, 1]
    with pytest.raises(MailboxClosed, match="closed and empty"):
        await box.get()


@pytest.mark.parametrize("overflow", ["block", "fail", "drop_new", "drop_old"])
async def test_a_full_closed_mailbox_drops_nothing(overflow):
    dropped = []
    box = await filled(1, overflow, on_drop=dropped.append)
    box.close()
    with pytest.raises(MailboxClosed):
        await asyncio.wait_for(box.put("late"), timeout=30)
    assert dropped == []
    assert box.take_all() == [0]


async def test_closing_wakes_the_reader_and_the_senders():
    empty, full = Mailbox("empty one"), await filled(1)
    reader = asyncio.create_task(empty.get())
    senders = [asyncio.create_task(full.put(item)) for item in (1, 2)]
    await settle()
    empty.close()
    full.close()
    with pytest.raises(MailboxClosed, match="empty one"):
        await reader
    for sender in senders:
        with pytest.raises(MailboxClosed, match="while a sender waited"):
            await sender
    assert full.take_all() == [0]


async def test_a_sender_whose_turn_came_just_before_the_end_is_refused():
    box = await filled(1)
    sender = asyncio.create_task(box.put("late"))
    await settle()
    await box.get()
    box.close()
    with pytest.raises(MailboxClosed):
        await sender
    assert len(box) == 0


async def test_one_reader_only():
    box = Mailbox("inbox")
    reader = asyncio.create_task(box.get())
    await settle()
    with pytest.raises(UsageError, match="inbox has a reader"):
        await box.get()
    await box.put(1)
    assert await reader == 1


@pytest.mark.parametrize("capacity", [0, -5])
def test_the_capacity_is_at_least_one(capacity):
    with pytest.raises(InvalidValueError, match=f"at least 1, got {capacity}"):
        Mailbox(capacity=capacity)


def test_the_policy_is_a_known_one():
    with pytest.raises(InvalidValueError, match="block, fail, drop_new, drop_old, got 'drop'"):
        Mailbox(overflow="drop")
