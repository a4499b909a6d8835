"""Overrides of normalisation: MLX's fused kernels, and sums in an order that is fast."""

from __future__ import annotations

from typing import Any

import mlx.core as mx


def _flat(x: Any, dims: int, *tensors: Any) -> tuple[Any, ...]:
    """The tensors with the trailing axes as one."""
    if not 1 <= dims <= x.ndim:
        raise ValueError(f"there are no {dims} trailing axes")
    due = x.shape[x.ndim - dims :]
    if any(t is not None and t.shape != due for t in tensors):
        raise ValueError(f"shape {due} is due")
    if dims == 1:
        return (x, *tensors)
    return mx.flatten(x, -dims), *(None if t is None else mx.flatten(t) for t in tensors)


def layer_norm(
    x: Any, weight: Any = None, bias: Any = None, /, *, dims: int = 1, eps: float = 1e-5
) -> Any:
    y = mx.fast.layer_norm(*_flat(x, dims, weight, bias), eps)
    return y if dims == 1 else mx.reshape(y, x.shape)


def rms_norm(x: Any, weight: Any = None, /, *, dims: int = 1, eps: float | None = None) -> Any:
    floor = mx.finfo(x.dtype).eps if eps is None else eps
    y = mx.fast.rms_norm(*_flat(x, dims, weight), floor)
    return y if dims == 1 else mx.reshape(y, x.shape)


def _total(x: Any) -> Any:
    """The sum of each channel: of contiguous elements first."""
    return mx.sum(x if x.ndim == 2 else mx.sum(mx.flatten(x, 2), -1), 0)


def _of(v: Any, x: Any) -> Any:
    """(C,) as it broadcasts against (N, C, ...)."""
    return v if x.ndim == 2 else mx.reshape(v, (-1,) + (1,) * (x.ndim - 2))


@mx.custom_function
def _standardized(x: Any, weight: Any, bias: Any, mean: Any, inverse: Any) -> Any:
    scale = inverse * weight
    return x * _of(scale, x) + _of(bias - mean * scale, x)


@_standardized.vjp
def _(primals: Any, g: Any, output: Any) -> Any:
    x, weight, _, mean, inverse = primals
    return *_slopes(g, x, weight, mean, inverse), mx.zeros_like(mean), mx.zeros_like(inverse)


@mx.custom_function
def _slopes(g: Any, x: Any, weight: Any, mean: Any, inverse: Any) -> Any:
    """By ``x``, through its statistics too, by the weight and by the bias."""
    count = x.size // mean.size
    total = _total(g)
    along = _total(g * (x - _of(mean, x))) * inverse
    scale = inverse * weight
    slope = scale * inverse * along / -count
    shift = scale * total / -count - slope * mean
    by_x = g * _of(scale, x) + (x * _of(slope, x) + _of(shift, x))
    return by_x, along, total


@_slopes.vjp
def _(primals: Any, g: Any, outputs: Any) -> Any:
    """The same with ``mean`` and ``inverse`` as functions of ``x``."""
    *given, mean, inverse = primals

    def slopes(g: Any, x: Any, weight: Any) -> Any:
        count = x.size // mean.size
        centred = x - _of(_total(x) / count, x)
        spread = _total(mx.square(centred)) / count
        eps = mx.stop_gradient(1 / mx.square(inverse) - spread)
        scale = mx.rsqrt(spread + eps)
        standard = centred * _of(scale, x)
        total, along = _total(g), _total(g * standard)
        by_x = g - (standard * _of(along, x) + _of(total, x)) / count
        return by_x * _of(scale * weight, x), along, total

    return *mx.vjp(slopes, given, list(g))[1], mx.zeros_like(mean), mx.zeros_like(inverse)


def batch_norm_train(
    x: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    /,
    *,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> tuple[Any, ...]:
    given = [running_mean, running_var, weight, bias]
    if x.ndim < 2 or any(t is not None and t.shape != x.shape[1:2] for t in given):
        raise ValueError("a number for each channel is due")
    dtype = x.dtype
    if dtype != mx.float32:  # half precision is added up in single
        x, *given = (t if t is None else t.astype(mx.float32) for t in (x, *given))
        running_mean, running_var, weight, bias = given
    constant = mx.stop_gradient(x)
    count = x.size // x.shape[1]
    mean = _total(constant) / count
    spread = _total(mx.square(constant - _of(mean, x))) / count
    weight = mx.ones_like(mean) if weight is None else weight
    bias = mx.zeros_like(mean) if bias is None else bias
    y = _standardized(x, weight, bias, mean, mx.rsqrt(spread + eps))
    unbiased = spread * (count / max(count - 1, 1))
    moved = (
        (1 - momentum) * running_mean + momentum * mean,
        (1 - momentum) * running_var + momentum * unbiased,
    )
    return (y, *moved) if dtype == mx.float32 else tuple(t.astype(dtype) for t in (y, *moved))
