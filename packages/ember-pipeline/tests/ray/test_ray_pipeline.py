"""A synchronous pipeline on Ray, called from wherever."""

import asyncio
import itertools
import os

import pytest

from ember_ml.pipeline import Pipeline, RayRuntime, StageError


@pytest.fixture
def runtime(ray):
    runtime = RayRuntime(hosts=2)
    yield runtime
    asyncio.run(runtime.close())


def with_pid(x):
    return x, os.getpid()


pipeline = Pipeline("p").add_stage(int).add_stage(lambda x: 10 // x, name="divide")


def test_run_outside_and_inside_of_an_event_loop(runtime):
    where = Pipeline("p").add_stage(with_pid)
    item, pid = where.run("here", runtime=runtime)
    assert item == "here"
    assert pid != os.getpid()

    async def inside():
        return pipeline.run("5", runtime=runtime)

    assert asyncio.run(inside()) == 2


def test_a_failure_is_told_as_it_would_be_here(runtime):
    with pytest.raises(StageError) as caught:
        pipeline.run("0", runtime=runtime)
    error = caught.value
    assert (error.pipeline, error.stage, error.index) == ("p", "divide", None)
    assert isinstance(error.__cause__, ZeroDivisionError)


def test_map_keeps_the_order_over_several_processes(runtime):
    where = Pipeline("p").add_stage(with_pid)
    results = list(where.map(range(3000), runtime=runtime))
    assert [item for item, _ in results] == list(range(3000))
    assert 1 <= len({pid for _, pid in results} - {os.getpid()}) <= 2


def test_map_yields_what_came_before_a_failure_and_can_be_left(runtime):
    seen = []
    with pytest.raises(StageError) as caught:
        seen.extend(pipeline.map(["1", "2", "x", "5"], runtime=runtime))
    assert seen == [10, 5]
    assert (caught.value.stage, caught.value.index) == ("int", 2)
    endless = pipeline.map(map(str, itertools.count(1)), runtime=runtime)
    assert list(itertools.islice(endless, 4)) == [10, 5, 3, 2]
    endless.close()
