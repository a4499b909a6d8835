"""Activations and other layers without parameters."""

from __future__ import annotations

import math
from typing import Any

from ember_ml.backend.errors import ShapeError
from ember_ml.nn.modules import Module
from ember_ml.nn.tensor import EmberTensor, TensorLike, asarray, log_softmax, reshape, softmax, tanh
from ember_ml.nn.tensor import _functions as functions

__all__ = [
    "GELU",
    "Flatten",
    "Identity",
    "LeakyReLU",
    "LogSoftmax",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
]


class ReLU(Module):
    """`nn.relu` as a layer."""

    def forward(self, x: TensorLike) -> EmberTensor:
        """Any shape to the same."""
        return functions.relu(x)


class LeakyReLU(Module):
    """`nn.leaky_relu` as a layer."""

    def __init__(self, negative_slope: float = 0.01) -> None:
        super().__init__()
        self.negative_slope = negative_slope

    def forward(self, x: TensorLike) -> EmberTensor:
        """Any shape to the same."""
        return functions.leaky_relu(x, negative_slope=self.negative_slope)

    def extra_repr(self) -> str:
        """The options."""
        return f"negative_slope={self.negative_slope}"


class GELU(Module):
    """`nn.gelu` as a layer."""

    def forward(self, x: TensorLike) -> EmberTensor:
        """Any shape to the same."""
        return functions.gelu(x)


class SiLU(Module):
    """`nn.silu` as a layer."""

    def forward(self, x: TensorLike) -> EmberTensor:
        """Any shape to the same."""
        return functions.silu(x)


class Sigmoid(Module):
    """`nn.sigmoid` as a layer."""

    def forward(self, x: TensorLike) -> EmberTensor:
        """Any shape to the same."""
        return functions.sigmoid(x)


class Softplus(Module):
    """`nn.softplus` as a layer."""

    def forward(self, x: TensorLike) -> EmberTensor:
        """Any shape to the same."""
        return functions.softplus(x)


class Tanh(Module):
    """`tensor.tanh` as a layer."""

    def forward(self, x: TensorLike) -> EmberTensor:
        """Any shape to the same."""
        return tanh(x)


class Softmax(Module):
    """`tensor.softmax` along ``dim`` as a layer."""

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, x: TensorLike) -> EmberTensor:
        """Any shape to the same."""
        return softmax(x, axis=self.dim)

    def extra_repr(self) -> str:
        """The options."""
        return f"dim={self.dim}"


class LogSoftmax(Module):
    """`tensor.log_softmax` along ``dim`` as a layer."""

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, x: TensorLike) -> EmberTensor:
        """Any shape to the same."""
        return log_softmax(x, axis=self.dim)

    def extra_repr(self) -> str:
        """The options."""
        return f"dim={self.dim}"


class Identity(Module):
    """The input, as it is."""

    def forward(self, x: Any) -> Any:
        """Anything."""
        return x


class Flatten(Module):
    """The axes from ``start_dim`` to ``end_dim`` become one: (N, C, H, W) to (N, C * H * W).

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> nn.Flatten()(et.zeros((2, 3, 4))).shape
    (2, 12)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, x: TensorLike) -> EmberTensor:
        """(..., a, b, ...) to (..., a * b, ...)."""
        x = asarray(x)
        shape = x.shape or (1,)
        count = len(shape)
        ends = (self.start_dim, self.end_dim)
        first, last = (n + count if n < 0 else n for n in ends)
        if not 0 <= first <= last < count:
            raise ShapeError(
                f"Flatten: axes {self.start_dim} to {self.end_dim} of a tensor of shape {x.shape}"
            )
        size = math.prod(shape[first : last + 1])
        return reshape(x, (*shape[:first], size, *shape[last + 1 :]))

    def extra_repr(self) -> str:
        """The options."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"
