"""A mailbox does what a list does that is handled one step at a time."""

import asyncio
import itertools

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ember_ml.pipeline import Mailbox, MailboxClosed, MailboxFull, UsageError


class Model:
    """What should be in the mailbox, and who should wait."""

    def __init__(self, capacity, overflow):
        self.capacity = capacity
        self.overflow = overflow
        self.items = []
        self.pushed = set()
        self.waiting = []  # items of senders
        self.dropped = []
        self.closed = False
        self.outcomes = {}  # of puts, by item
        self.reader = None  # the number of the get that waits
        self.got = {}  # by number

    def put(self, item):
        if self.closed:
            self.outcomes[item] = MailboxClosed
        elif len(self.items) < self.capacity and not self.waiting:
            self.add(item)
        elif self.overflow == "block":
            self.waiting.append(item)
        elif self.overflow == "fail":
            self.outcomes[item] = MailboxFull
        else:
            self.outcomes[item] = None
            oldest = next((i for i in self.items if i not in self.pushed), None)
            if self.overflow == "drop_new" or oldest is None:
                self.dropped.append(item)
            else:
                self.items.remove(oldest)
                self.dropped.append(oldest)
                self.add(item)

    def add(self, item):
        self.outcomes[item] = None
        self.items.append(item)

    def cancel_put(self, item):
        self.waiting.remove(item)
        self.outcomes[item] = asyncio.CancelledError

    def close(self):
        self.closed = True
        for item in self.waiting:
            self.outcomes[item] = MailboxClosed
        self.waiting = []

    def settle(self):
        """Let in who waits, and the reader take what is there."""
        while True:
            if self.waiting and len(self.items) < self.capacity:
                self.add(self.waiting.pop(0))
            elif self.reader is not None and self.items:
                self.got[self.reader], self.reader = self.items.pop(0), None
            else:
                break
        if self.reader is not None and self.closed:
            self.got[self.reader], self.reader = MailboxClosed, None


class MailboxMachine(RuleBasedStateMachine):
    @initialize(
        capacity=st.integers(1, 4),
        overflow=st.sampled_from(["block", "block", "fail", "drop_new", "drop_old"]),
    )
    def make(self, capacity, overflow):
        self.loop = asyncio.new_event_loop()
        self.model = Model(capacity, overflow)
        self.dropped = []
        self.box = Mailbox(capacity=capacity, overflow=overflow, on_drop=self.dropped.append)
        self.numbers = itertools.count()
        self.puts = {}
        self.gets = {}

    def settle(self):
        self.model.settle()

        async def turn():
            for _ in range(12):
                await asyncio.sleep(0)

        self.loop.run_until_complete(turn())

    def task(self, coroutine):
        return self.loop.create_task(coroutine)

    # --- one step at a time

    @rule(count=st.integers(1, 3))
    def put(self, count):
        for _ in range(count):
            item = next(self.numbers)
            self.puts[item] = self.task(self.box.put(item))
            self.model.put(item)
        self.settle()

    @rule()
    def push(self):
        item = next(self.numbers)
        if self.model.closed:
            try:
                self.box.push(item)
            except MailboxClosed:
                return
            raise AssertionError("a closed mailbox took an item")
        self.box.push(item)
        self.model.items.append(item)
        self.model.pushed.add(item)
        self.settle()

    @rule()
    def get(self):
        number = next(self.numbers)
        get = self.task(self.box.get())
        if self.model.reader is not None:
            self.settle()
            assert isinstance(get.exception(), UsageError)
            return
        self.gets[number] = get
        self.model.reader = number
        self.settle()

    # --- what happens at once, and whom it meets in the same turn of the loop

    @rule(
        what=st.sampled_from(["nothing", "take_all", "close", "resize", "get_nowait"]),
        capacity=st.integers(1, 4),
        victims=st.lists(st.integers(0, 3), max_size=2),
    )
    def at_once(self, what, capacity, victims):
        model, box = self.model, self.box
        match what:
            case "take_all":
                assert box.take_all() == model.items
                model.items = []
            case "close":
                box.close()
            case "resize":
                box.resize(capacity)
                model.capacity = capacity
            case "get_nowait" if model.items and model.reader is None:
                assert taken_at_once(box) == model.items.pop(0)
        # They may have been let in already by what has happened, and not know it yet.
        for victim in victims:
            if victim < len(model.waiting):
                item = model.waiting[victim]
                model.cancel_put(item)
                self.puts[item].cancel()
        if what == "close":
            model.close()
        self.settle()

    @precondition(lambda self: self.model.reader is not None)
    @rule(news=st.sampled_from(["nothing", "push", "close"]))
    def cancel_the_reader(self, news):
        """Perhaps in the very turn in which there is something to read."""
        if news == "push" and not self.model.closed:
            item = next(self.numbers)
            self.box.push(item)
            self.model.items.append(item)
            self.model.pushed.add(item)
        elif news == "close":
            self.box.close()
            self.model.close()
        self.gets[self.model.reader].cancel()
        self.model.got[self.model.reader] = asyncio.CancelledError
        self.model.reader = None
        self.settle()

    @rule()
    def put_that_is_cancelled_before_it_runs(self):
        item = next(self.numbers)
        put = self.task(self.box.put(item))
        put.cancel()
        self.settle()
        assert put.cancelled()

    # --- what must hold

    @invariant()
    def agrees(self):
        if not hasattr(self, "model"):
            return
        assert list(self.box.items) == self.model.items
        assert len(self.box.senders) == len(self.model.waiting)
        assert self.dropped == self.model.dropped
        assert self.box.closed == self.model.closed
        assert self.box.full == (len(self.model.items) >= self.model.capacity)
        for item, put in self.puts.items():
            assert outcome(put) == self.model.outcomes.get(item, "waits")
        for number, get in self.gets.items():
            expected = self.model.got.get(number, "waits")
            assert outcome(get, value=True) == expected

    def teardown(self):
        if not hasattr(self, "loop"):
            return
        for task in (*self.puts.values(), *self.gets.values()):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()


def taken_at_once(box):
    """What `get` gives without waiting, as there is an item."""
    get = box.get()
    try:
        get.send(None)
    except StopIteration as taken:
        return taken.value
    raise AssertionError("it waits")


def outcome(task, value=False):
    if not task.done():
        return "waits"
    if task.cancelled():
        return asyncio.CancelledError
    if task.exception() is not None:
        return type(task.exception())
    return task.result() if value else None


MailboxMachine.TestCase.settings = settings(
    max_examples=150, stateful_step_count=40, deadline=None, derandomize=True
)
TestMailboxAgainstAModel = MailboxMachine.TestCase
