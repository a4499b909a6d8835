"""What the actors themselves send."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from ._ref import ActorRef

Reason = Literal["stopped", "failed", "cancelled", "process died"]


@dataclass(frozen=True, slots=True)
class Terminated:
    """An actor that was watched has ended, for good.

    Attributes:
        ref: The actor.
        reason: ``"stopped"``: it was stopped or stopped itself. ``"failed"``: it failed and its
            supervisor did not restart it. ``"cancelled"``: the task that ran it was cancelled.
            ``"process died"``: its process ended, and was not started again.
        error: What it failed with.
    """

    ref: ActorRef
    reason: Reason
    error: BaseException | None = None
