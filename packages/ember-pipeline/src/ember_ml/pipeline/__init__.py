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
    MailboxClosed,
    MailboxFull,
    PipelineError,
    StageError,
    UsageError,
)
from ._pipeline import Pipeline
from ._stage import Stage
from .actors import Actor, DeadLetter, DeadLetters, Mailbox
from .async_ import AsyncPipeline

__all__ = [
    "Actor",
    "ActorStopped",
    "AskCycleError",
    "AskTimeout",
    "AsyncPipeline",
    "DeadLetter",
    "DeadLetters",
    "Mailbox",
    "MailboxClosed",
    "MailboxFull",
    "Pipeline",
    "PipelineError",
    "Stage",
    "StageError",
    "UsageError",
]
