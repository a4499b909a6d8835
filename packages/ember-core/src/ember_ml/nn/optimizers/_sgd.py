"""Gradient descent with momentum."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from ember_ml.backend.errors import InvalidValueError
from ember_ml.nn.tensor import EmberTensor
from ember_ml.nn.tensor._updates import momentum_update, sgd_update

from ._base import Optimizer
from ._groups import Group
from ._option import LearningRate, Option, flag, number, positive

__all__ = ["SGD"]


class SGD(Optimizer):
    """Stochastic gradient descent with momentum (``torch.optim.SGD``).

    Args:
        momentum: the share of the velocity that each step keeps.
        dampening: the share of the gradient that does not enter the velocity.
        weight_decay: added to the gradient, times the parameter.
        nesterov: look ahead along the momentum.
        maximize: go up the gradient.
        groups: see `Optimizer`.

    >>> from ember_ml import nn
    >>> nn.optimizers.SGD(learning_rate=0.1, momentum=0.9).rate
    0.1
    """

    momentum = Option[float](positive)
    dampening = Option[float](number)
    nesterov = Option[bool](flag)

    def __init__(
        self,
        learning_rate: LearningRate = 1e-3,
        *,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        maximize: bool = False,
        groups: Sequence[Group] = (),
    ) -> None:
        super().__init__(
            {
                "learning_rate": learning_rate,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
                "maximize": maximize,
            },
            groups,
        )

    def check(self, options: Mapping[str, Any]) -> None:
        """Nesterov's form needs a momentum."""
        if options["nesterov"] and (not options["momentum"] or options["dampening"]):
            raise InvalidValueError("nesterov needs a momentum, and no dampening")

    def keeps(self, options: Mapping[str, Any]) -> tuple[str, ...]:
        """The velocity, where there is a momentum."""
        return ("velocity",) if options["momentum"] else ()

    def changing(self, options: Mapping[str, Any]) -> tuple[float, ...]:
        """The learning rate; with a momentum that, and how much of a gradient enters."""
        rate = self.rate_of(options)
        if not options["momentum"]:
            return (rate,)
        # PyTorch's first velocity is the gradient itself.
        gain = 1.0 - options["dampening"] if self.step > 1 else 1.0
        return rate, options["momentum"], gain

    def constant(self, options: Mapping[str, Any]) -> Hashable:
        """The form."""
        return options["nesterov"]

    def move(
        self,
        parameter: EmberTensor,
        gradient: EmberTensor,
        kept: Mapping[str, EmberTensor],
        numbers: Sequence[Any],
        options: Mapping[str, Any],
    ) -> tuple[EmberTensor, ...]:
        """See `tensor._updates`."""
        if not kept:
            return sgd_update(parameter, gradient, *numbers)
        return momentum_update(
            parameter, gradient, kept["velocity"], *numbers, nesterov=options["nesterov"]
        )
