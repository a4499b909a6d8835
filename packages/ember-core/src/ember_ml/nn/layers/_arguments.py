"""Checks of constructor arguments that layers share."""

from __future__ import annotations

import operator
from collections.abc import Sequence

from ember_ml.backend.errors import InvalidValueError

__all__ = ["per_axis", "positive"]


def positive(layer: str, name: str, size: int) -> int:
    """``size`` as a positive integer.

    Raises:
        InvalidValueError: it is none.
    """
    try:
        number = operator.index(size)
    except TypeError:
        number = 0
    if number < 1:
        raise InvalidValueError(f"{layer}: {name} is a positive integer, not {size!r}")
    return number


def per_axis(
    layer: str, name: str, value: int | Sequence[int], axes: int, *, least: int = 1
) -> tuple[int, ...]:
    """One number for each of so many axes, from one for all or from as many.

    Raises:
        InvalidValueError: it is neither, or one is less than ``least``.
    """
    try:
        numbers = tuple(
            map(operator.index, value if isinstance(value, Sequence) else [value] * axes)
        )
    except TypeError:
        numbers = ()
    if len(numbers) != axes or min(numbers) < least:
        several = f", or {axes} of them" if axes > 1 else ""
        raise InvalidValueError(
            f"{layer}: {name} is an integer of at least {least}{several}, not {value!r}"
        )
    return numbers
