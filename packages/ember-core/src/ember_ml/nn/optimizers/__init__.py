"""Optimizers, with PyTorch's arithmetic and options.

An optimizer changes a module's parameters in place: every name for a parameter sees the new
values. Its state belongs to parameters by name.
"""

from ._adagrad import Adagrad
from ._adam import Adam, AdamW
from ._base import Optimizer
from ._groups import Group, Selection
from ._lion import Lion
from ._option import LearningRate, Option
from ._rmsprop import RMSprop
from ._sgd import SGD

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Group",
    "LearningRate",
    "Lion",
    "Optimizer",
    "Option",
    "RMSprop",
    "Selection",
]
