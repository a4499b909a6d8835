"""The asynchronous half of `ember_ml.pipeline`: streams, actors and mailboxes."""

from ..actors import Actor, DeadLetter, DeadLetters, Mailbox
from ._pipeline import AsyncPipeline

__all__ = ["Actor", "AsyncPipeline", "DeadLetter", "DeadLetters", "Mailbox"]
