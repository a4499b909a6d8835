"""Models, layers, losses, optimizers and transforms, on every engine.

>>> from ember_ml import nn
>>> from ember_ml.nn import tensor as et
>>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
>>> loss = lambda model, x, y: nn.losses.cross_entropy(model(x), y)
>>> value, gradients = nn.value_and_grad(loss)(model, et.zeros((3, 4)), et.asarray([0, 1, 1]))
>>> sorted(gradients)
['0.bias', '0.weight', '2.bias', '2.weight']
"""

from __future__ import annotations

from ember_ml.backend.registry import set_backend, use_backend

from . import (
    initializers,
    layers,
    losses,
    modules,
    optimizers,
    tensor,
    transforms,
)
from .layers import (
    GELU,
    GRU,
    LSTM,
    RNN,
    Bidirectional,
    Flatten,
    GRUCell,
    Identity,
    LeakyReLU,
    Linear,
    LogSoftmax,
    LSTMCell,
    Recurrent,
    ReLU,
    RNNCell,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from .modules import Module, ModuleDict, ModuleList, Parameter, Sequential
from .serialization import load, load_file, save
from .tensor import log_softmax, softmax, stop_gradient, tanh
from .tensor._functions import gelu, leaky_relu, relu, sigmoid, silu, softplus
from .training import TrainStep, train_step
from .transforms import compile, grad, value_and_grad, vmap

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
    "Module",
    "ModuleDict",
    "ModuleList",
    "Parameter",
    "RNNCell",
    "ReLU",
    "Recurrent",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "TrainStep",
    "compile",
    "gelu",
    "grad",
    "initializers",
    "layers",
    "leaky_relu",
    "load",
    "load_file",
    "log_softmax",
    "losses",
    "modules",
    "optimizers",
    "relu",
    "save",
    "set_backend",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "stop_gradient",
    "tanh",
    "tensor",
    "train_step",
    "transforms",
    "use_backend",
    "value_and_grad",
    "vmap",
]
