"""Adagrad."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from ember_ml.nn.tensor import EmberTensor, full_like
from ember_ml.nn.tensor._updates import adagrad_update

from ._base import Optimizer
from ._groups import Group
from ._option import LearningRate, Option, positive

__all__ = ["Adagrad"]


class Adagrad(Optimizer):
    """Steps over the sum of the gradient's squares (Duchi et al., 2011; ``torch.optim.Adagrad``).

    Args:
        lr_decay: how fast the rate falls: it is divided by ``1 + steps * lr_decay``.
        weight_decay: added to the gradient, times the parameter.
        initial_accumulator_value: where the sum starts.
        eps: keeps the quotient finite.
        maximize: go up the gradient.
        groups: see `Optimizer`.

    >>> from ember_ml import nn
    >>> nn.optimizers.Adagrad().eps
    1e-10
    """

    lr_decay = Option[float](positive)
    initial_accumulator_value = Option[float](positive)
    eps = Option[float](positive)

    def __init__(
        self,
        learning_rate: LearningRate = 1e-2,
        *,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        maximize: bool = False,
        groups: Sequence[Group] = (),
    ) -> None:
        super().__init__(
            {
                "learning_rate": learning_rate,
                "lr_decay": lr_decay,
                "weight_decay": weight_decay,
                "initial_accumulator_value": initial_accumulator_value,
                "eps": eps,
                "maximize": maximize,
            },
            groups,
        )

    def keeps(self, options: Mapping[str, Any]) -> tuple[str, ...]:
        """The sum of squares."""
        return ("total",)

    def start(self, slot: str, parameter: EmberTensor, options: Mapping[str, Any]) -> EmberTensor:
        """``initial_accumulator_value`` everywhere."""
        return full_like(parameter, options["initial_accumulator_value"])

    def changing(self, options: Mapping[str, Any]) -> tuple[float, ...]:
        """The rate of this step."""
        return (self.rate_of(options) / (1.0 + max(self.step - 1, 0) * options["lr_decay"]),)

    def constant(self, options: Mapping[str, Any]) -> Hashable:
        """What is written into a program."""
        return options["eps"]

    def move(
        self,
        parameter: EmberTensor,
        gradient: EmberTensor,
        kept: Mapping[str, EmberTensor],
        numbers: Sequence[Any],
        options: Mapping[str, Any],
    ) -> tuple[EmberTensor, ...]:
        """See `tensor._updates.adagrad_update`."""
        return adagrad_update(parameter, gradient, kept["total"], *numbers, epsilon=options["eps"])
