"""Functions in which an engine's warnings go nowhere: no engine but NumPy warns of 0/0."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any, TypeVar, cast

__all__ = ["NOWHERE", "call", "quiet"]

F = TypeVar("F", bound=Callable[..., Any])

#: Globals of a function of no module. A warning is reported for the module of the function that
#: an engine's C code was called from, and dropped where that is None. It costs no time, and leaves
#: NumPy's own state and the filters of warnings alone, which are the user's.
NOWHERE: dict[str, Any] = {"__name__": None}


def quiet(function: F) -> F:
    """``function`` with the globals that it has now and no module."""
    scope = {**function.__globals__, **NOWHERE}
    copy = FunctionType(
        function.__code__, scope, function.__name__, function.__defaults__, function.__closure__
    )
    copy.__kwdefaults__ = function.__kwdefaults__
    return cast(F, copy)


@quiet
def call(function: Any, positional: list[Any], keyword: dict[str, Any]) -> Any:
    """What ``function``, of an engine, gives."""
    return function(*positional, **keyword)
