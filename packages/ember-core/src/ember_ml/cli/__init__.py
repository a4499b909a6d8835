"""The command line, ``ember``."""

from ._main import main

__all__ = ["main"]
