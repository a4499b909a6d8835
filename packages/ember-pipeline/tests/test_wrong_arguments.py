"""Arguments that make no sense are refused where they are given, by name and value."""

import asyncio
import functools

import pytest

from ember_ml.backend.errors import ArgumentError, InvalidValueError
from ember_ml.pipeline import (
    Actor,
    ActorSystem,
    AsyncPipeline,
    Backoff,
    DeadLetters,
    Mailbox,
    Pipeline,
    RayRuntime,
    Supervision,
    UsageError,
)


class Echo(Actor):
    async def process_message(self, message):
        return message


@pytest.mark.parametrize(
    ("option", "value", "error"),
    [
        ("deadline", "5", ArgumentError),
        ("deadline", True, ArgumentError),
        ("deadline", 0, InvalidValueError),
        ("checkpoint", 3, ArgumentError),
        ("dead_letters", [], ArgumentError),
        ("runtime", "ray", ArgumentError),
        ("runtime", RayRuntime, ArgumentError),
    ],
    ids=lambda value: getattr(value, "__name__", repr(value)),
)
def test_streams(option, value, error):
    with pytest.raises(error, match=f"AsyncPipeline.'p': len.: {option} must be .*, got ") as told:
        AsyncPipeline("p").add_stage(len).stream([], **{option: value})
    assert repr(value) in str(told.value)


async def test_the_runtime_of_a_single_item():
    with pytest.raises(ArgumentError, match="runtime must be a runtime"):
        await AsyncPipeline("p").add_stage(len).run("a", runtime="ray")


@pytest.mark.parametrize("give", ["".join, dict.fromkeys, set], ids=["text", "dict", "set"])
async def test_a_batch_that_comes_back_as_no_sequence(give):
    """Two letters, keys or elements for two items are as many as results by chance alone."""
    pipeline = AsyncPipeline("p").add_stage(lambda batch: give(batch), name="s", batch_size=2)
    with pytest.raises(Exception, match="stage 's' returned (str|dict|set) for a batch of 2"):
        await pipeline.drain(["a", "b"])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"capacity": "many"}, "capacity must be an int, got 'many'"),
        ({"name": 3}, "a name must be a non-empty string, got 3"),
        ({"name": ""}, "a name must be a non-empty string, got ''"),
        ({"supervision": "one_for_all"}, "supervision must be a Supervision, got 'one_for_all'"),
    ],
    ids=["capacity", "name", "no-name", "supervision"],
)
async def test_spawning(options, told):
    async with ActorSystem() as system:
        with pytest.raises(ArgumentError, match=told):
            await system.spawn(Echo, **options)


@pytest.mark.parametrize("factory", [Echo(), None, "Echo"], ids=["instance", "None", "name"])
async def test_spawning_what_makes_no_actor(factory):
    async with ActorSystem() as system:
        with pytest.raises(ArgumentError, match="give the class, and its arguments after it"):
            await system.spawn(factory)


def test_supervision():
    with pytest.raises(ArgumentError, match="backoff must be a Backoff, got 3"):
        Supervision(backoff=3)
    with pytest.raises(ArgumentError, match="supervision must be a Supervision, got 'resume'"):
        ActorSystem(supervision="resume")


@pytest.mark.parametrize(
    ("make", "error", "told"),
    [
        (lambda: Backoff(initial="1"), ArgumentError, "Backoff: initial must be a number, got '1'"),
        (
            lambda: Backoff(jitter=2),
            InvalidValueError,
            "Backoff: jitter must be from 0 to 1, got 2",
        ),
        (
            lambda: Supervision(max_restarts="3"),
            ArgumentError,
            "Supervision: max_restarts must be a number, got '3'",
        ),
        (
            lambda: Supervision(within=float("nan")),
            InvalidValueError,
            "Supervision: within must be at least 0, got nan",
        ),
        (
            lambda: DeadLetters(limit=2.5),
            ArgumentError,
            "DeadLetters: limit must be an int, got 2.5",
        ),
        (lambda: RayRuntime(hosts="2"), ArgumentError, "RayRuntime: hosts must be an int, got '2'"),
        (lambda: RayRuntime(hosts=0), InvalidValueError, "hosts must be at least 1, got 0"),
        (
            lambda: ActorSystem("app", blocked_after="1"),
            ArgumentError,
            "ActorSystem 'app': blocked_after must be a number, got '1'",
        ),
    ],
    ids=["backoff", "jitter", "restarts", "nan", "letters", "hosts", "no-hosts", "blocked"],
)
def test_numbers(make, error, told):
    with pytest.raises(error, match=told):
        make()


@pytest.mark.parametrize(
    ("seconds", "error"),
    [("5", ArgumentError), (True, ArgumentError), (float("nan"), InvalidValueError)],
    ids=["text", "bool", "nan"],
)
@pytest.mark.parametrize("method", ["ask", "ask_blocking", "send_blocking", "stop"])
async def test_a_timeout_that_is_none_sends_and_stops_nothing(method, seconds, error):
    async with ActorSystem("app") as system:
        ref = await system.spawn(Echo, name="echo")
        call = getattr(ref, method)
        message = () if method == "stop" else ("message",)
        told = "app/echo: timeout must be a number of seconds or None, got "
        if method.endswith("blocking"):
            call = functools.partial(asyncio.to_thread, call)
        with pytest.raises(error, match=told):
            await call(*message, timeout=seconds)
        with pytest.raises(error, match="app: timeout must be a number of seconds or None"):
            await system.stop(timeout=seconds)
        assert await ref.ask("another", timeout=20) == "another"
        assert system.inspect().children[0].handled == 1


async def test_children_of_an_actor_that_runs_not():
    with pytest.raises(UsageError, match="Echo-.* has not been started .*; spawn in its on_start"):
        await Echo().spawn(Echo)


async def test_a_timer():
    class Late(Echo):
        async def on_start(self):
            self.send_after("1", "message")

    async with ActorSystem() as system:
        with pytest.raises(ArgumentError, match="Late-1: a timer needs seconds, got '1'"):
            await system.spawn(Late)


def test_a_mailbox():
    with pytest.raises(ArgumentError, match="capacity must be an int, got 2.5"):
        Mailbox(capacity=2.5)


def test_a_position_that_is_none():
    with pytest.raises(ArgumentError, match="a name, a position or a slice, got .'a', 'b'."):
        Pipeline("p").add_stage(len)["a", "b"]
