"""Scaled dot-product attention with PyTorch's arguments, and over windows at linear cost."""

from __future__ import annotations

from typing import Literal, overload

from ember_ml.backend.errors import InvalidValueError, ShapeError
from ember_ml.nn.layers._dropout import drop_factor
from ember_ml.nn.tensor import (
    EmberTensor,
    TensorLike,
    arange,
    asarray,
    broadcast_shapes,
    concat,
    pad,
    reshape,
    use_backend,
)
from ember_ml.nn.tensor import scaled_dot_product_attention as attend
from ember_ml.nn.tensor._attention import attention_weights as weigh
from ember_ml.nn.tensor.random import Generator

__all__ = ["attention_weights", "local_attention", "scaled_dot_product_attention", "split_mask"]


def split_mask(
    attn_mask: TensorLike | None,
) -> tuple[EmberTensor | None, EmberTensor | None]:
    """A mask as one of booleans and one of numbers to add; one of the two is None."""
    if attn_mask is None:
        return None, None
    mask = asarray(attn_mask)
    return (mask, None) if mask.dtype.kind == "bool" else (None, mask)


@overload
def scaled_dot_product_attention(
    query: TensorLike,
    key: TensorLike,
    value: TensorLike,
    attn_mask: TensorLike | None = ...,
    dropout_p: float = ...,
    is_causal: bool = ...,
    scale: float | None = ...,
    enable_gqa: bool = ...,
    *,
    bias: TensorLike | None = ...,
    window: int | None = ...,
    offset: int = ...,
    generator: Generator | None = ...,
    return_weights: Literal[False] = ...,
) -> EmberTensor: ...
@overload
def scaled_dot_product_attention(
    query: TensorLike,
    key: TensorLike,
    value: TensorLike,
    attn_mask: TensorLike | None = ...,
    dropout_p: float = ...,
    is_causal: bool = ...,
    scale: float | None = ...,
    enable_gqa: bool = ...,
    *,
    bias: TensorLike | None = ...,
    window: int | None = ...,
    offset: int = ...,
    generator: Generator | None = ...,
    return_weights: Literal[True],
) -> tuple[EmberTensor, EmberTensor]: ...
def scaled_dot_product_attention(
    query: TensorLike,
    key: TensorLike,
    value: TensorLike,
    attn_mask: TensorLike | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
    *,
    bias: TensorLike | None = None,
    window: int | None = None,
    offset: int = 0,
    generator: Generator | None = None,
    return_weights: bool = False,
) -> EmberTensor | tuple[EmberTensor, EmberTensor]:
    """``softmax(scale * query @ key.mT + bias) @ value`` (Vaswani et al., 2017).

    The arguments before the ``*`` are those of PyTorch's function of the same name; unlike there,
    a mask may be given beside ``is_causal``. `tensor.scaled_dot_product_attention` is the bare
    operation.

    Args:
        query: (..., H, L, E).
        key: (..., G, S, E), where G is H or, with ``enable_gqa``, divides it.
        value: (..., G, S, V).
        attn_mask: broadcasts to (..., H, L, S): booleans, True where a key takes part, or numbers
            to add to the scores.
        dropout_p: probability with which a weight is dropped, whenever the function is called.
        is_causal: whether a query takes no key at a later position.
        scale: ``1 / sqrt(E)`` unless given.
        enable_gqa: whether heads of the query share those of key and value.
        bias: numbers to add to the scores, beside a mask.
        window: how near positions must be: those of a query and its keys differ by less.
        offset: the position of the first query, where that of the first key is 0.
        generator: what dropout draws from; the default one unless given.
        return_weights: whether the weights (..., H, L, S), before dropout, are returned as well.

    Returns:
        (..., H, L, V); zeros for a query that no key is left for.

    Raises:
        ShapeError: the shapes do not fit, or heads are shared without ``enable_gqa``.
        InvalidValueError: ``dropout_p`` is not in [0, 1], ``window`` not positive.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> x = et.reshape(et.arange(6.0), (1, 3, 2))
    >>> y, w = nn.attention.scaled_dot_product_attention(
    ...     x, x, x, is_causal=True, return_weights=True)
    >>> y.shape, w[0, 0].tolist()
    ((1, 3, 2), [1.0, 0.0, 0.0])
    """
    query, key, value = asarray(query), asarray(key), asarray(value)
    heads = [x.shape[-3] if x.ndim > 2 else 1 for x in (query, key)]
    if not enable_gqa and heads[0] != heads[1] and 1 not in heads:
        raise ShapeError(
            f"scaled_dot_product_attention: a query of shape {query.shape} with {heads[0]} heads "
            f"and a key of shape {key.shape} with {heads[1]}; enable_gqa=True lets them share"
        )
    mask, added = split_mask(attn_mask)
    if bias is not None:
        added = asarray(bias) if added is None else added + bias
    factor = None
    if dropout_p:
        leading = broadcast_shapes(query.shape[:-3], key.shape[:-3])
        own = query.shape[-3:-2] if query.ndim >= key.ndim else key.shape[-3:-2]
        factor = drop_factor(
            (*leading, *own, query.shape[-2], key.shape[-2]), dropout_p, query, generator
        )
    y = attend(
        query, key, value, mask, added, factor,
        is_causal=is_causal, window=window, offset=offset, scale=scale,
    )  # fmt: skip
    if not return_weights:
        return y
    weights = weigh(
        query, key, mask, added, is_causal=is_causal, window=window, offset=offset, scale=scale
    )
    return y, weights


def attention_weights(
    query: TensorLike,
    key: TensorLike,
    attn_mask: TensorLike | None = None,
    is_causal: bool = False,
    scale: float | None = None,
    *,
    bias: TensorLike | None = None,
    window: int | None = None,
    offset: int = 0,
) -> EmberTensor:
    """The weights of `scaled_dot_product_attention`, (..., H, L, S), whose arguments these are.

    >>> from ember_ml import nn
    >>> nn.attention.attention_weights([[1.0]], [[0.0], [0.0]]).tolist()
    [[0.5, 0.5]]
    """
    mask, added = split_mask(attn_mask)
    if bias is not None:
        added = asarray(bias) if added is None else added + bias
    return weigh(
        asarray(query), asarray(key), mask, added,
        is_causal=is_causal, window=window, offset=offset, scale=scale,
    )  # fmt: skip


def local_attention(
    query: TensorLike,
    key: TensorLike,
    value: TensorLike,
    *,
    window: int,
    is_causal: bool = False,
    scale: float | None = None,
) -> EmberTensor:
    """`scaled_dot_product_attention` with a ``window``, in time and memory linear in the length.

    The sequence is cut into blocks of ``window`` positions, each of which sees itself and its
    neighbours (Beltagy et al., 2020).

    Args:
        query: (..., L, E).
        key: (..., L, E).
        value: (..., L, V).
        window: a query takes the keys at fewer than ``window`` positions from it.
        is_causal: whether those are the earlier ones only.

    Returns:
        (..., L, V).

    Raises:
        ShapeError: key or value are not as long as the query, or the shapes do not fit.
        InvalidValueError: ``window`` is not positive.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> x = et.reshape(et.arange(4.0), (4, 1))
    >>> nn.attention.local_attention(et.zeros((4, 1)), x, x, window=2, is_causal=True).tolist()
    [[0.0], [0.5], [1.5], [2.5]]
    """
    query, key, value = asarray(query), asarray(key), asarray(value)
    length = query.shape[-2] if query.ndim > 1 else 0
    if not query.shape[:-1] == key.shape[:-1] == value.shape[:-1] or query.ndim < 2:
        raise ShapeError(
            f"local_attention: query, key and value of shapes {query.shape}, {key.shape} and "
            f"{value.shape}; they differ in their last axis only"
        )
    if not isinstance(window, int) or window < 1:
        raise InvalidValueError(f"local_attention: window is a positive integer, not {window!r}")
    sides = 1 if is_causal else 2
    if (sides + 1) * window >= length:
        return attend(query, key, value, is_causal=is_causal, window=window, scale=scale)
    count = -(-length // window)
    query, key, value = (_blocks(x, count, window) for x in (query, key, value))
    with use_backend(query.backend):
        position = arange(count * window, device=query.device)
    real = reshape(position < length, (count, 1, window))
    key, value = (_with_neighbours(x, sides, axis=-2, count=count) for x in (key, value))
    y = attend(
        query, key, value, _with_neighbours(real, sides, axis=-1, count=count),
        is_causal=is_causal, window=window, offset=window, scale=scale,
    )  # fmt: skip
    return reshape(y, (*y.shape[:-3], count * window, y.shape[-1]))[..., :length, :]


def _blocks(x: EmberTensor, count: int, window: int) -> EmberTensor:
    """(..., L, E) to (..., count, window, E), with zeros at the end."""
    rest = count * window - x.shape[-2]
    x = pad(x, (*[(0, 0)] * (x.ndim - 2), (0, rest), (0, 0)))
    return reshape(x, (*x.shape[:-2], count, window, x.shape[-1]))


def _with_neighbours(x: EmberTensor, sides: int, *, axis: int, count: int) -> EmberTensor:
    """Each block, along the axis -3, with the one before it and, of two ``sides``, after it."""
    none = [(0, 0)] * (x.ndim - 3)
    wide = pad(x, (*none, (1, sides - 1), (0, 0), (0, 0)))
    return concat([wide[..., i : i + count, :, :] for i in range(sides + 1)], axis=axis)
