"""Somewhere that the calls of a stage run, away from the event loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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


def pack_each(
    items: Sequence[Any], pack: Callable[[Any], bytes]
) -> tuple[list[bytes], list[Failed | None]]:
    """The items that ``pack`` makes bytes of; and for each item its failure, if it does not."""
    sent: list[bytes] = []
    failures: list[Failed | None] = []
    for item in items:
        try:
            sent.append(pack(item))
            failures.append(None)
        except Exception as error:
            failures.append(Failed(error))
    return sent, failures


def merged(failures: Sequence[Failed | None], replies: Iterable[Outcome]) -> list[Outcome]:
    """The outcome of each item of `pack_each`: its failure, or the next of ``replies``."""
    following = iter(replies)
    return [next(following) if failure is None else failure for failure in failures]


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
