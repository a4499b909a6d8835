"""Transforms of functions: gradients and products, vectorisation, compilation, recomputation.

They take functions of tensors, nested containers of tensors, and Modules. Within the function
the current backend is that of the arguments.
"""

from ._compile import checkpoint, compile
from ._gradients import grad, value_and_grad
from ._products import jvp, vjp
from ._vmap import vmap

__all__ = ["checkpoint", "compile", "grad", "jvp", "value_and_grad", "vjp", "vmap"]
