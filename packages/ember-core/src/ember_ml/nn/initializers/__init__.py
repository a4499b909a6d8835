"""Initial values of parameters, from Ember's portable random stream.

Each function takes a shape and gives a tensor of the current backend, under the name and with the
distribution of PyTorch's in ``torch.nn.init``. The same seed (`tensor.random.seed`, or a
``generator``) gives the same values on every engine: bit for bit where they are uniform, to two
units in the last place where they are normal, and as closely as the engines factorise a matrix
for `orthogonal`.

A module's parameter gets other values by assigning another parameter:

>>> from ember_ml import nn
>>> def initialise(module):
...     if isinstance(module, nn.Linear):
...         shape = module.weight.shape
...         module.weight = nn.Parameter(nn.initializers.kaiming_normal(shape, nonlinearity="relu"))
...         module.bias = nn.Parameter(nn.initializers.zeros(module.bias.shape))
>>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)).apply(initialise)
>>> model[2].bias.tolist()
[0.0, 0.0]
"""

from ._constants import constant, dirac, eye, ones, zeros
from ._distributions import normal, trunc_normal, uniform
from ._matrices import orthogonal, sparse
from ._scaled import (
    calculate_gain,
    kaiming_normal,
    kaiming_uniform,
    xavier_normal,
    xavier_uniform,
)

__all__ = [
    "calculate_gain",
    "constant",
    "dirac",
    "eye",
    "kaiming_normal",
    "kaiming_uniform",
    "normal",
    "ones",
    "orthogonal",
    "sparse",
    "trunc_normal",
    "uniform",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]
