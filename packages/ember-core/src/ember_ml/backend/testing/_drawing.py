"""Running a check on a few drawn examples: the same ones each time."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ._draw import Draw

__all__ = ["examples"]


def examples(
    check: Callable[[Draw], None], count: int, *, smooth: bool = False, wild: bool = False
) -> None:
    """Call ``check`` with ``count`` draws; shrink the one that fails, and raise."""

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
        print_blob=False,
    )
    @given(st.data())
    def test(data: st.DataObject) -> None:
        check(Draw(data, smooth=smooth, wild=wild))

    test()
