"""Attention without the softmax, at a cost linear in the length."""

from __future__ import annotations

from collections.abc import Callable

from ember_ml.backend.errors import InvalidValueError, ShapeError
from ember_ml.nn.tensor import (
    EmberTensor,
    TensorLike,
    asarray,
    cumulative_sum,
    exp,
    expand_dims,
    matmul,
    maximum,
    minimum,
    pad,
    reshape,
    sum,
    tril,
    where,
    zeros_like,
)

__all__ = ["linear_attention"]


def positive_features(x: EmberTensor) -> EmberTensor:
    """``elu(x) + 1``, the features of Katharopoulos et al. (2020)."""
    return maximum(x, 0.0) + exp(minimum(x, 0.0))


def linear_attention(
    query: TensorLike,
    key: TensorLike,
    value: TensorLike,
    *,
    mask: TensorLike | None = None,
    is_causal: bool = False,
    features: Callable[[EmberTensor], EmberTensor] = positive_features,
    eps: float = 1e-6,
    block: int = 64,
) -> EmberTensor:
    """Values averaged with weights ``f(query) . f(key)`` (Katharopoulos et al., 2020).

    Args:
        query: (..., L, E).
        key: (..., S, E).
        value: (..., S, V).
        mask: (..., S), booleans: True where a key takes part.
        is_causal: whether a query takes no key at a later position; then L and S are equal.
        features: makes positive features of queries and keys; ``elu(x) + 1`` unless given.
        eps: added to the sum of the weights.
        block: how many positions of a causal sequence are worked on by products of matrices.

    Returns:
        (..., L, V). Time and memory grow with L + S, not with L * S.

    Raises:
        ShapeError: the shapes do not fit.
        InvalidValueError: ``block`` is not positive.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> x = et.zeros((2, 3))
    >>> nn.attention.linear_attention(x, x, [[0.0], [2.0]], is_causal=True, eps=0.0).tolist()
    [[0.0], [1.0]]
    """
    query, key, value = asarray(query), asarray(key), asarray(value)
    fits = min(query.ndim, key.ndim, value.ndim) > 1 and query.shape[-1] == key.shape[-1]
    if not fits or key.shape[-2] != value.shape[-2]:
        raise ShapeError(
            f"linear_attention: query of shape {query.shape}, key of shape {key.shape}, value of "
            f"shape {value.shape}; (..., L, E), (..., S, E) and (..., S, V) are due"
        )
    query, key = features(query), features(key)
    if mask is not None:
        key = where(expand_dims(asarray(mask), axis=-1), key, zeros_like(key))
    if not is_causal:
        state = matmul(key.mT, value)  # (..., E, V)
        total = expand_dims(sum(key, axis=-2), axis=-1)  # (..., E, 1)
        return matmul(query, state) / (matmul(query, total) + eps)
    length = query.shape[-2]
    if key.shape[-2] != length:
        raise ShapeError(
            f"linear_attention: {length} queries and {key.shape[-2]} keys; with is_causal=True "
            "there are as many"
        )
    if block < 1:
        raise InvalidValueError(f"linear_attention: block is a positive integer, not {block!r}")
    block = min(block, length) or 1
    query, key, value = (_blocks(x, block) for x in (query, key, value))  # (..., N, block, ...)
    scores = tril(matmul(query, key.mT))
    # What the blocks before have added up to.
    state = _before(matmul(key.mT, value), axis=-3)
    total = _before(sum(key, axis=-2), axis=-2)
    above = matmul(scores, value) + matmul(query, state)
    below = sum(scores, axis=-1, keepdims=True) + matmul(query, expand_dims(total, axis=-1))
    y = above / (below + eps)
    return reshape(y, (*y.shape[:-3], y.shape[-3] * block, y.shape[-1]))[..., :length, :]


def _blocks(x: EmberTensor, block: int) -> EmberTensor:
    """(..., L, E) to (..., N, block, E), with zeros at the end."""
    rest = -x.shape[-2] % block
    if rest:
        x = pad(x, (*[(0, 0)] * (x.ndim - 2), (0, rest), (0, 0)))
    return reshape(x, (*x.shape[:-2], x.shape[-2] // block, block, x.shape[-1]))


def _before(x: EmberTensor, *, axis: int) -> EmberTensor:
    """The sum of what comes before, along an axis."""
    return cumulative_sum(x, axis=axis) - x
