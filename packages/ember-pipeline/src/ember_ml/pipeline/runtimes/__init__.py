"""Where actors and stages live: in this process, or on a cluster."""

from ._map_batches import as_map_batches
from ._protocol import Runtime
from ._ray import RayRuntime

__all__ = ["RayRuntime", "Runtime", "as_map_batches"]
