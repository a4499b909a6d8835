"""Which keys the positions alone let a query attend to: a band of diagonals of the scores."""

from __future__ import annotations

import operator
from typing import Any, TypeAlias

from .errors import InvalidValueError

__all__ = ["Band", "band", "leaves_out"]

#: The least and the largest ``key - query`` that takes part; None for no limit.
Band: TypeAlias = tuple[int | None, int | None]


def _whole(name: str, value: Any, least: int | None) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool) or (least is not None and number < least):
        kind = "an integer" if least is None else "a positive integer or None"
        raise InvalidValueError(f"scaled_dot_product_attention: {name} is {kind}, not {value!r}")
    return number


def band(length: int, keys: int, *, is_causal: bool, window: int | None, offset: int) -> Band:
    """The band for ``length`` queries, the first of them at position ``offset``, and ``keys``.

    Limits that exclude no key are None.

    Raises:
        InvalidValueError: ``window`` is no positive integer, or ``offset`` no integer.
    """
    offset = _whole("offset", offset, None)
    lower = upper = None
    if window is not None:
        reach = _whole("window", window, 1) - 1
        lower, upper = offset - reach, offset + reach
    if is_causal:
        upper = offset
    if lower is not None and lower <= 1 - length:
        lower = None
    if upper is not None and upper >= keys - 1:
        upper = None
    return lower, upper


def leaves_out(length: int, keys: int, limits: Band) -> bool:
    """Whether some query has no key within ``limits``."""
    lower, upper = limits
    return (
        keys == 0
        or (upper is not None and upper < 0)
        or (lower is not None and length - 1 + lower >= keys)
    )
