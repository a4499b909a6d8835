"""The asynchronous half of `ember_ml.pipeline`: streams, actors and mailboxes."""

from ._actor import Actor
from ._dead_letters import DeadLetter, DeadLetters
from ._mailbox import Mailbox
from ._pipeline import AsyncPipeline

__all__ = ["Actor", "AsyncPipeline", "DeadLetter", "DeadLetters", "Mailbox"]
