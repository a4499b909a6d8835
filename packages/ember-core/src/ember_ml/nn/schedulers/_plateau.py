"""A schedule that looks at what is reached."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, SupportsFloat

from ember_ml.backend.errors import InvalidValueError
from ember_ml.nn.optimizers import Optimizer

from ._base import LRScheduler, checked_count, checked_factor, for_each_group

__all__ = ["ReduceLROnPlateau"]


class ReduceLROnPlateau(LRScheduler):
    """The rate times ``factor`` when a figure has not become better for a while.

    Args:
        mode: whether better is lower, ``"min"``, or higher, ``"max"``.
        patience: the number of calls without improvement that are tolerated.
        threshold: the least improvement that counts, relative to the best figure
            (``threshold_mode="rel"``) or absolute (``"abs"``).
        cooldown: the number of calls after a reduction that do not count.
        min_lr: the lowest rate; one, or one for each group.
        eps: a reduction by less is not made.

    >>> from ember_ml import nn
    >>> optimizer = nn.optimizers.SGD(learning_rate=1.0)
    >>> scheduler = nn.schedulers.ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    >>> for loss in (3.0, 2.0, 2.0, 2.0):
    ...     scheduler.step(loss)
    >>> optimizer.rate
    0.5
    """

    changing = ("best", "num_bad_epochs", "cooldown_counter")

    def __init__(
        self,
        optimizer: Optimizer,
        mode: Literal["min", "max"] = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: Literal["rel", "abs"] = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0.0,
        eps: float = 1e-8,
    ) -> None:
        if mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            raise InvalidValueError(
                "ReduceLROnPlateau: mode is 'min' or 'max' and threshold_mode 'rel' or 'abs', not "
                f"{mode!r} and {threshold_mode!r}"
            )
        self.mode, self.threshold_mode = mode, threshold_mode
        self.factor = checked_factor(self, "factor", factor, high=math.nextafter(1.0, 0.0))
        self.patience = checked_count(self, "patience", patience, least=0)
        self.threshold = checked_factor(self, "threshold", threshold)
        self.cooldown = checked_count(self, "cooldown", cooldown, least=0)
        self.eps = checked_factor(self, "eps", eps)
        self.min_lrs = for_each_group(self, "min_lr", min_lr, optimizer)
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = 0
        super().__init__(optimizer)

    def rates(self) -> list[float]:
        """The present ones."""
        return self.present

    def step(self, metrics: SupportsFloat | None = None) -> None:
        """Take note of a figure.

        Raises:
            InvalidValueError: there is none.
        """
        if self.first and metrics is None:
            super().step()
            return
        if metrics is None:
            raise InvalidValueError("ReduceLROnPlateau: step(loss) takes the figure to look at")
        current = float(metrics)
        self.last_epoch += 1
        if self._is_better(current):
            self.best, self.num_bad_epochs = current, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        rates = self.present
        if self.num_bad_epochs > self.patience:
            lower = [
                max(rate * self.factor, least)
                for rate, least in zip(rates, self.min_lrs, strict=True)
            ]
            rates = [
                new if old - new > self.eps else old for old, new in zip(rates, lower, strict=True)
            ]
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self.set(rates)

    def _is_better(self, figure: float) -> bool:
        margin = -self.threshold if self.mode == "min" else self.threshold
        bound = self.best * (1 + margin) if self.threshold_mode == "rel" else self.best + margin
        return figure < bound if self.mode == "min" else figure > bound
