"""Dropout of attention weights."""

from __future__ import annotations

from ember_ml.backend.errors import InvalidValueError
from ember_ml.nn.tensor import EmberTensor, astype, use_backend
from ember_ml.nn.tensor.random import Generator, default_generator

__all__ = ["drop_factor"]


def drop_factor(
    shape: tuple[int, ...], p: float, like: EmberTensor, generator: Generator | None
) -> EmberTensor | None:
    """Zeros with probability ``p`` and ``1 / (1 - p)`` otherwise; None where nothing is dropped."""
    if not 0.0 <= p <= 1.0:
        raise InvalidValueError(f"a probability of dropout is in [0, 1], not {p}")
    if p == 0.0:
        return None
    with use_backend(like.backend):
        kept = (generator or default_generator()).uniform(shape, device=like.device) >= p
    return astype(kept, like.dtype) * (1.0 / (1.0 - p) if p < 1.0 else 0.0)
