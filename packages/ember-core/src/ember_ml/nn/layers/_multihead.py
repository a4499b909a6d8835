"""Multi-head attention as a layer."""

from __future__ import annotations

from ember_ml.backend.dtypes import DTypeLike, float32
from ember_ml.backend.errors import InvalidValueError, ShapeError
from ember_ml.nn import initializers
from ember_ml.nn.modules import Module, Parameter
from ember_ml.nn.tensor import (
    EmberTensor,
    TensorLike,
    asarray,
    broadcast_to,
    concat,
    linear,
    logical_and,
    logical_not,
    matmul,
    mean,
    ones,
    pad,
    permute_dims,
    reshape,
    scaled_dot_product_attention,
    tril,
    unstack,
    use_backend,
    zeros_like,
)
from ember_ml.nn.tensor._attention import attention_weights
from ember_ml.nn.tensor.random import Generator

from ._arguments import positive
from ._dropout import drop_factor
from ._linear import Linear

__all__ = ["MultiheadAttention"]


class NonDynamicallyQuantizableLinear(Linear):
    """`Linear` under PyTorch's name for it here."""


class MultiheadAttention(Module):
    """Attention by several heads, each with projections of its own (Vaswani et al., 2017).

    Args:
        embed_dim: size of the queries and of the result.
        num_heads: number of heads, which divides ``embed_dim``.
        dropout: probability with which a weight is dropped in training.
        bias: whether the projections have biases.
        add_bias_kv: whether a learned key and value are appended.
        add_zero_attn: whether a key and a value of zeros are appended.
        kdim: size of the keys; ``embed_dim`` unless given.
        vdim: size of the values; ``embed_dim`` unless given.
        batch_first: whether sequences are (N, L, E) instead of (L, N, E).
        generator: what dropout draws from; the default one unless given.

    Attributes:
        in_proj_weight: (3 * embed_dim, embed_dim), of query, key and value, one above the other;
            where the sizes differ, None, and there are ``q_proj_weight``, ``k_proj_weight`` and
            ``v_proj_weight`` (embed_dim, size).
        in_proj_bias: (3 * embed_dim,), or None.
        bias_k, bias_v: (1, 1, embed_dim), or None.
        out_proj: `Linear` (embed_dim, embed_dim).

    Raises:
        InvalidValueError: a size is not positive, or ``num_heads`` does not divide ``embed_dim``.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> x = et.ones((2, 5, 8))
    >>> y, weights = nn.MultiheadAttention(8, 2, batch_first=True)(x, x, x)
    >>> y.shape, weights.shape
    ((2, 5, 8), (2, 5, 5))
    """

    in_proj_weight: EmberTensor | None
    q_proj_weight: EmberTensor | None
    k_proj_weight: EmberTensor | None
    v_proj_weight: EmberTensor | None
    in_proj_bias: EmberTensor | None
    bias_k: EmberTensor | None
    bias_v: EmberTensor | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        *,
        dtype: DTypeLike = float32,
        device: str | None = None,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        who = "MultiheadAttention"
        self.embed_dim = positive(who, "embed_dim", embed_dim)
        self.num_heads = positive(who, "num_heads", num_heads)
        self.kdim = self.embed_dim if kdim is None else positive(who, "kdim", kdim)
        self.vdim = self.embed_dim if vdim is None else positive(who, "vdim", vdim)
        if self.embed_dim % self.num_heads:
            raise InvalidValueError(
                f"{who}: num_heads={num_heads} does not divide embed_dim={embed_dim}"
            )
        if not 0.0 <= dropout <= 1.0:
            raise InvalidValueError(f"{who}: dropout is a probability in [0, 1], not {dropout!r}")
        self.head_dim = self.embed_dim // self.num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.add_zero_attn = add_zero_attn
        self.generator = generator

        def drawn(rows: int, columns: int) -> Parameter:
            return Parameter(
                initializers.xavier_uniform((rows, columns), dtype=dtype, device=device)
            )

        one = self.kdim == self.vdim == self.embed_dim
        size = self.embed_dim
        sizes = {"q": size, "k": self.kdim, "v": self.vdim}
        self.register_parameter("in_proj_weight", drawn(3 * size, size) if one else None)
        for name, inputs in sizes.items():
            self.register_parameter(f"{name}_proj_weight", None if one else drawn(size, inputs))
        zeros = initializers.zeros((3 * size,), dtype=dtype, device=device) if bias else None
        self.register_parameter("in_proj_bias", None if zeros is None else Parameter(zeros))
        for name in ("bias_k", "bias_v"):
            shape = (1, 1, size)
            self.register_parameter(
                name,
                Parameter(initializers.xavier_normal(shape, dtype=dtype, device=device))
                if add_bias_kv
                else None,
            )
        self.out_proj = NonDynamicallyQuantizableLinear(
            size, size, bias, dtype=dtype, device=device
        )
        if self.out_proj.bias is not None:
            self.out_proj.bias = zeros_like(self.out_proj.bias)

    def forward(
        self,
        query: TensorLike,
        key: TensorLike,
        value: TensorLike,
        key_padding_mask: TensorLike | None = None,
        need_weights: bool = True,
        attn_mask: TensorLike | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[EmberTensor, EmberTensor | None]:
        """Attend.

        Args:
            query: (L, N, embed_dim), (N, L, embed_dim) with ``batch_first``, or (L, embed_dim).
            key: (S, N, kdim), likewise.
            value: (S, N, vdim), likewise.
            key_padding_mask: (N, S), or (S,): True for keys to leave out, or numbers to add to the
                scores.
            need_weights: whether the weights are returned; without them it is faster.
            attn_mask: (L, S) or (N * num_heads, L, S): True for keys that a query does *not*
                take, as PyTorch's layer has it (and unlike `nn.attention`), or numbers to add.
            average_attn_weights: whether the weights are averaged over the heads.
            is_causal: whether a query takes no key at a later position, with or without a mask.
                The keys that ``add_bias_kv`` and ``add_zero_attn`` append have no position and
                are taken; PyTorch's layer hides them where no weights are asked for.

        Returns:
            The result in the shape of ``query``, and the weights, (N, L, S) or (N, num_heads, L,
            S), or None. Where no key is left for a query, its weights are zeros.

        Raises:
            ShapeError: the shapes do not fit.
        """
        # Asked of the arguments: asarray makes a new tensor of a list each time.
        same = key is query and value is key
        query = asarray(query)
        key = query if key is query else asarray(key)
        value = key if same else asarray(value)
        self._check(query, key, value)
        single, first = query.ndim == 2, self.batch_first or query.ndim == 2
        if single:
            query, key, value = (x[None] for x in (query, key, value))
        q, k, v = self._projected(query, key, value, same, first)  # (N, H, L or S, D)
        mask, bias = self._masks(q, k, key_padding_mask, attn_mask, single)
        extra = (self.bias_k is not None) + self.add_zero_attn
        if extra:
            if is_causal:  # by a mask, since the keys that are appended have no position
                mask, is_causal = _with_causal(mask, q, k), False
            k, v = self._extended(k, self.bias_k), self._extended(v, self.bias_v)
            mask = None if mask is None else _widened(mask, extra, True)
            bias = None if bias is None else _widened(bias, extra, 0.0)
        factor = None
        if self.training and self.dropout:
            shape = (*q.shape[:-1], k.shape[-2])
            factor = drop_factor(shape, self.dropout, q, self.generator)
        if need_weights:
            weights = attention_weights(q, k, mask, bias, is_causal=is_causal)
            weights = weights if factor is None else weights * factor
            y = matmul(weights, v)
        else:
            weights = None
            y = scaled_dot_product_attention(q, k, v, mask, bias, factor, is_causal=is_causal)
        y = permute_dims(y, (0, 2, 1, 3) if first else (2, 0, 1, 3))
        y = self.out_proj(reshape(y, (*y.shape[:2], self.embed_dim)))
        if weights is not None and average_attn_weights:
            weights = mean(weights, axis=1)
        if single:
            return y[0], None if weights is None else weights[0]
        return y, weights

    def _check(self, query: EmberTensor, key: EmberTensor, value: EmberTensor) -> None:
        batch = 0 if self.batch_first else 1
        sizes = {"query": self.embed_dim, "key": self.kdim, "value": self.vdim}
        for (name, size), x in zip(sizes.items(), (query, key, value), strict=True):
            if x.ndim != query.ndim or x.ndim not in (2, 3) or x.shape[-1] != size:
                due = f"(N, L, {size})" if self.batch_first else f"(L, N, {size})"
                raise ShapeError(
                    f"MultiheadAttention: {name} of shape {x.shape}, where {due} or (L, {size}) "
                    f"is due, of as many axes as the query of shape {query.shape}"
                )
            if x.ndim == 3 and x.shape[batch] != query.shape[batch]:
                raise ShapeError(
                    f"MultiheadAttention: {name} of shape {x.shape} with another batch (axis "
                    f"{batch}) than the query of shape {query.shape}"
                )
        if key.shape[:-1] != value.shape[:-1]:
            raise ShapeError(
                f"MultiheadAttention: key of shape {key.shape} and value of shape {value.shape}; "
                "there are as many values as keys"
            )

    def _projected(
        self,
        query: EmberTensor,
        key: EmberTensor,
        value: EmberTensor,
        same: bool,
        first: bool,
    ) -> tuple[EmberTensor, ...]:
        size, weight, bias = self.embed_dim, self.in_proj_weight, self.in_proj_bias
        if weight is not None and same:
            return self._heads(query, weight, bias, 3, first)
        if weight is not None:
            weights = [weight[i * size : (i + 1) * size] for i in range(3)]
        else:
            weights = [self.q_proj_weight, self.k_proj_weight, self.v_proj_weight]  # type: ignore[list-item]
        biases = [None if bias is None else bias[i * size : (i + 1) * size] for i in range(3)]
        parts = zip((query, key, value), weights, biases, strict=True)
        return tuple(self._heads(x, w, b, 1, first)[0] for x, w, b in parts)

    def _heads(
        self,
        x: EmberTensor,
        weight: EmberTensor,
        bias: EmberTensor | None,
        count: int,
        first: bool,
    ) -> tuple[EmberTensor, ...]:
        """``count`` projections of one sequence, each (N, H, L, D)."""
        y = matmul(x, weight.mT) if bias is None else linear(x, weight, bias)
        y = reshape(y, (*y.shape[:2], count, self.num_heads, self.head_dim))
        return unstack(permute_dims(y, (2, 0, 3, 1, 4) if first else (2, 1, 3, 0, 4)))

    def _extended(self, x: EmberTensor, row: EmberTensor | None) -> EmberTensor:
        """Keys or values with those that are appended."""
        shape = (*x.shape[:2], 1, self.head_dim)
        if row is not None:
            row = reshape(row, (1, self.num_heads, 1, self.head_dim))
            x = concat([x, broadcast_to(row, shape)], axis=2)
        return pad(x, ((0, 0), (0, 0), (0, 1), (0, 0))) if self.add_zero_attn else x

    def _masks(
        self,
        q: EmberTensor,
        k: EmberTensor,
        key_padding_mask: TensorLike | None,
        attn_mask: TensorLike | None,
        single: bool,
    ) -> tuple[EmberTensor | None, EmberTensor | None]:
        """Which keys take part, and what is added to the scores, for all heads."""
        (batch, heads, length, _), keys = q.shape, k.shape[2]
        mask: EmberTensor | None = None
        bias: EmberTensor | None = None
        dues: dict[str, list[tuple[int, ...]]] = {
            "key_padding_mask": [(keys,) if single else (batch, keys)],
            "attn_mask": [(length, keys), (batch * heads, length, keys)],
        }
        wide = {"key_padding_mask": (batch, 1, 1, keys), "attn_mask": (-1, heads, length, keys)}
        given = {"key_padding_mask": key_padding_mask, "attn_mask": attn_mask}
        for name, value in given.items():
            if value is None:
                continue
            x = asarray(value)
            if x.shape not in dues[name]:
                raise ShapeError(
                    f"MultiheadAttention: {name} of shape {x.shape}, where "
                    f"{' or '.join(map(str, dues[name]))} is due"
                )
            if name == "key_padding_mask" or x.ndim == 3:
                x = reshape(x, wide[name])
            if x.dtype.kind == "bool":
                x = logical_not(x)
                mask = x if mask is None else logical_and(mask, x)
            else:
                bias = x if bias is None else bias + x
        return mask, bias


def _with_causal(mask: EmberTensor | None, q: EmberTensor, k: EmberTensor) -> EmberTensor:
    with use_backend(q.backend):
        shape = (q.shape[2], k.shape[2])
        earlier = tril(ones(shape, dtype="bool", device=q.device))
    return earlier if mask is None else logical_and(mask, earlier)


def _widened(x: EmberTensor, extra: int, value: float) -> EmberTensor:
    """A mask or bias for the keys that are appended as well."""
    return pad(x, (*[(0, 0)] * (x.ndim - 1), (0, extra)), value=value)
