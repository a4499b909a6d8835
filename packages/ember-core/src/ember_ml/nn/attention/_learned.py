"""Scores with weights of their own: additive and multiplicative attention."""

from __future__ import annotations

import math
from typing import Literal, overload

from ember_ml.backend.dtypes import DTypeLike, float32
from ember_ml.backend.errors import ShapeError
from ember_ml.nn import initializers
from ember_ml.nn.layers._arguments import positive
from ember_ml.nn.layers._linear import Linear
from ember_ml.nn.modules import Module, Parameter
from ember_ml.nn.tensor import (
    EmberTensor,
    TensorLike,
    asarray,
    expand_dims,
    matmul,
    squeeze,
    tanh,
)
from ember_ml.nn.tensor._attention import masked_softmax

__all__ = ["AdditiveAttention", "MultiplicativeAttention"]


class _Scored(Module):
    """Attention whose subclass says what the scores are."""

    query_size: int
    key_size: int

    def scores(self, query: EmberTensor, key: EmberTensor) -> EmberTensor:
        """(..., L, query_size) and (..., S, key_size) to (..., L, S)."""
        raise NotImplementedError

    @overload
    def forward(
        self,
        query: TensorLike,
        key: TensorLike,
        value: TensorLike | None = ...,
        mask: TensorLike | None = ...,
        *,
        return_weights: Literal[False] = ...,
    ) -> EmberTensor: ...
    @overload
    def forward(
        self,
        query: TensorLike,
        key: TensorLike,
        value: TensorLike | None = ...,
        mask: TensorLike | None = ...,
        *,
        return_weights: Literal[True],
    ) -> tuple[EmberTensor, EmberTensor]: ...
    def forward(
        self,
        query: TensorLike,
        key: TensorLike,
        value: TensorLike | None = None,
        mask: TensorLike | None = None,
        *,
        return_weights: bool = False,
    ) -> EmberTensor | tuple[EmberTensor, EmberTensor]:
        """The values averaged with the softmax of the scores.

        Args:
            query: (..., L, query_size), or (..., query_size) for one query.
            key: (..., S, key_size).
            value: (..., S, V); the keys unless given.
            mask: booleans that broadcast to (..., L, S), for one query to (..., S): True where
                a key takes part.
            return_weights: whether the weights, in the shape of the mask, are returned as well.

        Returns:
            (..., L, V), or (..., V); zeros for a query that no key is left for.
        """
        query, key = asarray(query), asarray(key)
        value = key if value is None else asarray(value)
        one = query.ndim == key.ndim - 1
        if one:
            query = expand_dims(query, axis=-2)
        who = type(self).__name__
        if query.ndim != key.ndim or key.ndim < 2 or query.shape[-1] != self.query_size:
            raise ShapeError(
                f"{who}: a query of shape {query.shape} for keys of shape {key.shape}, where "
                f"(..., L, {self.query_size}) and (..., S, {self.key_size}) are due"
            )
        if key.shape[-1] != self.key_size or value.ndim < 2 or value.shape[-2] != key.shape[-2]:
            raise ShapeError(
                f"{who}: keys of shape {key.shape} and values of shape {value.shape}, where "
                f"(..., S, {self.key_size}) and (..., S, V) are due"
            )
        if mask is not None:
            mask = asarray(mask)
            mask = expand_dims(mask, axis=-2) if one and mask.ndim else mask
        weights = masked_softmax(self.scores(query, key), mask)
        y = matmul(weights, value)
        if one:
            y, weights = squeeze(y, -2), squeeze(weights, -2)
        return (y, weights) if return_weights else y


class AdditiveAttention(_Scored):
    """Scores ``v . tanh(W query + U key)`` (Bahdanau et al., 2015).

    Args:
        query_size: size of the queries (a decoder's state).
        key_size: size of the keys (an encoder's annotations).
        hidden_size: size of the space in which the two are added.
        bias: whether ``query`` has a bias.

    Attributes:
        query: `Linear` to the hidden space, W.
        key: the same for keys, U, without bias.
        v: (hidden_size,).

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> attention = nn.attention.AdditiveAttention(4, 6, 8)
    >>> y, weights = attention(et.ones((2, 4)), et.ones((2, 5, 6)), return_weights=True)
    >>> y.shape, weights.shape
    ((2, 6), (2, 5))
    """

    v: EmberTensor

    def __init__(
        self,
        query_size: int,
        key_size: int,
        hidden_size: int,
        bias: bool = True,
        *,
        dtype: DTypeLike = float32,
        device: str | None = None,
    ) -> None:
        super().__init__()
        self.query_size = positive("AdditiveAttention", "query_size", query_size)
        self.key_size = positive("AdditiveAttention", "key_size", key_size)
        self.hidden_size = positive("AdditiveAttention", "hidden_size", hidden_size)
        self.query = Linear(query_size, hidden_size, bias, dtype=dtype, device=device)
        self.key = Linear(key_size, hidden_size, False, dtype=dtype, device=device)
        bound = 1.0 / math.sqrt(hidden_size)
        self.v = Parameter(  # type: ignore[assignment]
            initializers.uniform((hidden_size,), low=-bound, high=bound, dtype=dtype, device=device)
        )

    def scores(self, query: EmberTensor, key: EmberTensor) -> EmberTensor:
        """(..., L, query_size) and (..., S, key_size) to (..., L, S)."""
        wide = expand_dims(self.query(query), axis=-2) + expand_dims(self.key(key), axis=-3)
        return matmul(tanh(wide), self.v)


class MultiplicativeAttention(_Scored):
    """Scores ``query . (W key)``, the "general" ones of Luong et al. (2015).

    Args:
        query_size: size of the queries.
        key_size: size of the keys.

    Attributes:
        key: `Linear` from keys to the space of the queries, W, without bias.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> nn.attention.MultiplicativeAttention(4, 6)(et.ones((2, 3, 4)), et.ones((2, 5, 6))).shape
    (2, 3, 6)
    """

    def __init__(
        self,
        query_size: int,
        key_size: int,
        *,
        dtype: DTypeLike = float32,
        device: str | None = None,
    ) -> None:
        super().__init__()
        self.query_size = positive("MultiplicativeAttention", "query_size", query_size)
        self.key_size = positive("MultiplicativeAttention", "key_size", key_size)
        self.key = Linear(key_size, query_size, False, dtype=dtype, device=device)

    def scores(self, query: EmberTensor, key: EmberTensor) -> EmberTensor:
        """(..., L, query_size) and (..., S, key_size) to (..., L, S)."""
        return matmul(query, self.key(key).mT)
