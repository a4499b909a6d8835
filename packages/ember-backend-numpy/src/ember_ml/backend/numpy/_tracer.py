"""Gradients: the backend that tensors belong to while NumPy is differentiated by `autograd`.

Plain calls never see autograd. While a gradient is taken, the traced tensors belong to a second
backend. Its operations are steps of autograd with vector-Jacobian products of their own: of
`_vjps` for those that train models, of `_rules_...` for the others; what is left are the same
functions as ever with ``autograd.numpy`` in the place of ``numpy``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import autograd.numpy as anp
from autograd.numpy.numpy_boxes import ArrayBox

import numpy as np
from ember_ml.backend.dtypes import DType, complex64, complex128
from ember_ml.backend.protocol import Backend

from . import _attention as _loud_attention
from . import (
    _creation,
    _elementwise,
    _random,
    _reduce,
    _rules_elementwise,
    _rules_fft,
    _rules_linalg,
    _rules_reduce,
    _rules_scatter,
    _rules_shape,
    _rules_windows,
    _shape,
)
from . import _recurrent as _loud_recurrent
from ._quiet import quiet_module, remade
from ._recompute import recomputed
from ._tape import Traced, adopted, backward, constant, plain, primitive, primitive_keeping, root
from ._vjps import VJPS

if TYPE_CHECKING:
    from ._backend import NumpyBackend

__all__ = ["Tracer", "differentiate"]

#: Their derivative is zero or there is none.
_CONSTANT = (
    "all", "any", "argmax", "argmin", "argsort", "ceil", "equal", "floor",
    "floor_divide", "greater", "greater_equal", "isfinite", "isinf", "isnan", "less",
    "less_equal", "logical_and", "logical_not", "logical_or", "logical_xor", "nextafter",
    "nonzero", "not_equal", "round", "searchsorted", "signbit", "trunc",
)  # fmt: skip


def _constants(*modules: ModuleType) -> SimpleNamespace:
    found: dict[str, Any] = {}
    for module in modules:
        found |= vars(quiet_module(module))
    return SimpleNamespace(**{name: constant(found[name]) for name in _CONSTANT})


def _traced(module: ModuleType) -> SimpleNamespace:
    """The functions of ``module`` with ``autograd.numpy`` in the place of ``numpy``."""
    engine = {
        name: adopted(getattr(anp, value.__name__, value))
        for name, value in vars(module).items()
        if isinstance(value, np.ufunc) or getattr(value, "__module__", None) == "numpy"
    }
    return remade(module, np=anp, __name__=None, **engine)


_attention = quiet_module(_loud_attention)
_recurrent = quiet_module(_loud_recurrent)
_FUSED = SimpleNamespace(
    **{name: primitive(function, *products) for name, (function, products) in VJPS.items()},
    **{
        f"{kind}_layer": primitive_keeping(
            getattr(_recurrent, f"{kind}_forward"), getattr(_recurrent, f"{kind}_backward")
        )
        for kind in ("rnn", "gru", "lstm")
    },
    scaled_dot_product_attention=primitive_keeping(
        _attention.attend_forward, _attention.attend_backward
    ),
    feed_forward=primitive_keeping(
        _attention.feed_forward_forward, _attention.feed_forward_backward
    ),
)
_RULES: tuple[Any, ...] = (
    *map(quiet_module, (
        _rules_elementwise, _rules_shape, _rules_scatter, _rules_reduce, _rules_linalg, _rules_fft,
    )),
    _constants(_elementwise, _reduce, _shape),
    _creation, quiet_module(_random), _traced(_elementwise), _traced(_shape),
)  # fmt: skip


class Tracer(Backend):
    """NumPy under autograd.

    Args:
        base: the backend whose arrays are traced; a tracer itself for a gradient within one.
        plain: NumPy's own backend.
    """

    array_type = Traced
    array_types = (np.ndarray, ArrayBox)
    # A gradient of a gradient differentiates the products too, and those of the fused
    # operations are written for arrays: there the composed bodies are traced instead.
    modules = _RULES
    variants: Mapping[DType, tuple[Any, ...]] = dict.fromkeys(
        (complex64, complex128), (_rules_elementwise.COMPLEX,)
    )

    def __init__(self, base: Backend, plain: NumpyBackend) -> None:
        self.base = base
        self.plain = plain
        #: Of the boxes: those of a gradient within another are above the outer ones. By nesting
        #: and not by a counter of all traces, as autograd's: threads do not disturb each other.
        self.level: int = base.level + 1 if isinstance(base, Tracer) else 0
        if base is plain:
            self.modules = (_FUSED, quiet_module(_rules_windows), *_RULES)
        self.dtypes = plain.dtypes
        self.capabilities = plain.capabilities
        self.scalar_left = plain.scalar_left
        self.scalar_right = plain.scalar_right
        for name in (
            "name", "devices", "device_of", "engine_version", "from_python", "from_buffer",
            "from_dlpack", "to_device",
        ):  # fmt: skip
            setattr(self, name, getattr(plain, name))

    def asnative(self, x, /):
        if isinstance(x, ArrayBox):
            return Traced(x._value, x._trace, x._node)
        return x if isinstance(x, np.ndarray) else np.asarray(x)

    def to_python(self, x, /):
        return plain(x).tolist()

    def to_numpy(self, x, /):
        return plain(x)

    def to_buffer(self, x, /):
        return self.plain.to_buffer(np.asarray(plain(x)))

    def getitem(self, x, key, /):
        return x[key]

    def setitem(self, x, key, value, /):
        return _rules_shape.assigned(x, key, value)

    def value_and_grad(self, function, /):
        return differentiate(function, self.plain.tracer(self))

    def checkpoint(self, function, /):
        return recomputed(function, self.level)

    def vmap(self, function, /, *, in_axes, out_axes):
        return self.plain.vmap(
            function, in_axes=in_axes, out_axes=out_axes, take=_rules_shape.take, stack=anp.stack
        )


def differentiate(function: Callable[..., Any], tracer: Tracer) -> Callable[..., Any]:
    """`Backend.value_and_grad` by one backward pass to all the arrays at once."""
    level = tracer.level

    def lower(x: Any) -> Any:
        while isinstance(x, ArrayBox) and x._trace >= level:
            x = x._value
        return x

    def run(arrays: list[Any]) -> tuple[Any, list[Any], list[Any]]:
        roots = [root() for _ in arrays]
        boxes = [Traced(x, level, node) for x, node in zip(arrays, roots, strict=True)]
        result, extra = function(boxes, tracer)
        while isinstance(result, ArrayBox) and result._trace > level:
            result = result._value  # from an inner gradient, whose tensor was kept
        value = lower(result)
        found: dict[Any, Any] = {}
        if value is not result:
            with np.errstate(all="ignore"):
                found = backward(np.ones_like(plain(value)), result._node, roots)
        gradients: list[Any] = []
        owners: set[int] = set()
        for node, x in zip(roots, arrays, strict=True):
            g = _finished(found[node], x) if node in found else np.zeros_like(plain(x))
            if type(g) is np.ndarray and g.flags.writeable:
                # Two arguments of a sum have one gradient, and its user may write to it.
                owner = id(g if g.base is None else g.base)
                if owner in owners:
                    g, owner = g.copy(), 0
                owners.add(owner)
            gradients.append(g)
        return value, gradients, [lower(x) for x in extra]

    return run


def _finished(g: Any, x: Any) -> Any:
    """``g`` by ``x`` in its dtype; by a complex one the direction of steepest ascent."""
    dtype = plain(x).dtype
    if dtype.kind == "c":
        g = anp.conj(g)
    return g if g.dtype == dtype else _rules_shape.astype(g, dtype)
