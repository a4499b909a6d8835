"""Schedulers of learning rates, with PyTorch's names, arguments and rates.

A learning rate can also be a function of the number of steps (`optimizers.LearningRate`).
"""

from ._base import LRScheduler
from ._cosine import CosineAnnealingLR, CosineAnnealingWarmRestarts, warmup_cosine
from ._one_cycle import OneCycleLR
from ._plateau import ReduceLROnPlateau
from ._sequential import ChainedScheduler, SequentialLR
from ._steps import (
    ConstantLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
    "warmup_cosine",
]
