"""Options of optimizers: what they are called, and what they may be."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar, overload

from ember_ml.backend.errors import InvalidValueError
from ember_ml.nn.modules import Module

if TYPE_CHECKING:
    from ._base import Optimizer

__all__ = ["LearningRate", "Option", "betas", "flag", "number", "positive", "rate", "share"]

#: A number, or a schedule: a function of the number of steps taken before.
LearningRate: TypeAlias = float | Callable[[int], float]

T = TypeVar("T")


class Option(Generic[T]):
    """An attribute of an optimizer that stands in its first group, and that groups may change.

    Args:
        check: ``(name, value)`` to the value; raises InvalidValueError for one that makes no sense.
    """

    def __init__(self, check: Callable[[str, Any], T]) -> None:
        self.check = check

    def __set_name__(self, owner: type[Optimizer], name: str) -> None:
        self.name = name

    @overload
    def __get__(self, optimizer: None, owner: type[Optimizer]) -> Option[T]: ...
    @overload
    def __get__(self, optimizer: Optimizer, owner: type[Optimizer]) -> T: ...
    def __get__(self, optimizer: Optimizer | None, owner: type[Optimizer]) -> T | Option[T]:
        if optimizer is None:
            return self
        value: T = optimizer.groups[0][self.name]
        return value

    def __set__(self, optimizer: Optimizer, value: T) -> None:
        optimizer.groups[0][self.name] = self.check(self.name, value)


def _within(name: str, value: Any, low: float, high: float) -> float:
    try:
        converted = float(value)
    except (TypeError, ValueError):
        raise InvalidValueError(f"{name} is a number, not {value!r}") from None
    if not low <= converted < high:
        raise InvalidValueError(f"{name} is in [{low}, {high}), not {value}")
    return converted


def number(name: str, value: Any) -> float:
    """Any number."""
    return _within(name, value, -math.inf, math.inf)


def positive(name: str, value: Any) -> float:
    """A number that is not negative."""
    return _within(name, value, 0.0, math.inf)


def rate(name: str, value: Any) -> LearningRate:
    """A learning rate: a number that is not negative, or a function."""
    if isinstance(value, Module | Iterator | list | tuple | dict):
        raise InvalidValueError(
            f"{name} is a number or a function of the step, not {type(value).__name__}; parameters "
            "are not given here: optimizer.update(model, gradients)"
        )
    return value if callable(value) else positive(name, value)


def share(name: str, value: Any) -> float:
    """A number from zero to below one."""
    return _within(name, value, 0.0, 1.0)


def betas(name: str, value: Any) -> tuple[float, float]:
    """Two of `share`."""
    try:
        first, second = value
    except (TypeError, ValueError):
        raise InvalidValueError(f"{name} is a pair of numbers, not {value!r}") from None
    return share(f"{name}[0]", first), share(f"{name}[1]", second)


def flag(name: str, value: Any) -> bool:
    """True or False."""
    if not isinstance(value, bool):
        raise InvalidValueError(f"{name} is True or False, not {value!r}")
    return value
