"""Attention over the steps of a time series."""

from __future__ import annotations

import math
from typing import Literal, overload

from ember_ml.backend.dtypes import DTypeLike, float32
from ember_ml.backend.errors import InvalidValueError, ShapeError
from ember_ml.nn.layers._arguments import positive
from ember_ml.nn.layers._dropout import drop_factor
from ember_ml.nn.layers._linear import Linear
from ember_ml.nn.modules import Module, Parameter
from ember_ml.nn.tensor import (
    EmberTensor,
    TensorLike,
    abs,
    arange,
    asarray,
    astype,
    exp,
    expand_dims,
    mean,
    moveaxis,
    reshape,
    use_backend,
)
from ember_ml.nn.tensor import scaled_dot_product_attention as attend
from ember_ml.nn.tensor._attention import attention_weights

from ._positions import alibi_slopes

__all__ = ["TemporalAttention"]


class TemporalAttention(Module):
    """Attention over time steps that may be irregular and have gaps.

    The heads share their values and are averaged, so that one matrix of weights says which steps
    the output was made of: the interpretable attention of the Temporal Fusion Transformer (Lim et
    al., 2021). Each head forgets at a learned rate: its scores fall by ``rate * |t - t'|``, as the
    linear biases of Press et al. (2022) do at fixed ones.

    Args:
        embed_dim: size of a step.
        num_heads: number of heads, which divides ``embed_dim``.
        dropout: probability with which a weight is dropped in training.
        bias: whether the projections have biases.
        is_causal: whether a step sees no later one.

    Attributes:
        query, key: `Linear` (embed_dim, embed_dim).
        value: `Linear` (embed_dim, embed_dim / num_heads).
        out: `Linear` (embed_dim / num_heads, embed_dim).
        log_rate: (num_heads,), starting at the logarithms of `alibi_slopes`.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> attention = nn.attention.TemporalAttention(8, 2)
    >>> seen = et.asarray([[True, True, False, True]])
    >>> y, weights = attention(et.ones((1, 4, 8)), [0.0, 0.5, 2.0, 2.5], seen, return_weights=True)
    >>> y.shape, weights.shape, weights[0, 3, 2].item()
    ((1, 4, 8), (1, 4, 4), 0.0)
    """

    log_rate: EmberTensor

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        is_causal: bool = True,
        *,
        dtype: DTypeLike = float32,
        device: str | None = None,
    ) -> None:
        super().__init__()
        self.embed_dim = positive("TemporalAttention", "embed_dim", embed_dim)
        self.num_heads = positive("TemporalAttention", "num_heads", num_heads)
        if embed_dim % num_heads:
            raise InvalidValueError(
                f"TemporalAttention: num_heads={num_heads} does not divide embed_dim={embed_dim}"
            )
        if not 0.0 <= dropout <= 1.0:
            raise InvalidValueError(f"TemporalAttention: dropout is in [0, 1], not {dropout}")
        self.head_dim = embed_dim // num_heads
        self.dropout = dropout
        self.is_causal = is_causal

        def linear(inputs: int, outputs: int) -> Linear:
            return Linear(inputs, outputs, bias, dtype=dtype, device=device)

        self.query = linear(embed_dim, embed_dim)
        self.key = linear(embed_dim, embed_dim)
        self.value = linear(embed_dim, self.head_dim)
        self.out = linear(self.head_dim, embed_dim)
        rates = [math.log(slope) for slope in alibi_slopes(num_heads)]
        self.log_rate = Parameter(asarray(rates, dtype=dtype, device=device))  # type: ignore[assignment]

    @overload
    def forward(
        self,
        x: TensorLike,
        times: TensorLike | None = ...,
        mask: TensorLike | None = ...,
        *,
        return_weights: Literal[False] = ...,
    ) -> EmberTensor: ...
    @overload
    def forward(
        self,
        x: TensorLike,
        times: TensorLike | None = ...,
        mask: TensorLike | None = ...,
        *,
        return_weights: Literal[True],
    ) -> tuple[EmberTensor, EmberTensor]: ...
    def forward(
        self,
        x: TensorLike,
        times: TensorLike | None = None,
        mask: TensorLike | None = None,
        *,
        return_weights: bool = False,
    ) -> EmberTensor | tuple[EmberTensor, EmberTensor]:
        """Attend.

        Args:
            x: (T, embed_dim) or (N, T, embed_dim), in the order of time.
            times: (T,) or (N, T), when the steps were; 0, 1, ... unless given.
            mask: (T,) or (N, T), booleans: False for steps that are missing. No step sees them;
                what they see is a guess from the others.
            return_weights: whether the weights (..., T, T), averaged over the heads, are returned
                as well.

        Returns:
            In the shape of ``x``. The bias of ``out`` alone for a step that sees none.

        Raises:
            ShapeError: the shapes do not fit.
        """
        x = asarray(x)
        if x.ndim not in (2, 3) or x.shape[-1] != self.embed_dim:
            raise ShapeError(
                f"TemporalAttention: a series of shape {x.shape}, where (T, {self.embed_dim}) or "
                f"(N, T, {self.embed_dim}) is due"
            )
        bias = self._bias(x, self._steps("times", times, x))
        seen = self._steps("mask", mask, x)
        if seen is not None:
            seen = expand_dims(seen, axis=(-3, -2))  # (..., 1, 1, T)
        query, key = self._heads(self.query(x)), self._heads(self.key(x))  # (..., H, T, D)
        value = expand_dims(self.value(x), axis=-3)  # (..., 1, T, D)
        factor = None
        if self.training and self.dropout:
            factor = drop_factor((*query.shape[:-1], x.shape[-2]), self.dropout, x, None)
        y = attend(query, key, value, seen, bias, factor, is_causal=self.is_causal)
        y = self.out(mean(y, axis=-3))
        if not return_weights:
            return y
        weights = attention_weights(query, key, seen, bias, is_causal=self.is_causal)
        return y, mean(weights, axis=-3)

    def _steps(self, name: str, given: TensorLike | None, x: EmberTensor) -> EmberTensor | None:
        if given is None:
            return None
        found = asarray(given)
        if found.shape not in (x.shape[-2:-1], x.shape[:-1]):
            raise ShapeError(
                f"TemporalAttention: {name} of shape {found.shape} for a series of shape {x.shape}"
            )
        return found

    def _bias(self, x: EmberTensor, times: EmberTensor | None) -> EmberTensor:
        """(..., H, T, T): the rate of each head times the time between two steps, negative."""
        if times is None:
            with use_backend(x.backend):
                times = arange(x.shape[-2], device=x.device)
        t = astype(times, x.dtype, copy=False)
        between = abs(expand_dims(t, axis=-1) - expand_dims(t, axis=-2))  # (..., T, T)
        return -exp(self.log_rate)[:, None, None] * expand_dims(between, axis=-3)

    def _heads(self, x: EmberTensor) -> EmberTensor:
        """(..., T, H * D) to (..., H, T, D)."""
        return moveaxis(reshape(x, (*x.shape[:-1], self.num_heads, self.head_dim)), -2, -3)

    def extra_repr(self) -> str:
        """The options."""
        return (
            f"{self.embed_dim}, {self.num_heads}, dropout={self.dropout}, "
            f"is_causal={self.is_causal}"
        )
