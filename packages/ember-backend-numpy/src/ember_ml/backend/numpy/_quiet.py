"""Functions made again with other globals: of no module, so that NumPy's warnings go nowhere.

NumPy warns of 0/0, overflow and the like for the module of the function that called it, and the
warning is dropped where that has no name. It costs no time, unlike ``np.errstate``, and leaves
what the user has set for his own calls alone.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType, ModuleType, SimpleNamespace
from typing import Any, TypeVar

__all__ = ["quiet", "quiet_module", "remade"]


F = TypeVar("F", bound=Callable[..., Any])


def _again(function: Any, names: dict[str, Any]) -> Any:
    copy = FunctionType(
        function.__code__, names, function.__name__, function.__defaults__, function.__closure__
    )
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy


def remade(module: ModuleType, **globals: Any) -> SimpleNamespace:
    """``module`` with functions for which some of its names stand for something else."""
    names: dict[str, Any] = {**vars(module), **globals}
    for name, value in vars(module).items():
        if isinstance(value, FunctionType) and value.__globals__ is vars(module):
            names[name] = _again(value, names)
    return SimpleNamespace(**names)


def quiet_module(module: ModuleType) -> SimpleNamespace:
    """``module`` with functions in which NumPy does not warn."""
    return remade(module, __name__=None)


def quiet(function: F) -> F:
    """``function``, in which NumPy does not warn, with the globals that it has now."""
    made: F = _again(function, {**function.__globals__, "__name__": None})
    return made
