import asyncio
import threading
from contextvars import ContextVar

import pytest

from ember_ml.backend.errors import ArgumentError, InvalidValueError
from ember_ml.pipeline import AsyncPipeline, Pipeline, StageError

flavour = ContextVar("flavour", default="plain")


async def increment(x):
    await asyncio.sleep(0)
    return x + 1


def double(x):
    return 2 * x


class Times:
    def __init__(self, factor):
        self.factor = factor

    async def __call__(self, x):
        return x * self.factor


class Halve:
    def transform(self, x):
        return x // 2


async def test_coroutine_functions_and_plain_callables_mix():
    inner = AsyncPipeline("inner").add_stage(increment).add_stage(double)
    plain = Pipeline("plain").add_stage(double)
    pipeline = AsyncPipeline("p").add_stage(increment).add_stage(double, where="inline")
    pipeline.add_stage(Times(10)).add_stage(Halve()).add_stage(inner).add_stage(plain)
    # ((1 + 1) * 2 * 10 // 2 + 1) * 2 * 2
    assert await pipeline.run(1) == 84


async def test_an_empty_pipeline_returns_its_very_input():
    raw = object()
    assert await AsyncPipeline("p").run(raw) is raw


async def test_a_plain_callable_runs_in_a_thread_unless_inline():
    here = threading.get_ident()
    pipeline = AsyncPipeline("p")
    pipeline.add_stage(lambda x: [threading.get_ident()])
    pipeline.add_stage(lambda x: [*x, threading.get_ident()], where="inline")
    thread, inline = await pipeline.run(None)
    assert thread != here
    assert inline == here


async def test_promise_8_a_blocking_stage_does_not_stall_the_event_loop():
    release = threading.Event()

    def block(x):
        return release.wait(timeout=30)

    # Were the stage inline, nobody would be left to release it.
    run = asyncio.create_task(AsyncPipeline("p").add_stage(block).run(None))
    await asyncio.sleep(0)
    release.set()
    assert await run is True


async def test_a_thread_sees_the_context_variables_of_the_caller():
    flavour.set("vanilla")
    assert await AsyncPipeline("p").add_stage(lambda x: flavour.get()).run(None) == "vanilla"


async def test_what_a_plain_callable_returns_is_awaited_if_it_can_be():
    pipeline = AsyncPipeline("p")
    pipeline.add_stage(lambda x: increment(x)).add_stage(lambda x: increment(x), where="inline")
    assert await pipeline.run(0) == 2


@pytest.mark.parametrize("where", [None, "inline", "coroutine"])
async def test_a_failing_stage_is_named_and_its_exception_kept(where):
    def fail(x):
        raise KeyError(x)

    async def fail_later(x):
        raise KeyError(x)

    pipeline = AsyncPipeline("load").add_stage(double)
    if where == "coroutine":
        pipeline.add_stage(fail_later, name="fail")
    else:
        pipeline.add_stage(fail, where=where)
    with pytest.raises(StageError) as caught:
        await AsyncPipeline("outer").add_stage(pipeline).run(2)
    error = caught.value
    assert (error.pipeline, error.stage, error.item) == ("outer", "load/fail", 4)
    assert isinstance(error.__cause__, KeyError)


@pytest.mark.parametrize("where", ["thread", "inline"])
async def test_a_stage_that_raises_stop_iteration_fails_like_any_other(where):
    pipeline = AsyncPipeline("p").add_stage(lambda x: next(iter(x)), where=where)
    with pytest.raises(StageError) as caught:
        await asyncio.wait_for(pipeline.run([]), timeout=30)
    assert isinstance(caught.value.cause, StopIteration)


async def test_cancelling_a_run_cancels_the_stage():
    entered = asyncio.Event()
    ended = []

    async def wait(x):
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(x)

    run = asyncio.create_task(AsyncPipeline("p").add_stage(wait).run("x"))
    await entered.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert ended == ["x"]


def test_where_is_checked():
    with pytest.raises(InvalidValueError, match="inline, thread, process, got 'gpu'"):
        AsyncPipeline("p").add_stage(double, where="gpu")


@pytest.mark.parametrize("stage", [increment, Times(2), AsyncPipeline("inner")])
def test_a_coroutine_function_cannot_be_put_in_a_thread(stage):
    with pytest.raises(InvalidValueError, match="leave out where='thread'"):
        AsyncPipeline("p").add_stage(stage, where="thread")


def test_names_and_cycles_are_checked_as_in_a_pipeline():
    pipeline = AsyncPipeline("p").add_stage(double, name="a")
    with pytest.raises(InvalidValueError, match="already has a stage 'a'"):
        pipeline.add_stage(increment, name="a")
    with pytest.raises(InvalidValueError, match="inside itself"):
        pipeline.add_stage(pipeline)
    with pytest.raises(ArgumentError, match="neither callable"):
        pipeline.add_stage(7)
    assert repr(pipeline) == "AsyncPipeline('p': a)"
