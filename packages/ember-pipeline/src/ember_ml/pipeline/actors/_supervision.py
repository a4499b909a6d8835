"""How an actor supervises its children, in OTP's terms."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, get_args

from ember_ml.backend.errors import ArgumentError, InvalidValueError

from .._checks import check_number, check_one_of

Strategy = Literal["one_for_one", "one_for_all", "rest_for_one"]
Directive = Literal["resume", "restart", "stop", "escalate"]
Restart = Literal["permanent", "transient", "temporary"]


@dataclass(frozen=True)
class Backoff:
    """How long to wait before the restarts of a child that keeps failing.

    The n-th restart in a row waits ``min(maximum, initial * factor ** (n - 1))`` seconds, made
    longer or shorter by up to ``jitter`` of it, at random, so that many actors that failed together
    do not come back together.

    Args:
        initial: Seconds before the first restart.
        factor: What each further restart multiplies it with.
        maximum: The longest wait in seconds, before jitter.
        jitter: Between 0 (none) and 1.
        seed: For the same jitter on each run.

    Raises:
        ArgumentError: If a value is not a number.
        InvalidValueError: If a value is negative, ``factor`` less than 1 or ``jitter`` above 1.

    Example:
        >>> backoff = Backoff(initial=0.5, factor=2, maximum=3, jitter=0)
        >>> [backoff.delay(n) for n in (1, 2, 3, 4)]
        [0.5, 1.0, 2.0, 3]
    """

    initial: float = 0.1
    factor: float = 2.0
    maximum: float = 30.0
    jitter: float = 0.1
    seed: int | None = None
    _random: random.Random = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("initial", "maximum"):
            check_number("Backoff", name, getattr(self, name), "at least 0", lambda n: n >= 0)
        check_number("Backoff", "factor", self.factor, "at least 1", lambda n: n >= 1)
        check_number("Backoff", "jitter", self.jitter, "from 0 to 1", lambda n: 0 <= n <= 1)
        object.__setattr__(self, "_random", random.Random(self.seed))

    def delay(self, restart: int, /) -> float:
        """Seconds to wait before restart number ``restart`` in a row, counted from 1."""
        # The exponent is bounded, as a float overflows at 2 ** 1024.
        delay = min(self.maximum, self.initial * self.factor ** min(restart - 1, 100))
        return delay * (1 + self.jitter * self._random.uniform(-1, 1)) if self.jitter else delay


@dataclass(frozen=True)
class Supervision:
    """What happens to the children of an actor when they fail.

    Args:
        strategy: Who is restarted when one child is: that child (``"one_for_one"``), all of them
            (``"one_for_all"``), or that child and those started after it (``"rest_for_one"``).
            They are stopped in reverse order and started in order.
        on_failure: ``"restart"``: a new instance takes over the mailbox. ``"resume"``: the instance
            goes on with the next message. ``"stop"``: the child ends. ``"escalate"``: the
            supervisor itself fails with the child's error. Or a function from the error to one of
            them.
        max_restarts: More than so many restarts
        within: in so many seconds, and the supervisor gives up: it fails with `TooManyRestarts`.
        backoff: How long to wait before a restart. By default not at all.
        shutdown: How many seconds a child may take to finish the message in hand when its
            supervisor stops it; then that is cancelled. So long, again, may its ``on_stop`` take when
            it is restarted or has been cancelled.

    Raises:
        ArgumentError: If ``backoff`` is not a `Backoff`, or a limit not a number.
        InvalidValueError: If a value is not one of these, or negative.

    See Also:
        Erlang/OTP Design Principles, "Supervisor Behaviour".

    Example:
        >>> def decide(error):
        ...     return "resume" if isinstance(error, ValueError) else "restart"
        >>> supervision = Supervision(on_failure=decide, max_restarts=5, within=60)
        >>> supervision.directive(ValueError("bad line")), supervision.directive(OSError())
        ('resume', 'restart')
    """

    strategy: Strategy = "one_for_one"
    on_failure: Directive | Callable[[BaseException], Directive] = "restart"
    max_restarts: int = 3
    within: float = 5.0
    backoff: Backoff | None = None
    shutdown: float = 5.0

    def __post_init__(self) -> None:
        check_one_of("Supervision", "strategy", self.strategy, get_args(Strategy))
        if self.backoff is not None and not isinstance(self.backoff, Backoff):
            raise ArgumentError(f"Supervision: backoff must be a Backoff, got {self.backoff!r}")
        if not callable(self.on_failure):
            _checked(self.on_failure, "on_failure must be a function or")
        for name in ("max_restarts", "within", "shutdown"):
            check_number("Supervision", name, getattr(self, name), "at least 0", lambda n: n >= 0)

    def directive(self, error: BaseException, /) -> Directive:
        """What to do about a child that failed with ``error``.

        Raises:
            InvalidValueError: If ``on_failure`` gives something that is no directive.
        """
        if callable(self.on_failure):
            return _checked(self.on_failure(error), f"on_failure={self.on_failure!r} must give")
        return self.on_failure


def _checked(directive: object, must: str) -> Directive:
    for known in get_args(Directive):
        if directive == known:
            return known
    raise InvalidValueError(
        f"Supervision: {must} one of {', '.join(get_args(Directive))}, got {directive!r}"
    )
