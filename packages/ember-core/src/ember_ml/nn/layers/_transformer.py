"""The encoder of the transformer (Vaswani et al., 2017), and what it shares with the decoder."""

from __future__ import annotations

import copy
from collections.abc import Callable

from ember_ml.backend.dtypes import DTypeLike, float32
from ember_ml.backend.errors import ArgumentError, InvalidValueError, ShapeError
from ember_ml.nn.modules import Module, ModuleList
from ember_ml.nn.tensor import EmberTensor, TensorLike, asarray, feed_forward
from ember_ml.nn.tensor import _functions as functions

from ._arguments import positive
from ._dropout import Dropout
from ._linear import Linear
from ._multihead import MultiheadAttention
from ._normalization import LayerNorm

__all__ = ["Activation", "TransformerEncoder", "TransformerEncoderLayer"]

#: "relu", "gelu", or a function of one tensor.
Activation = str | Callable[[EmberTensor], EmberTensor]


def activation_of(layer: str, activation: Activation) -> Callable[[EmberTensor], EmberTensor]:
    """The function that ``activation`` names or is."""
    named = {"relu": functions.relu, "gelu": functions.gelu}
    found = named.get(activation) if isinstance(activation, str) else activation
    if not callable(found):
        raise InvalidValueError(
            f"{layer}: activation is 'relu', 'gelu' or a function, not {activation!r}"
        )
    return found


def clones(stack: str, layer: Module, count: int) -> ModuleList:
    """``count`` copies of a layer, each with parameters of its own."""
    if not isinstance(layer, Module):
        raise ArgumentError(f"{stack}: a layer to copy is due, not {layer!r}")
    return ModuleList([copy.deepcopy(layer) for _ in range(positive(stack, "num_layers", count))])


def check_sequence(layer: str, name: str, x: EmberTensor, size: int, batch_first: bool) -> None:
    """Refuse what is no sequence of vectors of ``size``, or no batch of them."""
    if x.ndim not in (2, 3) or x.shape[-1] != size:
        due = f"(N, L, {size})" if batch_first else f"(L, N, {size})"
        raise ShapeError(f"{layer}: {name} of shape {x.shape}, where {due} or (L, {size}) is due")


def attended(
    attention: MultiheadAttention,
    x: EmberTensor,
    memory: EmberTensor,
    padding: TensorLike | None,
    mask: TensorLike | None,
    is_causal: bool,
) -> EmberTensor:
    """What ``x`` takes from ``memory``, without the weights."""
    y, _ = attention(
        x, memory, memory, key_padding_mask=padding, need_weights=False, attn_mask=mask,
        is_causal=is_causal,
    )  # fmt: skip
    return y


def fed_forward(
    x: EmberTensor,
    first: Linear,
    activation: Callable[[EmberTensor], EmberTensor],
    dropout: Dropout,
    second: Linear,
) -> EmberTensor:
    """The feed-forward network, in one operation where it is one of two affine maps and ReLU."""
    whole = type(first) is Linear and type(second) is Linear and activation is functions.relu
    drops = dropout.training and dropout.p
    if whole and not drops and first.bias is not None and second.bias is not None:
        return feed_forward(x, first.weight, first.bias, second.weight, second.bias)
    return second(dropout(activation(first(x))))


class TransformerEncoderLayer(Module):
    """Self-attention and a feed-forward network, each with a residual connection and a norm.

    Args:
        d_model: size of the vectors.
        nhead: number of heads.
        dim_feedforward: size of the hidden layer.
        dropout: probability of dropout, of attention weights too.
        activation: of the hidden layer: "relu", "gelu", a function, or a Module.
        layer_norm_eps: see `LayerNorm`.
        batch_first: whether sequences are (N, L, E) instead of (L, N, E).
        norm_first: whether norms come before attention and feed-forward network instead of after
            the residual connections.
        bias: whether linear maps and norms have biases.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    >>> layer(et.ones((2, 5, 8)), is_causal=True).shape
    (2, 5, 8)
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = "relu",
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        *,
        dtype: DTypeLike = float32,
        device: str | None = None,
    ) -> None:
        super().__init__()
        positive("TransformerEncoderLayer", "dim_feedforward", dim_feedforward)

        def norm() -> LayerNorm:
            return LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype, device=device)

        self.self_attn = MultiheadAttention(
            d_model, nhead, dropout, bias, batch_first=batch_first, dtype=dtype, device=device
        )
        self.linear1 = Linear(d_model, dim_feedforward, bias, dtype=dtype, device=device)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, dtype=dtype, device=device)
        self.norm_first = norm_first
        self.norm1 = norm()
        self.norm2 = norm()
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.activation = activation_of("TransformerEncoderLayer", activation)

    def forward(
        self,
        src: TensorLike,
        src_mask: TensorLike | None = None,
        src_key_padding_mask: TensorLike | None = None,
        is_causal: bool = False,
    ) -> EmberTensor:
        """A sequence to one of the same shape.

        Args:
            src: (L, N, d_model), (N, L, d_model) with ``batch_first``, or (L, d_model).
            src_mask: (L, L) or (N * nhead, L, L): True for what is *not* attended to, or numbers
                to add to the scores.
            src_key_padding_mask: (N, L), or (L,), likewise, for all steps.
            is_causal: whether a step attends to no later one, with or without a mask.
        """
        x = asarray(src)
        attention = self.self_attn
        check_sequence(type(self).__name__, "src", x, attention.embed_dim, attention.batch_first)
        masks = (src_key_padding_mask, src_mask, is_causal)
        if self.norm_first:
            normed = self.norm1(x)
            x = x + self.dropout1(attended(attention, normed, normed, *masks))
            return x + self._fed(self.norm2(x))
        x = self.norm1(x + self.dropout1(attended(attention, x, x, *masks)))
        return self.norm2(x + self._fed(x))

    def _fed(self, x: EmberTensor) -> EmberTensor:
        y = fed_forward(x, self.linear1, self.activation, self.dropout, self.linear2)
        return self.dropout2(y)


class TransformerEncoder(Module):
    """A stack of encoder layers.

    Args:
        encoder_layer: a layer, which is copied.
        num_layers: how many copies there are. They start with the same parameters, as PyTorch's.
        norm: what the result passes at the end, or None.
        enable_nested_tensor: taken so that PyTorch's arguments fit: it chooses a kernel there.
        mask_check: likewise.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    >>> nn.TransformerEncoder(layer, 2)(et.ones((2, 5, 8))).shape
    (2, 5, 8)
    """

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__()
        self.layers = clones("TransformerEncoder", encoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        src: TensorLike,
        mask: TensorLike | None = None,
        src_key_padding_mask: TensorLike | None = None,
        is_causal: bool | None = None,
    ) -> EmberTensor:
        """The layers in turn; the masks are those of `TransformerEncoderLayer`, for all layers.

        ``is_causal=None`` is False here: a causal ``mask`` is recognised by its values in PyTorch,
        which changes how fast it is there and nothing else.
        """
        x = src
        for layer in self.layers:
            x = layer(
                x, src_mask=mask, src_key_padding_mask=src_key_padding_mask,
                is_causal=bool(is_causal),
            )  # fmt: skip
        return asarray(x if self.norm is None else self.norm(x))
