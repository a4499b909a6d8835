"""Pipelines, actors and their mailboxes.

Example:
    >>> from ember_ml.pipeline import Pipeline
    >>> Pipeline("parse").add_stage(str.strip).add_stage(float).run(" 1.5 ")
    1.5
"""

from ._errors import (
    ActorStopped,
    AskCycleError,
    AskTimeout,
    HandlerCancelled,
    MailboxClosed,
    MailboxFull,
    MissingExtraError,
    PipelineError,
    StageError,
    SystemFailed,
    TooManyRestarts,
    UsageError,
    WorkerDied,
)
from ._pipeline import Pipeline
from ._stage import Stage
from .actors import (
    Actor,
    ActorInfo,
    ActorRef,
    ActorSystem,
    Backoff,
    Blocked,
    DeadLetter,
    DeadLetters,
    Mailbox,
    Supervision,
    Terminated,
    Timer,
)
from .async_ import AsyncPipeline
from .wiring._graph import INPUT

__all__ = [
    "INPUT",
    "Actor",
    "ActorInfo",
    "ActorRef",
    "ActorStopped",
    "ActorSystem",
    "AskCycleError",
    "AskTimeout",
    "AsyncPipeline",
    "Backoff",
    "Blocked",
    "DeadLetter",
    "DeadLetters",
    "HandlerCancelled",
    "Mailbox",
    "MailboxClosed",
    "MailboxFull",
    "MissingExtraError",
    "Pipeline",
    "PipelineError",
    "Stage",
    "StageError",
    "Supervision",
    "SystemFailed",
    "Terminated",
    "Timer",
    "TooManyRestarts",
    "UsageError",
    "WorkerDied",
]
