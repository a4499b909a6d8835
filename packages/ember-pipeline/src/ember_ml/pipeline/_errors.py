"""What goes wrong in a pipeline, an actor or a mailbox."""

from __future__ import annotations

from ember_ml.backend import errors
from ember_ml.backend.errors import EmberError

from ._describe import describe, describe_error


class PipelineError(EmberError):
    """Base of every error that this package defines."""


class MissingExtraError(PipelineError, ImportError):
    """What was asked for needs packages that come with one of this distribution's extras."""


class StageError(PipelineError):
    """A stage raised.

    It is chained to the stage's own exception, so a traceback shows both, and it can be pickled.

    Attributes:
        pipeline: Name of the pipeline that was running.
        stage: Name of the stage; ``"inner/clean"`` is stage ``clean`` of the nested pipeline
            ``inner``.
        item: What the stage was given; a tuple for a stage that takes several results.
        cause: The exception the stage raised, whatever the depth of nesting.
        index: Which item of the source it was, from 0; None where there is no source.
        gives: What the stage gives, in words: for an item before this one, or as its annotations
            say. None if neither is known.

    Example:
        >>> from ember_ml.pipeline import Pipeline
        >>> parse = Pipeline("parse").add_stage(str.strip, name="strip").add_stage(int)
        >>> try:
        ...     list(parse.map([" 7 ", " seven "]))
        ... except StageError as error:
        ...     print(error.stage, error.index, repr(error.item), type(error.cause).__name__)
        ...     print(error)
        int 1 'seven' ValueError
        pipeline 'parse': stage 'int' failed on item 1 (takes str 'seven'; gives int 7 for str '7'):
        ValueError: invalid literal for int() with base 10: 'seven'
    """

    def __init__(
        self,
        pipeline: str,
        stage: str,
        item: object,
        cause: Exception,
        index: int | None = None,
        gives: str | None = None,
    ) -> None:
        super().__init__(pipeline, stage, item, cause, index, gives)
        self.pipeline = pipeline
        self.stage = stage
        self.item = item
        self.cause = cause
        self.index = index
        self.gives = gives
        self.__cause__ = cause

    def __str__(self) -> str:
        which = "" if self.index is None else f" on item {self.index}"
        gives = "" if self.gives is None else f"; gives {self.gives}"
        return (
            f"pipeline {self.pipeline!r}: stage {self.stage!r} failed{which} "
            f"(takes {describe(self.item)}{gives}): {describe_error(self.cause)}"
        )


class StageNotFoundError(PipelineError, KeyError, IndexError):
    """A pipeline has no stage of that name, or at that position."""

    def __str__(self) -> str:
        return str(self.args[0])  # and not in quotes, as a KeyError


class WorkerDied(PipelineError):
    """The process that a stage or an actor ran in has ended. The call may have been carried out."""


class RemoteError(PipelineError):
    """Stands for an exception of another process that cannot be sent here: its type and its text."""


class CheckpointError(PipelineError, errors.CheckpointError):
    """The checkpoint of a run cannot be used: it is another pipeline's, damaged, or not writable."""


class StageTimeout(PipelineError, TimeoutError):
    """A call of a stage took longer than the stage's ``timeout``."""


class FailureBudgetExceeded(PipelineError):
    """A stage failed on more items than its ``failure_budget``."""


class DeadlineExceeded(PipelineError, TimeoutError):
    """A run had not come to its end when its ``deadline`` was over."""


class ItemFiltered(PipelineError):
    """A filter left out the one item of a ``run``. As a stage of another pipeline it filters too."""


class MailboxFull(PipelineError):
    """A message met a full mailbox and was neither queued nor made to wait."""


class MailboxClosed(PipelineError):
    """The mailbox takes no more messages, or has none left to give."""


class ActorStopped(PipelineError):
    """The actor has stopped, or is stopping, and did not handle the message."""


class AskTimeout(PipelineError, TimeoutError):
    """No reply came in time. The message may still be handled; its reply is discarded."""


class HandlerCancelled(PipelineError):
    """What a handler or a stage awaited was cancelled, and not the one who waits for its result."""


def cancelled_inside(what: str, cause: BaseException) -> HandlerCancelled:
    """The failure of a call as ``what`` it awaited was cancelled, for nobody to take as their own."""
    failure = HandlerCancelled(f"{what} was cancelled")
    failure.__cause__ = cause
    return failure


class TooManyRestarts(PipelineError):
    """The children of an actor failed more often than its supervision allows."""


class SystemFailed(PipelineError):
    """An actor system has stopped, as its actors' failures were escalated to it."""


class AskCycleError(PipelineError, RuntimeError):
    """An actor asked itself, directly or through others, and would have waited for itself."""


class UsageError(PipelineError, RuntimeError):
    """An actor or a mailbox was used in a way that it does not allow, such as starting it twice."""
