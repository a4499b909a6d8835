"""A limit to how often something begins."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Self

from ember_ml.backend.errors import InvalidValueError

from .._checks import check_count, check_number, real


class RateLimit:
    """A token bucket: ``burst`` at once, then ``rate`` in every ``per`` seconds.

    All stages that are given the same object share its tokens. Those who wait are served in the
    order in which they came. It serves one event loop at a time.

    The bookkeeping is the virtual scheduling of the generic cell rate algorithm (ITU-T I.371):
    one number, the time at which the bucket will be full.

    Args:
        rate: How many tokens flow in during ``per``.
        per: Seconds.
        burst: How many tokens the bucket holds; it is full at first.
        clock: Gives the time in seconds.
        sleep: Waits for some seconds.

    Raises:
        ArgumentError: If an argument is not a number.
        InvalidValueError: If ``rate`` or ``per`` is not positive and finite, or ``burst`` is less
            than 1.

    Example:
        >>> RateLimit(100, per=60.0, burst=10)  # ten at once, then 100 a minute
        RateLimit(100, per=60.0, burst=10)
    """

    def __init__(
        self,
        rate: float,
        *,
        per: float = 1.0,
        burst: int = 1,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        for name, value in (("rate", rate), ("per", per)):
            check_number(
                "RateLimit", name, value, "positive and finite", lambda n: 0 < n < math.inf
            )
        check_count("RateLimit", "burst", burst)
        self.rate = rate
        self.per = per
        self.burst = burst
        self._interval = per / rate
        self._clock = clock
        self._sleep = sleep
        self._full_at = -math.inf
        self._waiting: deque[asyncio.Future[None]] = deque()

    @classmethod
    def of(cls, value: float | Self, owner: str) -> RateLimit:
        """``value`` itself, or as a rate for one second.

        Raises:
            ArgumentError: If it is neither a number nor a rate limit.
            InvalidValueError: If it is not positive and finite.
        """
        if isinstance(value, RateLimit):
            return value
        value = real(owner, "rate_limit", value, "a number of calls a second or a RateLimit")
        if not 0 < value < math.inf:
            raise InvalidValueError(
                f"{owner}: rate_limit must be positive and finite, got {value!r}; None is no limit"
            )
        return cls(value)

    async def acquire(self) -> None:
        """Take a token, or wait for one behind those who were there before.

        If this is cancelled, no token is taken.
        """
        if not self._waiting and self._clock() >= self._next():
            self._take()
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            if self._waiting[0] is not turn:
                await turn
            while (wait := self._next() - self._clock()) > 0:
                await self._sleep(wait)
            self._take()
        finally:
            first = self._waiting[0] is turn
            self._waiting.remove(turn)
            if first and self._waiting and not self._waiting[0].done():
                self._waiting[0].set_result(None)

    def _next(self) -> float:
        """When there is a token."""
        return self._full_at - (self.burst - 1) * self._interval

    def _take(self) -> None:
        self._full_at = max(self._full_at, self._clock()) + self._interval

    def __repr__(self) -> str:
        return f"RateLimit({self.rate!r}, per={self.per!r}, burst={self.burst!r})"
