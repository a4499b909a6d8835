"""Gradients of the operations that train models, each one step of autograd instead of many.

For an operation: the function, and for each argument ``(answer, *arguments) -> (g -> gradient)``.
They are for ordinary arrays: a gradient of a gradient is traced through the composed bodies.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import _fused as _loud
from . import _lookup, _losses, _random, _vjps_convolution
from ._quiet import quiet, quiet_module
from ._vjps_activations import ACTIVATIONS

__all__ = ["VJPS"]


_fused = quiet_module(_loud)


def _rows(a):
    return a.reshape(-1, a.shape[-1])


def _softmax_vjp(answer, x, *, axis=-1):
    return lambda g: answer * (g - np.add.reduce(g * answer, axis, keepdims=True))


def _log_softmax_vjp(answer, x, *, axis=-1):
    return lambda g: g - np.exp(answer) * np.add.reduce(g, axis, keepdims=True)


VJPS: dict[str, tuple[Callable[..., Any], tuple[Callable[..., Any], ...]]] = {
    **ACTIVATIONS,
    "embedding": (quiet(_lookup.embedding), (_lookup.weight_product,)),
    "kept_below": (quiet(_random.kept_below), (_random.kept_product,)),
    "linear": (
        _fused.linear,
        (
            lambda answer, x, weight, bias: lambda g: np.matmul(g, weight),
            lambda answer, x, weight, bias: lambda g: np.matmul(_rows(g).T, _rows(x)),
            lambda answer, x, weight, bias: lambda g: np.add.reduce(_rows(g), 0),
        ),
    ),
    "log_softmax": (_fused.log_softmax, (_log_softmax_vjp,)),
    "softmax": (_fused.softmax, (_softmax_vjp,)),
    **_losses.PRODUCTS,
    **_vjps_convolution.VJPS,
}
