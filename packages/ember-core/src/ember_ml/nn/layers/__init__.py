"""Layers, in PyTorch's vocabulary."""

from ._activation import (
    GLU,
    Hardshrink,
    Hardsigmoid,
    LogSigmoid,
    LogSoftmax,
    Sigmoid,
    Softmax,
    Softmin,
    Softshrink,
    Softsign,
    Tanh,
    Tanhshrink,
)
from ._bilinear import Bilinear
from ._cells import GRUCell, LSTMCell, RNNCell
from ._convolution import Conv1d, Conv2d, Conv3d
from ._distance import CosineSimilarity, PairwiseDistance
from ._dropout import AlphaDropout, Dropout, Dropout1d, Dropout2d, Dropout3d
from ._embedding import Embedding
from ._flatten import Flatten, Identity, Unflatten
from ._linear import Linear
from ._multihead import MultiheadAttention
from ._rectifiers import (
    CELU,
    ELU,
    GELU,
    SELU,
    Hardswish,
    Hardtanh,
    LeakyReLU,
    Mish,
    PReLU,
    ReLU,
    ReLU6,
    SiLU,
    Softplus,
)
from ._recurrent import GRU, LSTM, RNN
from ._transposed import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from ._unrolled import Bidirectional, Recurrent

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "GRU",
    "LSTM",
    "RNN",
    "SELU",
    "AlphaDropout",
    "Bidirectional",
    "Bilinear",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "CosineSimilarity",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Dropout3d",
    "Embedding",
    "Flatten",
    "GRUCell",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "Identity",
    "LSTMCell",
    "LeakyReLU",
    "Linear",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "MultiheadAttention",
    "PReLU",
    "PairwiseDistance",
    "RNNCell",
    "ReLU",
    "ReLU6",
    "Recurrent",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softmin",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Tanh",
    "Tanhshrink",
    "Unflatten",
]
