import pytest

from ember_ml.backend.errors import ArgumentError, InvalidValueError
from ember_ml.pipeline import AsyncPipeline, Pipeline, StageError, as_map_batches


async def increment(x):
    return x + 1


def keep_even(row):
    return row["x"] % 2 == 0


@pytest.mark.parametrize(
    "pipeline",
    [Pipeline("p").add_stage(lambda x: x + 1), AsyncPipeline("p").add_stage(increment)],
    ids=["synchronous", "asynchronous"],
)
def test_a_column_goes_through_the_pipeline(pipeline):
    batch = {"item": [3, 1, 2], "name": ["a", "b", "c"]}
    assert as_map_batches(pipeline)(batch) == {"item": [4, 2, 3], "name": ["a", "b", "c"]}
    assert as_map_batches(pipeline, into="more")(batch) == {**batch, "more": [4, 2, 3]}
    assert as_map_batches(pipeline)({"item": []}) == {"item": []}


async def test_it_may_be_called_on_an_event_loop():
    on_batch = as_map_batches(AsyncPipeline("p").add_stage(increment))
    assert on_batch({"item": [1, 2]}) == {"item": [2, 3]}


def test_whole_rows_may_be_left_out():
    pipeline = AsyncPipeline("p").add_filter(keep_even)
    on_rows = as_map_batches(pipeline, column=None)
    assert on_rows({"x": [1, 2, 4], "y": ["a", "b", "c"]}) == {"x": [2, 4], "y": ["b", "c"]}
    assert on_rows({"x": [1], "y": ["a"]}) == {}


def test_a_column_needs_a_result_for_each_item():
    pipeline = AsyncPipeline("p").add_filter(bool)
    with pytest.raises(InvalidValueError, match="1 results for 2 items of column 'item'"):
        as_map_batches(pipeline)({"item": [0, 1]})


def test_a_failure_tells_the_row_of_the_batch():
    with pytest.raises(StageError) as caught:
        as_map_batches(Pipeline("p").add_stage(int))({"item": ["1", "x"]})
    assert (caught.value.stage, caught.value.index) == ("int", 1)


def test_what_is_asked_for_is_checked():
    with pytest.raises(ArgumentError, match="takes a Pipeline or an AsyncPipeline, got <built-in"):
        as_map_batches(len)
    with pytest.raises(ArgumentError, match="give column= as well"):
        as_map_batches(Pipeline("p"), column=None, into="x")
    with pytest.raises(InvalidValueError, match="no column 'item' among 'x', 'y'"):
        as_map_batches(Pipeline("p"))({"x": [], "y": []})
