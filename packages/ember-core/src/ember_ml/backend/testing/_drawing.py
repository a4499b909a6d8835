"""Running a check on a few drawn examples: the same ones each time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ._draw import Draw

__all__ = ["examples", "explore"]

#: How many examples are tried to find a failure that can be shrunk.
_TRIES = 200


def examples(
    check: Callable[[Draw], None], count: int, *, smooth: bool = False, wild: bool = False
) -> None:
    """Call ``check`` with ``count`` draws; where it fails, raise the simplest failure found.

    The draws are independent and uniform: of so few examples hypothesis would make several alike.
    """
    __tracebackhide__ = True
    for seed in range(count):
        random = np.random.default_rng(seed)

        def choose(low: int, high: int, random: np.random.Generator = random) -> int:
            return int(random.integers(low, high, endpoint=True))

        try:
            check(Draw(choose, smooth=smooth, wild=wild))
        except Exception as error:
            failure = error
            break
    else:
        return
    explore(check, _TRIES, smooth=smooth, wild=wild)
    raise failure


def explore(
    check: Callable[[Draw], None], count: int, *, smooth: bool = False, wild: bool = False
) -> None:
    """Call ``check`` with ``count`` draws of hypothesis; shrink a failure, and raise it."""
    __tracebackhide__ = True

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
        print_blob=False,
        report_multiple_bugs=False,
    )
    @given(st.data())
    def test(data: st.DataObject) -> None:
        __tracebackhide__ = True

        def choose(low: int, high: int) -> int:
            return data.draw(st.integers(low, high))

        check(Draw(choose, smooth=smooth, wild=wild))

    try:
        test()
    except Exception as error:
        error.__dict__.pop("__notes__", None)  # what was drawn: the message names the call
        raise
