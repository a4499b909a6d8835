"""Groups of parameters, by name: which options are whose."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, TypeAlias

from ember_ml.backend.errors import ArgumentError, InvalidValueError
from ember_ml.nn.modules import Module
from ember_ml.nn.modules._state import slots
from ember_ml.nn.tensor import EmberTensor

from ._option import Option

if TYPE_CHECKING:
    from ._base import Optimizer

__all__ = ["Group", "Selection", "assigned", "checked_groups", "options_of"]

#: Names and patterns, or a function of the name and the parameter.
Selection: TypeAlias = str | Iterable[str] | Callable[[str, EmberTensor], bool]

#: ``"parameters"``, a `Selection`, and the options that differ from the optimizer's.
Group: TypeAlias = Mapping[str, Any]


def options_of(kind: type[Optimizer]) -> dict[str, Option[Any]]:
    """The options that an optimizer has, by name."""
    found: dict[str, Option[Any]] = {}
    for base in reversed(kind.__mro__):
        found |= {name: x for name, x in vars(base).items() if isinstance(x, Option)}
    return found


def checked_groups(kind: type[Optimizer], groups: Sequence[Group]) -> list[dict[str, Any]]:
    """Copies of ``groups``, whose options exist and make sense."""
    options = options_of(kind)
    found = []
    for number, group in enumerate(groups, 1):
        if not isinstance(group, Mapping) or "parameters" not in group:
            raise ArgumentError(
                f"{kind.__name__}: group {number} is a dict with 'parameters' (names, a pattern or "
                f"a function) and options, not {group!r}"
            )
        made: dict[str, Any] = {"parameters": _checked_selection(kind, number, group["parameters"])}
        for name, value in group.items():
            if name == "parameters":
                continue
            if name not in options:
                raise InvalidValueError(
                    f"{kind.__name__}: group {number} has no option {name!r}; there are "
                    f"{', '.join(options)}"
                )
            made[name] = options[name].check(f"{name} of group {number}", value)
        found.append(made)
    return found


def _checked_selection(kind: type[Optimizer], number: int, selection: Any) -> Any:
    if callable(selection):
        return selection
    if isinstance(selection, str):
        return (selection,)
    names = tuple(selection) if isinstance(selection, Iterable) else ()
    if not names or not all(isinstance(name, str) for name in names):
        raise ArgumentError(
            f"{kind.__name__}: the parameters of group {number} are given by name, as a pattern "
            f"('*.bias'), or as a function of name and parameter, not as {selection!r}"
        )
    return names


def assigned(
    kind: type[Optimizer], model: Module, groups: Sequence[Mapping[str, Any]]
) -> dict[int, int]:
    """The numbers of groups by identity of the parameter; those in none are missing.

    Raises:
        InvalidValueError: a selection holds for no parameter, or two for the same.
    """
    tensors = [(name, owner.__dict__[key]) for name, owner, key in slots(model, "_parameters")]
    found: dict[int, int] = {}
    for number, group in enumerate(groups, 1):
        selection = group["parameters"]
        for part in (selection,) if callable(selection) else selection:
            chosen = [(name, tensor) for name, tensor in tensors if _holds(part, name, tensor)]
            if not chosen:
                raise InvalidValueError(
                    f"{kind.__name__}: {_text(part)} of group {number} holds for no parameter of "
                    f"{type(model).__name__}, which has {', '.join(name for name, _ in tensors)}"
                )
            for name, tensor in chosen:
                other = found.setdefault(id(tensor), number)
                if other != number:
                    raise InvalidValueError(
                        f"{kind.__name__}: parameter {name!r} is in group {other} and in group "
                        f"{number} ({_text(part)}); a parameter belongs to one group"
                    )
    return found


def _holds(part: Any, name: str, tensor: EmberTensor) -> bool:
    return bool(part(name, tensor)) if callable(part) else fnmatchcase(name, part)


def _text(part: Any) -> str:
    return "the function" if callable(part) else repr(part)
