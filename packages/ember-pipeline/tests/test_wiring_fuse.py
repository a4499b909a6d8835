import gc
import itertools
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ember_ml.backend.errors import ArgumentError
from ember_ml.pipeline import Pipeline, StageError
from ember_ml.pipeline.wiring._fuse import Fused


def increment(x):
    return x + 1


def three(name="p"):
    return Pipeline(name).add_stage(increment).add_stage(lambda x: 10 * x).add_stage(str)


class Thing:
    """Something that can be referred to weakly."""


def test_map_keeps_the_order():
    assert list(three().map(range(4))) == ["10", "20", "30", "40"]
    assert list(three().map([])) == []
    assert list(three().map([7])) == ["80"]


def test_a_pipeline_without_stages_passes_everything_on():
    things = [Thing(), Thing(), Thing()]
    assert list(Pipeline("p").map(things)) == things


def test_map_reads_an_item_when_its_result_is_asked_for():
    read, done = [], []

    def source():
        for number in itertools.count():
            read.append(number)
            yield number

    results = Pipeline("p").add_stage(done.append).map(source())
    assert read == []
    for count in range(1, 6):
        next(results)
        assert read == done == list(range(count))


def test_map_of_an_endless_source():
    assert list(itertools.islice(three().map(itertools.count()), 3)) == ["10", "20", "30"]


def test_stages_that_are_added_later_are_not_in_a_map_that_has_begun():
    pipeline = three()
    results = pipeline.map(range(3))
    assert next(results) == "10"
    pipeline.add_stage(len)
    assert list(results) == ["20", "30"]
    assert list(pipeline.map(range(3))) == [2, 2, 2]


@given(st.integers(1, 6), st.integers(0, 30), st.data())
def test_a_failure_is_told_with_stage_item_and_index(stages, length, data):
    guilty = data.draw(st.integers(0, stages - 1))
    index = data.draw(st.none() if length == 0 else st.none() | st.integers(0, length - 1))
    pipeline = Pipeline("p")

    def stage(number, x):
        if number == guilty and index is not None and x == 100 * index + guilty:
            raise LookupError(number)
        return x + 1

    for number in range(stages):
        pipeline.add_stage(lambda x, n=number: stage(n, x), name=f"s{number}")
    items = range(0, 100 * length, 100)
    done = []
    if index is None:
        assert list(pipeline.map(items)) == [item + stages for item in items]
        return
    with pytest.raises(StageError) as caught:
        done.extend(pipeline.map(items))
    assert done == [100 * number + stages for number in range(index)]
    error = caught.value
    assert (error.stage, error.index, error.item) == (f"s{guilty}", index, 100 * index + guilty)
    assert type(error.cause) is LookupError
    assert error.__cause__ is error.cause


def test_the_message_tells_what_the_stage_took_and_gave_before():
    pipeline = Pipeline("p").add_stage(str.split).add_stage(lambda words: words[1], name="second")
    with pytest.raises(StageError) as caught:
        list(pipeline.map(["a b c", "a b", "a"]))
    assert str(caught.value) == (
        "pipeline 'p': stage 'second' failed on item 2 (takes list of 1; gives str 'b' for list of "
        "3): IndexError: list index out of range"
    )


def test_what_a_stage_gave_in_a_run_is_told_by_a_later_one():
    pipeline = Pipeline("p").add_stage(lambda words: words[1], name="second")
    assert pipeline.run(["a", "b"]) == "b"
    with pytest.raises(StageError, match=r"second' failed \(takes str 'x'; gives str 'b' for list"):
        pipeline.run("x")


def test_what_a_stage_promises_is_told_when_it_has_given_nothing_yet():
    def parse(text: str) -> dict[str, int]:
        return {text: int(text)}

    with pytest.raises(StageError, match=r"takes str 'x'; gives (dict\[str, int\]|'dict)"):
        Pipeline("p").add_stage(parse).run("x")


def test_the_index_is_that_of_the_outer_map():
    inner = Pipeline("inner").add_stage(int)
    outer = Pipeline("outer").add_stage(inner)
    with pytest.raises(StageError) as caught:
        list(outer.map(["1", "2", "x"]))
    error = caught.value
    assert (error.pipeline, error.stage, error.index, error.item) == ("outer", "inner/int", 2, "x")


def test_a_map_inside_a_stage_tells_its_own_index_where_there_is_no_other():
    inner = Pipeline("inner").add_stage(int)
    outer = Pipeline("outer").add_stage(lambda items: list(inner.map(items)), name="all")
    with pytest.raises(StageError) as caught:
        outer.run(["1", "2", "x"])
    assert (caught.value.stage, caught.value.index) == ("all/int", 2)
    with pytest.raises(StageError) as caught:
        list(outer.map([["1"], ["1", "2", "x"]]))
    assert (caught.value.stage, caught.value.index) == ("all/int", 1)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_what_the_source_raises_is_raised_unchanged(count):
    def source():
        yield from range(count)
        raise OSError("disk")

    done = []
    with pytest.raises(OSError, match="disk") as caught:
        done.extend(three().map(source()))
    assert done == ["10", "20"][:count]
    assert not isinstance(caught.value, StageError)


def test_what_a_map_in_the_source_raises_is_raised_unchanged():
    first = Pipeline("first").add_stage(int)
    with pytest.raises(StageError) as caught:
        list(three().map(first.map(["1", "2", "x"])))
    assert (caught.value.pipeline, caught.value.stage, caught.value.index) == ("first", "int", 2)


@pytest.mark.parametrize("index", [0, 2])
def test_a_stage_that_raises_stop_iteration_fails_and_does_not_end_the_map(index):
    def stage(x):
        if x == index:
            raise StopIteration
        return x

    with pytest.raises(StageError) as caught:
        list(Pipeline("p").add_stage(stage).map(range(5)))
    assert caught.value.index == index
    assert isinstance(caught.value.cause, StopIteration)


@pytest.mark.parametrize("index", [0, 2])
def test_interrupts_are_not_wrapped(index):
    def stage(x):
        if x == index:
            raise KeyboardInterrupt
        return x

    with pytest.raises(KeyboardInterrupt):
        list(Pipeline("p").add_stage(stage).map(range(5)))


def test_what_is_thrown_into_a_map_comes_out_unchanged():
    for count in (1, 3):
        results = three().map(range(10))
        for _ in range(count):
            next(results)
        with pytest.raises(LookupError, match="from outside"):
            results.throw(LookupError("from outside"))


@pytest.mark.parametrize("items", [3, None, increment])
def test_map_takes_an_iterable(items):
    with pytest.raises(ArgumentError, match=r"map takes an iterable, got .*AsyncPipeline\.stream"):
        three().map(items)


def test_a_coroutine_that_comes_as_a_surprise_is_an_error_of_the_stage_that_returned_it():
    async def coroutine(x):
        return x

    pipeline = three().add_stage(lambda x: coroutine(x), name="late").add_stage(str)
    with pytest.raises(StageError, match="does not await; use AsyncPipeline") as caught:
        list(pipeline.map([1]))
    assert (caught.value.stage, caught.value.index) == ("late", 0)

    sometimes = Pipeline("p").add_stage(lambda x: coroutine(x) if x else x, name="late")
    assert sometimes.add_stage(str).run(0) == "0"
    with pytest.raises(StageError, match="use AsyncPipeline") as caught:
        sometimes.run(1)
    assert (caught.value.stage, caught.value.item) == ("late", 1)


@pytest.mark.parametrize("way", ["run", "map"])
def test_what_no_stage_needs_any_more_is_let_go(way):
    born = []

    def make(x):
        thing = Thing()
        born.append(weakref.ref(thing))
        return thing

    def alive(x):
        return sum(ref() is not None for ref in born)

    pipeline = Pipeline("p").add_stage(make, name="a").add_stage(make, name="b")
    pipeline.add_stage(lambda a, b: None, after=("a", "b")).add_stage(alive)
    if way == "map":
        assert list(pipeline.map(range(3))) == [0, 0, 0]
    else:
        assert [pipeline.run(0) for _ in range(3)] == [0, 0, 0]


@pytest.mark.parametrize("way", ["run", "later run", "map", "later item", "fill"])
def test_a_failure_keeps_nothing_alive_once_it_is_dropped(way):
    def fail(thing):
        raise KeyError("no")

    pipeline = Pipeline("p").add_stage(lambda x: x).add_stage(lambda x: x and fail(x))

    def attempt(thing):
        if way == "later run":
            pipeline.run(None)
        if way == "map":
            list(pipeline.map([thing]))
        elif way == "later item":
            list(pipeline.map([None, thing]))
        elif way == "fill":
            Fused(pipeline.stages).fill([thing], [])
        else:
            pipeline.run(thing)

    thing = Thing()
    ref = weakref.ref(thing)
    gc.disable()  # what is freed here is freed without the help of the collector
    try:
        with pytest.raises(StageError, match="takes Thing") as caught:
            attempt(thing)
        del thing, caught
        assert ref() is None
    finally:
        gc.enable()


def test_a_pipeline_that_is_dropped_keeps_nothing_alive():
    class Model(Thing):
        def __call__(self, x):
            return x

    model = Model()
    ref = weakref.ref(model)
    pipeline = Pipeline("p").add_stage(model)
    gc.disable()
    try:
        assert [pipeline.run(0), pipeline.run(1), *pipeline.map([2, 3])] == [0, 1, 2, 3]
        del model, pipeline
        assert ref() is None
    finally:
        gc.enable()


def test_a_long_chain():
    pipeline = Pipeline("p")
    for _ in range(1000):
        pipeline.add_stage(increment)
    assert pipeline.run(0) == 1000
    assert list(pipeline.map([0, 1])) == [1000, 1001]


def test_fill_appends_what_comes_out_and_goes_on_behind_a_failure():
    def stage(x):
        return 10 // x

    fused = Fused(Pipeline("p").add_stage(stage).add_stage(increment).stages)
    items, results = iter([5, 2, 0, 1]), ["before"]
    with pytest.raises(StageError) as caught:
        fused.fill(items, results)
    assert results == ["before", 3, 6]
    assert (caught.value.stage, caught.value.item, caught.value.index) == ("stage", 0, None)
    fused.fill(items, results)
    assert results == ["before", 3, 6, 11]
