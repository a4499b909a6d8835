"""Where actors and stages live: in this process, or on a cluster."""

from ._protocol import Runtime
from ._ray import RayRuntime

__all__ = ["RayRuntime", "Runtime"]
