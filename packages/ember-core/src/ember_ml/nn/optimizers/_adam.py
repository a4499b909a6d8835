"""Adam and AdamW."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from ember_ml.nn.tensor import EmberTensor
from ember_ml.nn.tensor._updates import adam_update

from ._base import Optimizer
from ._groups import Group
from ._option import LearningRate, Option, betas, flag, positive

__all__ = ["Adam", "AdamW"]


class Adam(Optimizer):
    """Adam (Kingma and Ba, 2015; ``torch.optim.Adam``).

    Args:
        betas: how much of the running means of the gradient and of its square is kept.
        eps: keeps the quotient finite.
        weight_decay: added to the gradient, times the parameter.
        amsgrad: divide by the largest mean square so far (Reddi et al., 2018).
        maximize: go up the gradient.
        groups: see `Optimizer`.

    >>> from ember_ml import nn
    >>> nn.optimizers.Adam(learning_rate=lambda step: 0.1 * 0.5**step).rate
    0.1
    """

    betas = Option[tuple[float, float]](betas)
    eps = Option[float](positive)
    amsgrad = Option[bool](flag)

    def __init__(
        self,
        learning_rate: LearningRate = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        maximize: bool = False,
        groups: Sequence[Group] = (),
    ) -> None:
        super().__init__(
            {
                "learning_rate": learning_rate,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "amsgrad": amsgrad,
                "maximize": maximize,
            },
            groups,
        )

    def keeps(self, options: Mapping[str, Any]) -> tuple[str, ...]:
        """The running means, and the largest mean square."""
        return ("mean", "square", "largest") if options["amsgrad"] else ("mean", "square")

    def changing(self, options: Mapping[str, Any]) -> tuple[float, ...]:
        """What `adam_update` calls ``step_size``, ``root``, ``shrink`` and ``gain``."""
        beta1, beta2 = options["betas"]
        t = max(self.step, 1)
        rate = self.rate_of(options)
        shrink = 1.0 if self.coupled else 1.0 - rate * options["weight_decay"]
        return rate / (1.0 - beta1**t), math.sqrt(1.0 - beta2**t), shrink, 1.0 - beta1

    def constant(self, options: Mapping[str, Any]) -> Hashable:
        """What is written into a program."""
        return options["betas"][1], options["eps"]

    def move(
        self,
        parameter: EmberTensor,
        gradient: EmberTensor,
        kept: Mapping[str, EmberTensor],
        numbers: Sequence[Any],
        options: Mapping[str, Any],
    ) -> tuple[EmberTensor, ...]:
        """See `tensor._updates.adam_update`."""
        return adam_update(
            parameter,
            gradient,
            kept["mean"],
            kept["square"],
            kept.get("largest"),
            *numbers,
            beta2=options["betas"][1],
            epsilon=options["eps"],
        )


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019; ``torch.optim.AdamW``).

    Args:
        weight_decay: the share of a parameter that each step takes away, times the learning rate.

    The other arguments are those of `Adam`.

    >>> from ember_ml import nn
    >>> nn.optimizers.AdamW(learning_rate=1e-3).weight_decay
    0.01
    """

    coupled = False

    def __init__(
        self,
        learning_rate: LearningRate = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        maximize: bool = False,
        groups: Sequence[Group] = (),
    ) -> None:
        super().__init__(
            learning_rate,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            amsgrad=amsgrad,
            maximize=maximize,
            groups=groups,
        )
