"""Normalisation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ember_ml.backend.dtypes import DType

from .._case import Call, case
from .._draw import Array, Draw


def _between(draw: Draw, dtype: DType, shape: tuple[int, ...], *, low: float = -2) -> Array:
    return draw.array(dtype, shape, low=low, high=2)


def _optional(draw: Draw, dtype: DType, shape: tuple[int, ...]) -> Array | None:
    """A weight or bias, where there is one; now and then of another shape."""
    if draw.integer(0, 3) == 3:
        return None
    return _between(draw, dtype, (*shape, 2) if draw.amiss() else shape)


def _trailing(draw: Draw, dtype: DType) -> tuple[Any, ...]:
    shape = tuple(draw.integer(2, 4) for _ in range(draw.integer(1, 3)))
    dims = len(shape) + 1 if draw.amiss() else draw.integer(1, len(shape))
    return draw.array(dtype, shape), shape[max(len(shape) - dims, 0) :], dims


def _layer(draw: Draw, dtype: DType) -> Call:
    x, due, dims = _trailing(draw, dtype)
    return (x, _optional(draw, dtype, due), _optional(draw, dtype, due)), {
        "dims": dims, "eps": draw.one_of(1e-5, 0.25)}  # fmt: skip


def _scaled(y: Any, weight: Any, bias: Any) -> Any:
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


def _standard(x: Any, axes: tuple[int, ...], eps: float) -> Any:
    mean = x.mean(axis=axes, keepdims=True)
    return (x - mean) / np.sqrt(((x - mean) ** 2).mean(axis=axes, keepdims=True) + eps)


def _layer_norm(x: Any, weight: Any, bias: Any, *, dims: int, eps: float) -> Any:
    return _scaled(_standard(x, tuple(range(-dims, 0)), eps), weight, bias)


# A variance that is small beside eps loses digits: hence the tolerances.
case("layer_norm", _layer, reference=_layer_norm, gradient=(0, 1, 2), tolerance=32)


def _rms(draw: Draw, dtype: DType) -> Call:
    x, due, dims = _trailing(draw, dtype)
    return (x, _optional(draw, dtype, due)), {"dims": dims, "eps": draw.one_of(1e-5, 0.25)}


def _rms_norm(x: Any, weight: Any, *, dims: int, eps: float) -> Any:
    axes = tuple(range(-dims, 0))
    return _scaled(x / np.sqrt((x**2).mean(axis=axes, keepdims=True) + eps), weight, None)


case("rms_norm", _rms, reference=_rms_norm, gradient=(0, 1), tolerance=32)


def _of(v: Any, x: Any) -> Any:
    return v if v is None else v.reshape(-1, *(1,) * (x.ndim - 2))


def _group(draw: Draw, dtype: DType) -> Call:
    groups = draw.integer(1, 3)
    channels = groups * draw.integer(1, 2)
    rest = tuple(draw.integer(2, 3) for _ in range(draw.integer(0, 2)))
    x = draw.array(dtype, (draw.integer(1, 3), channels, *rest))
    return (x, _optional(draw, dtype, (channels,)), _optional(draw, dtype, (channels,))), {
        "num_groups": groups + 1 if draw.amiss() else groups, "eps": draw.one_of(1e-2, 0.25)}  # fmt: skip


def _group_norm(x: Any, weight: Any, bias: Any, *, num_groups: int, eps: float) -> Any:
    rows = x.reshape(x.shape[0], num_groups, -1)
    return _scaled(_standard(rows, (-1,), eps).reshape(x.shape), _of(weight, x), _of(bias, x))


case("group_norm", _group, reference=_group_norm, gradient=(0, 1, 2), tolerance=64)


def _instance(draw: Draw, dtype: DType) -> Call:
    channels = draw.integer(1, 3)
    shape = (draw.integer(1, 2), channels) if draw.amiss() else (draw.integer(1, 2), channels, 4)
    return (draw.array(dtype, shape), _optional(draw, dtype, (channels,)),
            _optional(draw, dtype, (channels,))), {"eps": draw.one_of(1e-2, 0.25)}  # fmt: skip


def _instance_norm(x: Any, weight: Any, bias: Any, *, eps: float) -> Any:
    return _scaled(_standard(x, tuple(range(2, x.ndim)), eps), _of(weight, x), _of(bias, x))


case("instance_norm", _instance, reference=_instance_norm, gradient=(0, 1, 2), tolerance=64,
     accepts=lambda dtype: dtype.kind == "float")  # fmt: skip


def _batch(draw: Draw, dtype: DType) -> Call:
    channels = draw.integer(1, 3)
    rest = tuple(draw.integer(1, 3) for _ in range(draw.integer(0, 2)))
    due = (channels + 1,) if draw.amiss() else (channels,)
    x = draw.array(dtype, (draw.integer(2, 4), channels, *rest))
    mean, variance = _between(draw, dtype, due), _between(draw, dtype, (channels,), low=0.5)
    return (x, mean, variance, _optional(draw, dtype, (channels,)),
            _optional(draw, dtype, (channels,))), {"eps": draw.one_of(1e-2, 0.25)}  # fmt: skip


def _batch_norm(x: Any, mean: Any, variance: Any, weight: Any, bias: Any, *, eps: float) -> Any:
    y = (x - _of(mean, x)) / np.sqrt(_of(variance, x) + eps)
    return _scaled(y, _of(weight, x), _of(bias, x))


case("batch_norm", _batch, reference=_batch_norm, gradient=(0, 1, 2, 3, 4), tolerance=16)


def _training(draw: Draw, dtype: DType) -> Call:
    args, options = _batch(draw, dtype)
    return args, {**options, "momentum": draw.one_of(0.0, 0.25, 1.0)}


def _batch_norm_train(
    x: Any, running_mean: Any, running_var: Any, weight: Any, bias: Any, *,
    eps: float, momentum: float,
) -> Any:  # fmt: skip
    axes = (0, *range(2, x.ndim))
    mean, variance = x.mean(axis=axes), x.var(axis=axes)
    count = math.prod(x.shape[a] for a in axes)
    unbiased = variance * count / (count - 1)
    return (
        _batch_norm(x, mean, variance, weight, bias, eps=eps),
        running_mean + momentum * (mean - running_mean),
        running_var + momentum * (unbiased - running_var),
    )


case("batch_norm_train", _training, reference=_batch_norm_train, gradient=(0, 3, 4),
     pick=lambda result: result[0], tolerance=64,
     differences=lambda *args, **options: _batch_norm_train(*args, **options)[0])  # fmt: skip
