"""Layers that change no element: the identity, and other shapes."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

from ember_ml.backend.errors import InvalidValueError, ShapeError
from ember_ml.nn.modules import Module
from ember_ml.nn.tensor import EmberTensor, TensorLike, asarray, reshape

__all__ = ["Flatten", "Identity", "Unflatten"]


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


class Unflatten(Module):
    """The axis ``dim`` becomes several: (N, C * H * W) to (N, C, H, W).

    Args:
        dim: the axis.
        unflattened_size: the sizes of the new ones, one of which may be -1 for what is left.

    Raises:
        InvalidValueError: ``unflattened_size`` is no sequence of sizes. PyTorch's pairs of names
            and sizes are not taken, since tensors have no named axes here.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> nn.Unflatten(1, (3, -1))(et.zeros((2, 12))).shape
    (2, 3, 4)
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        try:
            self.dim = operator.index(dim)
            sizes = tuple(operator.index(n) for n in unflattened_size)
        except TypeError:
            raise InvalidValueError(
                "Unflatten: dim is an axis and unflattened_size a sequence of sizes, not "
                f"{dim!r} and {unflattened_size!r}; axes have no names"
            ) from None
        if not sizes or min(sizes) < -1 or sizes.count(-1) > 1:
            raise InvalidValueError(
                f"Unflatten: unflattened_size has sizes, and -1 once at most, not {sizes}"
            )
        self.unflattened_size = sizes

    def forward(self, x: TensorLike) -> EmberTensor:
        """(..., a * b, ...) to (..., a, b, ...)."""
        x = asarray(x)
        axis = self.dim + x.ndim if self.dim < 0 else self.dim
        if not 0 <= axis < x.ndim:
            raise ShapeError(f"Unflatten: axis {self.dim} of a tensor of shape {x.shape}")
        size, known = x.shape[axis], math.prod(n for n in self.unflattened_size if n >= 0)
        open_ = -1 in self.unflattened_size
        if size != known and not (open_ and known and size % known == 0):
            raise ShapeError(
                f"Unflatten: axis {self.dim} of shape {x.shape} does not become "
                f"{self.unflattened_size}"
            )
        sizes = [size // (known or 1) if n < 0 else n for n in self.unflattened_size]
        return reshape(x, (*x.shape[:axis], *sizes, *x.shape[axis + 1 :]))

    def extra_repr(self) -> str:
        """The options."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
