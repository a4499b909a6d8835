"""Module, and the containers of modules."""

from ._containers import ModuleList, Sequential
from ._module import Module, Parameter

__all__ = ["Module", "ModuleList", "Parameter", "Sequential"]
