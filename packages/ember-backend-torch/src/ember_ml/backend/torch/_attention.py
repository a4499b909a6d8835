"""Attention by PyTorch's own kernel, and the network that follows it in a transformer."""

from __future__ import annotations

import math

import torch
from ember_ml.backend.bands import Band, band
from ember_ml.backend.protocol import Native
from torch.nn import functional

from ._state import DIFFERENTIATING, is_functional, is_transformed


def scaled_dot_product_attention(
    query: Native,
    key: Native,
    value: Native,
    mask: Native | None = None,
    bias: Native | None = None,
    factor: Native | None = None,
    /,
    *,
    is_causal: bool = False,
    window: int | None = None,
    offset: int = 0,
    scale: float | None = None,
) -> Native:
    length, keys = query.shape[-2], key.shape[-2]
    limits = band(length, keys, is_causal=is_causal, window=window, offset=offset)
    if query.ndim > 2 and key.ndim > 2 and 1 != query.shape[-3] != key.shape[-3] != 1:
        key, value = (_repeated(x, query.shape[-3]) for x in (key, value))
    causal = limits == (None, 0) and mask is None and bias is None
    added = None if causal else _added(query, key, mask, bias, limits)
    # The kernel has no second derivative, and no rule for `vmap`.
    if factor is None and DIFFERENTIATING.get() < 2 and not is_functional():
        return _fused(query, key, value, added, causal, scale)
    if causal:
        added = _added(query, key, None, None, limits)
    return _plain(query, key, value, added, factor, scale)


def _repeated(x: Native, heads: int) -> Native:
    count, rest = divmod(heads, x.shape[-3])
    if rest:
        raise ValueError("the heads do not fit")
    return x.repeat_interleave(count, -3)


def _added(
    query: Native, key: Native, mask: Native | None, bias: Native | None, limits: Band
) -> Native | None:
    """What is to be done to the scores: a mask, or numbers to add; it broadcasts to them."""
    length, keys = query.shape[-2], key.shape[-2]
    lower, upper = limits
    if lower is not None or upper is not None:
        within = torch.ones((length, keys), dtype=torch.bool, device=query.device)
        within = within if upper is None else within.tril(upper)
        within = within if lower is None else within.triu(lower)
        mask = within if mask is None else mask & within
    if bias is not None and mask is not None:
        return torch.where(mask, bias, -math.inf)
    return mask if bias is None else bias


def _fused(
    query: Native,
    key: Native,
    value: Native,
    added: Native | None,
    causal: bool,
    scale: float | None,
) -> Native:
    # The kernel takes (N, H, L, E) only, and otherwise PyTorch goes by the single steps.
    count = query.ndim
    if 2 <= count < 4 and count == key.ndim == value.ndim:
        query, key, value = (x[(None,) * (4 - count)] for x in (query, key, value))
        if added is not None:
            added = added[(None,) * (4 - count)]
    if added is not None:
        leading = torch.broadcast_shapes(query.shape[:-2], key.shape[:-2])
        added = added.expand(*leading, query.shape[-2], key.shape[-2])
    y = functional.scaled_dot_product_attention(
        query, key, value, added, is_causal=causal, scale=scale
    )
    return y[(0,) * (4 - count)] if query.ndim != count else y


def _plain(
    query: Native,
    key: Native,
    value: Native,
    added: Native | None,
    factor: Native | None,
    scale: float | None,
) -> Native:
    if scale is None:
        scale = 1.0 / math.sqrt(query.shape[-1] or 1)
    scores = (query * scale) @ key.mT
    if added is not None:
        added = added.expand(scores.shape)
        if added.dtype == torch.bool:
            scores = torch.where(added, scores, -math.inf)
        else:
            scores = scores + added
        empty = (scores == -math.inf).all(-1, keepdim=True)
        weights = torch.softmax(torch.where(empty, 0.0, scores), -1)
        weights = torch.where(empty, 0.0, weights)
    else:
        weights = torch.softmax(scores, -1)
    if factor is not None:
        weights = weights * factor.expand(weights.shape)
    return weights @ value


def feed_forward(
    x: Native, weight1: Native, bias1: Native, weight2: Native, bias2: Native, /
) -> Native:
    if not weight1.ndim == weight2.ndim == 2 or not bias1.ndim == bias2.ndim == 1:
        raise ValueError("matrices and vectors are due")
    # As a matrix: a compiled gradient keeps the hidden layer from before `relu`, too, if there is a
    # view in between.
    hidden = functional.linear(x.reshape(math.prod(x.shape[:-1]), x.shape[-1]), weight1, bias1)
    # In place, a second array of the largest size there is need not be made.
    plain = not is_transformed(hidden)
    y = functional.linear(hidden.relu_() if plain else hidden.relu(), weight2, bias2)
    return y.reshape(*x.shape[:-1], y.shape[-1])
