"""Ray itself: imported when it is needed, started on this machine alone where there is no cluster."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from typing import Any

from .._errors import MissingExtraError, WorkerDied
from ._connection import Exchange
from ._link import Packet

# Without a cluster, nothing but this machine can reach Ray, and it reports to nobody.
_LOCAL = {"_node_ip_address": "127.0.0.1", "include_dashboard": False}
_LOCAL_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # Ray replaces 127.0.0.1 by the machine's own address where clusters are enabled.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
}


@functools.cache
def import_ray() -> Any:
    """The module ``ray``.

    Raises:
        MissingExtraError: If it is not installed.
    """
    try:
        import ray
        import ray.exceptions
    except ImportError as error:
        raise MissingExtraError(
            'RayRuntime needs Ray, which is not installed: pip install "ember-pipeline[ray]"'
        ) from error
    return ray


def connect(address: str | None, options: Mapping[str, Any]) -> bool:
    """Connect this process to Ray unless it is connected; whether that was needed."""
    local = address is None and "RAY_ADDRESS" not in os.environ
    if local:
        for name, value in _LOCAL_ENVIRONMENT.items():
            os.environ.setdefault(name, value)
    ray = import_ray()
    if ray.is_initialized():
        return False
    ray.init(**({**_LOCAL, **options} if local else {"address": address, **options}))
    return True


def exchange_with(handle: Any) -> Exchange:
    """The calls of a `Connection` to the Ray actor ``handle``."""
    errors = import_ray().exceptions

    async def exchange(packet: Packet[bytes], wait: bool, resend: bool, /) -> Packet[bytes]:
        try:
            answer: Packet[bytes] = await handle.exchange.remote(packet, wait, resend)
            return answer
        except errors.ActorUnavailableError as error:
            raise ConnectionError(str(error)) from error
        except errors.RayActorError as error:
            raise WorkerDied(f"process on Ray has ended: {first_line(error)}") from error

    return exchange


def first_line(error: Exception) -> str:
    """What Ray says in the first of its many lines."""
    return (str(error).splitlines() or [type(error).__name__])[0]
