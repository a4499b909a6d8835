"""RNN, LSTM and GRU."""

from __future__ import annotations

from collections.abc import Sequence

from ember_ml.backend.dtypes import DTypeLike, float32
from ember_ml.backend.errors import InvalidValueError
from ember_ml.nn.tensor import (
    EmberTensor,
    concat,
    expand_dims,
    gru_layer,
    linear,
    logical_not,
    lstm_layer,
    rnn_layer,
    scan,
    zeros_like,
)
from ember_ml.nn.tensor._recurrent import Nonlinearity, lstm_step
from ember_ml.nn.tensor._scatter import filled

from ._spans import Spans
from ._stacked import Stacked, States

__all__ = ["GRU", "LSTM", "RNN"]


class RNN(Stacked):
    """The recurrent network of Elman (1990): ``h = tanh(W_ih x + b_ih + W_hh h + b_hh)``.

    Args:
        input_size: F, size of the last axis of the input.
        hidden_size: H, size of the state.
        num_layers: L; each takes the outputs of the one before.
        nonlinearity: "tanh" or "relu".
        bias: whether there are ``bias_ih`` and ``bias_hh``.
        batch_first: whether inputs and outputs are (B, T, ...) and not (T, B, ...).
        dropout: probability of zeroing an output between two layers while training.
        bidirectional: whether each layer also runs from the end to the beginning (D = 2, else
            1): its outputs come after those of the forward direction along the last axis.

    Attributes:
        weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, weight_ih_l0_reverse, ...: (H, F) or
            (H, D * H), (H, H), (H,), (H,), uniform in ±1/sqrt(H), as PyTorch's.

    The call takes ``x`` (T, B, F), or (T, F) for one sequence, and gives the outputs (T, B, D * H)
    and the final states (L * D, B, H). It may be given initial states ``hx`` of that shape, zeros
    otherwise, and ``lengths`` (B,): then the sequences end there, the outputs after it are zeros,
    and the reverse direction starts there, as PyTorch's with ``pack_padded_sequence``.

    Raises:
        InvalidValueError: a size is not positive, an option is unknown, or a length is out of range.
        ShapeError: the input, the states or the lengths do not fit.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> y, h = nn.RNN(3, 4, batch_first=True)(et.ones((2, 5, 3)), lengths=[5, 2])
    >>> y.shape, h.shape
    ((2, 5, 4), (1, 2, 4))
    """

    gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: Nonlinearity = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        dtype: DTypeLike = float32,
        device: str | None = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise InvalidValueError(f"RNN: nonlinearity is 'tanh' or 'relu', not {nonlinearity!r}")
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0,
            dtype, device,
        )  # fmt: skip
        self.nonlinearity: Nonlinearity = nonlinearity

    def _layer(
        self,
        x: EmberTensor,
        states: States,
        weights: Sequence[EmberTensor],
        suffix: str,
        reverse: bool,
    ) -> States:
        return rnn_layer(x, *states, *weights, nonlinearity=self.nonlinearity, reverse=reverse)


class GRU(Stacked):
    """Gated recurrent units (Cho et al., 2014).

    The arguments, names and shapes are those of `RNN` without ``nonlinearity``, with 3 * H rows in
    weights and biases: of the reset gate, the update gate and the new state.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> y, h = nn.GRU(3, 4, num_layers=2, bidirectional=True)(et.ones((5, 2, 3)))
    >>> y.shape, h.shape
    ((5, 2, 8), (4, 2, 4))
    """

    gates = 3

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        dtype: DTypeLike = float32,
        device: str | None = None,
    ) -> None:
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0,
            dtype, device,
        )  # fmt: skip

    def _layer(
        self,
        x: EmberTensor,
        states: States,
        weights: Sequence[EmberTensor],
        suffix: str,
        reverse: bool,
    ) -> States:
        return gru_layer(x, *states, *weights, reverse=reverse)


class LSTM(Stacked):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997).

    The arguments, names and shapes are those of `RNN` without ``nonlinearity``, with 4 * H rows in
    weights and biases: of the input gate, the forget gate, the cell and the output gate.

    Args:
        proj_size: P, the size to which the state is projected (Sak et al., 2014), 0 for none. Then
            there is ``weight_hr`` (P, H), and the state, the outputs and ``weight_hh`` have P in the
            place of H. Such a layer goes through its times in Python.

    The states are a pair: ``hx = (h0, c0)``, and the call gives ``y, (h, c)``.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> y, (h, c) = nn.LSTM(3, 4)(et.ones((5, 2, 3)))
    >>> y.shape, h.shape, c.shape
    ((5, 2, 4), (1, 2, 4), (1, 2, 4))
    """

    gates = 4
    states = ("h0", "c0")

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        *,
        dtype: DTypeLike = float32,
        device: str | None = None,
    ) -> None:
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            proj_size, dtype, device,
        )  # fmt: skip

    def _layer(
        self,
        x: EmberTensor,
        states: States,
        weights: Sequence[EmberTensor],
        suffix: str,
        reverse: bool,
    ) -> States:
        if self.proj_size:
            weight_hr = getattr(self, "weight_hr" + suffix)
            return _projected(x, states, weights, weight_hr, reverse)
        return lstm_layer(x, *states, *weights, reverse=reverse)

    def _keeping(
        self, x: EmberTensor, weights: list[EmberTensor], spans: Spans
    ) -> tuple[EmberTensor, list[EmberTensor]]:
        # One more feature, which is 1 after the end, opens the forget gate and closes the input's.
        after = expand_dims(logical_not(spans.inside), axis=-1).astype(x.dtype)
        shut = filled((self.hidden_size, 1), -_SATURATED, weights[0])
        column = concat([shut, -shut, zeros_like(shut), zeros_like(shut)], axis=0)
        return concat([x, after], axis=-1), [concat([weights[0], column], axis=-1), *weights[1:]]


#: Its sigmoid is 1, and that of its negative 0, in every dtype that can hold it.
_SATURATED = 1e4


def _projected(
    x: EmberTensor,
    states: States,
    weights: Sequence[EmberTensor],
    weight_hr: EmberTensor,
    reverse: bool,
) -> States:
    """`tensor.lstm_layer` with states that are projected by ``weight_hr``."""

    def step(carry: States, gates: EmberTensor) -> tuple[States, EmberTensor]:
        h, c = lstm_step(gates + carry[0] @ weight_hh.mT, carry[1])
        h = h @ weight_hr.mT
        return (h, c), h

    weight_ih, weight_hh, bias_ih, bias_hh = weights
    projected = linear(x, weight_ih, bias_ih + bias_hh)
    (h, c), y = scan(step, states, projected, reverse=reverse)
    return y, h, c
