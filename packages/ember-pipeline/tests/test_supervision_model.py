"""Supervision does what a model of OTP's rules does, which knows no tasks and no mailboxes."""

import asyncio
import logging

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ember_ml.pipeline import Actor, ActorSystem, Backoff, Supervision

DIRECTIVES = ["resume", "restart", "restart", "stop", "escalate"]
SETTLING = 20  # seconds, more than any delay


class Failure(Exception):
    """What to do about it is its argument."""


def directive(error):
    return error.args[0] if isinstance(error, Failure) else "restart"


class Noted(Actor):
    def __init__(self, diary, name):
        super().__init__()
        self.diary = diary
        self.called = name

    def note(self, what):
        now = asyncio.get_running_loop().time()
        self.diary.append((round(now, 6), self.called, what))

    async def on_start(self):
        self.note("starts")

    async def on_restart(self, error):
        self.note(f"restarts after {type(error).__name__}")

    async def on_stop(self):
        self.note("stops")


class Child(Noted):
    def __init__(self, diary, handled, name):
        super().__init__(diary, name)
        self.handled = handled

    async def process_message(self, message):
        match message:
            case "stop":
                await self.ref.stop()
            case "doze":
                await asyncio.sleep(1)
            case Failure():
                raise message
            case "note":
                self.handled.append(self.called)


class Supervisor(Noted):
    def __init__(self, diary, handled, kinds):
        super().__init__(diary, "supervisor")
        self.handled = handled
        self.kinds = kinds

    async def on_start(self):
        await super().on_start()
        await self.hire()

    async def on_restart(self, error):
        await super().on_restart(error)
        await self.hire()

    async def hire(self):
        for name, kind in self.kinds.items():
            await self.spawn(Child, self.diary, self.handled, name, name=name, restart=kind)

    async def process_message(self, message):
        if isinstance(message, Exception):
            raise message
        return {child.name: child for child in self.children}


class Model:
    """The rules, in the order in which things happen."""

    def __init__(self, kinds, supervision):
        self.kinds = kinds
        self.policy = supervision
        self.diary = []
        self.handled = []
        self.now = 0.0
        self.restarts = []
        self.rows = {}
        self.begin("starts")

    def note(self, name, what):
        self.diary.append((round(self.now, 6), name, what))

    def begin(self, how):
        self.note("supervisor", how)
        self.children = dict.fromkeys(self.kinds, "up")  # or "down", until they are restarted
        self.errors = {}
        for name in self.kinds:
            self.note(name, "starts")

    def end(self, name, error=None):
        self.note(name, "stops")
        self.children[name] = "down"
        self.errors[name] = type(error).__name__

    def leave(self, name):
        del self.children[name]
        self.rows.pop(name, None)

    # --- what happens to a child

    def stop(self, name):
        self.note(name, "stops")
        self.leave(name)

    def stop_itself(self, name):
        if self.kinds[name] == "permanent":
            self.end(name)
            self.restart([name])
        else:
            self.stop(name)

    def fail(self, failing):
        """Children fail in the same turn of the loop, in this order."""
        waiting = []
        for name, error in failing:
            what = directive(error)
            if what == "restart" and self.kinds[name] == "temporary":
                what = "stop"
            if what == "stop":
                self.stop(name)
            elif what == "escalate":
                self.end(name, error)
                self.escalate("Failure")
                return
            elif what == "restart":
                self.end(name, error)
                waiting.append(name)
        self.restart(waiting)

    # --- what the supervisor does

    def escalate(self, error):
        for name in reversed(list(self.children)):
            if self.children[name] == "up":
                self.note(name, "stops")
        self.note("supervisor", "stops")
        self.restarts, self.rows = [], {}
        self.begin(f"restarts after {error}")

    def restart(self, waiting):
        if self.policy.strategy == "one_for_one":
            due = []
            for name in waiting:
                if not self.admitted():
                    self.escalate("TooManyRestarts")
                    return
                due.append((self.now + self.delay(name), name))
            for when, name in sorted(due, key=lambda pair: pair[0]):
                self.now = when
                self.begin_again(name)
            return
        for name in waiting:
            if self.children.get(name) != "down":
                continue  # its group has been restarted, and so has it
            if not self.admitted():
                self.escalate("TooManyRestarts")
                return
            names = list(self.children)
            group = names if self.policy.strategy == "one_for_all" else names[names.index(name) :]
            for member in reversed(group):
                if self.children[member] == "up":
                    self.end(member)
            self.now += self.delay(name)
            for member in group:
                if self.kinds[member] == "temporary":
                    self.leave(member)
                else:
                    self.begin_again(member)

    def begin_again(self, name):
        self.children[name] = "up"
        self.note(name, f"restarts after {self.errors[name]}")

    def admitted(self):
        self.restarts = [t for t in self.restarts if self.now - t <= self.policy.within]
        if len(self.restarts) >= self.policy.max_restarts:
            return False
        self.restarts.append(self.now)
        return True

    def delay(self, name):
        backoff = self.policy.backoff
        row, last = self.rows.get(name, (0, self.now))
        row = 1 if self.now - last > self.policy.within + backoff.maximum else row + 1
        self.rows[name] = (row, self.now)
        return min(backoff.maximum, backoff.initial * backoff.factor ** (row - 1))


class SupervisionMachine(RuleBasedStateMachine):
    make_loop = asyncio.SelectorEventLoop
    strategy = "one_for_one"

    @initialize(
        kinds=st.lists(
            st.sampled_from(["permanent", "transient", "transient", "temporary"]),
            min_size=2,
            max_size=4,
        ),
        max_restarts=st.integers(0, 6),
        within=st.sampled_from([15, 45, 1000]),
    )
    def begin(self, kinds, max_restarts, within):
        policy = Supervision(
            self.strategy,
            on_failure=directive,
            max_restarts=max_restarts,
            within=within,
            backoff=Backoff(initial=0.5, factor=2, maximum=4, jitter=0),
            shutdown=0,
        )
        kinds = {"abcd"[place]: kind for place, kind in enumerate(kinds)}
        self.loop = self.make_loop()
        self.diary, self.handled = [], []
        self.system = ActorSystem(
            blocked_after=None,
            supervision=Supervision(max_restarts=10**6, shutdown=0),
        )
        self.call(self.system.__aenter__())
        self.supervisor = self.call(
            self.system.spawn(
                Supervisor, self.diary, self.handled, kinds, name="top", supervision=policy
            )
        )
        self.model = Model(kinds, policy)
        self.settle()

    def call(self, coroutine):
        return self.loop.run_until_complete(coroutine)

    def settle(self):
        now = self.loop.time()
        self.call(asyncio.sleep(SETTLING))
        assert self.model.now <= now + SETTLING
        self.model.now = self.loop.time()
        self.refs = self.call(self.supervisor.ask(None))

    def some(self, place):
        names = list(self.refs)
        return names[place % len(names)]

    @precondition(lambda self: self.refs)
    @rule(place=st.integers(0, 3), what=st.sampled_from(DIRECTIVES), busy=st.booleans())
    def one_fails(self, place, what, busy):
        name = self.some(place)
        if busy:  # those that it takes with it have something in hand
            for other in self.refs:
                if other != name:
                    self.call(self.refs[other].send("doze"))
            self.call(asyncio.sleep(0))
        self.call(self.refs[name].send(Failure(what)))
        self.model.now = self.loop.time()
        self.model.fail([(name, Failure(what))])
        self.settle()

    @precondition(lambda self: len(self.refs) > 1)
    @rule(
        first=st.integers(0, 3),
        whats=st.tuples(
            *[st.sampled_from(["restart", "restart", "restart", "resume", "stop"])] * 2
        ),
        reverse=st.booleans(),
    )
    def two_fail_at_once(self, first, whats, reverse):
        names = [self.some(first), self.some(first + 1)]
        if reverse:
            names.reverse()
        failing = list(zip(names, map(Failure, whats), strict=True))

        async def send():
            for name, failure in failing:
                await self.refs[name].send(failure)

        self.call(send())
        self.model.now = self.loop.time()
        self.model.fail(failing)
        self.settle()

    @precondition(lambda self: self.refs)
    @rule(place=st.integers(0, 3), itself=st.booleans())
    def one_stops(self, place, itself):
        name = self.some(place)
        if itself:
            self.call(self.refs[name].send("stop"))
            self.model.now = self.loop.time()
            self.model.stop_itself(name)
        else:
            self.call(self.refs[name].stop())
            self.model.now = self.loop.time()
            self.model.stop(name)
        self.settle()

    @precondition(lambda self: self.refs)
    @rule(place=st.integers(0, 3))
    def one_handles_a_message(self, place):
        name = self.some(place)
        self.call(self.refs[name].send("note"))
        self.call(asyncio.sleep(0))
        self.model.handled.append(name)

    @precondition(lambda self: self.refs)
    @rule(place=st.integers(0, 3))
    def a_message_waits_for_the_restart(self, place):
        name = self.some(place)
        if self.model.kinds[name] == "temporary" or self.model.policy.max_restarts == 0:
            return

        async def send():
            await self.refs[name].send(Failure("restart"))
            await self.refs[name].send("note")

        restarts = len(self.model.diary)
        self.call(send())
        self.model.now = self.loop.time()
        self.model.fail([(name, Failure("restart"))])
        story = self.model.diary[restarts:]
        if not any(who == "supervisor" for _, who, _ in story):
            self.model.handled.append(name)
        self.settle()

    @rule()
    def the_supervisor_fails(self):
        self.call(self.supervisor.send(LookupError()))
        self.model.now = self.loop.time()
        self.model.escalate("LookupError")
        self.settle()

    @rule(seconds=st.sampled_from([1, 10, 30]))
    def time_passes(self, seconds):
        self.call(asyncio.sleep(seconds))
        self.model.now = self.loop.time()

    @invariant()
    def the_stories_agree(self):
        if hasattr(self, "model"):
            assert self.diary == self.model.diary
            assert self.handled == self.model.handled
            assert list(self.refs) == [n for n, state in self.model.children.items()]
            assert "down" not in self.model.children.values()

    def teardown(self):
        if hasattr(self, "system"):
            self.call(self.system.__aexit__(None, None, None))
            assert asyncio.all_tasks(self.loop) == set()
            self.loop.close()


@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all", "rest_for_one"])
def test_supervision_against_a_model(strategy, jumping_loop):
    class Machine(SupervisionMachine):
        make_loop = jumping_loop

    Machine.strategy = strategy

    logging.disable(logging.CRITICAL)
    try:
        run_state_machine_as_test(
            Machine,
            settings=settings(
                max_examples=120, stateful_step_count=20, deadline=None, derandomize=True
            ),
        )
    finally:
        logging.disable(logging.NOTSET)
