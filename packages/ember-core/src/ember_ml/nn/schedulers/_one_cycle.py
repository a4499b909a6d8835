"""One cycle of learning rate and momentum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from ember_ml.backend.errors import InvalidValueError
from ember_ml.nn.optimizers import Optimizer

from ._base import LRScheduler, attached, checked_count, checked_factor, for_each_group

__all__ = ["OneCycleLR"]


class OneCycleLR(LRScheduler):
    """The rate goes up and far down again, the momentum the other way (Smith and Topin, 2018).

    Call `step` after each batch. The momentum is the option ``momentum``, or the first of
    ``betas``.

    Args:
        max_lr: the highest rate; one, or one for each group.
        total_steps: the number of calls; or else ``epochs`` times ``steps_per_epoch``.
        pct_start: the share of the calls in which the rate rises.
        anneal_strategy: the form of the way, ``"cos"`` or ``"linear"``.
        cycle_momentum: whether the momentum goes from ``max_momentum`` to ``base_momentum`` and
            back.
        div_factor: the rate to begin with is ``max_lr / div_factor``.
        final_div_factor: how many times lower the last rate is than the first.
        three_phase: come down to the first rate as fast as it rose, and only then to the last.

    >>> from ember_ml import nn
    >>> optimizer = nn.optimizers.SGD(momentum=0.9)
    >>> scheduler = nn.schedulers.OneCycleLR(optimizer, max_lr=1.0, total_steps=10)
    >>> round(optimizer.rate, 4), optimizer.momentum
    (0.04, 0.95)
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.85,
        max_momentum: float | Sequence[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        attached(self, optimizer)
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise InvalidValueError(
                    "OneCycleLR: give total_steps, or both epochs and steps_per_epoch"
                )
            total_steps = checked_count(self, "epochs", epochs) * checked_count(
                self, "steps_per_epoch", steps_per_epoch
            )
        self.total_steps = checked_count(self, "total_steps", total_steps)
        checked_factor(self, "pct_start", pct_start, high=1.0)
        if anneal_strategy not in ("cos", "linear"):
            raise InvalidValueError(
                f"OneCycleLR: anneal_strategy is 'cos' or 'linear', not {anneal_strategy!r}"
            )
        self.anneal_strategy = anneal_strategy
        self.cycle_momentum = cycle_momentum
        options = optimizer.groups[0]
        self.momentum = next((name for name in ("betas", "momentum") if name in options), None)
        if cycle_momentum and self.momentum is None:
            raise InvalidValueError(
                f"OneCycleLR: {type(optimizer).__name__} has no momentum; cycle_momentum=False"
            )
        highest = [
            checked_factor(self, "max_lr", rate)
            for rate in for_each_group(self, "max_lr", max_lr, optimizer)
        ]
        first = [rate / checked_factor(self, "div_factor", div_factor) for rate in highest]
        last = [rate / checked_factor(self, "final_div_factor", final_div_factor) for rate in first]
        low = for_each_group(self, "base_momentum", base_momentum, optimizer)
        high = for_each_group(self, "max_momentum", max_momentum, optimizer)
        rise = pct_start * self.total_steps
        # The call at which a phase ends, with rates and momenta at its begin and end.
        end = self.total_steps - 1
        if three_phase:
            self.phases = [
                (rise - 1, first, highest, high, low),
                (2 * rise - 2, highest, first, low, high),
                (end, first, last, high, high),
            ]
        else:
            self.phases = [(rise - 1, first, highest, high, low), (end, highest, last, low, high)]
        if last_epoch == -1:
            optimizer.initial_rates = first
        super().__init__(optimizer, last_epoch)

    def rates(self) -> list[float]:
        """See `LRScheduler`."""
        n = self.last_epoch
        if n > self.total_steps:
            raise InvalidValueError(
                f"OneCycleLR: step() was called {n} times, for total_steps={self.total_steps}"
            )
        begin = 0.0
        for phase in self.phases:
            end, rate_from, rate_to, momentum_from, momentum_to = phase
            if n <= end or phase is self.phases[-1]:
                break
            begin = end
        share = (n - begin) / (end - begin)
        if self.cycle_momentum:
            self._set_momentum(self._between(momentum_from, momentum_to, share))
        return self._between(rate_from, rate_to, share)

    def _between(self, start: list[float], end: list[float], share: float) -> list[float]:
        if self.anneal_strategy == "cos":
            height = (math.cos(math.pi * share) + 1) / 2.0
            return [b + (a - b) * height for a, b in zip(start, end, strict=True)]
        return [(b - a) * share + a for a, b in zip(start, end, strict=True)]

    def _set_momentum(self, momenta: list[float]) -> None:
        optimizer = self.optimizer
        for group, options, value in zip(
            optimizer.groups, optimizer.resolved(), momenta, strict=True
        ):
            if self.momentum == "betas":
                group["betas"] = (value, *options["betas"][1:])
            else:
                group["momentum"] = value

    def load_state_dict(self, state: dict[str, object]) -> None:  # type: ignore[override]
        """See `LRScheduler.load_state_dict`; the optimizer gets its momentum as well."""
        super().load_state_dict(state)
        self.rates()
