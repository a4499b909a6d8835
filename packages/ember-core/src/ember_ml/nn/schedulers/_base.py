"""What all schedulers have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ember_ml.backend.errors import ArgumentError, CheckpointError, InvalidValueError
from ember_ml.nn.optimizers import Optimizer

__all__ = ["LRScheduler", "attached", "checked_count", "checked_factor", "for_each_group"]


class LRScheduler:
    """Base of schedulers: each `step` sets the learning rates of an optimizer's groups.

    Call `step` after the optimizer's steps: after each batch or after each epoch, as the scheduler
    counts. A compiled training step follows without compiling again.

    Args:
        optimizer: whose ``learning_rate`` are numbers.
        last_epoch: -1 to begin; to go on, `load_state_dict` does it all.

    Attributes:
        last_epoch: how often `step` was called.
        base_lrs: the rates that the optimizer began with, by group.

    Raises:
        InvalidValueError: an option makes no sense, or the optimizer's rate is a function already.
    """

    #: Names of attributes besides ``last_epoch`` and the rates that change from step to step.
    changing: tuple[str, ...] = ()

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer = attached(self, optimizer)
        self.last_epoch = checked_count(self, "last_epoch", last_epoch, least=-1)
        if optimizer.initial_rates is None:
            if last_epoch != -1:
                raise InvalidValueError(
                    f"{type(self).__name__}: last_epoch={last_epoch} goes on with a schedule, and "
                    "this optimizer has had none; make the scheduler with last_epoch=-1 and give "
                    "it the state of the former one, scheduler.load_state_dict(state)"
                )
            optimizer.initial_rates = optimizer.rates
        self.base_lrs = list(optimizer.initial_rates)
        self.begin()

    def begin(self) -> None:
        """The step that sets the rates to begin with."""
        self.first = True
        self.step()
        self.first = False

    def undo(self) -> None:
        """Take back `begin`, for another scheduler that will call it in time."""
        self.last_epoch -= 1

    def step(self) -> None:
        """Set the rates of the next step of the optimizer."""
        self.last_epoch += 1
        self.set(self.rates())

    def get_last_lr(self) -> list[float]:
        """The rates that were set last, by group."""
        return list(self._last_lr)

    @property
    def present(self) -> list[float]:
        """The rates that the optimizer has now."""
        attached(self, self.optimizer)
        return self.optimizer.rates

    def set(self, rates: Sequence[float]) -> None:
        """Give the optimizer its rates."""
        attached(self, self.optimizer)
        self.optimizer.rates = list(rates)
        self._last_lr = self.optimizer.rates

    # -- what a subclass defines ----------------------------------------------------------

    def rates(self) -> list[float]:
        """The rates at ``last_epoch``, from those before: so schedulers add up."""
        raise NotImplementedError

    def anew(self) -> list[float]:
        """The rates at ``last_epoch``, from ``base_lrs``: where another scheduler was before."""
        return self.rates()

    # -- checkpoints ----------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """What changes from step to step: numbers and lists of numbers, fit for JSON."""
        state = {name: getattr(self, name) for name in ("last_epoch", *self.changing)}
        return {**state, "base_lrs": list(self.base_lrs), "last_lr": self.get_last_lr()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave; the optimizer gets its rates.

        Raises:
            CheckpointError: it is the state of another scheduler, or for other groups; nothing
                has been changed.
        """
        own = self.state_dict()
        who = type(self).__name__
        faults = [f"missing: {name}" for name in own if name not in state]
        faults += [f"unexpected: {name}" for name in state if name not in own]
        faults += [
            f"{name}: {len(state[name])} values for {len(value)} groups"
            for name, value in own.items()
            if name in state and name.endswith("_lrs") and len(state[name]) != len(value)
        ]
        if faults:
            raise CheckpointError(f"the state does not fit {who}:\n  " + "\n  ".join(faults))
        for name in ("last_epoch", *self.changing):
            setattr(self, name, _like(own[name], state[name]))
        self.base_lrs = _like(self.base_lrs, state["base_lrs"])
        self.optimizer.initial_rates = list(self.base_lrs)
        self.set(_like(own["last_lr"], state["last_lr"]))


def _like(known: Any, value: Any) -> Any:
    """``value``, of a tensor too, as Python numbers of the kind of ``known``."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    return int(value) if isinstance(known, int) and not isinstance(known, bool) else value


def attached(scheduler: Any, optimizer: Optimizer) -> Optimizer:
    """``optimizer``, if its rates can be set."""
    who = type(scheduler).__name__
    if not isinstance(optimizer, Optimizer):
        raise ArgumentError(f"{who}: an optimizer is due, not {type(optimizer).__name__}")
    if any(callable(group.get("learning_rate")) for group in optimizer.groups):
        raise InvalidValueError(
            f"{who}: the learning_rate of {type(optimizer).__name__} is a function of the step, "
            "and a scheduler would set it as well; give it as a number, or leave out the scheduler"
        )
    return optimizer


def checked_count(scheduler: Any, name: str, value: Any, *, least: int = 1) -> int:
    """``value``, if it is an integer and not below ``least``."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise InvalidValueError(
            f"{type(scheduler).__name__}: {name} is an integer of at least {least}, not {value!r}"
        )
    return value


def checked_factor(
    scheduler: Any, name: str, value: Any, low: float = 0.0, high: float = float("inf")
) -> float:
    """``value``, if it is a number from ``low`` to ``high``."""
    if not isinstance(value, int | float) or not low <= value <= high:
        raise InvalidValueError(
            f"{type(scheduler).__name__}: {name} is a number from {low} to {high}, not {value!r}"
        )
    return value


def for_each_group(scheduler: Any, name: str, value: Any, optimizer: Optimizer) -> list[Any]:
    """A value for each group: the given ones, or one for all."""
    count = len(attached(scheduler, optimizer).groups)
    if not isinstance(value, list | tuple):
        return [value] * count
    if len(value) != count:
        raise InvalidValueError(
            f"{type(scheduler).__name__}: {name} has {len(value)} values, and "
            f"{type(optimizer).__name__} {count} groups (the parameters in no group are the first)"
        )
    return list(value)
