"""Shapes: reading them from arguments, broadcasting, and saying what does not fit."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import Any

from ember_ml.backend.errors import ArgumentError, AxisError, InvalidValueError

__all__ = [
    "as_axes",
    "as_axis",
    "as_shape",
    "axis_fault",
    "broadcast",
    "broadcast_fault",
    "checked_shape",
    "empty_fault",
]


def as_shape(shape: Any) -> tuple[int, ...]:
    """A tuple of sizes from an integer or a sequence of them.

    Raises:
        ArgumentError: it is neither.
    """
    try:
        return (operator.index(shape),)
    except TypeError:
        pass
    try:
        return tuple(map(operator.index, shape))
    except TypeError:
        raise ArgumentError(
            f"a shape is an integer or a sequence of integers, not {shape!r}"
        ) from None


def checked_shape(shape: Any) -> tuple[int, ...]:
    """`as_shape`, without negative sizes.

    Raises:
        InvalidValueError: a size is negative.
    """
    sizes = as_shape(shape)
    if any(size < 0 for size in sizes):
        raise InvalidValueError(f"sizes cannot be negative, in the shape {sizes}")
    return sizes


def as_axis(axis: Any, ndim: int, what: str) -> int:
    """``axis`` counted from the front.

    Raises:
        AxisError: there is no such axis.
        ArgumentError: it is no integer.
    """
    try:
        index = operator.index(axis)
    except TypeError:
        raise ArgumentError(f"{what}: an axis is an integer, not {axis!r}") from None
    if not -ndim <= index < ndim:
        raise AxisError(f"{what}: axis {axis} is out of range for {ndim} dimensions")
    return index % ndim


def as_axes(axis: Any, ndim: int, what: str) -> tuple[int, ...]:
    """The axes named by ``axis`` (None: all), counted from the front, each once."""
    if axis is None:
        return tuple(range(ndim))
    axes = tuple(axis) if isinstance(axis, list | tuple | range) else (axis,)
    found = tuple(as_axis(a, ndim, what) for a in axes)
    if len(set(found)) != len(found):
        raise AxisError(f"{what}: an axis is named twice in {axes}")
    return found


def broadcast(shapes: Iterable[Sequence[int]]) -> tuple[int, ...] | None:
    """The shape that ``shapes`` broadcast to, or None."""
    result: list[int] = []
    for shape in shapes:
        for i, size in enumerate(reversed(shape)):
            if i == len(result):
                result.append(size)
            elif result[i] == 1:
                result[i] = size
            elif size not in (1, result[i]):
                return None
    return tuple(reversed(result))


def axis_fault(shapes: dict[str, Any], arguments: dict[str, Any]) -> str | None:
    """What is wrong with the axes of a failed call, if that is it."""
    axis = arguments.get("axis")
    if axis is None:
        axis = arguments.get("axes")
    leader = next(iter(shapes.values()), None)
    if axis is None or leader is None:
        return None
    axes = axis if isinstance(axis, tuple | list) else (axis,)
    ndim = len(leader)
    for a in axes:
        if isinstance(a, int) and not -ndim <= a < ndim:
            return f"axis {a} is out of range for shape {leader}"
    if ndim and len({a % ndim for a in axes if isinstance(a, int)}) < len(axes):
        return f"an axis is named twice in {axis}"
    return None


def empty_fault(shapes: dict[str, Any], arguments: dict[str, Any]) -> str | None:
    """Whether a failed reduction was over no elements, of which there is no greatest."""
    shape = shapes["x"]
    if axis_fault(shapes, arguments):
        return None
    if any(shape[axis] == 0 for axis in as_axes(arguments["axis"], len(shape), "")):
        return f"no elements along axis {arguments['axis']} of shape {shape}"
    return None


def broadcast_fault(shapes: dict[str, Any], promoted: Sequence[str]) -> str | None:
    """Which shapes of a failed call do not broadcast, if that is it."""
    operands = [shapes[name] for name in promoted if name in shapes]
    if len(operands) > 1 and broadcast(operands) is None:
        return f"shapes {' and '.join(map(str, operands))} do not broadcast"
    return None
