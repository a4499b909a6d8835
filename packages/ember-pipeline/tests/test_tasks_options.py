import dataclasses
import re

import pytest
import tenacity

from ember_ml.backend.errors import ArgumentError, InvalidValueError
from ember_ml.pipeline import RateLimit, Retry
from ember_ml.pipeline.tasks._options import StageOptions, stage_options

OWNER = "AsyncPipeline('p'), stage 's'"


def made(call=len, *, coroutine=False, **options):
    return stage_options(OWNER, call, coroutine=coroutine, **options)


async def fetch(x):
    return x


def test_what_nobody_asked_for():
    assert made() == StageOptions(
        where=None,
        concurrency=1,
        ordered=True,
        batch_size=None,
        batch_timeout=None,
        retry=None,
        timeout=None,
        rate_limit=None,
        on_error="raise",
        failure_budget=None,
    )


def test_what_was_asked_for_is_kept():
    retry, limit = Retry(2), RateLimit(5)
    options = {
        "where": "process",
        "concurrency": 4,
        "ordered": False,
        "batch_size": 32,
        "batch_timeout": 0.5,
        "retry": retry,
        "timeout": 3,
        "rate_limit": limit,
        "on_error": "dead_letter",
        "failure_budget": 0.25,
    }
    found = made(**options)
    assert {name: getattr(found, name) for name in options} == options
    assert {field.name for field in dataclasses.fields(StageOptions)} == set(options)


def test_short_forms():
    options = made(retry=5, rate_limit=2.5)
    assert options.retry.attempts == 5
    assert (options.rate_limit.rate, options.rate_limit.per, options.rate_limit.burst) == (
        2.5,
        1,
        1,
    )
    stop = tenacity.stop_after_attempt(4)
    assert made(retry=tenacity.AsyncRetrying(stop=stop)).retry.attempts == 4


@pytest.mark.parametrize(
    "where, coroutine, place",
    [
        (None, False, "thread"),
        (None, True, "inline"),
        ("inline", False, "inline"),
        ("inline", True, "inline"),
        ("process", False, "process"),
    ],
)
def test_place(where, coroutine, place):
    call = fetch if coroutine else len
    assert made(call, coroutine=coroutine, where=where).place(coroutine) == place


@pytest.mark.parametrize(
    "options, plain",
    [
        ({}, True),
        ({"where": "inline"}, True),
        ({"concurrency": 2}, False),
        ({"ordered": False}, False),
        ({"timeout": 1}, False),
        ({"on_error": "skip"}, False),
    ],
)
def test_plain(options, plain):
    assert made(**options).plain is plain


@pytest.mark.parametrize(
    "options, error, told",
    [
        (
            {"where": "gpu"},
            InvalidValueError,
            "where must be one of inline, thread, process, got 'gpu'",
        ),
        ({"concurrency": 0}, InvalidValueError, "concurrency must be at least 1, got 0"),
        ({"concurrency": 2.0}, ArgumentError, "concurrency must be an int, got 2.0"),
        ({"concurrency": True}, ArgumentError, "concurrency must be an int, got True"),
        ({"ordered": 1}, ArgumentError, "ordered must be True or False, got 1"),
        ({"batch_size": 0}, InvalidValueError, "batch_size must be at least 1, got 0"),
        ({"batch_size": "8"}, ArgumentError, "batch_size must be an int, got '8'"),
        ({"batch_timeout": 1.0}, InvalidValueError, "has no batch to send; give batch_size= too"),
        ({"timeout": 0}, InvalidValueError, "timeout must be a positive number .* got 0; None"),
        ({"timeout": float("inf")}, InvalidValueError, "timeout must be a positive .* got inf"),
        ({"timeout": float("nan")}, InvalidValueError, "timeout must be a positive .* got nan"),
        ({"timeout": "1"}, ArgumentError, "timeout must be a number of seconds, got '1'"),
        (
            {"timeout": 1, "where": "inline"},
            InvalidValueError,
            "timeout=1 cannot interrupt a plain",
        ),
        ({"retry": 0}, InvalidValueError, "retry must be at least 1 .* got 0; None is no retry"),
        ({"retry": 1.5}, ArgumentError, "retry must be a number of attempts, a Retry, .* got 1.5"),
        ({"rate_limit": 0}, InvalidValueError, "rate_limit must be positive .* got 0; None"),
        ({"rate_limit": "5/s"}, ArgumentError, "rate_limit must be a number .* got '5/s'"),
        (
            {"on_error": "ignore"},
            InvalidValueError,
            "on_error must be one of raise, skip, dead_letter",
        ),
        (
            {"failure_budget": 3},
            InvalidValueError,
            "failure_budget=3 is never used.*on_error='skip'",
        ),
        (
            {"failure_budget": -1, "on_error": "skip"},
            InvalidValueError,
            "an int from 0 on .* got -1",
        ),
        (
            {"failure_budget": 1.0, "on_error": "skip"},
            InvalidValueError,
            "between 0 and 1 .* got 1.0",
        ),
        (
            {"failure_budget": 0.0, "on_error": "skip"},
            InvalidValueError,
            "between 0 and 1 .* got 0.0",
        ),
        ({"failure_budget": True, "on_error": "skip"}, ArgumentError, "failure_budget .* got True"),
        ({"failure_budget": "5%", "on_error": "skip"}, ArgumentError, "failure_budget .* got '5%'"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_errors_name_stage_option_value_and_fix(options, error, told):
    with pytest.raises(error, match=f"^{re.escape(OWNER)}: .*{told}"):
        made(**options)


@pytest.mark.parametrize("where", ["thread", "process"])
def test_a_coroutine_function_stays_on_the_loop(where):
    with pytest.raises(InvalidValueError, match=f"is asynchronous .* leave out where='{where}'"):
        made(fetch, coroutine=True, where=where)


def test_a_coroutine_function_may_have_a_timeout_inline():
    assert made(fetch, coroutine=True, where="inline", timeout=2).timeout == 2


def test_what_goes_to_a_process_has_to_pickle():
    with pytest.raises(ArgumentError, match=f"^{re.escape(OWNER)}: .*<lambda>.*where='thread'"):
        made(lambda x: x, where="process")
    assert made(lambda x: x, where="thread").where == "thread"


def test_no_failure_at_all_is_a_budget():
    assert made(on_error="skip", failure_budget=0).failure_budget == 0
