"""How a stage of a stream is carried out: the options of ``add_stage``, checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from ember_ml.backend.errors import ArgumentError, InvalidValueError

from .._checks import check_count, check_one_of, check_seconds, real
from ._pickles import check_pickles
from ._rate import RateLimit
from ._retry import Retry

if TYPE_CHECKING:
    from tenacity import BaseRetrying

Where = Literal["inline", "thread", "process"]
OnError = Literal["raise", "skip", "dead_letter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageOptions:
    """What was asked for one stage; `stage_options` makes it of what ``add_stage`` was given.

    Attributes:
        where: Where calls run. None: not said, so a coroutine function runs inline, anything else
            in a thread, and a runtime may place it.
        concurrency: How many calls may run at once.
        ordered: Whether results leave in the order of the source.
        batch_size: How many items one call takes, as a list. None: one item, and no list.
        batch_timeout: Seconds that the first item of a batch waits for the batch to fill. None:
            until the batch is full or the source has ended.
        retry: Whether and when a call that raised is tried again.
        timeout: Seconds that one call may take. None: as long as it likes.
        rate_limit: How often calls may begin.
        on_error: What becomes of an item whose last attempt raised.
        failure_budget: How many items (an int), or what fraction of those seen (a float), may be
            skipped or dead-lettered before the run ends. None: all of them.
    """

    where: Where | None = None
    concurrency: int = 1
    ordered: bool = True
    batch_size: int | None = None
    batch_timeout: float | None = None
    retry: Retry | None = None
    timeout: float | None = None
    rate_limit: RateLimit | None = None
    on_error: OnError = "raise"
    failure_budget: int | float | None = None

    @property
    def plain(self) -> bool:
        """Whether nothing but a place was asked for, so that a stage may share a call with others."""
        return self == StageOptions(where=self.where)

    def place(self, coroutine: bool) -> Where:
        """Where calls run on this machine; ``coroutine``: whether the stage is a coroutine function."""
        return self.where or ("inline" if coroutine else "thread")


def stage_options(
    owner: str,
    call: Callable[[Any], Any],
    *,
    coroutine: bool,
    where: Where | None = None,
    concurrency: int = 1,
    ordered: bool = True,
    batch_size: int | None = None,
    batch_timeout: float | None = None,
    retry: int | Retry | BaseRetrying | None = None,
    timeout: float | None = None,
    rate_limit: float | RateLimit | None = None,
    on_error: OnError = "raise",
    failure_budget: int | float | None = None,
) -> StageOptions:
    """The options of one stage, after all checks.

    Args:
        owner: The pipeline and the stage as errors call them.
        call: What the stage applies to items.
        coroutine: Whether ``call`` is a coroutine function.
        where: See `StageOptions`, as all that follow.
        concurrency: At least 1.
        ordered: True or False.
        batch_size: At least 1.
        batch_timeout: More than 0; only together with ``batch_size``.
        retry: The number of attempts in all, a `Retry`, or an object of tenacity's.
        timeout: More than 0.
        rate_limit: Calls in a second, or a `RateLimit`.
        on_error: ``"raise"``, ``"skip"`` or ``"dead_letter"``.
        failure_budget: An int from 0 on, or a float between 0 and 1; not with ``"raise"``.

    Raises:
        ArgumentError: If an option is of the wrong type, or ``call`` cannot be sent to a process.
        InvalidValueError: If a value makes no sense, alone or beside the others.

    Example:
        >>> stage_options("'p', stage 'len'", len, coroutine=False, retry=5).retry.attempts
        5
        >>> stage_options("'p', stage 'len'", len, coroutine=False, concurrency=0)
        Traceback (most recent call last):
        ember_ml.backend.errors.InvalidValueError: 'p', stage 'len': concurrency must be at least 1,
        got 0
    """
    if where is not None:
        check_one_of(owner, "where", where, get_args(Where))
        if coroutine and where != "inline":
            raise InvalidValueError(
                f"{owner}: {call!r} is asynchronous and runs on the event loop; "
                f"leave out where={where!r}"
            )
    if where == "process":
        check_pickles(call, owner)
    check_count(owner, "concurrency", concurrency)
    if not isinstance(ordered, bool):
        raise ArgumentError(f"{owner}: ordered must be True or False, got {ordered!r}")
    if batch_size is not None:
        check_count(owner, "batch_size", batch_size)
    if batch_timeout is not None:
        check_seconds(owner, "batch_timeout", batch_timeout)
        if batch_size is None:
            raise InvalidValueError(
                f"{owner}: batch_timeout={batch_timeout!r} has no batch to send; give batch_size= too"
            )
    if timeout is not None:
        check_seconds(owner, "timeout", timeout)
        if where == "inline" and not coroutine:
            raise InvalidValueError(
                f"{owner}: timeout={timeout!r} cannot interrupt a plain callable that runs inline; "
                "leave out where='inline', or make it a coroutine function"
            )
    check_one_of(owner, "on_error", on_error, get_args(OnError))
    if failure_budget is not None:
        _budget(owner, failure_budget, on_error)
    return StageOptions(
        where=where,
        concurrency=concurrency,
        ordered=ordered,
        batch_size=batch_size,
        batch_timeout=batch_timeout,
        retry=None if retry is None else Retry.of(retry, owner),
        timeout=timeout,
        rate_limit=None if rate_limit is None else RateLimit.of(rate_limit, owner),
        on_error=on_error,
        failure_budget=failure_budget,
    )


def _budget(owner: str, value: object, on_error: OnError) -> None:
    wanted = "a number of items (an int) or a fraction of them (a float)"
    value = real(owner, "failure_budget", value, wanted)
    if on_error == "raise":
        raise InvalidValueError(
            f"{owner}: failure_budget={value!r} is never used, as the first failure ends the run; "
            "give on_error='skip' or 'dead_letter' too"
        )
    if value < 0 if isinstance(value, int) else not 0 < value < 1:
        raise InvalidValueError(
            f"{owner}: failure_budget must be an int from 0 on (items) or a float between 0 and 1 "
            f"(a fraction of them), got {value!r}"
        )
