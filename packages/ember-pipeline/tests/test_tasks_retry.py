import asyncio
import subprocess
import sys

import pytest
import tenacity

from ember_ml.backend.errors import ArgumentError, InvalidValueError
from ember_ml.pipeline import Retry


async def waits(retry, *, error=None, attempts=10):
    return [await retry.next_wait(n, error or OSError("x")) for n in range(1, attempts + 1)]


async def test_waits_grow_and_attempts_end():
    retry = Retry(5, initial=0.5, factor=3.0, maximum=5.0, jitter=0.0)
    assert await waits(retry, attempts=6) == [0.5, 1.5, 4.5, 5.0, None, None]


async def test_the_waits_are_tenacitys():
    def theirs(attempt):
        state = tenacity.RetryCallState(tenacity.AsyncRetrying(), None, (), {})
        state.attempt_number = attempt
        return wait(state)

    wait = tenacity.wait_exponential_jitter(max=30.0, exp_base=1.7, jitter=0.0)
    retry = Retry(10, initial=1.0, factor=1.7, maximum=30.0, jitter=0.0)
    assert await waits(retry, attempts=9) == pytest.approx([theirs(n) for n in range(1, 10)])


async def test_jitter_is_added_below_its_bound_and_never_above_the_maximum():
    retry = Retry(100, initial=1.0, factor=1.0, jitter=0.5, maximum=1.4, seed=1)
    found = await waits(retry, attempts=99)
    assert all(1.0 <= wait <= 1.4 for wait in found)
    assert len(set(found)) > 50
    assert max(found) == 1.4


async def test_a_seed_repeats_the_jitter():
    def retry(seed):
        return Retry(6, seed=seed)

    assert await waits(retry(3)) == await waits(retry(3))
    assert await waits(retry(3)) != await waits(retry(4))


async def test_a_wait_of_ones_own():
    assert await waits(Retry(3, wait=0.25), attempts=3) == [0.25, 0.25, None]
    incrementing = tenacity.wait_incrementing(start=1, increment=2)
    assert await waits(Retry(4, wait=incrementing), attempts=4) == [1, 3, 5, None]


@pytest.mark.parametrize(
    "on, error, retried",
    [
        (Exception, ValueError(), True),
        (OSError, FileNotFoundError(), True),
        (OSError, ValueError(), False),
        ((KeyError, ValueError), ValueError(), True),
        ((KeyError, ValueError), TypeError(), False),
    ],
    ids=["all", "subclass", "other", "one of two", "none of two"],
)
async def test_only_some_errors_are_worth_it(on, error, retried):
    wait = await Retry(on=on, wait=1.0).next_wait(1, error)
    assert wait == (1.0 if retried else None)


async def test_one_attempt_is_no_retry():
    assert await waits(Retry(1), attempts=1) == [None]


@pytest.mark.parametrize("make", [tenacity.AsyncRetrying, tenacity.Retrying])
async def test_tenacitys_objects_say_what_they_say(make):
    retry = Retry.of(
        make(
            stop=tenacity.stop_after_attempt(3),
            wait=tenacity.wait_fixed(2),
            retry=tenacity.retry_if_exception_message(match="again"),
        ),
        "o",
    )
    assert retry.attempts == 3
    assert await waits(retry, error=ValueError("again"), attempts=3) == [2, 2, None]
    assert await waits(retry, error=ValueError("no"), attempts=1) == [None]
    assert await waits(retry, error=tenacity.TryAgain(), attempts=1) == [2]


async def test_tenacitys_stop_may_go_by_time():
    retry = Retry.of(tenacity.AsyncRetrying(stop=tenacity.stop_after_delay(10)), "o")
    assert retry.attempts is None
    assert await retry.next_wait(50, OSError(), elapsed=9.0) == 0
    assert await retry.next_wait(50, OSError(), elapsed=10.0) is None


async def test_tenacitys_hooks_are_called_in_their_order_and_may_be_coroutine_functions():
    called = []

    async def after(state):
        called.append(("after", state.attempt_number, type(state.outcome.exception())))

    async def worth(error):
        called.append("retry")
        return True

    def before_sleep(state):
        called.append(("before_sleep", state.upcoming_sleep))

    retry = Retry.of(
        tenacity.AsyncRetrying(
            retry=tenacity.asyncio.retry_if_exception(worth),
            stop=tenacity.stop_after_attempt(3),
            wait=tenacity.wait_fixed(1),
            after=after,
            before_sleep=before_sleep,
        ),
        "o",
    )
    assert await waits(retry, attempts=3) == [1, 1, None]
    assert called == [
        "retry",
        ("after", 1, OSError),
        ("before_sleep", 1),
        "retry",
        ("after", 2, OSError),
        ("before_sleep", 1),
        "retry",
        ("after", 3, OSError),
    ]


async def test_a_retrying_that_is_switched_off_retries_nothing():
    retrying = tenacity.AsyncRetrying(stop=tenacity.stop_after_attempt(3))
    retrying.enabled = False
    assert await waits(Retry.of(retrying, "o"), attempts=1) == [None]


async def test_many_items_may_fail_at_the_same_time():
    async def slow(error):
        await asyncio.sleep(0)
        return True

    retry = Retry.of(
        tenacity.AsyncRetrying(
            retry=tenacity.asyncio.retry_if_exception(slow), stop=tenacity.stop_after_attempt(2)
        ),
        "o",
    )
    found = await asyncio.gather(*(retry.next_wait(1 + n % 2, OSError()) for n in range(50)))
    assert found == [0, None] * 25


def test_what_a_number_and_a_retry_mean():
    retry = Retry(2)
    assert Retry.of(retry, "o") is retry
    assert Retry.of(7, "o").attempts == 7


@pytest.mark.parametrize("wrong", ["3", 2.0, True, object])
def test_anything_else_is_refused(wrong):
    with pytest.raises(ArgumentError, match=r"'p', stage 's': retry must be .*AsyncRetrying, got"):
        Retry.of(wrong, "'p', stage 's'")


def test_a_fallback_of_tenacitys_is_refused():
    retrying = tenacity.AsyncRetrying(retry_error_callback=lambda state: None)
    with pytest.raises(ArgumentError, match="retry_error_callback.*on_error="):
        Retry.of(retrying, "o")


@pytest.mark.parametrize(
    "condition",
    [
        tenacity.retry_if_result(bool),
        tenacity.asyncio.retry_if_result(bool),
        tenacity.retry_if_exception_type(OSError) | tenacity.retry_if_not_result(bool),
    ],
    ids=["result", "asynchronous", "within"],
)
def test_a_retry_that_looks_at_results_is_refused(condition):
    with pytest.raises(ArgumentError, match="looks at results, .*; let it raise"):
        Retry.of(tenacity.AsyncRetrying(retry=condition), "o")


@pytest.mark.parametrize(
    "arguments, error, told",
    [
        ({"attempts": 0}, InvalidValueError, "attempts must be at least 1, got 0"),
        ({"attempts": 1.5}, ArgumentError, "attempts must be an int, got 1.5"),
        ({"initial": -1}, InvalidValueError, "initial must be finite and at least 0, got -1"),
        ({"factor": 0.5}, InvalidValueError, "factor must be finite and at least 1, got 0.5"),
        ({"maximum": "1"}, ArgumentError, "maximum must be a number, got '1'"),
        ({"jitter": float("inf")}, InvalidValueError, "jitter must be finite .* got inf"),
        ({"wait": -0.1}, InvalidValueError, "wait must be finite and at least 0, got -0.1"),
        ({"on": BaseException}, ArgumentError, "subclasses of Exception.* got .*BaseException"),
        ({"on": (OSError, "x")}, ArgumentError, "subclasses of Exception.* got 'x'"),
    ],
)
def test_wrong_arguments(arguments, error, told):
    with pytest.raises(error, match=told):
        Retry(**arguments)


def test_tenacity_is_imported_when_something_fails():
    code = (
        "import sys\n"
        "from ember_ml.pipeline import Retry\n"
        "Retry.of(Retry(3), 'o'), Retry.of(3, 'o')\n"
        "assert 'tenacity' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
