"""What goes wrong in a pipeline, an actor or a mailbox."""

from __future__ import annotations

import reprlib

from ember_ml.backend.errors import EmberError


class PipelineError(EmberError):
    """Base of every error that this package defines."""


class StageError(PipelineError):
    """A stage raised.

    It is chained to the stage's own exception, so a traceback shows both.

    Attributes:
        pipeline: Name of the pipeline that was running.
        stage: Name of the stage; ``"inner/clean"`` is stage ``clean`` of the nested pipeline
            ``inner``.
        item: What the stage was given.
        cause: The exception the stage raised, whatever the depth of nesting.

    Example:
        >>> from ember_ml.pipeline import Pipeline
        >>> parse = Pipeline("parse").add_stage(str.strip, name="strip").add_stage(int)
        >>> try:
        ...     parse.run(" seven ")
        ... except StageError as error:
        ...     print(error.stage, repr(error.item), type(error.cause).__name__)
        int 'seven' ValueError
    """

    def __init__(self, pipeline: str, stage: str, item: object, cause: Exception) -> None:
        # All four go to `args`, so that the error survives pickling.
        super().__init__(pipeline, stage, item, cause)
        self.pipeline = pipeline
        self.stage = stage
        self.item = item
        self.cause = cause

    def __str__(self) -> str:
        return (
            f"pipeline {self.pipeline!r}: stage {self.stage!r} failed on {reprlib.repr(self.item)}: "
            f"{type(self.cause).__name__}: {self.cause}"
        )


class WorkerDied(PipelineError):
    """The process that a stage or an actor ran in has ended. The call may have been carried out."""


class MailboxFull(PipelineError):
    """A message met a full mailbox and was neither queued nor made to wait."""


class MailboxClosed(PipelineError):
    """The mailbox takes no more messages, or has none left to give."""


class ActorStopped(PipelineError):
    """The actor has stopped, or is stopping, and did not handle the message."""


class AskTimeout(PipelineError, TimeoutError):
    """No reply came in time. The message may still be handled; its reply is discarded."""


class AskCycleError(PipelineError, RuntimeError):
    """An actor asked itself, directly or through others, and would have waited for itself."""


class UsageError(PipelineError, RuntimeError):
    """An actor or a mailbox was used in a way that it does not allow, such as starting it twice."""
