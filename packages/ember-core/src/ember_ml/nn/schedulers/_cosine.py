"""Schedules along a cosine."""

from __future__ import annotations

import math
from collections.abc import Callable

from ember_ml.backend.errors import InvalidValueError
from ember_ml.nn.optimizers import Optimizer

from ._base import LRScheduler, checked_count

__all__ = ["CosineAnnealingLR", "CosineAnnealingWarmRestarts", "warmup_cosine"]


class CosineAnnealingLR(LRScheduler):
    """From the rate to begin with down to ``eta_min`` along half a cosine (SGDR, 2017).

    Args:
        T_max: the number of calls that this takes; then it rises again.

    >>> from ember_ml import nn
    >>> optimizer = nn.optimizers.SGD(learning_rate=1.0)
    >>> scheduler = nn.schedulers.CosineAnnealingLR(optimizer, T_max=2)
    >>> scheduler.step()
    >>> optimizer.rate
    0.5
    """

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        self.T_max = checked_count(self, "T_max", T_max)
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def rates(self) -> list[float]:
        """See `LRScheduler`."""
        if self.first:
            return self.present
        turn = math.pi / self.T_max
        if (self.last_epoch - 1 - self.T_max) % (2 * self.T_max) == 0:
            pairs = zip(self.present, self.base_lrs, strict=True)
            return [rate + (base - self.eta_min) * (1 - math.cos(turn)) / 2 for rate, base in pairs]
        now, before = (1 + math.cos(turn * n) for n in (self.last_epoch, self.last_epoch - 1))
        return [now / before * (rate - self.eta_min) + self.eta_min for rate in self.present]

    def anew(self) -> list[float]:
        """See `LRScheduler`."""
        height = (1 + math.cos(math.pi * self.last_epoch / self.T_max)) / 2
        return [self.eta_min + (base - self.eta_min) * height for base in self.base_lrs]


class CosineAnnealingWarmRestarts(LRScheduler):
    """Half a cosine down to ``eta_min``, again and again (Loshchilov and Hutter, 2017).

    Args:
        T_0: the number of calls until the first restart.
        T_mult: how many times longer each period is than the one before.

    >>> from ember_ml import nn
    >>> optimizer = nn.optimizers.SGD(learning_rate=1.0)
    >>> scheduler = nn.schedulers.CosineAnnealingWarmRestarts(optimizer, T_0=2)
    >>> rates = []
    >>> for _ in range(4):
    ...     rates.append(optimizer.rate)
    ...     scheduler.step()
    >>> rates
    [1.0, 0.5, 1.0, 0.5]
    """

    changing = ("T_cur", "T_i")

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        self.T_0 = self.T_i = checked_count(self, "T_0", T_0)
        self.T_mult = checked_count(self, "T_mult", T_mult)
        self.eta_min = eta_min
        self.T_cur = last_epoch
        super().__init__(optimizer, last_epoch)

    def rates(self) -> list[float]:
        """See `LRScheduler`."""
        if self.first:
            return self.anew()
        self.T_cur += 1
        if self.T_cur >= self.T_i:
            self.T_cur %= self.T_i
            self.T_i *= self.T_mult
        return self._height()

    def anew(self) -> list[float]:
        """See `LRScheduler`."""
        self.T_cur, self.T_i = self.last_epoch, self.T_0
        while self.T_cur >= self.T_i:
            self.T_cur -= self.T_i
            self.T_i *= self.T_mult
        return self._height()

    def _height(self) -> list[float]:
        height = (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2
        return [self.eta_min + (base - self.eta_min) * height for base in self.base_lrs]


def warmup_cosine(
    peak: float, *, warmup: int, total: int, end: float = 0.0
) -> Callable[[int], float]:
    """A learning rate as a function of the step: up a line to ``peak``, down a cosine to ``end``.

    There is nothing to call and nothing to save: the optimizer's own count of steps is enough.

    Args:
        warmup: the number of steps to the peak.
        total: the number of all steps; then the rate stays at ``end``.

    >>> from ember_ml import nn
    >>> rate = nn.schedulers.warmup_cosine(1.0, warmup=4, total=12)
    >>> [rate(step) for step in (0, 3, 4, 8, 12)]
    [0.25, 1.0, 1.0, 0.5, 0.0]
    >>> optimizer = nn.optimizers.AdamW(learning_rate=rate)
    """
    if not 0 <= warmup < total:
        raise InvalidValueError(
            f"warmup_cosine: 0 <= warmup < total is due, not warmup={warmup}, total={total}"
        )
    if peak < 0 or end < 0:
        raise InvalidValueError(f"warmup_cosine: rates are not negative: {peak=}, {end=}")

    def rate(step: int) -> float:
        if step < warmup:
            return peak * (step + 1) / warmup
        share = min((step - warmup) / (total - warmup), 1.0)
        return end + (peak - end) * (1 + math.cos(math.pi * share)) / 2

    return rate
