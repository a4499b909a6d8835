"""The bilinear layer."""

from __future__ import annotations

import math
from typing import Any

from ember_ml.backend.dtypes import DTypeLike, float32
from ember_ml.backend.errors import ShapeError
from ember_ml.nn import initializers
from ember_ml.nn.modules import Module, Parameter
from ember_ml.nn.tensor import (
    EmberTensor,
    TensorLike,
    asarray,
    expand_dims,
    linear,
    matmul,
    reshape,
)

from ._arguments import positive

__all__ = ["Bilinear", "bilinear"]


def bilinear(
    x1: TensorLike, x2: TensorLike, weight: TensorLike, bias: TensorLike | None = None
) -> EmberTensor:
    """``x1 @ weight[k] @ x2 + bias[k]`` for each ``k``.

    Args:
        x1: (..., in1_features).
        x2: (..., in2_features).
        weight: (out_features, in1_features, in2_features).
        bias: (out_features,), or None.

    Returns:
        (..., out_features).

    Raises:
        ShapeError: the sizes do not fit.

    >>> from ember_ml import nn
    >>> nn.bilinear([1.0, 2.0], [3.0], [[[1.0], [1.0]]]).tolist()
    [9.0]
    """
    x1, x2, weight = asarray(x1), asarray(x2), asarray(weight)
    fault = _fault(x1.shape, x2.shape, weight.shape)
    if fault:
        raise ShapeError(f"bilinear: {fault}")
    # One product of matrices, of all products of two features with all their weights.
    products = expand_dims(x1, axis=-1) * expand_dims(x2, axis=-2)
    products = reshape(products, (*x1.shape[:-1], x1.shape[-1] * x2.shape[-1]))
    flat = reshape(weight, (weight.shape[0], weight.shape[1] * weight.shape[2]))
    return matmul(products, flat.mT) if bias is None else linear(products, flat, bias)


def _fault(x1: tuple[int, ...], x2: tuple[int, ...], weight: tuple[int, ...]) -> str | None:
    if len(weight) != 3:
        return (
            f"a weight of shape {weight}, where (out_features, in1_features, in2_features) is due"
        )
    if not x1 or not x2 or (x1[-1], x2[-1]) != weight[1:] or x1[:-1] != x2[:-1]:
        return (
            f"inputs of shapes {x1} and {x2}, where (..., {weight[1]}) and (..., {weight[2]}) with "
            "the same leading axes are due"
        )
    return None


class Bilinear(Module):
    """``y = x1 @ weight @ x2 + bias``.

    Args:
        in1_features: size of the last axis of the first input.
        in2_features: size of the last axis of the second.
        out_features: size of the last axis of the output.
        bias: whether there is a ``bias``.

    Attributes:
        weight: (out_features, in1_features, in2_features), uniform in ±1/sqrt(in1_features).
        bias: (out_features,), likewise, or None.

    Shape: (..., in1_features) and (..., in2_features) to (..., out_features).

    Raises:
        InvalidValueError: a size is not positive.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> nn.Bilinear(2, 3, 4)(et.ones((5, 2)), et.ones((5, 3))).shape
    (5, 4)
    """

    weight: EmberTensor
    bias: EmberTensor | None

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        *,
        dtype: DTypeLike = float32,
        device: str | None = None,
    ) -> None:
        super().__init__()
        self.in1_features = positive("Bilinear", "in1_features", in1_features)
        self.in2_features = positive("Bilinear", "in2_features", in2_features)
        self.out_features = positive("Bilinear", "out_features", out_features)
        bound = 1.0 / math.sqrt(in1_features)
        options: dict[str, Any] = {"low": -bound, "high": bound, "dtype": dtype, "device": device}
        weight = initializers.uniform((out_features, in1_features, in2_features), **options)
        self.register_parameter("weight", Parameter(weight))
        drawn = Parameter(initializers.uniform((out_features,), **options)) if bias else None
        self.register_parameter("bias", drawn)

    def forward(self, x1: TensorLike, x2: TensorLike) -> EmberTensor:
        """(..., in1_features) and (..., in2_features) to (..., out_features)."""
        return bilinear(x1, x2, self.weight, self.bias)

    def extra_repr(self) -> str:
        """The sizes."""
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )
