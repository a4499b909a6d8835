"""Actors: bounded mailboxes, references and supervision."""

from ._actor import Actor
from ._dead_letters import DeadLetter, DeadLetters
from ._mailbox import Mailbox

__all__ = ["Actor", "DeadLetter", "DeadLetters", "Mailbox"]
