"""Checks of constructor arguments that layers share."""

from __future__ import annotations

import operator

from ember_ml.backend.errors import InvalidValueError

__all__ = ["positive"]


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
