"""Module, and the containers of modules."""

from ._containers import ModuleDict, ModuleList, Sequential
from ._module import Module, Parameter

__all__ = ["Module", "ModuleDict", "ModuleList", "Parameter", "Sequential"]
