"""Limits for gradients."""

from __future__ import annotations

import math
from typing import Any, TypeVar

from ember_ml.backend.errors import InvalidValueError, NonFiniteError
from ember_ml.nn.tensor import (
    EmberTensor,
    asarray,
    astype,
    clip,
    float32,
    linalg,
    minimum,
    stack,
)

from . import _trees

__all__ = ["clip_grad_norm", "clip_grad_value", "limit"]

T = TypeVar("T")


def clip_grad_norm(
    gradients: T,
    max_norm: float,
    norm_type: float = 2.0,
    *,
    error_if_nonfinite: bool = False,
) -> tuple[T, EmberTensor]:
    """Gradients scaled down together, so that their norm is at most ``max_norm``.

    Args:
        gradients: tensors in any nested container, as `nn.grad` gives them; None stays.
        norm_type: the order of the norm of all their elements; ``math.inf`` for the largest one.
        error_if_nonfinite: refuse a norm that is nan or infinite. It needs the values, and so
            cannot be used inside of a compiled function.

    Returns:
        The gradients in the same container, and the norm that they had, as PyTorch's
        ``clip_grad_norm_`` defines them.

    Raises:
        NonFiniteError: see ``error_if_nonfinite``.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> clipped, norm = nn.clip_grad_norm({"w": et.asarray([3.0, 4.0])}, max_norm=1.0)
    >>> norm.item(), round(clipped["w"][0].item(), 4)
    (5.0, 0.6)
    """
    _check("clip_grad_norm: max_norm", max_norm)
    if not norm_type > 0:
        raise InvalidValueError(f"clip_grad_norm: norm_type is positive, not {norm_type}")
    leaves = _trees.Leaves(gradients)
    tensors = [x for x in leaves.values if x is not None]
    if not tensors:
        return gradients, asarray(0.0)
    wide = [x if x.dtype.bits >= 32 else astype(x, float32) for x in tensors]
    norms = [linalg.vector_norm(x, ord=norm_type) for x in wide]
    norm = linalg.vector_norm(stack(norms), ord=norm_type) if len(norms) > 1 else norms[0]
    if error_if_nonfinite and not math.isfinite(norm.item()):
        raise NonFiniteError(
            f"clip_grad_norm: the norm of the gradients is {norm.item()}; to scale them all the "
            "same, error_if_nonfinite=False"
        )
    factor = minimum(max_norm / (norm + 1e-6), 1.0)
    scaled = [None if x is None else x * _as(factor, x) for x in leaves.values]
    result: T = leaves.rebuild(scaled)
    return result, norm


def _as(factor: EmberTensor, x: EmberTensor) -> EmberTensor:
    return factor if factor.dtype is x.dtype else astype(factor, x.dtype)


def clip_grad_value(gradients: T, clip_value: float) -> T:
    """Gradients whose elements are brought to between ``-clip_value`` and ``clip_value``.

    Args:
        gradients: tensors in any nested container, as `nn.grad` gives them; None stays.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> nn.clip_grad_value([et.asarray([-3.0, 0.5])], 1.0)[0].tolist()
    [-1.0, 0.5]
    """
    _check("clip_grad_value: clip_value", clip_value)
    leaves = _trees.Leaves(gradients)
    clipped = [None if x is None else clip(x, -clip_value, clip_value) for x in leaves.values]
    result: T = leaves.rebuild(clipped)
    return result


def _check(what: str, value: Any) -> None:
    if not isinstance(value, int | float) or not value > 0:
        raise InvalidValueError(f"{what} is a positive number, not {value!r}")


def limit(gradients: T, max_norm: float | None, clip_value: float | None) -> T:
    """`clip_grad_value` and then `clip_grad_norm`, where they are asked for."""
    if clip_value is not None:
        gradients = clip_grad_value(gradients, clip_value)
    if max_norm is not None:
        gradients, _ = clip_grad_norm(gradients, max_norm)
    return gradients
