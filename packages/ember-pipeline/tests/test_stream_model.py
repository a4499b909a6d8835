"""Random pipelines and fates of items against a model: which items come out, and in what order."""

import asyncio
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ember_ml.pipeline import AsyncPipeline, DeadLetters, Retry, StageError

ATTEMPTS = 3


@dataclass
class Step:
    """A stage, and what happens in it to each item: how often it fails, and if it is filtered."""

    kind: str
    options: dict
    failures: dict[int, int]
    dull: set[int]
    waits: set[int]
    tried: dict[int, int] = field(default_factory=dict)

    @property
    def attempts(self):
        return ATTEMPTS if "retry" in self.options else 1

    @property
    def on_error(self):
        return self.options.get("on_error", "raise")

    def fate(self, item):
        # A batch is tried as a whole first, so that in it an item has as many attempts more.
        alone = "batch_size" not in self.options
        fails = self.failures.get(item, 0)
        if fails >= (self.attempts if alone else 1_000):
            return {"raise": "fatal", "skip": "filtered", "dead_letter": "dead"}[self.on_error]
        return "filtered" if self.kind == "filter" and item in self.dull else "passed"

    def result(self, item):
        self.tried[item] = self.tried.get(item, 0) + 1
        if self.tried[item] <= self.failures.get(item, 0):
            raise ValueError(item)
        return item not in self.dull if self.kind == "filter" else item

    def call(self):
        def plain(x):
            return [self.result(y) for y in x] if "batch_size" in self.options else self.result(x)

        async def coroutine(x):
            for y in x if isinstance(x, list) else [x]:
                if y in self.waits:
                    await asyncio.sleep(0.001)
            return plain(x)

        return plain if self.options.get("where") else coroutine


@st.composite
def steps(draw, count):
    kind = draw(st.sampled_from(["stage", "stage", "filter"]))
    where = draw(st.sampled_from([None, "inline", "thread"]))
    options = {} if where is None else {"where": where}
    if draw(st.booleans()):
        options["concurrency"] = draw(st.integers(1, 4))
        options["ordered"] = draw(st.booleans())
    batched = draw(st.integers(0, 3)) == 0
    if batched:
        options["batch_size"] = draw(st.integers(1, 5))
        options["batch_timeout"] = draw(st.sampled_from([None, 0.001]))
    if draw(st.booleans()):
        options["retry"] = Retry(ATTEMPTS, wait=0.0)
    if draw(st.booleans()):
        options["on_error"] = draw(st.sampled_from(["skip", "dead_letter"]))
    items = st.integers(0, max(0, count - 1))
    # In a batch an item fails always or never: how often others are tried with it is not its fault.
    times = [1_000] if batched else [1, ATTEMPTS - 1, ATTEMPTS, 1_000]
    failures = draw(st.dictionaries(items, st.sampled_from(times), max_size=4))
    return Step(kind, options, failures, draw(st.sets(items)), draw(st.sets(items, max_size=5)))


@st.composite
def cases(draw):
    count = draw(st.sampled_from([0, 1, 3, 20, 60]))
    chain = draw(st.lists(steps(count), min_size=1, max_size=4))
    source = draw(st.sampled_from(["memory", "thread", "async"]))
    return count, chain, source, draw(st.sampled_from([None, 1, 2, 5]))


async def numbers(count):
    for number in range(count):
        yield number


def source_of(kind, count):
    return {
        "memory": range(count),
        "thread": (x for x in range(count)),
        "async": numbers(count),
    }[kind]


def fate(chain, item):
    return next((f for step in chain if (f := step.fate(item)) != "passed"), "passed")


@pytest.mark.slow
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cases())
def test_promise_7_a_stream_does_what_the_model_says(case):
    asyncio.run(check(*case))


async def check(count, chain, source, buffer):
    pipeline = AsyncPipeline("p")
    for number, step in enumerate(chain):
        add = pipeline.add_filter if step.kind == "filter" else pipeline.add_stage
        add(step.call(), name=f"s{number}", **step.options)
    expected = {x: fate(chain, x) for x in range(count)}
    letters = DeadLetters()
    stream = pipeline.stream(source_of(source, count), buffer=buffer, dead_letters=letters)
    seen, error = [], None
    try:
        async with asyncio.timeout(30):
            async for x in stream:
                seen.append(x)
    except StageError as raised:
        error = raised
    report = stream.report
    ordered = all(step.options.get("ordered", True) for step in chain)
    dead = [letter.index for letter in letters]
    assert report.balanced
    assert report.outputs == len(seen)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert len(seen) == len(set(seen))
    assert len(dead) == len(set(dead)) == report.dead_lettered
    assert {expected[x] for x in seen} <= {"passed"}
    assert {expected[x] for x in dead} <= {"dead"}
    if ordered:
        assert seen == sorted(seen)
    if "fatal" not in expected.values():
        fates = list(expected.values())
        assert error is None
        assert (report.inputs, report.cancelled) == (count, 0)
        assert len(seen) == fates.count("passed")
        assert len(dead) == fates.count("dead")
        assert report.filtered == fates.count("filtered")
    else:
        assert error is not None
        # A batch fails as a whole, and its first item is told.
        if pipeline[error.stage].options.batch_size is None:
            assert expected[error.index] == "fatal"
        if ordered:
            assert seen == [x for x in range(error.index) if expected[x] == "passed"]
