import functools
import pickle

import pytest

from ember_ml.backend.errors import ArgumentError, EmberError, InvalidValueError
from ember_ml.pipeline import AsyncPipeline, Pipeline, PipelineError, StageError


def double(x):
    return 2 * x


def fail(x):
    raise KeyError(x)


class Add:
    def __init__(self, amount):
        self.amount = amount

    def __call__(self, x):
        return x + self.amount

    def by_method(self, x):
        return x + self.amount


class OnlyTransform:
    def transform(self, x):
        return x - 1


class OnlyFitTransform:
    def fit_transform(self, x):
        return x


class AsyncCallable:
    async def __call__(self, x):
        return x


async def coroutine(x):
    return x


async def generator(x):
    yield x


def names(pipeline):
    return [stage.name for stage in pipeline.stages]


def test_stages_run_in_order():
    pipeline = Pipeline("p").add_stage(double).add_stage(Add(3)).add_stage(lambda x: x * x)
    assert pipeline.run(2) == 49


def test_add_stage_returns_the_pipeline():
    pipeline = Pipeline("p")
    assert pipeline.add_stage(double) is pipeline


def test_an_empty_pipeline_returns_its_very_input():
    raw = object()
    assert Pipeline("p").run(raw) is raw


def test_none_is_an_item_like_any_other():
    assert Pipeline("p").add_stage(lambda x: None).add_stage(str).run(1) == "None"


@pytest.mark.parametrize(
    ("stage", "name", "result"),
    [
        (double, "double", 8),
        (lambda x: x, "lambda", 4),
        (functools.partial(pow, 3), "pow", 81),
        (functools.partial(functools.partial(max, 1), 9), "max", 9),
        (Add(1), "Add", 5),
        (Add(2).by_method, "Add.by_method", 6),
        (str, "str", "4"),
        (OnlyTransform(), "OnlyTransform", 3),
        (Pipeline("inner").add_stage(double), "inner", 8),
    ],
)
def test_a_stage_names_itself(stage, name, result):
    pipeline = Pipeline("p").add_stage(stage)
    assert names(pipeline) == [name]
    assert pipeline.run(4) == result


def test_names_that_stages_gave_themselves_are_numbered():
    pipeline = Pipeline("p").add_stage(double).add_stage(double).add_stage(double)
    assert names(pipeline) == ["double", "double-2", "double-3"]


def test_a_given_name_that_is_taken_is_an_error():
    pipeline = Pipeline("prep").add_stage(double, name="scale")
    with pytest.raises(InvalidValueError, match="already has a stage 'scale'"):
        pipeline.add_stage(Add(1), name="scale")
    assert names(pipeline) == ["scale"]


def test_repr_shows_the_stages_and_those_of_nested_pipelines():
    inner = Pipeline("inner").add_stage(str.strip).add_stage(int)
    outer = Pipeline("outer").add_stage(inner, name="parse").add_stage(double)
    assert repr(outer) == "Pipeline('outer': parse(strip -> int) -> double)"
    assert repr(Pipeline("new")) == "Pipeline('new': no stages)"


def test_a_failing_stage_is_named_and_its_exception_kept():
    pipeline = Pipeline("prep").add_stage(double).add_stage(fail, name="look up")
    with pytest.raises(StageError) as caught:
        pipeline.run(2)
    error = caught.value
    assert (error.pipeline, error.stage, error.item) == ("prep", "look up", 4)
    assert isinstance(error.cause, KeyError)
    assert error.__cause__ is error.cause
    assert str(error) == "pipeline 'prep': stage 'look up' failed (takes int 4): KeyError: 4"


def test_a_stage_error_is_an_ember_error():
    assert issubclass(StageError, PipelineError)
    assert issubclass(PipelineError, EmberError)


def test_stages_after_the_one_that_failed_do_not_run():
    seen = []
    pipeline = Pipeline("p").add_stage(fail).add_stage(seen.append)
    with pytest.raises(StageError):
        pipeline.run(1)
    assert seen == []


def test_the_failure_of_a_nested_stage_is_told_once_with_its_path():
    inner = Pipeline("inner").add_stage(double).add_stage(fail)
    middle = Pipeline("middle").add_stage(inner)
    with pytest.raises(StageError) as caught:
        Pipeline("outer").add_stage(middle, name="m").run(1)
    error = caught.value
    assert (error.pipeline, error.stage, error.item) == ("outer", "m/inner/fail", 2)
    assert isinstance(error.__cause__, KeyError)


def test_a_long_item_is_shortened_in_the_message():
    with pytest.raises(StageError) as caught:
        Pipeline("p").add_stage(int).run("x" * 1000)
    assert str(caught.value).startswith(
        "pipeline 'p': stage 'int' failed (takes str 'xxxxxxxxxxxx...xxxxxxxxxxxxx'): ValueError"
    )


def test_an_item_that_cannot_be_shown_does_not_hide_the_failure():
    class Shy:
        def __repr__(self):
            raise RuntimeError("no")

    with pytest.raises(StageError) as caught:
        Pipeline("p").add_stage(fail).run(Shy())
    assert "stage 'fail' failed (takes Shy): KeyError" in str(caught.value)
    assert isinstance(caught.value.cause, KeyError)


def test_a_stage_error_can_be_pickled():
    error = pickle.loads(pickle.dumps(StageError("p", "s", [1], ValueError("bad"))))
    assert (error.pipeline, error.stage, error.item) == ("p", "s", [1])
    assert repr(error.cause) == "ValueError('bad')"


def test_interrupts_are_not_wrapped():
    def interrupt(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Pipeline("p").add_stage(interrupt).run(1)


@pytest.mark.parametrize(
    "stage",
    [
        coroutine,
        functools.partial(coroutine),
        AsyncCallable(),
        AsyncCallable().__call__,
        functools.partial(AsyncCallable()),
        AsyncPipeline("inner"),
    ],
)
def test_an_asynchronous_stage_is_refused_when_it_is_added(stage):
    pipeline = Pipeline("load")
    with pytest.raises(ArgumentError, match=r"use AsyncPipeline\('load'\)"):
        pipeline.add_stage(stage)
    assert pipeline.stages == ()


@pytest.mark.parametrize("kind", [Pipeline, AsyncPipeline])
def test_an_asynchronous_generator_is_refused(kind):
    with pytest.raises(ArgumentError, match="one result for an item"):
        kind("p").add_stage(generator)


def test_a_coroutine_that_comes_as_a_surprise_is_an_error():
    pipeline = Pipeline("p").add_stage(lambda x: coroutine(x))
    with pytest.raises(StageError, match="use AsyncPipeline") as caught:
        pipeline.run(1)
    assert isinstance(caught.value.cause, TypeError)


@pytest.mark.parametrize("stage", [3, None, "strip", [double]])
def test_what_cannot_be_called_is_refused(stage):
    with pytest.raises(ArgumentError, match="neither callable nor has a transform method"):
        Pipeline("p").add_stage(stage)


@pytest.mark.parametrize(
    "option",
    [
        "where",
        "concurrency",
        "ordered",
        "batch_size",
        "batch_timeout",
        "retry",
        "timeout",
        "rate_limit",
        "on_error",
        "failure_budget",
    ],
)
def test_the_options_of_the_asynchronous_kind_are_refused_with_its_name(option):
    pipeline = Pipeline("load")
    message = rf"{option} is an option of AsyncPipeline; use AsyncPipeline\('load'\)"
    with pytest.raises(ArgumentError, match=message):
        pipeline.add_stage(double, **{option: 2})
    assert len(pipeline) == 0


def test_an_unknown_option_is_refused():
    with pytest.raises(ArgumentError, match="nmae is not an option of add_stage"):
        Pipeline("p").add_stage(double, nmae="x")


def test_an_object_that_can_only_be_fitted_is_refused_with_the_way_out():
    with pytest.raises(ArgumentError, match=r"add_stage\(obj\.fit_transform\)"):
        Pipeline("p").add_stage(OnlyFitTransform())
    assert Pipeline("p").add_stage(OnlyFitTransform().fit_transform).run(5) == 5


@pytest.mark.parametrize("name", ["", None, double])
def test_a_pipeline_needs_a_name(name):
    with pytest.raises(ArgumentError, match=r"Pipeline.* needs a name"):
        Pipeline(name)


@pytest.mark.parametrize("name", ["", 3])
def test_the_name_of_a_stage_is_a_string(name):
    with pytest.raises(ArgumentError, match="non-empty string"):
        Pipeline("p").add_stage(double, name=name)


def test_a_pipeline_cannot_contain_itself():
    inner = Pipeline("inner").add_stage(double)
    outer = Pipeline("outer").add_stage(Pipeline("middle").add_stage(inner))
    for stage in (inner, outer):
        with pytest.raises(InvalidValueError, match="inside itself"):
            inner.add_stage(stage)
    assert outer.run(1) == 2


def test_a_stage_that_grows_the_pipeline_does_not_change_the_run():
    pipeline = Pipeline("p")
    pipeline.add_stage(lambda x: pipeline.add_stage(double) and x)
    assert pipeline.run(1) == 1
    assert len(pipeline.stages) == 2
