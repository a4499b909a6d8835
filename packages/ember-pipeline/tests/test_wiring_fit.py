import pytest

from ember_ml.backend.errors import ArgumentError
from ember_ml.pipeline import AsyncPipeline, Pipeline, StageError


class Shift:
    """Adds the sum of what it was fitted to, as scikit-learn's transformers are made."""

    def __init__(self):
        self.calls = []

    def fit(self, x):
        self.calls.append("fit")
        self.offset = sum(x)
        return self

    def transform(self, x):
        self.calls.append("transform")
        return [value + self.offset for value in x]


class ShiftAtOnce(Shift):
    def fit_transform(self, x):
        self.calls.append("fit_transform")
        self.offset = sum(x)
        return [value + self.offset for value in x]


class Callable(Shift):
    def __call__(self, x):
        return self.transform(x)


class Nearest:
    """Predicts the target of the nearest sample."""

    def fit(self, x, y):
        self.x, self.y = list(x), list(y)
        return self

    def predict(self, x):
        return [min(zip(self.x, self.y, strict=True), key=lambda p: abs(p[0] - v))[1] for v in x]


class Targets:
    """Keeps what its ``fit`` gets."""

    def fit(self, x, y=None):
        self.got = (x, y)

    def transform(self, x):
        return x


class OnlyPositional(Targets):
    def fit(self, x, y, /):
        self.got = (x, y)


class ByKeyword(Targets):
    def fit(self, x, *, y=None):
        self.got = (x, y)


class NoTargets(Targets):
    def fit(self, x, weight=None):
        self.got = (x, weight)


def double(x):
    return [2 * value for value in x]


def test_each_stage_is_fitted_to_what_reaches_it():
    first, last = Shift(), Shift()
    pipeline = Pipeline("p").add_stage(double).add_stage(first).add_stage(last)
    assert pipeline.fit([1, 2]) is pipeline
    # doubled 2 4, shifted by 6 to 8 10, which add up to 18
    assert (first.offset, last.offset) == (6, 18)
    assert (first.calls, last.calls) == (["fit", "transform"], ["fit"])
    assert pipeline.run([0]) == [24]


def test_a_stage_that_can_is_fitted_and_applied_at_once():
    first, last = ShiftAtOnce(), ShiftAtOnce()
    pipeline = Pipeline("p").add_stage(first).add_stage(last)
    pipeline.fit([1, 2])
    assert (first.calls, last.calls) == (["fit_transform"], ["fit"])
    # 1 2, by 3 to 4 5, by 9
    assert pipeline.run([0]) == [12]


@pytest.mark.parametrize("kind", [Shift, ShiftAtOnce, Callable])
def test_fit_transform_gives_what_a_run_of_the_fitted_pipeline_gives(kind):
    pipeline = Pipeline("p").add_stage(kind()).add_stage(double).add_stage(kind())
    # 1 2, by 3 to 4 5, doubled to 8 10, by 18 to 26 28
    assert pipeline.fit_transform([1, 2]) == [26, 28]
    assert pipeline.run([1, 2]) == [26, 28]


def test_a_nested_pipeline_is_fitted():
    first, last = Shift(), Shift()
    inner = Pipeline("inner").add_stage(double).add_stage(first)
    Pipeline("outer").add_stage(inner).add_stage(last).fit([1, 2])
    assert (first.offset, last.offset) == (6, 18)


def test_every_branch_of_a_graph_is_fitted():
    left, right, end = Shift(), Shift(), Shift()
    pipeline = Pipeline("p").add_stage(left, name="left").add_stage(double, after="input")
    pipeline.add_stage(right, name="right").add_stage(
        lambda a, b: a + b, name="join", after=("left", "right")
    )
    pipeline.add_stage(end)
    pipeline.fit([1, 2])
    # left: by 3 to 4 5. right: 2 4 by 6 to 8 10. end: 4 + 5 + 8 + 10
    assert (left.offset, right.offset, end.offset) == (3, 6, 27)


def test_a_join_that_has_a_fit_gets_all_that_it_takes():
    class Weighted:
        def fit(self, x, weights):
            self.mean = sum(v * w for v, w in zip(x, weights, strict=True)) / sum(weights)

        def transform(self, x, weights):
            return [v - self.mean for v in x]

    pipeline = Pipeline("p").add_stage(double, name="x").add_stage(sorted, after="input")
    pipeline.add_stage(Weighted(), after=("x", "sorted"))
    # 2 and 4 with the weights 1 and 2: ten thirds
    assert pipeline.fit_transform([1, 2]) == pytest.approx([2 - 10 / 3, 4 - 10 / 3])


@pytest.mark.parametrize(
    ("kind", "got"),
    [
        (Targets, ([1, 2], "y")),
        (OnlyPositional, ([1, 2], "y")),
        (ByKeyword, ([1, 2], "y")),
        (NoTargets, ([1, 2], None)),
    ],
)
def test_the_targets_go_to_those_that_take_them(kind, got):
    alone, nested = kind(), kind()
    inner = Pipeline("inner").add_stage(nested)
    pipeline = Pipeline("p").add_stage(alone).add_stage(inner)
    pipeline.fit([1, 2], "y")
    assert (alone.got, nested.got) == (got, got)
    pipeline.fit([1, 2], y="y")
    assert alone.got == got


def test_targets_that_come_along_a_branch_are_not_given_twice():
    stage = Targets()
    pipeline = Pipeline("p").add_stage(double, name="x").add_stage(sorted, name="y", after="input")
    pipeline.add_stage(stage, after=("x", "y")).fit([3, 1], "other")
    assert stage.got == ([6, 2], [1, 3])


def test_what_predicts_is_a_stage():
    pipeline = Pipeline("p").add_stage(double).add_stage(Nearest())
    assert pipeline.fit([1, 5], ["low", "high"]).run([2, 4]) == ["low", "high"]


def test_a_method_that_is_a_stage_is_called_and_its_object_not_fitted():
    shift = Shift().fit([1])
    assert Pipeline("p").add_stage(shift.transform).fit_transform([5, 5]) == [6, 6]
    assert shift.offset == 1


def test_a_class_that_is_a_stage_is_called_and_not_fitted():
    class Sample(list):
        def fit(self, x):
            raise AssertionError

    sample = Pipeline("p").add_stage(Sample).fit_transform([5, 5])
    assert (type(sample), sample) == (Sample, [5, 5])


def test_a_pipeline_without_stages_has_nothing_to_fit():
    pipeline = Pipeline("p")
    assert pipeline.fit([1]) is pipeline
    assert pipeline.fit_transform("x") == "x"


def test_a_stage_that_fails_to_fit_is_named():
    pipeline = Pipeline("outer").add_stage(Pipeline("inner").add_stage(double).add_stage(Nearest()))
    with pytest.raises(StageError, match="missing 1 required positional argument: 'y'") as caught:
        pipeline.fit([1, 2])
    error = caught.value
    assert (error.stage, error.item, error.index) == ("inner/Nearest", [2, 4], None)
    assert error.__cause__ is error.cause


def test_a_coroutine_that_comes_as_a_surprise_is_an_error():
    async def coroutine(x):
        return x

    pipeline = Pipeline("p").add_stage(lambda x: coroutine(x), name="late").add_stage(Shift())
    with pytest.raises(StageError, match="use AsyncPipeline") as caught:
        pipeline.fit([1])
    assert isinstance(caught.value.cause, ArgumentError)


def test_a_fitted_pipeline_is_a_stage_of_an_asynchronous_one():
    fitted = Pipeline("p").add_stage(Shift()).fit([1, 2])
    assert AsyncPipeline("late").add_stage(fitted)["p/Shift"].target.offset == 3
