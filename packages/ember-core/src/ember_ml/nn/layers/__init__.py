"""Layers, in PyTorch's vocabulary."""

from ._activation import (
    GELU,
    Flatten,
    Identity,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from ._cells import GRUCell, LSTMCell, RNNCell
from ._linear import Linear
from ._recurrent import GRU, LSTM, RNN
from ._unrolled import Bidirectional, Recurrent

__all__ = [
    "GELU",
    "GRU",
    "LSTM",
    "RNN",
    "Bidirectional",
    "Flatten",
    "GRUCell",
    "Identity",
    "LSTMCell",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "RNNCell",
    "ReLU",
    "Recurrent",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
]
