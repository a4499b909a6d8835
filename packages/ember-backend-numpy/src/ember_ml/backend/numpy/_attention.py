"""Attention and the network that follows it in a transformer: in place, also in the gradient."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
from ember_ml.backend.bands import band, leaves_out

from . import _fused as _loud
from ._quiet import quiet_module

_fused = quiet_module(_loud)

_add = np.add.reduce
_maximum = np.maximum.reduce


def scaled_dot_product_attention(
    query, key, value, mask=None, bias=None, factor=None, /, *,
    is_causal=False, window=None, offset=0, scale=None,
):  # fmt: skip
    return attend_forward(
        query, key, value, mask, bias, factor,
        is_causal=is_causal, window=window, offset=offset, scale=scale,
    )[0]  # fmt: skip


def attend_forward(
    query, key, value, mask=None, bias=None, factor=None, /, *,
    is_causal=False, window=None, offset=0, scale=None,
):  # fmt: skip
    """The result, and for `attend_backward` what the rows' exponentials are and add up to."""
    length, keys = query.shape[-2], key.shape[-2]
    limits = band(length, keys, is_causal=is_causal, window=window, offset=offset)
    scale = _scale(query, scale)
    key, value = _spread(query, key), _spread(query, value)
    e = np.matmul(query * scale, key.swapaxes(-1, -2))
    if bias is not None:
        e += bias
    if mask is not None:
        np.copyto(e, -np.inf, where=~mask)
    if limits != (None, None):
        np.copyto(e, -np.inf, where=_outside(length, keys, limits))
    high = _maximum(e, -1, keepdims=True, initial=-np.inf)
    some = mask is not None or bias is not None or leaves_out(length, keys, limits)
    if some:
        high[high == -np.inf] = 0
    e -= high
    np.exp(e, out=e)
    total = _add(e, -1, keepdims=True)
    if some:
        total[total == 0] = 1
    weights = e if factor is None else _within(e, factor)
    answer = np.matmul(weights, value)
    answer /= total
    return answer, (e, total)


def attend_backward(numbers, g, answer, kept, arguments, *, scale=None, **options):
    """The gradients by the arguments ``numbers`` of query, key, value, mask, bias and factor."""
    given: list[Any] = [*arguments, None, None, None]
    query, key, value, _, bias, factor = given[:6]
    e, total = kept
    scale = _scale(query, scale)
    g = g / total
    found = {}
    if 2 in numbers:
        weights: Any = e if factor is None else e * factor
        found[2] = _folded(np.matmul(weights.swapaxes(-1, -2), g), value)
    if len(numbers) > len(found):
        d = np.matmul(g, _spread(query, value).swapaxes(-1, -2))
        if 5 in numbers:
            found[5] = _folded(d * e, factor)
        if factor is not None:
            d *= factor
        d -= _add(g * answer, -1, keepdims=True)
        d *= e
        if 4 in numbers:
            found[4] = _folded(d, bias)
        if 0 in numbers:
            found[0] = _folded(np.matmul(d, _spread(query, key)), query)
            found[0] *= scale
        if 1 in numbers:
            found[1] = _folded(np.matmul(d.swapaxes(-1, -2), query), key)
            found[1] *= scale
    return [found[i] for i in numbers]


def _scale(query, scale):
    return 1.0 / math.sqrt(query.shape[-1] or 1) if scale is None else scale


def _within(x, factor) -> Any:
    y = np.multiply(x, factor)
    if y.shape != x.shape:
        raise ValueError("the factor does not fit the scores")
    return y


@functools.lru_cache(16)
def _outside(length: int, keys: int, limits: Any) -> Any:
    lower, upper = limits
    ahead = np.arange(keys) - np.arange(length)[:, None]
    outside = np.zeros((length, keys), np.bool_)
    if lower is not None:
        outside |= ahead < lower
    if upper is not None:
        outside |= ahead > upper
    return outside


def _spread(query, x):
    """Keys or values for each head of the query."""
    if query.ndim < 3 or x.ndim < 3 or x.shape[-3] in (1, query.shape[-3]) or query.shape[-3] == 1:
        return x
    count, rest = divmod(query.shape[-3], x.shape[-3])
    if rest:
        raise ValueError("the heads do not fit")
    return np.repeat(x, count, -3)


def _folded(g, x):
    """``g`` in the shape of ``x``, summed where that was repeated or broadcast."""
    if g.shape == x.shape:
        return g
    if g.ndim > 2 and x.ndim > 2 and x.shape[-3] not in (1, g.shape[-3]):
        shape = (*g.shape[:-3], x.shape[-3], g.shape[-3] // x.shape[-3], *g.shape[-2:])
        g = _add(g.reshape(shape), -3)
    extra = g.ndim - x.ndim
    axes = tuple(i for i, n in enumerate(g.shape) if i < extra or x.shape[i - extra] != n)
    return _add(g, axes, keepdims=True).reshape(x.shape) if axes else g.reshape(x.shape)


def feed_forward(x, weight1, bias1, weight2, bias2, /):
    return feed_forward_forward(x, weight1, bias1, weight2, bias2)[0]


def feed_forward_forward(x, weight1, bias1, weight2, bias2, /):
    """The result, and the hidden layer for `feed_forward_backward`."""
    hidden = _fused.linear(x, weight1, bias1)
    np.maximum(hidden, 0, out=hidden)
    return _fused.linear(hidden, weight2, bias2), hidden


def feed_forward_backward(numbers, g, answer, hidden, arguments):
    """The gradients by the arguments ``numbers``."""
    x, weight1, _, weight2, _ = arguments
    rows, inner = g.reshape(-1, g.shape[-1]), hidden.reshape(-1, hidden.shape[-1])
    found = {4: _add(rows, 0), 3: np.matmul(rows.T, inner) if 3 in numbers else None}
    if min(numbers) < 3:
        d = np.matmul(rows, weight2)
        d *= inner > 0
        found[2] = _add(d, 0)
        found[1] = np.matmul(d.T, x.reshape(-1, x.shape[-1])) if 1 in numbers else None
        found[0] = np.matmul(d, weight1).reshape(x.shape) if 0 in numbers else None
    return [found[i] for i in numbers]
