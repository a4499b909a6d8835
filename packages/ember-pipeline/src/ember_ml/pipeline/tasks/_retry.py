"""Whether and when a call that raised is tried again: tenacity decides."""

from __future__ import annotations

import inspect
import math
import random
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ember_ml.backend.errors import ArgumentError, InvalidValueError

from .._checks import check_count, check_number

if TYPE_CHECKING:
    from tenacity import BaseRetrying, RetryCallState

Wait = Callable[["RetryCallState"], float]


class Retry:
    """Try a call again, at most ``attempts`` times in all, with growing waits between.

    Before attempt n + 1 it waits ``min(initial * factor ** (n - 1) + u, maximum)`` seconds with u
    drawn from [0, ``jitter``), as tenacity's ``wait_exponential_jitter`` does.

    Args:
        attempts: How often the call is tried, the first attempt included.
        wait: The wait in seconds, or one of tenacity's ``wait_*``, instead of the backoff.
        initial: Seconds before the second attempt.
        factor: What each wait is multiplied with to give the next.
        maximum: The longest wait in seconds.
        jitter: The most seconds that chance adds to a wait.
        on: The type or types of exception that are worth another attempt.
        seed: Makes the jitter repeatable.

    Raises:
        ArgumentError: If ``on`` holds anything but subclasses of ``Exception``, or another argument
            is of the wrong type.
        InvalidValueError: If ``attempts`` is less than 1, ``factor`` less than 1, or a time is
            negative.

    Example:
        >>> import asyncio
        >>> retry = Retry(attempts=3, initial=0.5, jitter=0.0, on=OSError)
        >>> asyncio.run(retry.next_wait(1, OSError())), asyncio.run(retry.next_wait(2, OSError()))
        (0.5, 1.0)
        >>> print(asyncio.run(retry.next_wait(3, OSError())))
        None
        >>> print(asyncio.run(retry.next_wait(1, ValueError())))
        None
    """

    def __init__(
        self,
        attempts: int = 3,
        *,
        wait: float | Wait | None = None,
        initial: float = 0.1,
        factor: float = 2.0,
        maximum: float = 30.0,
        jitter: float = 0.1,
        on: type[Exception] | tuple[type[Exception], ...] = Exception,
        seed: int | None = None,
    ) -> None:
        check_count("Retry", "attempts", attempts)
        times = {"initial": initial, "maximum": maximum, "jitter": jitter}
        if wait is not None and not callable(wait):
            times["wait"] = wait
        for name, value in times.items():
            check_number("Retry", name, value, "finite and at least 0", lambda n: 0 <= n < math.inf)
        check_number(
            "Retry", "factor", factor, "finite and at least 1", lambda n: 1 <= n < math.inf
        )
        types = on if isinstance(on, tuple) else (on,)
        for kind in types:
            if not (isinstance(kind, type) and issubclass(kind, Exception)):
                raise ArgumentError(
                    f"Retry: on takes subclasses of Exception, one or a tuple of them, got {kind!r}"
                )
        self.attempts: int | None = attempts
        self._wait = wait
        self._backoff = (initial, factor, maximum, jitter)
        self._on = types
        self._random = random.Random(seed)
        self._retrying: BaseRetrying | None = None

    @classmethod
    def of(cls, value: int | Retry | BaseRetrying, owner: str) -> Retry:
        """``value`` itself, as a number of attempts, or as tenacity's object describes.

        Of tenacity's object its ``retry``, ``stop``, ``wait``, ``after`` and ``before_sleep`` are
        used, and it does not matter whether they are coroutine functions.

        Raises:
            ArgumentError: If it is none of these, or is tenacity's with a ``retry_error_callback``
                or a ``retry`` that looks at results.
            InvalidValueError: If it is a number less than 1.
        """
        if isinstance(value, Retry):
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            if value < 1:
                raise InvalidValueError(
                    f"{owner}: retry must be at least 1 (attempts in all), got {value!r}; "
                    "None is no retry"
                )
            return cls(value)
        # Who holds an object of tenacity's has imported it.
        tenacity = sys.modules.get("tenacity")
        if tenacity is None or not isinstance(value, tenacity.BaseRetrying):
            raise ArgumentError(
                f"{owner}: retry must be a number of attempts, a Retry, or a tenacity.AsyncRetrying, "
                f"got {value!r}"
            )
        if value.retry_error_callback is not None:
            raise ArgumentError(
                f"{owner}: {value!r} has a retry_error_callback, which a stage does not call; "
                "on_error= says what becomes of an item that has failed for good"
            )
        if _looks_at_results(value.retry):
            raise ArgumentError(
                f"{owner}: {value!r} has a retry that looks at results, and a stage is tried again "
                "only if it raises; let it raise an error where the result is not good enough"
            )
        retry = cls()
        retry.attempts = getattr(value.stop, "max_attempt_number", None)
        retry._retrying = value
        return retry

    async def next_wait(
        self, attempt: int, error: Exception, *, elapsed: float = 0.0
    ) -> float | None:
        """How many seconds to wait before the next attempt, or None if there is none.

        Args:
            attempt: The number of the attempt that raised; the first is 1.
            error: What it raised.
            elapsed: Seconds since the first attempt began, for those of tenacity's ``stop_*`` that
                go by time.
        """
        import tenacity

        if self._retrying is None:
            self._retrying = self._built()
        retrying = self._retrying
        if not retrying.enabled:
            return None
        state = tenacity.RetryCallState(retrying, fn=None, args=(), kwargs={})
        state.start_time = time.monotonic() - elapsed
        state.attempt_number = attempt
        state.set_exception((type(error), error, error.__traceback__))
        if not (isinstance(error, tenacity.TryAgain) or await _value(retrying.retry(state))):
            return None
        await _value(retrying.after(state))
        state.upcoming_sleep = float(await _value(retrying.wait(state)))
        if await _value(retrying.stop(state)):
            return None
        if retrying.before_sleep is not None:
            await _value(retrying.before_sleep(state))
        return state.upcoming_sleep

    def _built(self) -> BaseRetrying:
        import tenacity

        wait = self._wait
        if wait is None:
            initial, factor, maximum, _ = self._backoff
            growing = tenacity.wait_exponential(multiplier=initial, exp_base=factor, max=maximum)
            wait = self._jittered(growing)
        elif not callable(wait):
            wait = tenacity.wait_fixed(wait)
        return tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(self.attempts or 1),
            wait=wait,
            retry=tenacity.retry_if_exception_type(self._on),
        )

    def _jittered(self, growing: Wait) -> Wait:
        # tenacity's own jitter draws from the global generator, which no seed of ours may touch.
        _, _, maximum, jitter = self._backoff
        return lambda state: min(growing(state) + jitter * self._random.random(), maximum)

    def __repr__(self) -> str:
        if self.attempts is None:
            return f"Retry({self._retrying!r})"
        return f"Retry(attempts={self.attempts})"


def _looks_at_results(retry: Any) -> bool:
    """Whether a ``retry_if_result`` or ``retry_if_not_result``, of either kind, is part of it."""
    return type(retry).__name__ in ("retry_if_result", "retry_if_not_result") or any(
        map(_looks_at_results, getattr(retry, "retries", ()))
    )


async def _value(result: Any) -> Any:
    return await result if inspect.isawaitable(result) else result
