"""One step of RNN, LSTM and GRU."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from ember_ml.backend.dtypes import DTypeLike, float32
from ember_ml.backend.errors import ArgumentError, InvalidValueError, ShapeError
from ember_ml.nn import initializers
from ember_ml.nn.modules import Module, Parameter
from ember_ml.nn.tensor import EmberTensor, TensorLike, asarray, linear
from ember_ml.nn.tensor._recurrent import Nonlinearity, gru_step, lstm_step, rnn_step
from ember_ml.nn.tensor._scatter import filled

from ._arguments import positive

__all__ = ["Cell", "GRUCell", "LSTMCell", "RNNCell"]


class Cell(Module):
    """What PyTorch's cells share: they return their state, of which the output is a part."""

    weight_ih: EmberTensor
    weight_hh: EmberTensor
    bias_ih: EmberTensor | None
    bias_hh: EmberTensor | None
    #: Blocks of rows in the weights.
    gates: ClassVar[int]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        dtype: DTypeLike,
        device: str | None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        self.input_size = positive(name, "input_size", input_size)
        self.hidden_size = positive(name, "hidden_size", hidden_size)
        self.bias = bool(bias)
        bound = 1.0 / math.sqrt(self.hidden_size)
        rows = self.gates * self.hidden_size

        def draw(*shape: int) -> Parameter:
            return Parameter(
                initializers.uniform(shape, low=-bound, high=bound, dtype=dtype, device=device)
            )

        self.register_parameter("weight_ih", draw(rows, self.input_size))
        self.register_parameter("weight_hh", draw(rows, self.hidden_size))
        self.register_parameter("bias_ih", draw(rows) if bias else None)
        self.register_parameter("bias_hh", draw(rows) if bias else None)

    @staticmethod
    def output(state: Any) -> EmberTensor:
        """The part of the state that is passed on."""
        h: EmberTensor = state
        return h

    def _input(self, x: TensorLike) -> EmberTensor:
        x = asarray(x)
        if x.ndim not in (1, 2) or x.shape[-1] != self.input_size:
            raise ShapeError(
                f"{type(self).__name__}: input of shape {x.shape}; (batch, {self.input_size}) or "
                f"({self.input_size},) is due"
            )
        return x

    def _state(self, x: EmberTensor, state: TensorLike | None, what: str = "hx") -> EmberTensor:
        due = (*x.shape[:-1], self.hidden_size)
        if state is None:
            return filled(due, 0, x)
        state = asarray(state)
        if state.shape != due:
            raise ShapeError(
                f"{type(self).__name__}: {what} of shape {state.shape}; {due} is due for an input "
                f"of shape {x.shape}"
            )
        return state

    def _projected(self, x: EmberTensor, h: EmberTensor) -> tuple[EmberTensor, EmberTensor]:
        """Of the input and of the state."""
        if self.bias_ih is None or self.bias_hh is None:
            return x @ self.weight_ih.mT, h @ self.weight_hh.mT
        return linear(x, self.weight_ih, self.bias_ih), linear(h, self.weight_hh, self.bias_hh)

    def extra_repr(self) -> str:
        """The sizes, and the options that are not PyTorch's defaults."""
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")


class RNNCell(Cell):
    """``h' = tanh(W_ih x + b_ih + W_hh h + b_hh)``, one step of `nn.RNN`.

    Args:
        input_size: F.
        hidden_size: H.
        bias: whether there are ``bias_ih`` and ``bias_hh``.
        nonlinearity: "tanh" or "relu".

    Attributes:
        weight_ih, weight_hh, bias_ih, bias_hh: (H, F), (H, H), (H,), (H,), uniform in
            ±1/sqrt(H), as PyTorch's.

    Shape: (B, F) and a state (B, H), zeros if it is left out, to (B, H); or the same without B.

    Raises:
        InvalidValueError: a size is not positive, or the nonlinearity unknown.
        ShapeError: the input or the state does not fit.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> nn.RNNCell(3, 4)(et.ones((2, 3))).shape
    (2, 4)
    """

    gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: Nonlinearity = "tanh",
        *,
        dtype: DTypeLike = float32,
        device: str | None = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise InvalidValueError(
                f"RNNCell: nonlinearity is 'tanh' or 'relu', not {nonlinearity!r}"
            )
        super().__init__(input_size, hidden_size, bias, dtype, device)
        self.nonlinearity: Nonlinearity = nonlinearity

    def forward(self, x: TensorLike, hx: TensorLike | None = None) -> EmberTensor:
        """(B, F) and (B, H) to (B, H)."""
        x = self._input(x)
        projected, recurrent = self._projected(x, self._state(x, hx))
        return rnn_step(projected + recurrent, self.nonlinearity)

    def extra_repr(self) -> str:
        """The sizes, and the options that are not PyTorch's defaults."""
        other = "" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}"
        return super().extra_repr() + other


class LSTMCell(Cell):
    """One step of `nn.LSTM`.

    The arguments and names are those of `RNNCell`, with 4 * H rows in weights and biases. The
    state is a pair (h, c), of (B, H) each.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> h, c = nn.LSTMCell(3, 4)(et.ones((2, 3)))
    >>> h.shape, c.shape
    ((2, 4), (2, 4))
    """

    gates = 4

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        *,
        dtype: DTypeLike = float32,
        device: str | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, dtype, device)

    @staticmethod
    def output(state: Any) -> EmberTensor:
        """The first of (h, c)."""
        h: EmberTensor = state[0]
        return h

    def forward(
        self, x: TensorLike, hx: tuple[TensorLike, TensorLike] | None = None
    ) -> tuple[EmberTensor, EmberTensor]:
        """(B, F) and a pair of (B, H) to the next pair."""
        x = self._input(x)
        if hx is not None and (not isinstance(hx, tuple | list) or len(hx) != 2):
            raise ArgumentError(f"LSTMCell: a pair (h, c) is due, not {type(hx).__name__}")
        h, c = (None, None) if hx is None else hx
        projected, recurrent = self._projected(x, self._state(x, h, "h"))
        return lstm_step(projected + recurrent, self._state(x, c, "c"))


class GRUCell(Cell):
    """One step of `nn.GRU`.

    The arguments, names and shapes are those of `RNNCell`, with 3 * H rows in weights and biases.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> nn.GRUCell(3, 4)(et.ones((2, 3))).shape
    (2, 4)
    """

    gates = 3

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        *,
        dtype: DTypeLike = float32,
        device: str | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, dtype, device)

    def forward(self, x: TensorLike, hx: TensorLike | None = None) -> EmberTensor:
        """(B, F) and (B, H) to (B, H)."""
        x = self._input(x)
        h = self._state(x, hx)
        return gru_step(*self._projected(x, h), h)
