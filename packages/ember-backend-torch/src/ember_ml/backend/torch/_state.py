"""Which transforms are under way in this thread."""

from __future__ import annotations

from contextvars import ContextVar

import torch

from ember_ml.backend.protocol import Native

__all__ = ["DIFFERENTIATING", "TRACING", "is_functional", "is_transformed"]

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
