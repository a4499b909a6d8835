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
    CheckpointError,
    DeadlineExceeded,
    FailureBudgetExceeded,
    HandlerCancelled,
    ItemFiltered,
    MailboxClosed,
    MailboxFull,
    MissingExtraError,
    PipelineError,
    RemoteError,
    StageError,
    StageNotFoundError,
    StageTimeout,
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
from .async_._events import Event
from .async_._report import Report, StageReport
from .async_._stream import Stream
from .runtimes import RayRuntime, Runtime, as_map_batches
from .tasks import RateLimit, Retry
from .wiring._graph import INPUT

__all__ = [
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
    "CheckpointError",
    "DeadLetter",
    "DeadLetters",
    "DeadlineExceeded",
    "Event",
    "FailureBudgetExceeded",
    "HandlerCancelled",
    "INPUT",
    "ItemFiltered",
    "Mailbox",
    "MailboxClosed",
    "MailboxFull",
    "MissingExtraError",
    "Pipeline",
    "PipelineError",
    "RateLimit",
    "RayRuntime",
    "RemoteError",
    "Report",
    "Retry",
    "Runtime",
    "Stage",
    "StageError",
    "StageNotFoundError",
    "StageReport",
    "StageTimeout",
    "Stream",
    "Supervision",
    "SystemFailed",
    "Terminated",
    "Timer",
    "TooManyRestarts",
    "UsageError",
    "WorkerDied",
    "as_map_batches",
]
