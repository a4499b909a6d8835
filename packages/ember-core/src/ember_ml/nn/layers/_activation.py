"""Activations that bend on both sides, and those over an axis, as layers."""

from __future__ import annotations

import operator

from ember_ml.backend.errors import InvalidValueError
from ember_ml.nn.modules import Module
from ember_ml.nn.tensor import EmberTensor, TensorLike, log_softmax, softmax, tanh
from ember_ml.nn.tensor import _activations as activations
from ember_ml.nn.tensor import _functions as functions

__all__ = [
    "GLU",
    "Hardshrink",
    "Hardsigmoid",
    "LogSigmoid",
    "LogSoftmax",
    "Sigmoid",
    "Softmax",
    "Softmin",
    "Softshrink",
    "Softsign",
    "Tanh",
    "Tanhshrink",
]


class Sigmoid(Module):
    """`nn.sigmoid` as a layer."""

    def forward(self, x: TensorLike) -> EmberTensor:
        """Any shape to the same."""
        return functions.sigmoid(x)


class LogSigmoid(Module):
    """`nn.logsigmoid` as a layer."""

    def forward(self, x: TensorLike) -> EmberTensor:
        """Any shape to the same."""
        return activations.logsigmoid(x)


class Hardsigmoid(Module):
    """`nn.hardsigmoid` as a layer; ``inplace`` changes nothing."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, x: TensorLike) -> EmberTensor:
        """Any shape to the same."""
        return activations.hardsigmoid(x)


class Tanh(Module):
    """`nn.tanh` as a layer."""

    def forward(self, x: TensorLike) -> EmberTensor:
        """Any shape to the same."""
        return tanh(x)


class Tanhshrink(Module):
    """`nn.tanhshrink` as a layer."""

    def forward(self, x: TensorLike) -> EmberTensor:
        """Any shape to the same."""
        return activations.tanhshrink(x)


class Softsign(Module):
    """`nn.softsign` as a layer."""

    def forward(self, x: TensorLike) -> EmberTensor:
        """Any shape to the same."""
        return activations.softsign(x)


class _Shrinking(Module):
    """An activation with a zone of zeros."""

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        if not lambd >= 0:
            raise InvalidValueError(
                f"{type(self).__name__}: lambd is a number from 0 on, not {lambd!r}"
            )
        self.lambd = lambd

    def extra_repr(self) -> str:
        """The width."""
        return str(self.lambd)


class Softshrink(_Shrinking):
    """`nn.softshrink` as a layer.

    Raises:
        InvalidValueError: ``lambd`` is negative.
    """

    def forward(self, x: TensorLike) -> EmberTensor:
        """Any shape to the same."""
        return activations.softshrink(x, lambd=self.lambd)


class Hardshrink(_Shrinking):
    """`nn.hardshrink` as a layer.

    Raises:
        InvalidValueError: ``lambd`` is negative.
    """

    def forward(self, x: TensorLike) -> EmberTensor:
        """Any shape to the same."""
        return activations.hardshrink(x, lambd=self.lambd)


class _Along(Module):
    """An activation along an axis: the last one unless ``dim`` names another."""

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        try:
            self.dim = operator.index(dim)
        except TypeError:
            raise InvalidValueError(
                f"{type(self).__name__}: dim is an axis, such as -1 for the last one, not {dim!r}"
            ) from None

    def extra_repr(self) -> str:
        """The axis."""
        return f"dim={self.dim}"


class Softmax(_Along):
    """`nn.softmax` along ``dim`` as a layer. Unlike PyTorch's, ``dim`` is -1 if it is not given.

    >>> from ember_ml import nn
    >>> nn.Softmax(dim=1)([[0.0, 0.0]]).tolist()
    [[0.5, 0.5]]
    """

    def forward(self, x: TensorLike) -> EmberTensor:
        """Any shape to the same."""
        return softmax(x, axis=self.dim)


class Softmin(_Along):
    """`nn.softmin` along ``dim`` as a layer. Unlike PyTorch's, ``dim`` is -1 if it is not given."""

    def forward(self, x: TensorLike) -> EmberTensor:
        """Any shape to the same."""
        return activations.softmin(x, axis=self.dim)


class LogSoftmax(_Along):
    """`nn.log_softmax` along ``dim`` as a layer, -1 (unlike PyTorch's) if it is not given."""

    def forward(self, x: TensorLike) -> EmberTensor:
        """Any shape to the same."""
        return log_softmax(x, axis=self.dim)


class GLU(_Along):
    """`nn.glu` along ``dim`` as a layer.

    >>> from ember_ml import nn
    >>> nn.GLU()([[4.0, 0.0]]).tolist()
    [[2.0]]
    """

    def forward(self, x: TensorLike) -> EmberTensor:
        """(..., 2 * n, ...) to (..., n, ...)."""
        return activations.glu(x, axis=self.dim)
