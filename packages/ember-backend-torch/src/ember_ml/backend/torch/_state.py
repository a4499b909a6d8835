"""Which transforms are under way in this thread."""

from __future__ import annotations

from contextvars import ContextVar

import torch
from ember_ml.backend.errors import UnsupportedError
from ember_ml.backend.protocol import Native

__all__ = ["DIFFERENTIATING", "TRACING", "is_functional", "is_transformed", "needs_values"]

#: How many gradients are being taken, one within the other.
DIFFERENTIATING: ContextVar[int] = ContextVar("DIFFERENTIATING", default=0)
#: Whether `compile` is recording a graph.
TRACING: ContextVar[bool] = ContextVar("TRACING", default=False)


def is_functional() -> bool:
    """Whether a transform of ``torch.func`` is under way."""
    return torch._C._functorch.maybe_current_level() is not None


def is_transformed(*arrays: Native) -> bool:
    """Whether ``arrays`` may not be changed in place: somebody records what happens to them."""
    return TRACING.get() or is_functional() or any(x.requires_grad for x in arrays)


def _is_mapped(x: Native) -> bool:
    """Whether ``x`` stands for a whole axis of arrays, within `vmap`."""
    functorch = torch._C._functorch
    while functorch.is_gradtrackingtensor(x):
        x = functorch.get_unwrapped(x)
    return functorch.is_batchedtensor(x)


def needs_values(x: Native, what: str) -> None:
    """Say that ``what`` needs the values of ``x`` while `compile` has only its shape.

    Raises:
        UnsupportedError: so it is, or within `vmap` there are many values at once.
    """
    if is_functional() and _is_mapped(x):
        raise UnsupportedError(
            f"within vmap a tensor stands for many, and {what} needs one value: use et.where or "
            "et.cond in the place of `if`"
        )
    if TRACING.get() and x.__class__ is not torch.Tensor:
        raise UnsupportedError(
            f"a compiled function is traced without values, and {what} needs them: use et.where in "
            "the place of `if` and of masks, or leave this part uncompiled"
        )
