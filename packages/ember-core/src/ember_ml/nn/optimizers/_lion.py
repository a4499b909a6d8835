"""Lion."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from ember_ml.nn.tensor import EmberTensor
from ember_ml.nn.tensor._updates import lion_update

from ._base import Optimizer
from ._groups import Group
from ._option import LearningRate, Option, betas

__all__ = ["Lion"]


class Lion(Optimizer):
    """Steps by the sign of a mean of the gradients (Chen et al., 2023).

    Every element moves by the learning rate: it is to be three to ten times smaller than AdamW's,
    and the decay as much larger.

    Args:
        betas: how much of the running mean enters the step, and how much of it is kept.
        weight_decay: the share of a parameter that each step takes away, times the learning rate.
        maximize: go up the gradient.
        groups: see `Optimizer`.

    >>> from ember_ml import nn
    >>> nn.optimizers.Lion().betas
    (0.9, 0.99)
    """

    betas = Option[tuple[float, float]](betas)
    coupled = False

    def __init__(
        self,
        learning_rate: LearningRate = 1e-4,
        *,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        maximize: bool = False,
        groups: Sequence[Group] = (),
    ) -> None:
        super().__init__(
            {
                "learning_rate": learning_rate,
                "betas": betas,
                "weight_decay": weight_decay,
                "maximize": maximize,
            },
            groups,
        )

    def keeps(self, options: Mapping[str, Any]) -> tuple[str, ...]:
        """The running mean."""
        return ("mean",)

    def changing(self, options: Mapping[str, Any]) -> tuple[float, ...]:
        """What `lion_update` calls ``rate``, ``shrink`` and ``gain``."""
        rate = self.rate_of(options)
        return rate, 1.0 - rate * options["weight_decay"], 1.0 - options["betas"][0]

    def constant(self, options: Mapping[str, Any]) -> Hashable:
        """What is written into a program."""
        return options["betas"][1]

    def move(
        self,
        parameter: EmberTensor,
        gradient: EmberTensor,
        kept: Mapping[str, EmberTensor],
        numbers: Sequence[Any],
        options: Mapping[str, Any],
    ) -> tuple[EmberTensor, ...]:
        """See `tensor._updates.lion_update`."""
        return lion_update(parameter, gradient, kept["mean"], *numbers, beta2=options["betas"][1])
