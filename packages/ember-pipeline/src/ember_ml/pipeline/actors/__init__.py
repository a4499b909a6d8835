"""Actors: bounded mailboxes, references and supervision."""

from ._actor import Actor
from ._dead_letters import DeadLetter, DeadLetters
from ._inspect import ActorInfo
from ._mailbox import Mailbox
from ._messages import Terminated
from ._ref import ActorRef
from ._supervision import Backoff, Supervision
from ._system import ActorSystem
from ._timers import Timer
from ._watchdog import Blocked

__all__ = [
    "Actor",
    "ActorInfo",
    "ActorRef",
    "ActorSystem",
    "Backoff",
    "Blocked",
    "DeadLetter",
    "DeadLetters",
    "Mailbox",
    "Supervision",
    "Terminated",
    "Timer",
]
