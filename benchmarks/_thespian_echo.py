"""An actor of Thespian's, in a module of its own: its other processes import it by name."""

from __future__ import annotations

from thespian.actors import Actor


class Echo(Actor):
    """Replies to ``None``, and to nothing else."""

    def receiveMessage(self, message: object, sender: object) -> None:  # noqa: N802
        if message is None:
            self.send(sender, message)
