"""Normalisation: elements brought to zero mean and unit variance, or to unit size.

Each is composed, with a definition here that a backend may override with its engine's own.
"""

from __future__ import annotations

import math
from typing import Any

from ember_ml.backend.errors import ShapeError

from ._analysis import sqrt
from ._core import EmberTensor, TensorLike
from ._creation import asarray
from ._data import finfo
from ._elementwise import square
from ._functions import stop_gradient
from ._manipulation import reshape
from ._operation import operation
from ._reduction import mean

__all__ = [
    "batch_norm",
    "batch_norm_train",
    "group_norm",
    "instance_norm",
    "layer_norm",
    "rms_norm",
]


def _affine_fault(shapes: dict[str, Any], due: tuple[int, ...]) -> str | None:
    """What is wrong with the shapes of the tensors beside ``x``."""
    for name, shape in shapes.items():
        if name != "x" and shape != due:
            return f"{name} of shape {shape} for x of shape {shapes['x']}; {due} is due"
    return None


def _check_trailing(shapes: dict[str, Any], arguments: dict[str, Any]) -> str | None:
    x, dims = shapes["x"], arguments["dims"]
    if not 1 <= dims <= len(x):
        return f"x of shape {x} has no {dims} trailing axes to normalise over"
    return _affine_fault(shapes, x[len(x) - dims :])


def _trailing(x: EmberTensor, dims: int) -> tuple[int, ...]:
    if not 1 <= dims <= x.ndim:
        raise ShapeError(f"x of shape {x.shape} has no {dims} trailing axes to normalise over")
    return tuple(range(x.ndim - dims, x.ndim))


def _standardized(x: EmberTensor, axes: tuple[int, ...], eps: float) -> EmberTensor:
    centred = x - mean(x, axis=axes, keepdims=True)
    return centred / sqrt(mean(square(centred), axis=axes, keepdims=True) + eps)


@operation(
    accepts="floating", result="same", promoted=("x", "weight", "bias"), check=_check_trailing
)
def layer_norm(
    x: TensorLike,
    weight: TensorLike | None = None,
    bias: TensorLike | None = None,
    /,
    *,
    dims: int = 1,
    eps: float = 1e-5,
) -> EmberTensor:
    """``(x - mean) / sqrt(variance + eps) * weight + bias`` over the last axes (Ba et al., 2016).

    Args:
        x: (..., *normalized).
        weight: (*normalized), or None for one.
        bias: (*normalized), or None for zero.
        dims: how many axes are normalised over.

    Raises:
        ShapeError: the shapes do not fit.

    >>> from ember_ml.nn import tensor as et
    >>> [round(v, 3) for v in et.layer_norm([1.0, 2.0, 3.0]).tolist()]
    [-1.225, 0.0, 1.225]
    """
    y = _standardized(x, _trailing(x, dims), eps)
    _check_affine(x.shape[x.ndim - dims :], weight, bias)
    return _affine(y, weight, bias)


def _check_affine(due: tuple[int, ...], *tensors: EmberTensor | None) -> None:
    if any(t is not None and t.shape != due for t in tensors):
        raise ShapeError(f"a weight and a bias of shape {due} are due")


def _affine(y: EmberTensor, weight: TensorLike | None, bias: TensorLike | None) -> EmberTensor:
    if weight is not None:
        y = y * weight
    return y if bias is None else y + bias


@operation(accepts="floating", result="same", promoted=("x", "weight"), check=_check_trailing)
def rms_norm(
    x: TensorLike,
    weight: TensorLike | None = None,
    /,
    *,
    dims: int = 1,
    eps: float | None = None,
) -> EmberTensor:
    """``x / sqrt(mean(x**2) + eps) * weight`` over the last axes (Zhang and Sennrich, 2019).

    Args:
        x: (..., *normalized).
        weight: (*normalized), or None for one.
        dims: how many axes are normalised over.
        eps: None for the distance from one to the next number of the dtype.

    Raises:
        ShapeError: the shapes do not fit.

    >>> from ember_ml.nn import tensor as et
    >>> [round(v, 3) for v in et.rms_norm([3.0, 4.0]).tolist()]
    [0.849, 1.131]
    """
    axes = _trailing(x, dims)
    _check_affine(x.shape[x.ndim - dims :], weight)
    floor = finfo(x.dtype).eps if eps is None else eps
    return _affine(x / sqrt(mean(square(x), axis=axes, keepdims=True) + floor), weight, None)


def _check_groups(shapes: dict[str, Any], arguments: dict[str, Any]) -> str | None:
    x, groups = shapes["x"], arguments["num_groups"]
    if len(x) < 2 or groups < 1 or x[1] % groups:
        return f"x of shape {x}, where (N, C, ...) with C divisible by {groups} groups is due"
    return _affine_fault(shapes, x[1:2])


@operation(accepts="floating", result="same", promoted=("x", "weight", "bias"), check=_check_groups)
def group_norm(
    x: TensorLike,
    weight: TensorLike | None = None,
    bias: TensorLike | None = None,
    /,
    *,
    num_groups: int,
    eps: float = 1e-5,
) -> EmberTensor:
    """`layer_norm` over each of ``num_groups`` groups of channels (Wu and He, 2018).

    Args:
        x: (N, C, ...), with C divisible by ``num_groups``.
        weight: (C,), or None for one.
        bias: (C,), or None for zero.

    Raises:
        ShapeError: the shapes do not fit.

    >>> from ember_ml.nn import tensor as et
    >>> [round(v, 3) for v in et.group_norm([[1.0, 3.0, 10.0, 30.0]], num_groups=2)[0].tolist()]
    [-1.0, 1.0, -1.0, 1.0]
    """
    if x.ndim < 2 or num_groups < 1 or x.shape[1] % num_groups:
        raise ShapeError(f"x of shape {x.shape} in {num_groups} groups")
    count = x.shape[1]
    _check_affine((count,), weight, bias)
    rows = reshape(x, (x.shape[0], num_groups, math.prod(x.shape[1:]) // num_groups))
    y = reshape(layer_norm(rows, eps=eps), x.shape)
    return _affine(y, _of_channels(weight, x), _of_channels(bias, x))


def _of_channels(v: EmberTensor | None, x: EmberTensor) -> EmberTensor | None:
    """(C,) as it broadcasts against (N, C, ...)."""
    return v if v is None or x.ndim == 2 else reshape(v, (-1,) + (1,) * (x.ndim - 2))


def instance_norm(
    x: TensorLike,
    weight: TensorLike | None = None,
    bias: TensorLike | None = None,
    /,
    *,
    eps: float = 1e-5,
) -> EmberTensor:
    """Each channel of each example, standardised by itself (Ulyanov et al., 2016).

    Args:
        x: (N, C, ...).
        weight: (C,), or None for one.
        bias: (C,), or None for zero.

    Raises:
        ShapeError: the shapes do not fit.

    >>> from ember_ml.nn import tensor as et
    >>> [round(v, 3) for v in et.instance_norm([[[1.0, 3.0]]])[0, 0].tolist()]
    [-1.0, 1.0]
    """
    x = asarray(x)
    if x.ndim < 3:
        raise ShapeError(f"instance_norm: x of shape {x.shape}, where (N, C, ...) is due")
    return group_norm(x, weight, bias, num_groups=x.shape[1], eps=eps)


def _check_channels(shapes: dict[str, Any], arguments: dict[str, Any]) -> str | None:
    x = shapes["x"]
    if len(x) < 2:
        return f"x of shape {x}, where (N, C, ...) is due"
    return _affine_fault(shapes, x[1:2])


@operation(
    accepts="floating",
    result="same",
    promoted=("x", "mean", "variance", "weight", "bias"),
    check=_check_channels,
)
def batch_norm(
    x: TensorLike,
    mean: TensorLike,
    variance: TensorLike,
    weight: TensorLike | None = None,
    bias: TensorLike | None = None,
    /,
    *,
    eps: float = 1e-5,
) -> EmberTensor:
    """``(x - mean) / sqrt(variance + eps) * weight + bias`` of each channel.

    Args:
        x: (N, C, ...).
        mean: (C,).
        variance: (C,).
        weight: (C,), or None for one.
        bias: (C,), or None for zero.

    Raises:
        ShapeError: the shapes do not fit.

    >>> from ember_ml.nn import tensor as et
    >>> et.batch_norm([[1.0, 3.0]], [0.0, 1.0], [1.0, 4.0], eps=0.0).tolist()
    [[1.0, 1.0]]
    """
    _check_batch(x, mean, variance, weight, bias)
    scale = 1.0 / sqrt(variance + eps)
    scale = scale if weight is None else scale * weight
    shift = -mean * scale if bias is None else bias - mean * scale
    return x * _of_channels(scale, x) + _of_channels(shift, x)


def _check_batch(x: EmberTensor, *tensors: EmberTensor | None) -> None:
    if x.ndim < 2:
        raise ShapeError(f"x of shape {x.shape}, where (N, C, ...) is due")
    _check_affine(x.shape[1:2], *tensors)


@operation(
    accepts="floating",
    promoted=("x", "running_mean", "running_var", "weight", "bias"),
    check=_check_channels,
)
def batch_norm_train(
    x: TensorLike,
    running_mean: TensorLike,
    running_var: TensorLike,
    weight: TensorLike | None = None,
    bias: TensorLike | None = None,
    /,
    *,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> tuple[EmberTensor, ...]:
    """`batch_norm` by the statistics of the batch itself (Ioffe and Szegedy, 2015).

    Args:
        x: (N, C, ...).
        running_mean: (C,), moved by ``momentum`` towards the mean of ``x``.
        running_var: (C,), moved likewise towards its unbiased variance.
        weight: (C,), or None for one.
        bias: (C,), or None for zero.

    Returns:
        ``x`` normalised, and the new running mean and variance, which are constants of gradients.

    Raises:
        ShapeError: the shapes do not fit.

    >>> from ember_ml.nn import tensor as et
    >>> y, mean, var = et.batch_norm_train([[1.0], [3.0]], [0.0], [1.0], momentum=0.5, eps=0.0)
    >>> y.tolist(), mean.tolist(), var.tolist()
    ([[-1.0], [1.0]], [1.0], [1.5])
    """
    _check_batch(x, running_mean, running_var, weight, bias)
    axes = (0, *range(2, x.ndim))
    count = math.prod(x.shape[a] for a in axes)
    centre = mean(x, axis=axes, keepdims=True)
    centred = x - centre
    spread = mean(square(centred), axis=axes, keepdims=True)
    y = _affine(centred / sqrt(spread + eps), _of_channels(weight, x), _of_channels(bias, x))
    found = reshape(stop_gradient(centre), running_mean.shape)
    unbiased = reshape(stop_gradient(spread), running_var.shape) * (count / max(count - 1, 1))
    return (
        y,
        (1.0 - momentum) * running_mean + momentum * found,
        (1.0 - momentum) * running_var + momentum * unbiased,
    )
