"""Transforms of functions: gradients, vectorisation, compilation.

They take functions of tensors, nested containers of tensors, and Modules. Within the function
the current backend is that of the arguments.
"""

from ._compile import compile
from ._gradients import grad, value_and_grad
from ._vmap import vmap

__all__ = ["compile", "grad", "value_and_grad", "vmap"]
