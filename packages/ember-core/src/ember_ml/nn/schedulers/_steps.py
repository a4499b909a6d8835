"""Schedules by factors: steps, powers, lines and functions."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence

from ember_ml.backend.errors import ArgumentError
from ember_ml.nn.optimizers import Optimizer

from ._base import LRScheduler, checked_count, checked_factor, for_each_group

__all__ = [
    "ConstantLR",
    "ExponentialLR",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "PolynomialLR",
    "StepLR",
]


class LambdaLR(LRScheduler):
    """The rate to begin with, times a function of the number of calls.

    Args:
        lr_lambda: ``lr_lambda(epoch)`` gives the factor; one function, or one for each group.

    >>> from ember_ml import nn
    >>> optimizer = nn.optimizers.SGD(learning_rate=0.5)
    >>> scheduler = nn.schedulers.LambdaLR(optimizer, lambda epoch: 1 / (1 + epoch))
    >>> scheduler.step()
    >>> optimizer.rate
    0.25
    """

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        self.lr_lambdas = for_each_group(self, "lr_lambda", lr_lambda, optimizer)
        if not all(map(callable, self.lr_lambdas)):
            raise ArgumentError(f"LambdaLR: lr_lambda is a function, not {lr_lambda!r}")
        super().__init__(optimizer, last_epoch)

    def rates(self) -> list[float]:
        """See `LRScheduler`."""
        pairs = zip(self.base_lrs, self.lr_lambdas, strict=True)
        return [base * function(self.last_epoch) for base, function in pairs]


class StepLR(LRScheduler):
    """The rate times ``gamma`` after every ``step_size`` calls.

    >>> from ember_ml import nn
    >>> optimizer = nn.optimizers.SGD(learning_rate=1.0)
    >>> scheduler = nn.schedulers.StepLR(optimizer, step_size=2, gamma=0.5)
    >>> for _ in range(4):
    ...     scheduler.step()
    >>> scheduler.get_last_lr()
    [0.25]
    """

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.step_size = checked_count(self, "step_size", step_size)
        self.gamma = checked_factor(self, "gamma", gamma)
        super().__init__(optimizer, last_epoch)

    def rates(self) -> list[float]:
        """See `LRScheduler`."""
        due = self.last_epoch and self.last_epoch % self.step_size == 0
        return [rate * self.gamma if due else rate for rate in self.present]

    def anew(self) -> list[float]:
        """See `LRScheduler`."""
        return [base * self.gamma ** (self.last_epoch // self.step_size) for base in self.base_lrs]


class MultiStepLR(LRScheduler):
    """The rate times ``gamma`` at each of ``milestones``, numbers of calls.

    >>> from ember_ml import nn
    >>> optimizer = nn.optimizers.SGD(learning_rate=1.0)
    >>> scheduler = nn.schedulers.MultiStepLR(optimizer, milestones=[1, 3], gamma=0.5)
    >>> rates = []
    >>> for _ in range(4):
    ...     rates.append(optimizer.rate)
    ...     scheduler.step()
    >>> rates
    [1.0, 0.5, 0.5, 0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ) -> None:
        self.milestones = sorted(checked_count(self, "a milestone", n, least=0) for n in milestones)
        self.gamma = checked_factor(self, "gamma", gamma)
        super().__init__(optimizer, last_epoch)

    def rates(self) -> list[float]:
        """See `LRScheduler`."""
        times = self.milestones.count(self.last_epoch)
        return [rate * self.gamma**times for rate in self.present]

    def anew(self) -> list[float]:
        """See `LRScheduler`."""
        times = bisect_right(self.milestones, self.last_epoch)
        return [base * self.gamma**times for base in self.base_lrs]


class ExponentialLR(LRScheduler):
    """The rate times ``gamma`` at each call.

    >>> from ember_ml import nn
    >>> optimizer = nn.optimizers.SGD(learning_rate=1.0)
    >>> scheduler = nn.schedulers.ExponentialLR(optimizer, gamma=0.5)
    >>> rates = []
    >>> for _ in range(3):
    ...     rates.append(optimizer.rate)
    ...     scheduler.step()
    >>> rates
    [1.0, 0.5, 0.25]
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = checked_factor(self, "gamma", gamma)
        super().__init__(optimizer, last_epoch)

    def rates(self) -> list[float]:
        """See `LRScheduler`."""
        return [rate if self.first else rate * self.gamma for rate in self.present]

    def anew(self) -> list[float]:
        """See `LRScheduler`."""
        return [base * self.gamma**self.last_epoch for base in self.base_lrs]


class ConstantLR(LRScheduler):
    """The rate times ``factor`` for the first ``total_iters`` calls.

    >>> from ember_ml import nn
    >>> optimizer = nn.optimizers.SGD(learning_rate=1.0)
    >>> scheduler = nn.schedulers.ConstantLR(optimizer, factor=0.5, total_iters=2)
    >>> rates = []
    >>> for _ in range(3):
    ...     rates.append(optimizer.rate)
    ...     scheduler.step()
    >>> rates
    [0.5, 0.5, 1.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1.0 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        self.factor = checked_factor(self, "factor", factor, high=1.0)
        self.total_iters = checked_count(self, "total_iters", total_iters, least=0)
        super().__init__(optimizer, last_epoch)

    def rates(self) -> list[float]:
        """See `LRScheduler`."""
        if self.last_epoch == 0:
            return [rate * self.factor for rate in self.present]
        if self.last_epoch == self.total_iters:
            return (
                self.anew() if not self.factor else [x * (1.0 / self.factor) for x in self.present]
            )
        return self.present

    def anew(self) -> list[float]:
        """See `LRScheduler`."""
        factor = 1.0 if self.last_epoch >= self.total_iters else self.factor
        return [base * factor for base in self.base_lrs]


class LinearLR(LRScheduler):
    """The rate times a factor that goes along a line, from ``start_factor`` to ``end_factor``.

    With its defaults it warms up.

    Args:
        total_iters: the number of calls that this takes.

    >>> from ember_ml import nn
    >>> optimizer = nn.optimizers.SGD(learning_rate=1.0)
    >>> scheduler = nn.schedulers.LinearLR(optimizer, start_factor=0.25, total_iters=3)
    >>> scheduler.step()
    >>> optimizer.rate
    0.5
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        self.start_factor = checked_factor(self, "start_factor", start_factor, 5e-324, 1.0)
        self.end_factor = checked_factor(self, "end_factor", end_factor, high=1.0)
        self.total_iters = checked_count(self, "total_iters", total_iters)
        super().__init__(optimizer, last_epoch)

    def rates(self) -> list[float]:
        """See `LRScheduler`."""
        if self.last_epoch == 0:
            return [rate * self.start_factor for rate in self.present]
        if self.first or self.last_epoch > self.total_iters:
            return self.present
        rise = self.end_factor - self.start_factor
        before = self.total_iters * self.start_factor + (self.last_epoch - 1) * rise
        return [rate * (1.0 + rise / before) for rate in self.present]

    def anew(self) -> list[float]:
        """See `LRScheduler`."""
        share = min(self.total_iters, self.last_epoch) / self.total_iters
        rise = self.end_factor - self.start_factor
        return [base * (self.start_factor + rise * share) for base in self.base_lrs]


class PolynomialLR(LRScheduler):
    """The rate falls to zero in ``total_iters`` calls, as a power of how many are left.

    >>> from ember_ml import nn
    >>> optimizer = nn.optimizers.SGD(learning_rate=1.0)
    >>> scheduler = nn.schedulers.PolynomialLR(optimizer, total_iters=2)
    >>> rates = []
    >>> for _ in range(3):
    ...     rates.append(optimizer.rate)
    ...     scheduler.step()
    >>> rates
    [1.0, 0.5, 0.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        total_iters: int = 5,
        power: float = 1.0,
        last_epoch: int = -1,
    ) -> None:
        self.total_iters = checked_count(self, "total_iters", total_iters)
        self.power = checked_factor(self, "power", power)
        super().__init__(optimizer, last_epoch)

    def rates(self) -> list[float]:
        """See `LRScheduler`."""
        if self.first or self.last_epoch > self.total_iters:
            return self.present
        left, before = (1.0 - n / self.total_iters for n in (self.last_epoch, self.last_epoch - 1))
        return [rate * (left / before) ** self.power for rate in self.present]

    def anew(self) -> list[float]:
        """See `LRScheduler`."""
        share = min(self.total_iters, self.last_epoch) / self.total_iters
        return [base * (1.0 - share) ** self.power for base in self.base_lrs]
