"""Somewhere that the calls of a stage run, away from the event loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Value:
    """A call returned."""

    value: Any


@dataclass(frozen=True, slots=True)
class Failed:
    """A call raised."""

    error: Exception


Outcome = Value | Failed


class Worker(Protocol):
    """One place that applies a stage to items, a few at a time and one after another."""

    async def call(self, items: Sequence[Any], /) -> list[Outcome]:
        """Apply the stage to each of ``items`` and return as many outcomes, in their order.

        If this is cancelled, calls that have not begun do not begin.

        Raises:
            WorkerDied: If the place was lost. Some of the calls may have been carried out.
        """

    async def close(self, *, cancel: bool = False) -> None:
        """End the worker: after the call in hand, or at once."""
