"""How far apart vectors are, and in what directions they point."""

from __future__ import annotations

import math

from ember_ml.nn.modules import Module
from ember_ml.nn.tensor import (
    EmberTensor,
    TensorLike,
    abs,
    asarray,
    broadcast_arrays,
    linalg,
    maximum,
    ones_like,
    sqrt,
    stop_gradient,
    sum,
    where,
)

__all__ = ["CosineSimilarity", "PairwiseDistance", "vector_length"]


def vector_length(
    x: EmberTensor, p: float, *, axis: int = -1, keepdims: bool = False
) -> EmberTensor:
    """The ``p``-norm along ``axis``; its gradient at zero is zero."""
    if p in (0.0, 1.0, math.inf, -math.inf):
        return linalg.vector_norm(x, axis=axis, keepdims=keepdims, ord=p)
    total = sum(x * x if p == 2.0 else abs(x) ** p, axis=axis, keepdims=keepdims)
    zero = total == 0
    safe = where(zero, ones_like(total), total)
    return where(zero, total, sqrt(safe) if p == 2.0 else safe ** (1.0 / p))


class PairwiseDistance(Module):
    """``norm(x1 - x2 + eps)`` of pairs of vectors.

    Args:
        p: of the norm.
        eps: added to the differences.
        keepdim: whether the axis of the vectors stays, with size 1.

    Shape: (..., D) and (..., D), which broadcast, to (...).

    >>> from ember_ml import nn
    >>> nn.PairwiseDistance(eps=0.0)([[0.0, 0.0]], [[3.0, 4.0]]).tolist()
    [5.0]
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: TensorLike, x2: TensorLike) -> EmberTensor:
        """(..., D) and (..., D) to (...)."""
        return vector_length(asarray(x1) - x2 + self.eps, self.norm, keepdims=self.keepdim)


class CosineSimilarity(Module):
    """The cosine of the angle between pairs of vectors.

    Args:
        dim: the axis of the vectors, where both inputs have been broadcast.
        eps: the least length that is divided by.

    Shape: two that broadcast, to theirs without ``dim``.

    >>> from ember_ml import nn
    >>> nn.CosineSimilarity()([[1.0, 0.0]], [[0.0, 2.0]]).tolist()
    [0.0]
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1: TensorLike, x2: TensorLike) -> EmberTensor:
        """(N, D, ...) and (N, D, ...) to (N, ...)."""
        units = [self._unit(x) for x in broadcast_arrays(x1, x2)]
        return sum(units[0] * units[1], axis=self.dim)

    def _unit(self, x: EmberTensor) -> EmberTensor:
        length = vector_length(x, 2.0, axis=self.dim, keepdims=True)
        # as PyTorch's: the gradient is that of the length itself
        return x / (length + stop_gradient(maximum(length, self.eps) - length))
