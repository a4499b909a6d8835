"""Initial values without chance."""

from __future__ import annotations

from collections.abc import Sequence

from ember_ml.backend.dtypes import DTypeLike, float32
from ember_ml.backend.errors import InvalidValueError, ShapeError
from ember_ml.nn import tensor
from ember_ml.nn.tensor import EmberTensor

__all__ = ["constant", "dirac", "eye", "ones", "zeros"]


def constant(
    shape: Sequence[int], value: float, *, dtype: DTypeLike = float32, device: str | None = None
) -> EmberTensor:
    """``value`` everywhere.

    >>> from ember_ml import nn
    >>> nn.initializers.constant((2,), 0.5).tolist()
    [0.5, 0.5]
    """
    return tensor.full(tuple(shape), value, dtype=dtype, device=device)


def ones(
    shape: Sequence[int], *, dtype: DTypeLike = float32, device: str | None = None
) -> EmberTensor:
    """Ones.

    >>> from ember_ml import nn
    >>> nn.initializers.ones((2,)).tolist()
    [1.0, 1.0]
    """
    return tensor.ones(tuple(shape), dtype=dtype, device=device)


def zeros(
    shape: Sequence[int], *, dtype: DTypeLike = float32, device: str | None = None
) -> EmberTensor:
    """Zeros.

    >>> from ember_ml import nn
    >>> nn.initializers.zeros((2,)).tolist()
    [0.0, 0.0]
    """
    return tensor.zeros(tuple(shape), dtype=dtype, device=device)


def eye(
    shape: Sequence[int], *, dtype: DTypeLike = float32, device: str | None = None
) -> EmberTensor:
    """The identity: a linear layer passes on as many of its inputs as it can.

    Raises:
        ShapeError: ``shape`` has not two dimensions.

    >>> from ember_ml import nn
    >>> nn.initializers.eye((2, 3)).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """
    if len(shape) != 2:
        raise ShapeError(f"eye: a matrix has two dimensions, not shape {tuple(shape)}")
    return tensor.eye(*shape, dtype=dtype, device=device)


def dirac(
    shape: Sequence[int],
    *,
    groups: int = 1,
    dtype: DTypeLike = float32,
    device: str | None = None,
) -> EmberTensor:
    """The identity of a convolution: it passes on as many of its input channels as it can.

    Args:
        shape: (out_channels, in_channels / groups, ...) with one to three axes of space.
        groups: of the convolution: each passes on channels of its own.

    Raises:
        ShapeError: there are not three to five dimensions.
        InvalidValueError: ``groups`` does not divide the output channels.

    >>> from ember_ml import nn
    >>> nn.initializers.dirac((1, 2, 3)).tolist()
    [[[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]]
    """
    shape = tuple(shape)
    if len(shape) not in (3, 4, 5):
        raise ShapeError(f"dirac: a convolution's weight has 3 to 5 dimensions, not shape {shape}")
    if groups < 1 or shape[0] % groups:
        raise InvalidValueError(f"dirac: {groups} groups do not divide {shape[0]} output channels")
    each = shape[0] // groups
    inputs = list(range(min(each, shape[1])))
    outputs = [group * each + n for group in range(groups) for n in inputs]
    weight = zeros(shape, dtype=dtype, device=device)
    if not outputs:
        return weight
    centre = tuple(size // 2 for size in shape[2:])
    return weight.at[(tensor.asarray(outputs), tensor.asarray(inputs * groups), *centre)].set(1.0)
