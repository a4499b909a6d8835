"""The affine layer."""

from __future__ import annotations

import math

from ember_ml.backend.dtypes import DTypeLike, float32
from ember_ml.nn import initializers
from ember_ml.nn.modules import Module, Parameter
from ember_ml.nn.tensor import EmberTensor, TensorLike, linear, matmul

from ._arguments import positive

__all__ = ["Linear"]


class Linear(Module):
    """``y = x @ weight.mT + bias``.

    Args:
        in_features: size of the last axis of the input.
        out_features: size of the last axis of the output.
        bias: whether there is a ``bias``.

    Attributes:
        weight: (out_features, in_features), uniform in ±1/sqrt(in_features), as PyTorch's.
        bias: (out_features,), likewise, or None.

    Shape: (..., in_features) to (..., out_features).

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> nn.Linear(3, 2)(et.ones((4, 3))).shape
    (4, 2)
    """

    weight: EmberTensor
    bias: EmberTensor | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        dtype: DTypeLike = float32,
        device: str | None = None,
    ) -> None:
        super().__init__()
        self.in_features = positive("Linear", "in_features", in_features)
        self.out_features = positive("Linear", "out_features", out_features)
        bound = 1.0 / math.sqrt(in_features)

        def draw(*shape: int) -> Parameter:
            return Parameter(
                initializers.uniform(shape, low=-bound, high=bound, dtype=dtype, device=device)
            )

        self.register_parameter("weight", draw(out_features, in_features))
        self.register_parameter("bias", draw(out_features) if bias else None)

    def forward(self, x: TensorLike) -> EmberTensor:
        """(..., in_features) to (..., out_features)."""
        if self.bias is None:
            return matmul(x, self.weight.mT)
        return linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        """The sizes."""
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )
