"""Scaled dot-product attention, the one operation behind every layer that attends by products."""

from __future__ import annotations

import math
from typing import Any

from ember_ml.backend.bands import band
from ember_ml.backend.errors import ShapeError
from ember_ml.backend.registry import use_backend

from ._analysis import exp
from ._compare import equal, logical_and
from ._core import EmberTensor, TensorLike
from ._creation import arange
from ._functions import stop_gradient
from ._linalg import matmul
from ._manipulation import expand_dims, matrix_transpose, repeat
from ._operation import operation
from ._reduction import max, sum
from ._search import where
from ._shapes import broadcast

__all__ = ["attention_weights", "masked_softmax", "scaled_dot_product_attention"]


def _group(query: tuple[int, ...], key: tuple[int, ...]) -> int:
    """How many heads of the query share one of the key."""
    if len(query) < 3 or len(key) < 3 or 1 in (query[-3], key[-3]) or not key[-3]:
        return 1
    count, rest = divmod(query[-3], key[-3])
    return 1 if rest else count


def _check(shapes: dict[str, Any], arguments: dict[str, Any]) -> str | None:
    query, key, value = shapes["query"], shapes["key"], shapes["value"]
    given = f"query of shape {query}, key of shape {key}, value of shape {value}"
    if len(query) < 2 or len(key) < 2 or len(value) < 2:
        return f"{given}; each has at least two axes, (..., length, size)"
    if query[-1] != key[-1]:
        return f"{given}; the last axis of query and key is of one size"
    if key[-2] != value[-2]:
        return f"{given}; there are as many values as keys (axis -2)"
    group, heads = _group(query, key), query[:-2]
    if group > 1 and key[-3:-2] == value[-3:-2]:
        heads = (*query[:-3], key[-3])
    leading = broadcast((heads, key[:-2], value[:-2]))
    if leading is None:
        return (
            f"{given}; the leading axes broadcast, or the heads (axis -3) of the query are a "
            "multiple of those of key and value"
        )
    if group > 1:
        leading = (*leading[:-1], query[-3])
    scores = (*leading, query[-2], key[-2])
    for name in ("mask", "bias", "factor"):
        if name in shapes and broadcast((scores, shapes[name])) != scores:
            return f"a {name} of shape {shapes[name]}, which does not broadcast to {scores}"
    return None


def masked_softmax(x: EmberTensor, mask: EmberTensor | None = None) -> EmberTensor:
    """`softmax` along the last axis over the elements where ``mask`` is True.

    Elements of minus infinity are left out as well. Where none is left, all weights are zero.
    """
    if not x.shape[-1]:
        return x
    if mask is not None:
        x = where(mask, x, -math.inf)
    high = max(stop_gradient(x), axis=-1, keepdims=True)
    e = exp(x - where(equal(high, -math.inf), 0.0, high))
    total = sum(e, axis=-1, keepdims=True)
    return e / where(equal(total, 0.0), 1.0, total)


def attention_weights(
    query: TensorLike,
    key: TensorLike,
    mask: TensorLike | None = None,
    bias: TensorLike | None = None,
    /,
    *,
    is_causal: bool = False,
    window: int | None = None,
    offset: int = 0,
    scale: float | None = None,
) -> EmberTensor:
    """The weights (..., L, S) with which `scaled_dot_product_attention` averages the values."""
    length, keys = query.shape[-2], key.shape[-2]
    group = _group(query.shape, key.shape)
    if group > 1:
        key = repeat(key, group, axis=-3)
    if scale is None:
        scale = 1.0 / math.sqrt(query.shape[-1] or 1)
    scores = matmul(query * scale, matrix_transpose(key))
    if bias is not None:
        scores = scores + bias
    lower, upper = band(length, keys, is_causal=is_causal, window=window, offset=offset)
    if lower is not None or upper is not None:
        with use_backend(query.backend):
            rows = arange(length, device=query.device)
            ahead = arange(keys, device=query.device) - expand_dims(rows, axis=1)
        for within in (lower is None or ahead >= lower, upper is None or ahead <= upper):
            if within is not True:
                mask = within if mask is None else logical_and(mask, within)
    return masked_softmax(scores, mask)


@operation(
    accepts="floating",
    result="same",
    promoted=("query", "key", "value", "bias", "factor"),
    kinds={"mask": "bool"},
    check=_check,
)
def scaled_dot_product_attention(
    query: TensorLike,
    key: TensorLike,
    value: TensorLike,
    mask: TensorLike | None = None,
    bias: TensorLike | None = None,
    factor: TensorLike | None = None,
    /,
    *,
    is_causal: bool = False,
    window: int | None = None,
    offset: int = 0,
    scale: float | None = None,
) -> EmberTensor:
    """``softmax(scale * query @ key.mT + bias) @ value`` (Vaswani et al., 2017).

    Args:
        query: (..., H, L, E).
        key: (..., G, S, E), where the heads H are a multiple of G: each of the G serves ``H / G``
            heads in a row (grouped queries, Ainslie et al., 2023). Other leading axes broadcast,
            and there need not be any.
        value: (..., G, S, V).
        mask: bool, broadcasting to (..., H, L, S): True where a key takes part.
        bias: likewise, added to the scores; minus infinity leaves a key out.
        factor: likewise, multiplied with the weights: zeros for those that dropout drops.
        is_causal: whether a query takes no key at a later position.
        window: how far positions may be apart, less one: a query takes the keys at fewer than
            ``window`` positions from it.
        offset: the position of the first query, where that of the first key is 0.
        scale: ``1 / sqrt(E)`` unless given.

    Returns:
        (..., H, L, V). Zeros for a query that no key is left for.

    Raises:
        ShapeError: the shapes do not fit.
        DTypeError: ``mask`` is not bool.
        InvalidValueError: ``window`` is no positive integer, or ``offset`` no integer.

    >>> from ember_ml.nn import tensor as et
    >>> x = et.eye(2)
    >>> et.scaled_dot_product_attention(x, x, [[1.0], [2.0]], is_causal=True)[0].tolist()
    [1.0]
    """
    shapes = {
        name: x.shape
        for name, x in (
            ("query", query), ("key", key), ("value", value),
            ("mask", mask), ("bias", bias), ("factor", factor),
        )
        if x is not None
    }  # fmt: skip
    fault = _check(shapes, {})
    if fault:
        raise ShapeError(f"scaled_dot_product_attention: {fault}")
    weights = attention_weights(
        query, key, mask, bias, is_causal=is_causal, window=window, offset=offset, scale=scale
    )
    if factor is not None:
        weights = weights * factor
    group = _group(query.shape, key.shape)
    return matmul(weights, value if group == 1 else repeat(value, group, axis=-3))
