"""From an engine's refusal to Ember's exception: what was wrong with the call."""

from __future__ import annotations

from typing import Any, NoReturn

from ember_ml.backend.errors import (
    ArgumentError,
    AxisError,
    DeviceError,
    EmberError,
    InvalidValueError,
    ShapeError,
    TensorIndexError,
    UnsupportedError,
)
from ember_ml.backend.operations import Operation
from ember_ml.backend.protocol import Backend

from . import _shapes
from ._core import EmberTensor

__all__ = ["explain", "renamed"]


def _tensors(op: Operation, arguments: dict[str, Any]) -> dict[str, EmberTensor]:
    tensors = {k: v for k, v in arguments.items() if isinstance(v, EmberTensor)}
    for name in op.of_role("tensors"):
        tensors |= {f"{name}[{i}]": x for i, x in enumerate(arguments[name])}
    return tensors


def _fault(op: Operation, arguments: dict[str, Any], shapes: dict[str, Any]) -> ShapeError | None:
    """What the operation's own check, or an axis out of range, has to say."""
    fault = op.check(shapes, arguments) if op.check else None
    if fault:
        return ShapeError(f"{op.name}: {fault}")
    fault = _shapes.axis_fault(shapes, arguments)
    return AxisError(f"{op.name}: {fault}") if fault else None


def renamed(op: Operation, arguments: dict[str, Any], error: EmberError) -> EmberError:
    """``error``, raised inside of a composed operation, as that operation's own where it is that.

    Whether a backend overrides an operation then makes no difference to the message.
    """
    if op.primitive or op.of_role("tensors") or not isinstance(error, ShapeError):
        return error
    tensors = _tensors(op, arguments)
    if set(op.of_role("tensor")) - tensors.keys():  # a list, of no known shape
        return error
    fault = _fault(op, arguments, {k: v.shape for k, v in tensors.items()})
    if type(fault) is not type(error):
        return error
    fault.__cause__ = error.__cause__
    fault.__suppress_context__ = True
    return fault


def explain(
    op: Operation, arguments: dict[str, Any], backend: Backend, failure: Exception
) -> NoReturn:
    """Raise Ember's exception for what the engine refused."""
    tensors = _tensors(op, arguments)
    devices = {x.device for x in tensors.values()}
    if len(devices) > 1:
        raise DeviceError(
            f"{op.name}: tensors on {' and '.join(sorted(devices))}; move one of them, "
            f"x.to_device({sorted(devices)[0]!r})"
        ) from failure
    shapes: dict[str, Any] = {k: v.shape for k, v in tensors.items()}
    error = _fault(op, arguments, shapes)
    if error:
        raise error from failure
    # An operation with a check of its own does more than broadcast.
    fault = None if op.check else _shapes.broadcast_fault(shapes, op.promoted)
    if fault:
        raise ShapeError(f"{op.name}: {fault}") from failure
    given = ", ".join(f"{k}: {v.dtype} {v.shape}" for k, v in tensors.items())
    text = f"{op.name}({given}) failed on backend {backend.name!r}: {failure}"
    halves = {v.dtype.name for v in tensors.values()} & {"float16", "bfloat16"}
    if halves:
        raise UnsupportedError(f"{text}; x.astype(et.float32) may help") from failure
    if isinstance(failure, NotImplementedError):
        raise UnsupportedError(text) from failure
    if isinstance(failure, IndexError):
        raise TensorIndexError(text) from failure
    if isinstance(failure, TypeError):
        raise ArgumentError(text) from failure
    raise InvalidValueError(text) from failure
