"""Attention: by products, additive, linear, local; positions, a cache, and a look at the weights.

Layers made of it, `MultiheadAttention` and the transformer's, are in `nn.layers`.
"""

from ._cache import KeyValueCache
from ._learned import AdditiveAttention, MultiplicativeAttention
from ._linear import linear_attention
from ._plot import draw_weights
from ._positions import (
    RotaryEmbedding,
    SinusoidalPositions,
    alibi_bias,
    alibi_slopes,
    rotary,
    sinusoidal_positions,
)
from ._products import attention_weights, local_attention, scaled_dot_product_attention
from ._temporal import TemporalAttention

__all__ = [
    "AdditiveAttention",
    "KeyValueCache",
    "MultiplicativeAttention",
    "RotaryEmbedding",
    "SinusoidalPositions",
    "TemporalAttention",
    "alibi_bias",
    "alibi_slopes",
    "attention_weights",
    "draw_weights",
    "linear_attention",
    "local_attention",
    "rotary",
    "scaled_dot_product_attention",
    "sinusoidal_positions",
]
