"""Attention by MLX's own kernel, for half and single precision."""

from __future__ import annotations

import math
from typing import Any

import mlx.core as mx
from ember_ml.backend.bands import Band, band, leaves_out


def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    mask: Any = None,
    bias: Any = None,
    factor: Any = None,
    /,
    *,
    is_causal: bool = False,
    window: int | None = None,
    offset: int = 0,
    scale: float | None = None,
) -> Any:
    length, keys = query.shape[-2], key.shape[-2]
    limits = band(length, keys, is_causal=is_causal, window=window, offset=offset)
    if scale is None:
        scale = 1.0 / math.sqrt(query.shape[-1] or 1)
    direct = factor is None and _fits(query, key, value)
    # MLX's own "causal" is that of the last queries, and wrong where these are more than the keys.
    causal = limits == (None, keys - length) and length <= keys
    if direct and mask is None and bias is None and causal:
        return _fused(query, key, value, "causal", scale)
    some = mask is not None or bias is not None or leaves_out(length, keys, limits)
    mask = _allowed(length, keys, mask, bias, limits)
    added = mask
    if bias is not None:
        # Minus infinity in all of a row would give NaN, to the gradient too.
        added = mx.where(mask, bias, mx.array(mx.finfo(bias.dtype).min / 2, bias.dtype))
    if direct:
        y = _fused(query, key, value, added, scale)
    else:
        y = _plain(query, key, value, added, factor, scale)
    if mask is None or not some:
        return y
    return mx.where(mx.any(mx.atleast_1d(mask), -1, keepdims=True), y, mx.zeros((), y.dtype))


def _allowed(length: int, keys: int, mask: Any, bias: Any, limits: Band) -> Any:
    """Which keys a query takes; None for all."""
    lower, upper = limits
    parts = [] if mask is None else [mask]
    if bias is not None:
        parts.append(bias > -math.inf)
    if lower is not None or upper is not None:
        ahead = mx.arange(keys) - mx.arange(length)[:, None]
        parts += [] if lower is None else [ahead >= lower]
        parts += [] if upper is None else [ahead <= upper]
    found = None
    for part in parts:
        found = part if found is None else mx.logical_and(found, part)
    return found


def _fits(query: Any, key: Any, value: Any) -> bool:
    """Whether the kernel takes these: it has four axes, and broadcasts none but the heads'."""
    heads = [x.shape[-3] if x.ndim > 2 else 1 for x in (query, key, value)]
    return (
        2 <= query.ndim == key.ndim == value.ndim <= 4
        and query.shape[:-3] == key.shape[:-3] == value.shape[:-3]
        and heads[1] == heads[2] > 0
        and heads[0] % heads[1] == 0
        and key.shape[-2] == value.shape[-2]
        and 0 not in (query.size, key.size, value.size)
    )


def _fused(query: Any, key: Any, value: Any, added: Any, scale: float) -> Any:
    axes = tuple(range(4 - query.ndim))
    if not isinstance(added, str) and added is not None:
        mx.broadcast_to(added, (*query.shape[:-1], key.shape[-2]))  # raises if it is larger
    if axes:
        query, key, value = (mx.expand_dims(x, axes) for x in (query, key, value))
    y = mx.fast.scaled_dot_product_attention(query, key, value, scale=scale, mask=added)
    return mx.squeeze(y, axes) if axes else y


def _plain(query: Any, key: Any, value: Any, added: Any, factor: Any, scale: float) -> Any:
    if query.ndim > 2 and key.ndim > 2 and 1 != query.shape[-3] != key.shape[-3] > 1:
        count, rest = divmod(query.shape[-3], key.shape[-3])
        if rest or key.shape[-3] != value.shape[-3]:
            raise ValueError("the heads do not fit")
        key, value = mx.repeat(key, count, -3), mx.repeat(value, count, -3)
    scores = mx.matmul(query * scale, mx.swapaxes(key, -1, -2))
    if added is not None:
        added = mx.broadcast_to(added, scores.shape)
        if added.dtype == mx.bool_:
            scores = mx.where(added, scores, mx.array(mx.finfo(scores.dtype).min, scores.dtype))
        else:
            scores = scores + added
    weights = mx.softmax(scores, -1, precise=True) if scores.size else scores
    if factor is not None:
        weights = weights * mx.broadcast_to(factor, weights.shape)
    return mx.matmul(weights, value)
