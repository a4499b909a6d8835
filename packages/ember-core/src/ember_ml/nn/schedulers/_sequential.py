"""Schedulers one after the other, and together."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from ember_ml.backend.errors import ArgumentError, InvalidValueError
from ember_ml.nn.optimizers import Optimizer

from ._base import LRScheduler, attached, checked_count
from ._plateau import ReduceLROnPlateau

__all__ = ["ChainedScheduler", "SequentialLR"]


def _checked(
    who: Any, optimizer: Optimizer, schedulers: Sequence[LRScheduler]
) -> list[LRScheduler]:
    name = type(who).__name__
    for n, scheduler in enumerate(schedulers):
        if not isinstance(scheduler, LRScheduler) or isinstance(scheduler, ReduceLROnPlateau):
            raise ArgumentError(
                f"{name}: schedulers[{n}] is {type(scheduler).__name__}; schedulers whose step() "
                "takes nothing are due"
            )
        if scheduler.optimizer is not optimizer:
            raise InvalidValueError(f"{name}: schedulers[{n}] is of another optimizer")
    if not schedulers:
        raise InvalidValueError(f"{name}: there is no scheduler")
    return list(schedulers)


class _Several(LRScheduler):
    """A scheduler that leaves the rates to others."""

    schedulers: list[LRScheduler]

    def undo(self) -> None:
        """See `LRScheduler`."""
        for scheduler in self.schedulers:
            scheduler.undo()
        super().undo()

    def state_dict(self) -> dict[str, Any]:
        """See `LRScheduler`; with the states of the others."""
        return {**super().state_dict(), "schedulers": [x.state_dict() for x in self.schedulers]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """See `LRScheduler`."""
        super().load_state_dict(state)
        for scheduler, part in zip(self.schedulers, state["schedulers"], strict=True):
            scheduler.load_state_dict(part)
        self.set(state["last_lr"])


class SequentialLR(_Several):
    """One scheduler after the other.

    Args:
        schedulers: of ``optimizer``, each made for it before.
        milestones: the numbers of calls at which the next one takes over.

    >>> from ember_ml import nn
    >>> optimizer = nn.optimizers.AdamW(learning_rate=1.0)
    >>> warm = nn.schedulers.LinearLR(optimizer, start_factor=0.5, total_iters=10)
    >>> fall = nn.schedulers.CosineAnnealingLR(optimizer, T_max=90)
    >>> scheduler = nn.schedulers.SequentialLR(optimizer, [warm, fall], milestones=[10])
    >>> for _ in range(55):
    ...     scheduler.step()
    >>> round(scheduler.get_last_lr()[0], 4)
    0.5
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Sequence[LRScheduler],
        milestones: Sequence[int],
        last_epoch: int = -1,
    ) -> None:
        self.schedulers = _checked(self, attached(self, optimizer), schedulers)
        self.milestones = [checked_count(self, "a milestone", n) for n in milestones]
        if len(milestones) != len(schedulers) - 1 or self.milestones != sorted(self.milestones):
            raise InvalidValueError(
                f"SequentialLR: {len(schedulers)} schedulers take {len(schedulers) - 1} milestones "
                f"that rise, not {list(milestones)}"
            )
        for scheduler in self.schedulers:
            scheduler.undo()
        super().__init__(optimizer, last_epoch)

    def rates(self) -> list[float]:
        """See `LRScheduler`."""
        number = bisect_right(self.milestones, self.last_epoch)
        scheduler = self.schedulers[number]
        if self.first:
            self.set(self.base_lrs)
            scheduler.begin()
        elif number and self.milestones[number - 1] == self.last_epoch:
            scheduler.last_epoch = 0
            scheduler.set(scheduler.anew())
        else:
            scheduler.step()
        return scheduler.get_last_lr()


class ChainedScheduler(_Several):
    """Several schedulers at once: each changes the rates that the one before has set.

    >>> from ember_ml import nn
    >>> optimizer = nn.optimizers.SGD(learning_rate=1.0)
    >>> scheduler = nn.schedulers.ChainedScheduler(
    ...     [
    ...         nn.schedulers.ConstantLR(optimizer, factor=0.5, total_iters=9),
    ...         nn.schedulers.ExponentialLR(optimizer, gamma=0.5),
    ...     ]
    ... )
    >>> scheduler.step()
    >>> optimizer.rate
    0.25
    """

    def __init__(
        self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None
    ) -> None:
        if not schedulers:
            raise InvalidValueError("ChainedScheduler: there is no scheduler")
        optimizer = optimizer or schedulers[0].optimizer
        self.schedulers = _checked(self, optimizer, schedulers)
        super().__init__(optimizer)

    def rates(self) -> list[float]:
        """See `LRScheduler`."""
        if not self.first:
            for scheduler in self.schedulers:
                scheduler.step()
        return self.present
