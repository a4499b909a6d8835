"""The decoder of the transformer, and encoder and decoder together."""

from __future__ import annotations

from ember_ml.backend.dtypes import DTypeLike, float32
from ember_ml.backend.errors import ShapeError
from ember_ml.nn import initializers
from ember_ml.nn.modules import Module
from ember_ml.nn.tensor import EmberTensor, TensorLike, asarray, full, triu

from ._arguments import positive
from ._dropout import Dropout
from ._linear import Linear
from ._multihead import MultiheadAttention
from ._normalization import LayerNorm
from ._transformer import (
    Activation,
    TransformerEncoder,
    TransformerEncoderLayer,
    activation_of,
    attended,
    check_sequence,
    clones,
    fed_forward,
)

__all__ = ["Transformer", "TransformerDecoder", "TransformerDecoderLayer"]


class TransformerDecoderLayer(Module):
    """Self-attention, attention to an encoder's result, and a feed-forward network.

    Each has a residual connection and a norm. The arguments are those of
    `TransformerEncoderLayer`.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> layer = nn.TransformerDecoderLayer(8, 2, 16, batch_first=True)
    >>> layer(et.ones((2, 5, 8)), et.ones((2, 7, 8)), tgt_is_causal=True).shape
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
        positive("TransformerDecoderLayer", "dim_feedforward", dim_feedforward)

        def norm() -> LayerNorm:
            return LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype, device=device)

        def attention() -> MultiheadAttention:
            return MultiheadAttention(
                d_model, nhead, dropout, bias, batch_first=batch_first, dtype=dtype, device=device
            )

        self.self_attn = attention()
        self.multihead_attn = attention()
        self.linear1 = Linear(d_model, dim_feedforward, bias, dtype=dtype, device=device)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, dtype=dtype, device=device)
        self.norm_first = norm_first
        self.norm1 = norm()
        self.norm2 = norm()
        self.norm3 = norm()
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.dropout3 = Dropout(dropout)
        self.activation = activation_of("TransformerDecoderLayer", activation)

    def forward(
        self,
        tgt: TensorLike,
        memory: TensorLike,
        tgt_mask: TensorLike | None = None,
        memory_mask: TensorLike | None = None,
        tgt_key_padding_mask: TensorLike | None = None,
        memory_key_padding_mask: TensorLike | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> EmberTensor:
        """A sequence to one of the same shape.

        Args:
            tgt: (T, N, d_model), (N, T, d_model) with ``batch_first``, or (T, d_model).
            memory: (S, N, d_model), likewise: what the encoder gave.
            tgt_mask: (T, T) or (N * nhead, T, T): True for what is *not* attended to, or numbers
                to add to the scores.
            memory_mask: (T, S) or (N * nhead, T, S), likewise.
            tgt_key_padding_mask: (N, T), or (T,), likewise, for all steps.
            memory_key_padding_mask: (N, S), or (S,), likewise.
            tgt_is_causal: whether a step attends to no later one, with or without a mask.
            memory_is_causal: the same of the memory.
        """
        x, memory = asarray(tgt), asarray(memory)
        attention = self.self_attn
        for name, given in (("tgt", x), ("memory", memory)):
            check_sequence(
                type(self).__name__, name, given, attention.embed_dim, attention.batch_first
            )
        own = (tgt_key_padding_mask, tgt_mask, tgt_is_causal)
        other = (memory_key_padding_mask, memory_mask, memory_is_causal)
        if self.norm_first:
            normed = self.norm1(x)
            x = x + self.dropout1(attended(self.self_attn, normed, normed, *own))
            x = x + self.dropout2(attended(self.multihead_attn, self.norm2(x), memory, *other))
            return x + self._fed(self.norm3(x))
        x = self.norm1(x + self.dropout1(attended(self.self_attn, x, x, *own)))
        x = self.norm2(x + self.dropout2(attended(self.multihead_attn, x, memory, *other)))
        return self.norm3(x + self._fed(x))

    def _fed(self, x: EmberTensor) -> EmberTensor:
        y = fed_forward(x, self.linear1, self.activation, self.dropout, self.linear2)
        return self.dropout3(y)


class TransformerDecoder(Module):
    """A stack of decoder layers; see `TransformerEncoder`.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> layer = nn.TransformerDecoderLayer(8, 2, 16, batch_first=True)
    >>> nn.TransformerDecoder(layer, 2)(et.ones((2, 5, 8)), et.ones((2, 7, 8))).shape
    (2, 5, 8)
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.layers = clones("TransformerDecoder", decoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        tgt: TensorLike,
        memory: TensorLike,
        tgt_mask: TensorLike | None = None,
        memory_mask: TensorLike | None = None,
        tgt_key_padding_mask: TensorLike | None = None,
        memory_key_padding_mask: TensorLike | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> EmberTensor:
        """The layers in turn; the masks are those of `TransformerDecoderLayer`, for all layers.

        ``tgt_is_causal=None`` is False here; see `TransformerEncoder.forward`.
        """
        x = tgt
        for layer in self.layers:
            x = layer(
                x, memory, tgt_mask=tgt_mask, memory_mask=memory_mask,
                tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask,
                tgt_is_causal=bool(tgt_is_causal), memory_is_causal=memory_is_causal,
            )  # fmt: skip
        return asarray(x if self.norm is None else self.norm(x))


class Transformer(Module):
    """Encoder and decoder (Vaswani et al., 2017), without embeddings.

    Args:
        d_model: size of the vectors.
        nhead: number of heads.
        num_encoder_layers: see `TransformerEncoder`.
        num_decoder_layers: see `TransformerDecoder`.
        custom_encoder: a Module in place of the encoder, called as that is.
        custom_decoder: likewise.

    The other arguments are those of `TransformerEncoderLayer`. Matrices are drawn afresh by
    `initializers.xavier_uniform`.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> model = nn.Transformer(8, 2, 1, 1, 16, batch_first=True)
    >>> model(et.ones((2, 7, 8)), et.ones((2, 5, 8)), tgt_is_causal=True).shape
    (2, 5, 8)
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = "relu",
        custom_encoder: Module | None = None,
        custom_decoder: Module | None = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        *,
        dtype: DTypeLike = float32,
        device: str | None = None,
    ) -> None:
        super().__init__()

        def norm() -> LayerNorm:
            return LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype, device=device)

        def encoder() -> TransformerEncoder:
            layer = TransformerEncoderLayer(
                d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first,
                norm_first, bias, dtype=dtype, device=device,
            )  # fmt: skip
            return TransformerEncoder(layer, num_encoder_layers, norm())

        def decoder() -> TransformerDecoder:
            layer = TransformerDecoderLayer(
                d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first,
                norm_first, bias, dtype=dtype, device=device,
            )  # fmt: skip
            return TransformerDecoder(layer, num_decoder_layers, norm())

        self.encoder = encoder() if custom_encoder is None else custom_encoder
        self.decoder = decoder() if custom_decoder is None else custom_decoder
        self.load_state_dict(
            {
                name: initializers.xavier_uniform(x.shape, dtype=x.dtype, device=device)
                for name, x in self.named_parameters()
                if x.ndim > 1
            },
            strict=False,
        )
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first

    def forward(
        self,
        src: TensorLike,
        tgt: TensorLike,
        src_mask: TensorLike | None = None,
        tgt_mask: TensorLike | None = None,
        memory_mask: TensorLike | None = None,
        src_key_padding_mask: TensorLike | None = None,
        tgt_key_padding_mask: TensorLike | None = None,
        memory_key_padding_mask: TensorLike | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> EmberTensor:
        """Encode ``src``, and decode ``tgt`` with it.

        Args:
            src: (S, N, d_model), (N, S, d_model) with ``batch_first``, or (S, d_model).
            tgt: (T, N, d_model), likewise.

        The masks are those of the layers. Gives a tensor in the shape of ``tgt``.
        """
        source, target = asarray(src), asarray(tgt)
        for name, x in (("src", source), ("tgt", target)):
            check_sequence("Transformer", name, x, self.d_model, self.batch_first)
        batch = 0 if self.batch_first else 1
        if source.ndim != target.ndim or (
            source.ndim == 3 and source.shape[batch] != target.shape[batch]
        ):
            raise ShapeError(
                f"Transformer: src of shape {source.shape} and tgt of shape {target.shape}, whose "
                f"batch (axis {batch}) is one and the same"
            )
        memory = self.encoder(
            source, mask=src_mask, src_key_padding_mask=src_key_padding_mask,
            is_causal=src_is_causal,
        )  # fmt: skip
        return self.decoder(
            target, memory, tgt_mask=tgt_mask, memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal, memory_is_causal=memory_is_causal,
        )  # fmt: skip

    @staticmethod
    def generate_square_subsequent_mask(
        sz: int, device: str | None = None, dtype: DTypeLike = float32
    ) -> EmberTensor:
        """(sz, sz): minus infinity above the diagonal, zeros elsewhere, to be added to scores.

        >>> from ember_ml import nn
        >>> nn.Transformer.generate_square_subsequent_mask(2).tolist()
        [[0.0, -inf], [0.0, 0.0]]
        """
        return triu(full((sz, sz), float("-inf"), dtype=dtype, device=device), k=1)
