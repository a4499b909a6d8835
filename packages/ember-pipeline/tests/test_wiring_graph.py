import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ember_ml.backend.errors import ArgumentError, InvalidValueError
from ember_ml.pipeline import (
    INPUT,
    AsyncPipeline,
    Pipeline,
    PipelineError,
    StageError,
    StageNotFoundError,
)


def double(x):
    return 2 * x


def negate(x):
    return -x


def listed(*values):
    return list(values)


def diamond():
    """load -> (left, right) -> join"""
    pipeline = Pipeline("diamond").add_stage(lambda x: x + 1, name="load")
    pipeline.add_stage(double, name="left").add_stage(negate, name="right", after="load")
    return pipeline.add_stage(listed, name="join", after=("left", "right"))


def names(pipeline):
    return [stage.name for stage in pipeline]


def test_a_join_takes_what_it_names_in_that_order():
    assert diamond().run(4) == [10, -5]
    turned = diamond().add_stage(listed, name="turned", after=["right", "left", INPUT, "left"])
    assert turned.run(4) == {"join": [10, -5], "turned": [-5, 10, 4, 10]}


def test_what_comes_after_a_join_follows_it():
    assert diamond().add_stage(sum).run(4) == 5


def test_a_graph_that_ends_in_several_stages_gives_their_results_by_name():
    pipeline = Pipeline("p").add_stage(double).add_stage(negate, after="input")
    assert pipeline.run(3) == {"double": 6, "negate": -3}
    assert list(pipeline.map([1, 2])) == [{"double": 2, "negate": -1}, {"double": 4, "negate": -2}]


def test_a_stage_that_others_take_is_not_an_end_though_it_was_added_last():
    pipeline = Pipeline("p").add_stage(double).add_stage(negate, after="input")
    pipeline.add_stage(str, after="double")
    assert pipeline.run(3) == {"negate": -3, "str": "6"}


def test_each_stage_runs_once_for_an_item():
    seen = []

    def note(x):
        seen.append(x)
        return x

    pipeline = Pipeline("p").add_stage(note).add_stage(double).add_stage(negate, after="note")
    pipeline.add_stage(listed, after=("double", "negate", "note"))
    assert pipeline.run(3) == [6, -3, 3]
    assert seen == [3]


@pytest.mark.parametrize(
    ("after", "error", "message"),
    [
        ("lift", InvalidValueError, "names 'lift', which is not there; .*'input', 'double'"),
        (("double", "later"), InvalidValueError, "names 'later'"),
        ((), InvalidValueError, "after names no stage"),
        (3, ArgumentError, "sequence of names, got 3"),
        ([double], ArgumentError, "sequence of names"),
        ({"double"}, ArgumentError, "sequence of names"),
    ],
    ids=["unknown", "one unknown", "none", "number", "function", "set"],
)
@pytest.mark.parametrize("kind", [Pipeline, AsyncPipeline])
def test_after_is_checked(kind, after, error, message):
    pipeline = kind("p").add_stage(double)
    with pytest.raises(error, match=message):
        pipeline.add_stage(negate, after=after)
    assert names(pipeline) == ["double"]


def test_a_stage_cannot_have_the_name_of_the_input():
    with pytest.raises(InvalidValueError, match="'input' is what the pipeline is given"):
        Pipeline("p").add_stage(double, name="input")
    assert names(Pipeline("p").add_stage(input)) == ["input-2"]


def test_a_nested_pipeline_takes_one_item():
    pipeline = Pipeline("p").add_stage(double).add_stage(negate)
    with pytest.raises(InvalidValueError, match=r"takes one item, .* gives it 2; join them"):
        pipeline.add_stage(Pipeline("inner"), after=("double", "negate"))


@pytest.mark.parametrize(
    ("pipeline", "shown"),
    [
        (diamond(), "load -> left; load -> right; (left, right) -> join"),
        (
            Pipeline("p").add_stage(double).add_stage(negate, after="input"),
            "double; input -> negate",
        ),
        (
            Pipeline("p").add_stage(diamond()).add_stage(sum),
            f"diamond({diamond()._shown()}) -> sum",
        ),
        (Pipeline("p").add_stage(listed, after=("input", "input")), "(input, input) -> listed"),
    ],
    ids=["diamond", "two ends", "nested", "join of the input"],
)
def test_repr_shows_the_branches(pipeline, shown):
    assert repr(pipeline) == f"Pipeline({pipeline.name!r}: {shown})"


@st.composite
def graphs(draw):
    """For each stage of a graph, the positions of the stages it takes; -1 is the input."""
    return [
        draw(st.lists(st.integers(-1, number - 1), min_size=1, max_size=3))
        for number in range(draw(st.integers(1, 8)))
    ]


def built(graph):
    pipeline = Pipeline("p")
    for number, taken in enumerate(graph):
        after = [INPUT if t < 0 else f"s{t}" for t in taken]
        # a stage gives its own number and what it was given, so that nothing can be mistaken
        pipeline.add_stage(lambda *x, n=number: (n, *x), name=f"s{number}", after=after)
    return pipeline


def expected(graph, item):
    def result(number):
        return item if number < 0 else (number, *map(result, graph[number]))

    taken = {number for positions in graph for number in positions}
    ends = [number for number in range(len(graph)) if number not in taken]
    if len(ends) == 1:
        return result(ends[0])
    return {f"s{number}": result(number) for number in ends}


@given(graphs(), st.lists(st.integers(), max_size=3))
def test_a_graph_gives_what_its_definition_says(graph, items):
    pipeline = built(graph)
    outputs = [expected(graph, item) for item in items]
    assert [pipeline.run(item) for item in items] == outputs
    assert list(pipeline.map(items)) == outputs
    assert [pipeline.fit_transform(item) for item in items] == outputs


@given(graphs(), st.data())
def test_a_failure_in_a_graph_is_told_with_what_the_stage_took(graph, data):
    guilty = data.draw(st.integers(0, len(graph) - 1))
    index = data.draw(st.integers(0, 3))
    pipeline = Pipeline("p")
    items = [f"item {number}" for number in range(5)]

    def stage(number, *taken):
        if number == guilty and items[index] in repr(taken):
            raise KeyError(number)
        return (number, *taken)

    for number, taken in enumerate(graph):
        after = [INPUT if t < 0 else f"s{t}" for t in taken]
        pipeline.add_stage(lambda *x, n=number: stage(n, *x), name=f"s{number}", after=after)

    def value(number):
        return items[index] if number < 0 else (number, *map(value, graph[number]))

    given_it = tuple(map(value, graph[guilty]))
    done = []
    with pytest.raises(StageError) as caught:
        done.extend(pipeline.map(items))
    with pytest.raises(StageError) as run:
        pipeline.run(items[index])
    for error, position in ((caught.value, index), (run.value, None)):
        assert (error.stage, error.index) == (f"s{guilty}", position)
        assert error.item == (given_it[0] if len(given_it) == 1 else given_it)


def test_stages_are_found_by_name_path_and_position():
    inner = Pipeline("inner").add_stage(double).add_stage(Pipeline("core").add_stage(negate))
    outer = Pipeline("outer").add_stage(str).add_stage(inner).add_stage(double, name="a/b")
    assert outer["inner"].call is inner
    assert outer["inner/double"].call is double
    assert outer["inner/core/negate"].call is negate
    assert outer["a/b"] is outer[2] is outer[-1]
    assert len(outer) == 3
    assert [stage.name for stage in outer] == ["str", "inner", "a/b"]
    assert "inner/core/negate" in outer
    assert outer[0] in outer
    assert "inner/negate" not in outer
    assert "double" not in outer
    assert double not in outer


@pytest.mark.parametrize("key", ["lift", 4, -5, slice("lift", None), slice("load/x")], ids=repr)
def test_a_missing_stage_is_an_error_that_lists_those_that_are_there(key):
    with pytest.raises(
        StageNotFoundError, match="has no stage .*; its stages are 'load'"
    ) as caught:
        diamond()[key]
    assert isinstance(caught.value, KeyError)
    assert isinstance(caught.value, IndexError)
    assert isinstance(caught.value, PipelineError)


def chain():
    return Pipeline("p").add_stage(double).add_stage(negate).add_stage(str).add_stage(len)


@pytest.mark.parametrize(
    ("part", "kept", "result"),
    [
        (slice(1, 3), ["negate", "str"], "-21"),
        (slice("negate", "len"), ["negate", "str"], "-21"),
        (slice(None, "str"), ["double", "negate"], -42),
        (slice("str", None), ["str", "len"], 2),
        (slice(-1, None), ["len"], None),
        (slice(None), ["double", "negate", "str", "len"], 3),
        (slice(2, 2), [], 21),
    ],
    ids=["positions", "names", "to a name", "from a name", "last", "all", "none"],
)
def test_a_slice_is_a_pipeline(part, kept, result):
    cut = chain()[part]
    assert type(cut) is Pipeline
    assert names(cut) == kept
    if result is not None:
        assert cut.run(21) == result


def test_a_slice_stands_alone():
    whole = chain()
    part = whole[:2]
    part.add_stage(str)
    assert whole.run(5) == 3
    assert part.run(5) == "-10"
    assert names(whole) == ["double", "negate", "str", "len"]


def test_a_slice_of_a_graph_has_the_one_result_it_lacks_as_its_input():
    part = diamond()["left":]
    assert part.run(5) == [10, -5]
    assert repr(part) == "Pipeline('diamond': left; input -> right; (left, right) -> join)"
    assert diamond()[:3].run(4) == {"left": 10, "right": -5}


def test_a_slice_that_lacks_several_results_is_refused():
    with pytest.raises(
        InvalidValueError, match=r"stage 'join' takes 'right', .* stands for 'left'"
    ):
        diamond()["join":]
    with pytest.raises(InvalidValueError, match=r"without a step, got \[::2\]"):
        diamond()[::2]


def test_a_slice_of_a_subclass_keeps_what_it_has():
    class Named(Pipeline):
        def __init__(self, name, owner):
            super().__init__(name)
            self.owner = owner

    part = Named("p", "ada").add_stage(double).add_stage(negate)[1:]
    assert (type(part), part.owner, part.run(2)) == (Named, "ada", -2)


def test_pipelines_are_composed():
    clean = Pipeline("clean").add_stage(str.strip)
    count = Pipeline("count").add_stage(str.split).add_stage(len)
    both = clean | count | double
    assert repr(both) == "Pipeline('clean': strip -> count(split -> len) -> double)"
    assert both.run("  so it goes ") == 6
    assert repr(clean) == "Pipeline('clean': strip)"
    before = str | count
    assert repr(before) == "Pipeline('count': str -> count(split -> len))"
    assert before.run(1.5) == 1


def test_what_goes_on_after_several_ends_is_given_all_of_them():
    pipeline = Pipeline("p").add_stage(double).add_stage(negate, after="input") | sorted
    assert pipeline.run(3) == ["double", "negate"]


def test_a_pipeline_composed_with_an_asynchronous_one_is_asynchronous():
    late = AsyncPipeline("late").add_stage(double)
    both = Pipeline("p").add_stage(negate) | late
    assert type(both) is AsyncPipeline
    assert repr(both) == "AsyncPipeline('late': p(negate) -> late(double))"
    assert type(late | Pipeline("p")) is AsyncPipeline


def test_what_is_not_a_stage_cannot_be_composed():
    with pytest.raises(ArgumentError, match="not a stage"):
        Pipeline("p") | 3


def test_a_pipeline_can_be_pickled_after_a_run():
    pipeline = Pipeline("p").add_stage(double).add_stage(negate, after="input")
    pipeline.add_stage(listed, after=("double", "negate"))
    assert pipeline.run(3) == [6, -3]
    other = pickle.loads(pickle.dumps(pipeline))
    assert other.run(3) == [6, -3]
    assert repr(other) == repr(pipeline)
