"""Gradients against finite differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ember_ml import nn
from ember_ml.backend.protocol import Backend
from ember_ml.backend.registry import use_backend
from ember_ml.nn import tensor as et
from ember_ml.nn.tensor import EmberTensor

from ._case import Call, Case
from ._draw import Array, Draw, rounded
from ._run import arrays_of, map_arrays, numpy_of, tensor_of

__all__ = ["gradient_fault"]

#: Of central differences, with an error of its square and of the rounding divided by it.
_STEP = 1e-5
_MARGIN = {"float32": 2e-3, "float64": 1e-5}


def gradient_fault(case: Case, call: Call, draw: Draw, backend: Backend) -> str | None:
    """What is wrong with the gradient by the case's arguments, or None.

    A random weighting of the results, ``sum(w * f(x))``, is differentiated along a random
    direction: by the gradient, and by central differences of the reference in double precision.
    """
    args, kwargs = call
    arguments = _targets(case, args)
    if not arguments:
        return None
    values = [a.values for a in arguments]
    directions = [_direction(case, draw, v.shape) for v in values]
    base = _reference(case, call, values)
    weights = [draw.random.uniform(0.5, 1.5, r.shape) for r in base]
    dtype = arguments[0].dtype

    def at(step: float) -> float:
        moved = [v + step * d for v, d in zip(values, directions, strict=True)]
        results = _reference(case, call, moved)
        return float(sum(np.sum(w * r) for w, r in zip(weights, results, strict=True)))

    right = (at(_STEP) - at(-_STEP)) / (2 * _STEP)

    def loss(arrays: list[EmberTensor]) -> EmberTensor:
        lifted = _replaced(case, args, arrays, tensor_of)
        options = {k: map_arrays(tensor_of, v) for k, v in kwargs.items()}
        result = case.function(*lifted, **options)
        parts = arrays_of(result if case.pick is None else case.pick(result))
        total = et.zeros((), dtype=dtype)
        for part, weight in zip(parts, weights, strict=True):
            total = total + et.sum(part * tensor_of(Array(rounded(weight, dtype), dtype)))
        return total

    with use_backend(backend.name):
        gradients = nn.grad(loss)([tensor_of(a) for a in arguments])
    found = 0.0
    size = 1.0 + abs(right)
    for value, gradient, direction in zip(values, gradients, directions, strict=True):
        if gradient.shape != value.shape or gradient.dtype is not dtype:
            return (
                f"a gradient is {gradient.dtype}{list(gradient.shape)}, "
                f"and the argument {dtype}{list(value.shape)}"
            )
        terms = numpy_of(gradient) * direction
        found += float(np.sum(terms))
        size += float(np.sum(np.abs(terms)))
    if abs(found - right) <= _MARGIN[dtype.name] * case.tolerance**0.5 * size:
        return None
    return f"along a random direction the gradient says {found:.6g}, finite differences {right:.6g}"


def _direction(case: Case, draw: Draw, shape: tuple[int, ...]) -> Any:
    direction = draw.random.uniform(0.5, 1.5, shape) * draw.random.choice([-1.0, 1.0], shape)
    return (direction + np.swapaxes(direction, -1, -2)) / 2 if case.symmetric else direction


def _targets(case: Case, args: tuple[Any, ...]) -> list[Array]:
    """The arrays to differentiate by: arguments, or the items of those that are sequences."""
    found: list[Array] = []
    for i in case.gradient:
        if i >= len(args):  # operands in varying number
            break
        items = args[i] if isinstance(args[i], list | tuple) else [args[i]]
        found += [a for a in items if isinstance(a, Array)]
    return found


def _replaced(
    case: Case, args: tuple[Any, ...], values: list[Any], convert: Callable[[Array], Any]
) -> list[Any]:
    """``args`` with ``values`` in place of the targets, and the other arrays converted."""
    rest = iter(values)
    result = []
    for i, argument in enumerate(args):
        put = convert if i not in case.gradient else lambda array: next(rest)
        result.append(map_arrays(put, argument))
    return result


def _reference(case: Case, call: Call, values: list[Any]) -> list[Any]:
    function = case.differences or case.reference
    assert function is not None, f"the case {case.name!r} has no reference to differentiate"
    args = _replaced(case, call[0], values, lambda a: a.values)
    options = {k: map_arrays(lambda a: a.values, v) for k, v in call[1].items()}
    result = function(*args, **options)
    return list(result) if isinstance(result, tuple) else [np.asarray(result)]
