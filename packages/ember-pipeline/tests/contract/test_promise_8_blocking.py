import asyncio
import time

import pytest
from promised_actors import within_limits

from ember_ml.pipeline import ActorSystem, AsyncPipeline

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_promise_8_a_synchronous_stage_that_blocks_does_not_stall_the_loop(runtime, tmp_path):
    gate = tmp_path / "gate"

    def block(x):
        while not gate.exists():
            time.sleep(0.005)
        return x

    run = asyncio.create_task(AsyncPipeline("p").add_stage(block).run(1, runtime=runtime))
    for _ in range(20):  # turns that the loop would not have
        await asyncio.sleep(0.002)
    assert not run.done()
    gate.touch()
    assert await within_limits(run) == 1


async def test_promise_8_a_stage_that_was_asked_to_run_inline_does_run_on_the_loop(runtime):
    loop = asyncio.get_running_loop()

    def on_the_loop(x):
        return asyncio.get_running_loop() is loop

    pipeline = AsyncPipeline("p").add_stage(on_the_loop, where="inline")
    assert await within_limits(pipeline.run(0, runtime=runtime)) is True


async def test_promise_8_a_handler_that_blocks_the_loop_is_reported():
    from promised_actors import Scripted

    async def block(actor):
        time.sleep(0.8)  # noqa: ASYNC251 - the very fault

    reports = []
    async with ActorSystem("app", blocked_after=0.3, on_blocked=reports.append) as system:
        ref = await system.spawn(Scripted, name="lazy")
        await ref.ask("awake")
        await ref.ask(block)
    [report] = [report for report in reports if report.task == "actor app/lazy"]
    assert f":{block.__code__.co_firstlineno + 1} in block" in report.where
