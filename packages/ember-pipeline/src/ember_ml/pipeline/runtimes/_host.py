"""The process that actors live in: their instances here, their cells with the driver."""

from __future__ import annotations

import asyncio
import functools
import itertools
import os
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

from ..actors._actor import Actor
from ..actors._ref import homes
from ..actors._spawning import built
from ..actors._turn import handler_here
from ._connection import Op, Port
from ._host_inbox import HostInbox
from ._instance import Instance
from ._ledger import Ledger
from ._link import Packet
from ._pickling import loads, unreadable
from ._requests import Requests

_SOON = 0.002  # seconds


class Host:
    """Runs instances of actors as the driver says, and asks it for whatever leaves the process.

    Args:
        runtime: Key of the runtime.
        ledger: The ledger that it shares with the driver, if they are on one machine.
    """

    def __init__(self, runtime: str, ledger: Ledger | None) -> None:
        self.runtime = runtime
        self.ledger = ledger
        self.port = Port(self._receive, self._gather)
        self.requests = Requests(self.port.post)
        self._inboxes: WeakValueDictionary[int, HostInbox] = WeakValueDictionary()
        self._instances: dict[int, Instance] = {}
        self._built: dict[int, Actor] = {}
        self._moved: set[Instance] = set()  # their numbers have changed since they were told
        self._handlers: dict[str, Callable[..., None]] = {
            "hello": self._hello,
            "build": self._build,
            "start": self._start,
            "deliver": self._deliver,
            "resume": self._resume,
            "halt": self._halt,
            "end": self._end,
            "abandon": self._abandon,
            "gone": self._gone,
            "result": self.requests.answered,
            "cancel": self._cancel,
        }
        homes[runtime] = self.inbox

    def inbox(self, number: int, path: str) -> HostInbox:
        """The side to send to of actor ``number``, which lives here or elsewhere."""
        inbox = self._inboxes.get(number)
        if inbox is None:
            inbox = self._inboxes[number] = HostInbox(self, number, path)
        return inbox

    def ask_driver(self, kind: str, target: int, data: bytes = b"") -> asyncio.Future[Any]:
        """Ask the driver to do something to actor ``target``, for the handler that runs here."""
        here = handler_here()
        if isinstance(here, HostInbox) and here.instance is not None:
            return self.requests.make(
                kind, here.instance.number, here.turn, here.in_own_task(), target, data=data
            )
        return self.requests.make(kind, 0, 0, False, target, data=data)

    def moved(self, instance: Instance) -> None:
        """``instance`` has begun or done a message; the driver is told soon."""
        if not self._moved:
            asyncio.get_running_loop().call_later(_SOON, self.port.ring)
        self._moved.add(instance)

    def rests(self, instance: Instance) -> None:
        """``instance`` has nothing more to do; the driver is told at once."""
        if instance in self._moved:
            self.port.ring()

    def ended(self, instance: Instance) -> None:
        """``instance`` has ended."""
        self._instances.pop(instance.number, None)

    def _gather(self) -> list[Op]:
        moved, self._moved = self._moved, set()
        return [("progress", each.number, each.begun, each.done, b"") for each in moved]

    def _receive(self, op: Op) -> None:
        self._handlers[op[0]](*op[1:])

    # --- what the driver posts

    def _hello(self, request: int, data: bytes) -> None:
        self.requests.answer(request, (os.getpid(), self.ledger is not None))

    def _build(self, request: int, number: int, path: str, data: bytes) -> None:
        """Make the first instance, to learn what the class says of its mailbox."""
        try:
            factory, args = loads(data)
        except Exception as error:
            self.requests.answer(request, error=unreadable(f"{path}: the actor", error))
            return
        try:
            actor = built(factory, args, path)
        except Exception as error:
            self.requests.answer(request, error=error)
            return
        self._built[number] = actor
        own = actor._actor_options
        self.requests.answer(
            request,
            (type(actor).__name__, own.name, own.capacity, own.overflow, type(actor).supervision),
        )

    def _start(
        self,
        request: int,
        instance: int,
        number: int,
        path: str,
        slot: int,
        turn: int,
        data: bytes,
    ) -> None:
        inbox = self.inbox(number, path)
        ready = self._built.pop(number, None)
        self._instances[instance] = Instance(self, instance, inbox, slot)

        def make() -> tuple[Actor, Any]:
            factory, args, restarted, failure = loads(data)
            actor = ready if ready is not None else built(factory, args, path)
            hook = actor.on_start
            if restarted:
                hook = functools.partial(actor.on_restart, failure and loads(failure))
            return actor, hook

        self._instances[instance].start(request, turn, make)

    def _deliver(self, instance: int, first: int, asked: bytes, messages: list[bytes]) -> None:
        here = self._instances.get(instance)
        if here is not None:
            here.deliver(zip(itertools.count(first), asked, messages, strict=False))

    def _resume(self, instance: int, data: bytes) -> None:
        here = self._instances.get(instance)
        if here is not None:
            here.resume()

    def _halt(self, request: int, instance: int, cancel: bool, data: bytes) -> None:
        self._instances[instance].halt(request, cancel)

    def _end(self, request: int, instance: int, turn: int, data: bytes) -> None:
        self._instances[instance].end(request, turn)

    def _abandon(self, instance: int, number: int, data: bytes) -> None:
        self._built.pop(number, None)
        here = self._instances.pop(instance, None)
        if here is not None:
            here.abandon()

    def _gone(self, number: int, parent: int, data: bytes) -> None:
        """An actor has ended for good."""
        inbox = self._inboxes.get(number)
        if inbox is not None:
            inbox.gone()
        supervisor = self._inboxes.get(parent)
        if supervisor is not None:
            supervisor.forget(number)

    def _cancel(self, request: int, data: bytes) -> None:
        """The driver waits no more; what it has begun is ended by other operations."""


class ActorHost:
    """The Ray actor around a `Host`."""

    def __init__(self, runtime: str, ledger: str, machine: str) -> None:
        import ray

        here = ray.get_runtime_context().get_node_id() == machine
        self._host = Host(runtime, Ledger(ledger) if here else None)

    async def exchange(self, packet: Packet[bytes], wait: bool, resend: bool) -> Packet[bytes]:
        """See `Exchange`."""
        return await self._host.port.exchange(packet, wait, resend)
