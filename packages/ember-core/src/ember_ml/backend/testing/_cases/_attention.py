"""Scaled dot-product attention, against a loop over its rows; the network that follows it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ember_ml.backend.dtypes import DTYPES, DType

from .._case import Call, case
from .._draw import Array, Draw


def _arguments(draw: Draw, dtype: DType) -> Call:
    groups, share = draw.integer(1, 2), draw.integer(1, 2)
    batch = draw.shape(0, 1)
    length, size = draw.integer(1, 5), draw.integer(1, 4)
    keys = draw.integer(1 if draw.smooth else 0, 5)
    heads: tuple[tuple[int, ...], tuple[int, ...]] = ((groups * share,), (groups,))
    if draw.flag():
        batch, heads = (), ((), ())
    scores = (*batch, *heads[0], length, keys)
    query = draw.array(dtype, (*batch, *heads[0], length, size + 1 if draw.amiss() else size))
    key = draw.array(dtype, (*batch, *heads[1], keys, size))
    value = draw.array(dtype, (*batch, *heads[1], keys + 1 if draw.amiss() else keys, 3))
    mask = bias = factor = None
    if draw.flag():
        mask = Array(draw.random.uniform(size=_part(draw, scores)) < 0.7, DTYPES["bool"])
    if draw.flag():
        bias = draw.array(dtype, _part(draw, scores), low=-1, high=1)
    if draw.flag():
        factor = draw.array(dtype, _part(draw, scores), low=0, high=2)
    options = {
        "is_causal": draw.flag(),
        "window": draw.one_of(None, 1, 2),
        "offset": draw.one_of(0, 0, 2, -1, keys - length),
        "scale": draw.one_of(None, 0.5),
    }
    return (query, key, value, mask, bias, factor), options


def _part(draw: Draw, shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape that broadcasts to ``shape``, or now and then one that does not."""
    if draw.amiss():
        return (2, *shape)
    part = tuple(1 if draw.integer(0, 2) == 0 else n for n in shape)
    return part[draw.integer(0, len(part) - 1) :]


def _reference(
    query: Any, key: Any, value: Any, mask: Any, bias: Any, factor: Any, *,
    is_causal: bool, window: int | None, offset: int, scale: float | None,
) -> Any:  # fmt: skip
    if query.ndim > 2:
        share = query.shape[-3] // key.shape[-3]
        key, value = (
            np.stack([x[..., h // share, :, :] for h in range(query.shape[-3])], -3)
            for x in (key, value)
        )
    shape = (*query.shape[:-1], key.shape[-2])
    mask = np.broadcast_to(True if mask is None else mask, shape)
    bias = np.broadcast_to(0.0 if bias is None else bias, shape)
    factor = np.broadcast_to(1.0 if factor is None else factor, shape)
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    result = np.zeros((*query.shape[:-1], value.shape[-1]))
    for row in np.ndindex(*query.shape[:-1]):
        i, total = row[-1] + offset, 0.0
        for j in range(key.shape[-2]):
            near = (j <= i or not is_causal) and (window is None or abs(i - j) < window)
            if near and mask[(*row, j)]:
                score = scale * (query[row] @ key[(*row[:-1], j)]) + bias[(*row, j)]
                total += np.exp(score)
                result[row] += np.exp(score) * factor[(*row, j)] * value[(*row[:-1], j)]
        result[row] /= total or 1.0
    return result


case("scaled_dot_product_attention", _arguments, reference=_reference, gradient=(0, 1, 2, 4, 5),
     tolerance=16)  # fmt: skip


def _network(draw: Draw, dtype: DType) -> Call:
    n, hidden, m = (draw.integer(1, 4) for _ in range(3))
    x = draw.array(dtype, (*draw.shape(0, 2), n + 1 if draw.amiss() else n))
    shapes = ((hidden, n), (hidden,), (m, hidden), (m + 1 if draw.amiss() else m,))
    return (x, *(draw.array(dtype, shape) for shape in shapes)), {}


def _two_maps(x: Any, weight1: Any, bias1: Any, weight2: Any, bias2: Any) -> Any:
    return np.maximum(x @ weight1.T + bias1, 0) @ weight2.T + bias2


case("feed_forward", _network, reference=_two_maps, gradient=(0, 1, 2, 3, 4), tolerance=16)
