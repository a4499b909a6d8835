"""Activations that let positive numbers pass, as layers."""

from __future__ import annotations

from typing import Literal

from ember_ml.backend.dtypes import DTypeLike, float32
from ember_ml.backend.errors import InvalidValueError
from ember_ml.nn import initializers
from ember_ml.nn.modules import Module, Parameter
from ember_ml.nn.tensor import EmberTensor, TensorLike
from ember_ml.nn.tensor import _activations as activations
from ember_ml.nn.tensor import _functions as functions

from ._arguments import positive

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "SELU",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "Mish",
    "PReLU",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Softplus",
]


class _InPlace(Module):
    """An activation that may be told to overwrite its input, and does not.

    Args:
        inplace: taken so that PyTorch's arguments fit; the result is a new tensor all the same.
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def extra_repr(self) -> str:
        """The options."""
        return "inplace=True" if self.inplace else ""

    def _after(self, options: str) -> str:
        return f"{options}, inplace=True" if self.inplace else options


class ReLU(_InPlace):
    """`nn.relu` as a layer; ``inplace`` changes nothing."""

    def forward(self, x: TensorLike) -> EmberTensor:
        """Any shape to the same."""
        return functions.relu(x)


class ReLU6(_InPlace):
    """`nn.relu6` as a layer; ``inplace`` changes nothing."""

    def forward(self, x: TensorLike) -> EmberTensor:
        """Any shape to the same."""
        return activations.relu6(x)


class LeakyReLU(_InPlace):
    """`nn.leaky_relu` as a layer; ``inplace`` changes nothing.

    >>> from ember_ml import nn
    >>> nn.LeakyReLU(0.5)([-2.0, 2.0]).tolist()
    [-1.0, 2.0]
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.negative_slope = negative_slope

    def forward(self, x: TensorLike) -> EmberTensor:
        """Any shape to the same."""
        return functions.leaky_relu(x, negative_slope=self.negative_slope)

    def extra_repr(self) -> str:
        """The options."""
        return self._after(f"negative_slope={self.negative_slope}")


class PReLU(Module):
    """`nn.prelu`, a leaky ReLU whose slope is learnt.

    Args:
        num_parameters: how many slopes: 1, or one for each channel.
        init: what they are at first.

    Attributes:
        weight: (num_parameters,).

    Shape: (N, C, ...) to the same.

    >>> from ember_ml import nn
    >>> nn.PReLU(init=0.5)([-2.0, 2.0]).tolist()
    [-1.0, 2.0]
    """

    weight: EmberTensor

    def __init__(
        self,
        num_parameters: int = 1,
        init: float = 0.25,
        *,
        dtype: DTypeLike = float32,
        device: str | None = None,
    ) -> None:
        super().__init__()
        self.num_parameters = positive("PReLU", "num_parameters", num_parameters)
        self.init = init
        slopes = initializers.constant((num_parameters,), init, dtype=dtype, device=device)
        self.register_parameter("weight", Parameter(slopes))

    def forward(self, x: TensorLike) -> EmberTensor:
        """(N, C, ...) to the same."""
        return activations.prelu(x, self.weight)

    def extra_repr(self) -> str:
        """The number of slopes."""
        return f"num_parameters={self.num_parameters}"


class ELU(_InPlace):
    """`nn.elu` as a layer; ``inplace`` changes nothing."""

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.alpha = alpha

    def forward(self, x: TensorLike) -> EmberTensor:
        """Any shape to the same."""
        return activations.elu(x, alpha=self.alpha)

    def extra_repr(self) -> str:
        """The options."""
        return self._after(f"alpha={self.alpha}")


class SELU(_InPlace):
    """`nn.selu` as a layer; ``inplace`` changes nothing."""

    def forward(self, x: TensorLike) -> EmberTensor:
        """Any shape to the same."""
        return activations.selu(x)


class CELU(_InPlace):
    """`nn.celu` as a layer; ``inplace`` changes nothing.

    Raises:
        InvalidValueError: ``alpha`` is zero, which the input is divided by.
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace)
        if alpha == 0:
            raise InvalidValueError("CELU: alpha is a number other than 0, not 0")
        self.alpha = alpha

    def forward(self, x: TensorLike) -> EmberTensor:
        """Any shape to the same."""
        return activations.celu(x, alpha=self.alpha)

    def extra_repr(self) -> str:
        """The options."""
        return self._after(f"alpha={self.alpha}")


class GELU(Module):
    """`nn.gelu` as a layer.

    Raises:
        InvalidValueError: ``approximate`` is not "none" or "tanh".

    >>> from ember_ml import nn
    >>> nn.GELU(approximate="tanh")([0.0]).tolist()
    [0.0]
    """

    def __init__(self, approximate: Literal["none", "tanh"] = "none") -> None:
        super().__init__()
        if approximate not in ("none", "tanh"):
            raise InvalidValueError(f"GELU: approximate is 'none' or 'tanh', not {approximate!r}")
        self.approximate: Literal["none", "tanh"] = approximate

    def forward(self, x: TensorLike) -> EmberTensor:
        """Any shape to the same."""
        return functions.gelu(x, approximate=self.approximate)

    def extra_repr(self) -> str:
        """The options."""
        return f"approximate={self.approximate!r}"


class SiLU(_InPlace):
    """`nn.silu` as a layer; ``inplace`` changes nothing."""

    def forward(self, x: TensorLike) -> EmberTensor:
        """Any shape to the same."""
        return functions.silu(x)


class Mish(_InPlace):
    """`nn.mish` as a layer; ``inplace`` changes nothing."""

    def forward(self, x: TensorLike) -> EmberTensor:
        """Any shape to the same."""
        return activations.mish(x)


class Hardswish(Module):
    """`nn.hardswish` as a layer; ``inplace`` changes nothing."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, x: TensorLike) -> EmberTensor:
        """Any shape to the same."""
        return activations.hardswish(x)


class Hardtanh(_InPlace):
    """`nn.hardtanh` as a layer; ``inplace`` changes nothing.

    Raises:
        InvalidValueError: ``min_val`` is not below ``max_val``.
    """

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace)
        if not min_val < max_val:
            raise InvalidValueError(
                f"Hardtanh: min_val is below max_val, not {min_val} and {max_val}"
            )
        self.min_val = min_val
        self.max_val = max_val

    def forward(self, x: TensorLike) -> EmberTensor:
        """Any shape to the same."""
        return activations.hardtanh(x, min_val=self.min_val, max_val=self.max_val)

    def extra_repr(self) -> str:
        """The options."""
        return self._after(f"min_val={self.min_val}, max_val={self.max_val}")


class Softplus(Module):
    """`nn.softplus` as a layer.

    Raises:
        InvalidValueError: ``beta`` is zero, which is divided by.
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        if beta == 0:
            raise InvalidValueError("Softplus: beta is a number other than 0, not 0")
        self.beta = beta
        self.threshold = threshold

    def forward(self, x: TensorLike) -> EmberTensor:
        """Any shape to the same."""
        return functions.softplus(x, beta=self.beta, threshold=self.threshold)

    def extra_repr(self) -> str:
        """The options."""
        return f"beta={self.beta}, threshold={self.threshold}"
