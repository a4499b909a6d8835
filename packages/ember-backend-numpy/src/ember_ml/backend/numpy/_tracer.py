"""Gradients: the backend that tensors belong to while NumPy is differentiated by `autograd`.

Plain calls never see autograd. While a gradient is taken, the traced tensors belong to a second
backend whose operations are the same functions with ``autograd.numpy`` in the place of ``numpy``,
functions of its own where autograd falls short (`_rules`), and autograd primitives with
vector-Jacobian products of their own (`_vjps`) for those that train models.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType, ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import autograd.numpy as anp
from autograd.core import VJPNode, add_outgrads
from autograd.numpy.numpy_boxes import ArrayBox
from autograd.tracer import isbox, new_box, trace_stack
from autograd.util import toposort

import numpy as np
from ember_ml.backend.protocol import Backend

from . import _rules
from ._rules import assigned, plain, primitive_with
from ._vjps import VJPS

if TYPE_CHECKING:
    from ._backend import NumpyBackend

__all__ = ["Tracer", "differentiate"]


def _traced(module: ModuleType) -> Any:
    """The functions of ``module`` with ``autograd.numpy`` in the place of ``numpy``."""
    names: dict[str, Any] = {**vars(module), "np": anp}
    for name, value in vars(module).items():
        if isinstance(value, FunctionType) and value.__module__ == module.__name__:
            copy = FunctionType(value.__code__, names, name, value.__defaults__, value.__closure__)
            copy.__kwdefaults__ = value.__kwdefaults__
            names[name] = copy
        elif isinstance(value, np.ufunc) or getattr(value, "__module__", None) == "numpy":
            names[name] = getattr(anp, value.__name__, value)
    return SimpleNamespace(**names)


class Tracer(Backend):
    """NumPy under autograd.

    Args:
        base: the backend whose arrays are traced; a tracer itself for a gradient within one.
        plain: NumPy's own backend.
    """

    name = "numpy"
    array_type = ArrayBox
    array_types = (np.ndarray, ArrayBox)

    def __init__(self, base: Backend, plain: NumpyBackend, modules: tuple[ModuleType, ...]) -> None:
        self.base = base
        self.plain = plain
        self.dtypes = plain.dtypes
        self.capabilities = plain.capabilities
        self.scalar_left = plain.scalar_left
        self.scalar_right = plain.scalar_right
        self.traced: list[Any] = [_rules, *(_traced(module) for module in modules)]
        # A gradient of a gradient differentiates the products too, and those of the fused
        # operations are written for arrays: there the composed bodies are traced instead.
        if base is plain:
            fused = {
                name: primitive_with(function, *vjps) for name, (function, vjps) in VJPS.items()
            }
            self.traced.insert(0, SimpleNamespace(**fused))
        self.modules = tuple(self.traced)
        for name in (
            "devices", "device_of", "engine_version", "from_python", "from_buffer", "from_dlpack",
            "to_device",
        ):  # fmt: skip
            setattr(self, name, getattr(plain, name))

    def asnative(self, x, /):
        return x if isbox(x) or isinstance(x, np.ndarray) else np.asarray(x)

    def to_python(self, x, /):
        return plain(x).tolist()

    def to_numpy(self, x, /):
        return plain(x)

    def to_buffer(self, x, /):
        return self.plain.to_buffer(np.asarray(plain(x)))

    def getitem(self, x, key, /):
        return x[key]

    def setitem(self, x, key, value, /):
        return assigned(x, key, value)

    def value_and_grad(self, function, /):
        return differentiate(function, self._inner())

    def _inner(self) -> Tracer:
        return self.plain.tracer(self)

    def vmap(self, function, /, *, in_axes, out_axes):
        return self.plain.vmap(
            function, in_axes=in_axes, out_axes=out_axes, take=_rules.take, stack=anp.stack
        )


def differentiate(function: Callable[..., Any], tracer: Tracer) -> Callable[..., Any]:
    """`Backend.value_and_grad` by one backward pass to all the arrays at once."""

    def run(arrays: list[Any]) -> tuple[Any, list[Any], list[Any]]:
        with trace_stack.new_trace() as trace:
            roots = [VJPNode.new_root() for _ in arrays]
            boxes = [new_box(x, trace, node) for x, node in zip(arrays, roots, strict=True)]
            result, extra = function(boxes, tracer)

            def lower(x: Any) -> Any:
                return x._value if isbox(x) and x._trace == trace else x

            end = result._node if isbox(result) and result._trace == trace else None
            value, extra = lower(result), [lower(x) for x in extra]
        found = {} if end is None else _backward(np.ones_like(plain(value)), end, roots)
        gradients = [
            _typed(found[node], x) if node in found else np.zeros(np.shape(x), plain(x).dtype)
            for node, x in zip(roots, arrays, strict=True)
        ]
        return value, gradients, extra

    return run


def _typed(g: Any, x: Any) -> Any:
    """``g`` in the dtype of ``x``: some of autograd's products are in double precision."""
    dtype = plain(x).dtype
    return g if g.dtype == dtype else g.astype(dtype)


def _backward(g: Any, end: Any, roots: list[Any]) -> dict[Any, Any]:
    """The gradients at ``roots``: autograd's backward pass, kept for several roots."""
    gradients = {end: (g, False)}
    wanted = set(roots)
    found = {}
    for node in toposort(end):
        outgrad = gradients.pop(node)
        if node in wanted:
            found[node] = outgrad[0]
            continue
        for parent, ingrad in zip(node.parents, node.vjp(outgrad[0]), strict=True):
            gradients[parent] = add_outgrads(gradients.get(parent), ingrad)
    return found
