"""The runtime that puts stages and actors on a Ray cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Self

from ember_ml.backend.errors import InvalidValueError

from ..tasks._worker import Worker
from ._ray_module import connect, import_ray
from ._stage_host import RayWorker, StageHost


class RayRuntime:
    """Stages and actors in processes of a Ray cluster.

    It connects when it is first used. If it has connected this process to Ray, it disconnects it
    when it is closed, and with that ends a cluster that it has started; a connection that was there
    before stays. Ray is the extra ``ember-pipeline[ray]``.

    Args:
        address: The cluster, as ``ray.init`` takes it. None: the one that this process is connected
            to or that ``RAY_ADDRESS`` names; if there is none, one is started on this machine that
            listens on the loopback interface alone, without dashboard and usage statistics.
        hosts: Among how many processes actors are spread. None: one for each CPU of the cluster.
        num_cpus: How many CPUs Ray reserves for each process. None: Ray's default for actors.
        num_gpus: How many GPUs Ray reserves for each process.
        resources: What else Ray reserves for each process: amounts by name.
        runtime_env: Ray's ``runtime_env`` for the processes: packages, modules, variables.
        init: More arguments for ``ray.init``, such as ``{"num_cpus": 4}`` for a cluster that is
            started here.

    Raises:
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
        if hosts is not None and hosts < 1:
            raise InvalidValueError(f"RayRuntime: hosts must be at least 1, got {hosts!r}")
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
        self._connecting = asyncio.Lock()
        self._connected = False
        self._owned = False
        self._workers: set[RayWorker] = set()

    async def start(self) -> None:
        """Connect to Ray, if that has not been done.

        Raises:
            RayNotInstalled: If Ray is not installed.
        """
        async with self._connecting:
            if not self._connected:
                self._owned = await asyncio.to_thread(connect, self._address, self._init)
                self._connected = True

    async def worker(self, call: Callable[[Any], Any], /, *, name: str) -> Worker:
        """Start a process that applies the stage ``call`` to items; errors call it ``name``.

        Raises:
            RemoteError: If ``call`` cannot be read there.
            WorkerDied: If the process could not be started.
        """
        await self.start()
        worker = RayWorker(self._process(StageHost, name), name)
        self._workers.add(worker)
        await worker.load(call)
        return worker

    async def close(self) -> None:
        """End all processes, and the connection to Ray if it was made here."""
        async with self._connecting:
            if self._connected:
                for worker in self._workers:
                    worker.kill()
                self._workers.clear()
                if self._owned:
                    await asyncio.to_thread(import_ray().shutdown)
                self._connected = False

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        state = "connected" if self._connected else "not connected"
        return f"RayRuntime({self._address or 'local'}, {state})"

    def _process(self, host: type, name: str) -> Any:
        """A new process with a ``host`` in it, never restarted by Ray: that is decided here."""
        options = {**self._options, "max_restarts": 0, "max_task_retries": 0}
        return import_ray().remote(**options)(host).remote(name)
