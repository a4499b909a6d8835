"""What streaming metrics have in common: sums that batches add to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeAlias

from ember_ml.backend.errors import (
    ArgumentError,
    CheckpointError,
    InvalidValueError,
)
from ember_ml.nn.tensor import EmberTensor, TensorLike, asarray

__all__ = ["Metric", "Sums"]

Sums: TypeAlias = dict[str, EmberTensor]


class Metric:
    """A number that batches are counted into: ``update``, ``compute``, ``reset``, ``merge``.

    What it keeps are a few sums, on the backend of the predictions, whatever the number of batches
    (`AUROC` keeps the predictions). A subclass says what a batch adds, and what the sums come to.
    """

    def __init__(self) -> None:
        self._sums: Sums = {}

    def update(self, y_true: TensorLike, y_pred: TensorLike) -> Self:
        """Count a batch in.

        Raises:
            ShapeError: the shapes do not fit, or are empty.
        """
        self._add(self._measured(y_true, y_pred))
        return self

    def compute(self) -> EmberTensor:
        """The metric of all batches since the last `reset`.

        Raises:
            InvalidValueError: there were none.
        """
        if not self._sums:
            raise InvalidValueError(f"{type(self).__name__}: nothing to compute; call update first")
        return self._result(self._sums)

    def reset(self) -> Self:
        """Forget all batches."""
        self._sums = {}
        return self

    def merge(self, other: Self) -> Self:
        """Count in what ``other`` has counted (on another worker).

        Raises:
            ArgumentError: it is another metric.
            InvalidValueError: its options differ.
        """
        if type(other) is not type(self):
            raise ArgumentError(
                f"{type(self).__name__} merges with another one, not {type(other).__name__}"
            )
        if self._options() != other._options():
            raise InvalidValueError(
                f"{type(self).__name__}: the options differ: {self._options()} and "
                f"{other._options()}"
            )
        if other._sums:
            self._add(other._sums)
        return self

    def state_dict(self) -> Sums:
        """What has been counted, by name: nothing before the first batch."""
        return dict(self._sums)

    def load_state_dict(self, state: Mapping[str, TensorLike]) -> None:
        """Go on from a `state_dict`.

        Raises:
            CheckpointError: it is that of another metric.
        """
        if state and set(state) != set(self._names()):
            raise CheckpointError(
                f"{type(self).__name__} keeps {', '.join(self._names())}, and the state has "
                f"{', '.join(state)}"
            )
        self._sums = {name: asarray(value) for name, value in state.items()}

    def _add(self, measured: Sums) -> None:
        self._sums = self._combined(self._sums, measured) if self._sums else dict(measured)

    def _options(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_sums"}

    # -- for subclasses -------------------------------------------------------------------------

    def _names(self) -> tuple[str, ...]:
        """The names of the sums."""
        raise NotImplementedError

    def _measured(self, y_true: TensorLike, y_pred: TensorLike) -> Sums:
        """The sums of one batch."""
        raise NotImplementedError

    def _combined(self, first: Sums, second: Sums) -> Sums:
        """The sums of two lots of batches."""
        return {name: first[name] + second[name] for name in first}

    def _result(self, sums: Sums) -> EmberTensor:
        """What the sums come to."""
        raise NotImplementedError

    def __repr__(self) -> str:
        said = ", ".join(f"{name}={value!r}" for name, value in self._options().items())
        return f"{type(self).__name__}({said})"
