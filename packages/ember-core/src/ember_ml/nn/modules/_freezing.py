"""Which parameters of a module are frozen."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from ember_ml.backend.errors import InvalidValueError

from . import _state

if TYPE_CHECKING:
    from ._module import Module

__all__ = ["mark"]


def mark(module: Module, patterns: Sequence[str], frozen: bool) -> None:
    """Freeze what ``patterns`` match, or make it trainable again; without any, everything.

    Raises:
        InvalidValueError: a pattern matches nothing; nothing has been changed.
    """
    if not patterns:
        for owner in module.modules():
            owner._frozen = set(owner._parameters) if frozen else set()
        _state.restructured()
        return
    places = _state.slots(module, "_parameters", repeat=True)
    wanted: set[int] = set()
    for pattern in patterns:
        found = {
            id(owner.__dict__[attribute])
            for name, owner, attribute in places
            if fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern}.*")
        }
        if not found:
            names = ", ".join(name for name, _, _ in places[:20])
            raise InvalidValueError(
                f"{type(module).__name__}: {pattern!r} matches no parameter; there are "
                f"{names or 'none'}{', ...' if len(places) > 20 else ''}"
            )
        wanted |= found
    for _, owner, attribute in places:
        # By tensor, so that a shared one is the same in each of its places.
        if id(owner.__dict__[attribute]) in wanted:
            (owner._frozen.add if frozen else owner._frozen.discard)(attribute)
    _state.restructured()
