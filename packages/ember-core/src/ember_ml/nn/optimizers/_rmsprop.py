"""RMSprop."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from ember_ml.nn.tensor import EmberTensor
from ember_ml.nn.tensor._updates import rmsprop_update

from ._base import Optimizer
from ._groups import Group
from ._option import LearningRate, Option, flag, positive, share

__all__ = ["RMSprop"]


class RMSprop(Optimizer):
    """Steps over a running mean of the gradient's square (``torch.optim.RMSprop``).

    Args:
        alpha: how much of the running mean is kept.
        eps: keeps the quotient finite.
        weight_decay: added to the gradient, times the parameter.
        momentum: the share of the velocity that each step keeps.
        centered: divide by an estimate of the gradient's deviation from its mean.
        maximize: go up the gradient.
        groups: see `Optimizer`.

    >>> from ember_ml import nn
    >>> nn.optimizers.RMSprop().alpha
    0.99
    """

    alpha = Option[float](share)
    eps = Option[float](positive)
    momentum = Option[float](positive)
    centered = Option[bool](flag)

    def __init__(
        self,
        learning_rate: LearningRate = 1e-2,
        *,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        maximize: bool = False,
        groups: Sequence[Group] = (),
    ) -> None:
        super().__init__(
            {
                "learning_rate": learning_rate,
                "alpha": alpha,
                "eps": eps,
                "weight_decay": weight_decay,
                "momentum": momentum,
                "centered": centered,
                "maximize": maximize,
            },
            groups,
        )

    def keeps(self, options: Mapping[str, Any]) -> tuple[str, ...]:
        """The mean square, the mean where centred, the velocity where there is a momentum."""
        due = {"square": True, "mean": options["centered"], "velocity": options["momentum"]}
        return tuple(slot for slot, needed in due.items() if needed)

    def changing(self, options: Mapping[str, Any]) -> tuple[float, ...]:
        """The learning rate and the momentum."""
        return self.rate_of(options), options["momentum"]

    def constant(self, options: Mapping[str, Any]) -> Hashable:
        """What is written into a program."""
        return options["alpha"], options["eps"]

    def move(
        self,
        parameter: EmberTensor,
        gradient: EmberTensor,
        kept: Mapping[str, EmberTensor],
        numbers: Sequence[Any],
        options: Mapping[str, Any],
    ) -> tuple[EmberTensor, ...]:
        """See `tensor._updates.rmsprop_update`."""
        return rmsprop_update(
            parameter,
            gradient,
            kept["square"],
            kept.get("mean"),
            kept.get("velocity"),
            *numbers,
            alpha=options["alpha"],
            epsilon=options["eps"],
        )
