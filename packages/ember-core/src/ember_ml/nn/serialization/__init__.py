"""Saving and loading, in the safetensors format: nothing that is loaded is ever unpickled."""

from ._checkpoint import Checkpoint, Stateful, load_checkpoint, save_checkpoint
from ._directory import latest_checkpoint
from ._weights import load, load_file, save

__all__ = [
    "Checkpoint",
    "Stateful",
    "latest_checkpoint",
    "load",
    "load_checkpoint",
    "load_file",
    "save",
    "save_checkpoint",
]
