"""Module, and the containers of modules."""

from ._containers import ModuleDict, ModuleList, Sequential
from ._module import Module, Parameter
from ._parameters import ParameterDict, ParameterList

__all__ = [
    "Module",
    "ModuleDict",
    "ModuleList",
    "Parameter",
    "ParameterDict",
    "ParameterList",
    "Sequential",
]
