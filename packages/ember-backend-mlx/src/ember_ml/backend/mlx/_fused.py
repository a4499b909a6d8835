"""Overrides for half and single precision: MLX's own kernels, and fewer of them."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from . import _reduce

#: Ranks up to which finding them one by one is faster than sorting.
_FEW = 10


def logsumexp(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
    if x.size:
        return mx.logsumexp(x, axis, keepdims)
    return mx.log(_reduce.sum(x, axis=axis, keepdims=keepdims))


def softmax(x: Any, /, *, axis: int = -1) -> Any:
    return mx.softmax(x, axis, precise=True)


def log_softmax(x: Any, /, *, axis: int = -1) -> Any:
    if not x.size:
        return x
    # Subtracted first, a large common part takes no digits with it.
    shifted = x - mx.stop_gradient(mx.max(x, axis, True))
    return shifted - mx.logsumexp(shifted, axis, True)


def linear(x: Any, weight: Any, bias: Any, /) -> Any:
    if weight.ndim != 2 or bias.shape != weight.shape[:1]:
        raise ValueError("the bias does not fit the weight")
    return mx.addmm(bias, x, weight.T)


def order_statistics(x: Any, /, *, ranks: tuple[int, ...]) -> Any:
    if len(ranks) > _FEW or not x.size:
        return mx.sort(x, -1)[..., mx.array(ranks)]
    return mx.stack([mx.partition(x, rank, -1)[..., rank] for rank in ranks], -1)


def pad_constant(x: Any, widths: tuple[tuple[int, int], ...], /, *, value: float) -> Any:
    return mx.pad(x, widths, constant_values=mx.array(value, x.dtype))
