"""The runtime that puts stages and actors on a Ray cluster."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self

from .._checks import check_count
from ..actors._children import Children
from ..actors._dead_letters import DeadLetters
from ..actors._ref import ActorRef
from ..actors._spawning import ChildOptions
from ..tasks._worker import Worker
from ._ledger import Ledger
from ._node import Node
from ._ray_module import connect, exchange_with, import_ray
from ._space import Space
from ._stage_host import RayWorker, StageHost

if TYPE_CHECKING:
    from ..actors._actor import Actor


class RayRuntime:
    """Stages and actors in processes of a Ray cluster.

    It connects when it is first used. If it has connected this process to Ray, it disconnects it
    when it is closed, and with that ends a cluster that it has started; a connection that was there
    before stays. Ray is the extra ``ember-pipeline[ray]``.

    Args:
        address: The cluster, as ``ray.init`` takes it. None: the one that this process is connected
            to or that ``RAY_ADDRESS`` names; if there is none, one is started on this machine that
            listens on the loopback interface alone, without dashboard and usage statistics.
        hosts: Among how many processes actors, and the items of a `Pipeline`, are spread. None: one
            for each CPU of the cluster.
        num_cpus: How many CPUs Ray reserves for each process. None: Ray's default for actors.
        num_gpus: How many GPUs Ray reserves for each process.
        resources: What else Ray reserves for each process: amounts by name.
        runtime_env: Ray's ``runtime_env`` for the processes: packages, modules, variables.
        init: More arguments for ``ray.init``, such as ``{"num_cpus": 4}`` for a cluster that is
            started here.

    Raises:
        ArgumentError: If ``hosts`` is not an int.
        InvalidValueError: If ``hosts`` is less than 1.

    Example:
        >>> from ember_ml.pipeline.runtimes import RayRuntime
        >>> RayRuntime(hosts=2, init={"num_cpus": 2})  # connects when it is used
        RayRuntime(local, not connected)
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        hosts: int | None = None,
        num_cpus: float | None = None,
        num_gpus: float | None = None,
        resources: Mapping[str, float] | None = None,
        runtime_env: Mapping[str, Any] | None = None,
        init: Mapping[str, Any] | None = None,
    ) -> None:
        if hosts is not None:
            check_count("RayRuntime", "hosts", hosts)
        reserved = {
            "num_cpus": num_cpus,
            "num_gpus": num_gpus,
            "resources": resources and dict(resources),
            "runtime_env": runtime_env and dict(runtime_env),
        }
        self._address = address
        self._hosts = hosts
        self._options = {name: value for name, value in reserved.items() if value is not None}
        self._init = dict(init or {})
        self._connecting = threading.Lock()  # in threads, as it may be used on several event loops
        self._connected = False
        self._owned = False
        self._workers: set[RayWorker] = set()
        self._hosts_started: list[Any] = []
        self._space: Space | None = None

    async def start(self) -> bool:
        """Connect to Ray, and return whether that had to be done.

        Raises:
            MissingExtraError: If Ray is not installed.
        """
        return not self._connected and await asyncio.to_thread(self._connect)

    def _connect(self) -> bool:
        with self._connecting:
            if self._connected:
                return False
            self._owned = connect(self._address, self._init)
            self._connected = True
            return True

    async def capacity(self) -> int:
        """How many processes are used for what can be spread: ``hosts``."""
        await self.start()
        return self._hosts or max(1, int(import_ray().cluster_resources().get("CPU", 1)))

    async def worker(self, call: Callable[[Any], Any], /, *, name: str) -> Worker:
        """Start a process that applies the stage ``call`` to items; errors call it ``name``.

        Raises:
            RemoteError: If ``call`` cannot be read there.
            WorkerDied: If the process could not be started.
        """
        await self.start()
        worker = RayWorker(self._process(StageHost, name), name, self._workers.discard)
        self._workers.add(worker)
        await worker.load(call)
        return worker

    async def spawn(
        self,
        actor: Callable[..., Actor],
        args: tuple[Any, ...],
        children: Children,
        dead_letters: DeadLetters,
        options: ChildOptions,
    ) -> ActorRef:
        """Start an actor in one of the hosts as one of ``children``; for `ActorSystem`."""
        await self.start()
        if self._space is None:
            self._space = Space(self._new_node)
        return await self._space.spawn(actor, args, children, dead_letters, options, self._node)

    async def close(self) -> None:
        """End all processes, and the connection to Ray if it was made here."""
        if not self._connected:
            return
        self._connected = False
        for worker in tuple(self._workers):
            worker.kill()
        hosts, self._hosts_started = self._hosts_started, []
        for host in hosts:
            import_ray().kill(host)
        space, self._space = self._space, None
        if space is not None:
            await space.close()
        if self._owned:
            await asyncio.to_thread(import_ray().shutdown)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        state = "connected" if self._connected else "not connected"
        return f"RayRuntime({self._address or 'local'}, {state})"

    async def _node(self) -> Node:
        """Where the next actor lives."""
        assert self._space is not None, "actors are spawned in the space"
        return await self._space.node(await self.capacity())

    async def _new_node(self, space: Space) -> Node:
        from ._host import ActorHost

        here = import_ray().get_runtime_context().get_node_id()
        ledger = Ledger()
        try:
            handle = self._process(ActorHost, space.key, ledger.path, here)
            self._hosts_started.append(handle)
            node = Node(exchange_with(handle), ledger, space.at)
            await node.greet()
        finally:
            ledger.unlink()
        return node

    def _process(self, host: type, *args: Any) -> Any:
        """A new process with a ``host`` in it, never restarted by Ray: that is decided here."""
        options = {**self._options, "max_restarts": 0, "max_task_retries": 0}
        return import_ray().remote(**options)(host).remote(*args)
