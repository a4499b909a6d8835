"""Dropout of attention weights."""

from __future__ import annotations

from ember_ml.backend.errors import InvalidValueError
from ember_ml.nn.tensor import EmberTensor, astype, use_backend
from ember_ml.nn.tensor.random import Generator, default_generator

__all__ = ["drop_factor"]


def drop_factor(
    shape: tuple[int, ...], p: float, like: EmberTensor, generator: Generator | None
) -> EmberTensor:
    """Zeros with probability ``p``, and ``1 / (1 - p)`` otherwise, as `nn.dropout` draws them."""
    if not 0.0 <= p <= 1.0:
        raise InvalidValueError(f"a probability of dropout is in [0, 1], not {p}")
    with use_backend(like.backend):
        source = default_generator() if generator is None else generator
        kept = source.bernoulli(1.0 - p, shape, device=like.device)
    return astype(kept, like.dtype) * (1.0 / (1.0 - p) if p < 1.0 else 0.0)
