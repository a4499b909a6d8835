"""Arguments are checked where they are given; the errors name the object, the option and the value."""

from __future__ import annotations

import math
from collections.abc import Callable

from ember_ml.backend.errors import ArgumentError, InvalidValueError


def check_one_of(owner: str, option: str, value: object, allowed: tuple[str, ...]) -> None:
    """Raise unless ``value`` is one of the words ``allowed``."""
    if value not in allowed:
        raise InvalidValueError(
            f"{owner}: {option} must be one of {', '.join(allowed)}, got {value!r}"
        )


def check_count(owner: str, option: str, value: object) -> None:
    """Raise unless ``value`` is an int of at least 1.

    Example:
        >>> check_count("mailbox", "capacity", 0)
        Traceback (most recent call last):
        ember_ml.backend.errors.InvalidValueError: mailbox: capacity must be at least 1, got 0
    """
    if not isinstance(value, int) or isinstance(value, bool):
        raise ArgumentError(f"{owner}: {option} must be an int, got {value!r}")
    if value < 1:
        raise InvalidValueError(f"{owner}: {option} must be at least 1, got {value!r}")


def check_number(
    owner: str, option: str, value: object, wanted: str, fits: Callable[[float], bool]
) -> None:
    """Raise unless ``value`` is a number that ``fits``, which ``wanted`` says in words.

    Example:
        >>> check_number("Backoff", "factor", 0.5, "at least 1", lambda factor: factor >= 1)
        Traceback (most recent call last):
        ember_ml.backend.errors.InvalidValueError: Backoff: factor must be at least 1, got 0.5
    """
    if not fits(real(owner, option, value, "a number")):
        raise InvalidValueError(f"{owner}: {option} must be {wanted}, got {value!r}")


def check_seconds(owner: str, option: str, value: object) -> None:
    """Raise unless ``value`` is a positive and finite number of seconds."""
    if not 0 < real(owner, option, value, "a number of seconds") < math.inf:
        raise InvalidValueError(
            f"{owner}: {option} must be a positive number of seconds, got {value!r}; "
            "None is no limit"
        )


def check_timeout(owner: str, value: object) -> None:
    """Raise unless ``value`` is a number of seconds. What is left of a time may be less than 0."""
    wanted = "a number of seconds or None"
    seconds = real(owner, "timeout", value, wanted)
    if seconds != seconds:
        raise InvalidValueError(f"{owner}: timeout must be {wanted}, got nan")


def real(owner: str, option: str, value: object, wanted: str) -> float:
    """``value`` if it is a number, and no bool; ``wanted`` says what is."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ArgumentError(f"{owner}: {option} must be {wanted}, got {value!r}")
    return value
