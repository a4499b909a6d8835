"""What happens in a run, told to whoever wants to count or trace it."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ember_ml.backend.errors import ArgumentError

logger = logging.getLogger(__name__)

EventKind = Literal[
    "run_started",
    "stage_finished",
    "retried",
    "failed",
    "filtered",
    "dead_lettered",
    "checkpointed",
    "run_finished",
]


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened in a run.

    Attributes:
        kind: ``"stage_finished"``: a call returned. ``"retried"``: a call raised and will be tried
            again. ``"failed"``: the last attempt raised. ``"filtered"`` and ``"dead_lettered"``:
            what became of the item, also after ``"failed"``. ``"checkpointed"``: the file was
            written. ``"run_started"`` and ``"run_finished"``: the first and the last event.
        pipeline: Name of the pipeline.
        stage: Name of the stage. None for events of the run.
        index: Place of the item in the source, from 0; of the first item for a batch. For
            ``"checkpointed"`` where a resumed run would start.
        seconds: How long the call took; for ``"retried"`` how long it waits before the next
            attempt; for ``"run_finished"`` how long the run took.
        error: What was raised.
        attempt: Number of the attempt, from 1.
        items: How many items the call took.
    """

    kind: EventKind
    pipeline: str
    stage: str | None = None
    index: int | None = None
    seconds: float | None = None
    error: BaseException | None = None
    attempt: int | None = None
    items: int = 1


OnEvent = Callable[[Event], object]


class Emitter:
    """Makes events of one run and hands them to a hook, whose own first error is logged.

    Raises:
        ArgumentError: If the hook cannot be called, or is a coroutine function.

    Example:
        >>> seen = []
        >>> Emitter("parse", seen.append).emit("filtered", stage="keep", index=3)
        >>> seen[0].kind, seen[0].pipeline, seen[0].index
        ('filtered', 'parse', 3)
    """

    __slots__ = ("_hook", "_pipeline", "_raised")

    def __init__(self, pipeline: str, hook: OnEvent) -> None:
        if not callable(hook) or inspect.iscoroutinefunction(hook):
            raise ArgumentError(
                f"pipeline {pipeline!r}: on_event must be a plain callable, as nothing waits for it, "
                f"got {hook!r}; to await something, put the event into an asyncio.Queue"
            )
        self._pipeline = pipeline
        self._hook = hook
        self._raised = False

    def emit(
        self,
        kind: EventKind,
        *,
        stage: str | None = None,
        index: int | None = None,
        seconds: float | None = None,
        error: BaseException | None = None,
        attempt: int | None = None,
        items: int = 1,
    ) -> None:
        """Tell the hook. What it raises does not end the run, and is logged the first time."""
        event = Event(kind, self._pipeline, stage, index, seconds, error, attempt, items)
        try:
            self._hook(event)
        except Exception:
            if not self._raised:  # a hook that always raises would flood the log
                self._raised = True
                logger.exception(
                    "pipeline %r: the event hook raised on %r; further failures are not logged",
                    self._pipeline,
                    kind,
                )
