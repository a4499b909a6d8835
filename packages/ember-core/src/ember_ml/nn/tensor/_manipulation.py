"""Shapes and order of tensors.

None of these changes an element or the dtype; `concat` and `stack` promote. Source: array API
standard 2025.12, "Manipulation functions".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from ember_ml.backend.errors import InvalidValueError, ShapeError

from ._core import EmberTensor, Shape, TensorLike
from ._operation import operation
from ._shapes import as_axes, as_axis, broadcast

__all__ = [
    "broadcast_arrays",
    "broadcast_shapes",
    "broadcast_to",
    "concat",
    "expand_dims",
    "flip",
    "matrix_transpose",
    "moveaxis",
    "permute_dims",
    "repeat",
    "reshape",
    "roll",
    "split",
    "squeeze",
    "stack",
    "tile",
    "unstack",
]


def _check_reshape(shapes: dict[str, Any], arguments: dict[str, Any]) -> str | None:
    size, wanted = math.prod(shapes["x"]), math.prod(arguments["shape"])
    if arguments["copy"] is False and size == wanted:
        return None  # it cannot be done without a copy
    return f"shape {shapes['x']} has not the elements of shape {arguments['shape']}"


@operation(result="same", check=_check_reshape)
def reshape(x: TensorLike, /, shape: Shape, *, copy: bool | None = None) -> EmberTensor:
    """The elements of ``x``, in C order, in another shape; one size may be -1.

    Raises:
        ShapeError: the number of elements differs.

    >>> from ember_ml.nn import tensor as et
    >>> et.reshape(et.arange(4), (2, -1)).tolist()
    [[0, 1], [2, 3]]
    """
    ...


def _check_broadcast(shapes: dict[str, Any], arguments: dict[str, Any]) -> str | None:
    return f"shape {shapes['x']} does not broadcast to {arguments['shape']}"


@operation(result="same", check=_check_broadcast)
def broadcast_to(x: TensorLike, /, shape: Shape) -> EmberTensor:
    """``x`` repeated, without memory where the engine can, to ``shape``.

    >>> from ember_ml.nn import tensor as et
    >>> et.broadcast_to([1, 2], (2, 2)).tolist()
    [[1, 2], [1, 2]]
    """
    ...


def broadcast_shapes(*shapes: Sequence[int]) -> tuple[int, ...]:
    """The shape that ``shapes`` broadcast to.

    Raises:
        ShapeError: they do not broadcast.

    >>> from ember_ml.nn import tensor as et
    >>> et.broadcast_shapes((3, 1), (4,))
    (3, 4)
    """
    result = broadcast(shapes)
    if result is None:
        raise ShapeError(f"shapes {' and '.join(str(tuple(s)) for s in shapes)} do not broadcast")
    return result


def broadcast_arrays(*arrays: TensorLike) -> tuple[EmberTensor, ...]:
    """Each tensor broadcast to the shape common to all.

    >>> from ember_ml.nn import tensor as et
    >>> [x.tolist() for x in et.broadcast_arrays([1, 2], 3)]
    [[1, 2], [3, 3]]
    """
    from ._creation import asarray

    tensors = [asarray(x) for x in arrays]
    shape = broadcast_shapes(*(x.shape for x in tensors))
    return tuple(broadcast_to(x, shape) for x in tensors)


def _check_permute(shapes: dict[str, Any], arguments: dict[str, Any]) -> str | None:
    return f"axes {arguments['axes']} are not a permutation of the axes of shape {shapes['x']}"


@operation(result="same", check=_check_permute)
def permute_dims(x: TensorLike, /, axes: tuple[int, ...]) -> EmberTensor:
    """The axes of ``x`` in the order ``axes``.

    >>> from ember_ml.nn import tensor as et
    >>> et.permute_dims(et.zeros((2, 3, 4)), (2, 0, 1)).shape
    (4, 2, 3)
    """
    ...


def _check_matrix(shapes: dict[str, Any], arguments: dict[str, Any]) -> str | None:
    shape = shapes["x"]
    return f"needs at least two dimensions, not shape {shape}" if len(shape) < 2 else None


@operation(result="same", check=_check_matrix)
def matrix_transpose(x: TensorLike, /) -> EmberTensor:
    """Matrices (..., M, N) to (..., N, M).

    Raises:
        ShapeError: fewer than two dimensions.

    >>> from ember_ml.nn import tensor as et
    >>> et.matrix_transpose([[1, 2], [3, 4]]).tolist()
    [[1, 3], [2, 4]]
    """
    if x.ndim < 2:
        raise ShapeError(f"matrix_transpose needs at least two dimensions, not shape {x.shape}")
    axes = tuple(range(x.ndim))
    return permute_dims(x, (*axes[:-2], axes[-1], axes[-2]))


@operation(result="same")
def moveaxis(
    x: TensorLike, source: int | tuple[int, ...], destination: int | tuple[int, ...], /
) -> EmberTensor:
    """The axes ``source`` moved to ``destination``, the others in their order.

    >>> from ember_ml.nn import tensor as et
    >>> et.moveaxis(et.zeros((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    source = as_axes(source, x.ndim, "moveaxis")
    destination = as_axes(destination, x.ndim, "moveaxis")
    if len(source) != len(destination):
        raise ShapeError(f"moveaxis: {len(source)} axes cannot move to {len(destination)} places")
    order = [axis for axis in range(x.ndim) if axis not in source]
    for place, axis in sorted(zip(destination, source, strict=True)):
        order.insert(place, axis)
    return permute_dims(x, tuple(order))


def expand_dims(x: TensorLike, /, axis: int | tuple[int, ...]) -> EmberTensor:
    """``x`` with new axes of size one at ``axis``.

    >>> from ember_ml.nn import tensor as et
    >>> et.expand_dims([1, 2], axis=-1).shape
    (2, 1)
    """
    from ._creation import asarray

    x = asarray(x)
    count = len(axis) if isinstance(axis, tuple | list) else 1
    new = as_axes(axis, x.ndim + count, "expand_dims")
    sizes = iter(x.shape)
    return reshape(x, tuple(1 if i in new else next(sizes) for i in range(x.ndim + count)))


def squeeze(x: TensorLike, /, axis: int | tuple[int, ...]) -> EmberTensor:
    """``x`` without the axes ``axis``, which must have size one.

    Raises:
        ShapeError: one of them has not.

    >>> from ember_ml.nn import tensor as et
    >>> et.squeeze([[1, 2]], 0).tolist()
    [1, 2]
    """
    from ._creation import asarray

    x = asarray(x)
    shape = x.shape
    axes = as_axes(axis, len(shape), "squeeze")
    for a in axes:
        if shape[a] != 1:
            raise ShapeError(f"squeeze: axis {a} of shape {shape} has size {shape[a]}, not 1")
    return reshape(x, tuple(n for i, n in enumerate(shape) if i not in axes))


def _check_concat(shapes: dict[str, Any], arguments: dict[str, Any]) -> str | None:
    listed = list(shapes.values())
    if not listed:
        return "needs at least one tensor"
    axis = arguments.get("axis", 0)
    if axis is not None and not -len(listed[0]) <= axis < len(listed[0]):
        return None  # the axis itself is at fault
    return f"shapes {' and '.join(map(str, listed))} differ beside axis {axis}"


@operation(result="same", check=_check_concat)
def concat(arrays: Sequence[TensorLike], /, *, axis: int | None = 0) -> EmberTensor:
    """The tensors one after the other along ``axis``; flattened first where it is None.

    Raises:
        ShapeError: they differ in another axis.

    >>> from ember_ml.nn import tensor as et
    >>> et.concat([[1, 2], [3]]).tolist()
    [1, 2, 3]
    """
    ...


def _check_stack(shapes: dict[str, Any], arguments: dict[str, Any]) -> str | None:
    listed = list(shapes.values())
    if not listed:
        return "needs at least one tensor"
    if any(shape != listed[0] for shape in listed):
        return f"shapes {' and '.join(map(str, listed))} are not all the same"
    return None


@operation(result="same", check=_check_stack)
def stack(arrays: Sequence[TensorLike], /, *, axis: int = 0) -> EmberTensor:
    """The tensors, all of one shape, along a new axis.

    Raises:
        ShapeError: their shapes differ.

    >>> from ember_ml.nn import tensor as et
    >>> et.stack([[1, 2], [3, 4]], axis=1).tolist()
    [[1, 3], [2, 4]]
    """
    ...


def unstack(x: TensorLike, /, *, axis: int = 0) -> tuple[EmberTensor, ...]:
    """The slices of ``x`` along ``axis``, which goes away.

    >>> from ember_ml.nn import tensor as et
    >>> [s.tolist() for s in et.unstack([[1, 2], [3, 4]])]
    [[1, 2], [3, 4]]
    """
    from ._creation import asarray

    x = asarray(x)
    before = (slice(None),) * as_axis(axis, x.ndim, "unstack")
    return tuple(x[(*before, i)] for i in range(x.shape[len(before)]))


def split(
    x: TensorLike, /, indices_or_sections: int | Sequence[int], *, axis: int = 0
) -> tuple[EmberTensor, ...]:
    """Parts of ``x`` along ``axis``: so many equal ones, or cut before the given indices.

    Raises:
        ShapeError: the axis cannot be cut in so many equal parts.

    >>> from ember_ml.nn import tensor as et
    >>> [p.tolist() for p in et.split(et.arange(5), [2, 3])]
    [[0, 1], [2], [3, 4]]
    """
    from ._creation import asarray

    x = asarray(x)
    before = (slice(None),) * as_axis(axis, x.ndim, "split")
    size = x.shape[len(before)]
    if isinstance(indices_or_sections, int):
        parts = indices_or_sections
        if parts < 1 or size % parts:
            raise ShapeError(f"split: size {size} of axis {axis} is not {parts} equal parts")
        cuts = [size // parts * i for i in range(1, parts)]
    else:
        cuts = list(indices_or_sections)
    edges = [0, *cuts, size]
    return tuple(x[(*before, slice(a, b))] for a, b in pairwise(edges))


@operation(result="same")
def flip(x: TensorLike, /, *, axis: int | tuple[int, ...] | None = None) -> EmberTensor:
    """The elements in reverse order along ``axis`` (None: all).

    >>> from ember_ml.nn import tensor as et
    >>> et.flip([1, 2, 3]).tolist()
    [3, 2, 1]
    """
    axes = as_axes(axis, x.ndim, "flip")
    return x[tuple(slice(None, None, -1 if i in axes else None) for i in range(x.ndim))]


@operation(result="same")
def roll(
    x: TensorLike,
    /,
    shift: int | tuple[int, ...],
    *,
    axis: int | tuple[int, ...] | None = None,
) -> EmberTensor:
    """The elements moved ``shift`` places along ``axis``, those that fall off put in front.

    >>> from ember_ml.nn import tensor as et
    >>> et.roll([1, 2, 3], 1).tolist()
    [3, 1, 2]
    """
    shifts = shift if isinstance(shift, tuple) else (shift,)
    if axis is None:
        return reshape(roll(reshape(x, (-1,)), (sum(shifts),), axis=(0,)), x.shape)
    axes = axis if isinstance(axis, tuple) else (axis,)
    if len(shifts) != len(axes):
        if 1 not in (len(shifts), len(axes)):
            raise ShapeError(f"roll: {len(shifts)} shifts for {len(axes)} axes")
        shifts, axes = shifts * len(axes), axes * len(shifts)
    for n, a in zip(shifts, axes, strict=True):
        a = as_axis(a, x.ndim, "roll")
        before, cut = (slice(None),) * a, -n % max(x.shape[a], 1)
        x = concat([x[(*before, slice(cut, None))], x[(*before, slice(0, cut))]], axis=a)
    return x


@operation(result="same")
def repeat(x: TensorLike, repeats: int | TensorLike, /, *, axis: int | None = None) -> EmberTensor:
    """Each element, or each slice along ``axis``, repeated ``repeats`` times.

    >>> from ember_ml.nn import tensor as et
    >>> et.repeat([1, 2], 2).tolist(), et.repeat([1, 2], [0, 3]).tolist()
    ([1, 1, 2, 2], [2, 2, 2])
    """
    from ._creation import _on, arange, asarray
    from ._search import take
    from ._sets import repeated_indices

    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    axis = as_axis(axis, x.ndim, "repeat")
    size = x.shape[axis]
    with _on(x):
        if isinstance(repeats, int):
            if repeats < 0:
                raise InvalidValueError(f"repeat: {repeats} is not a number of times")
            index = arange(size, device=x.device)[:, None]
            index = reshape(broadcast_to(index, (size, repeats)), (-1,))
        else:
            counts = asarray(repeats)
            if counts.ndim == 0 or counts.shape == (1,):
                counts = broadcast_to(counts, (size,))
            if counts.shape != (size,):
                raise ShapeError(f"repeat: {counts.shape} repeats for an axis of size {size}")
            index = repeated_indices(counts)
    return take(x, index, axis=axis)


def _check_tile(shapes: dict[str, Any], arguments: dict[str, Any]) -> str | None:
    times = tuple(arguments["repetitions"])
    return f"repetitions cannot be negative, in {times}" if min(times, default=0) < 0 else None


@operation(result="same", check=_check_tile)
def tile(x: TensorLike, repetitions: tuple[int, ...], /) -> EmberTensor:
    """``x`` laid ``repetitions`` times along each axis.

    Raises:
        ShapeError: a repetition is negative.

    >>> from ember_ml.nn import tensor as et
    >>> et.tile([1, 2], (2,)).tolist()
    [1, 2, 1, 2]
    """
    times = tuple(repetitions)
    fault = _check_tile({}, {"repetitions": times})
    if fault:
        raise ShapeError(f"tile: {fault}")
    shape = (1,) * (len(times) - x.ndim) + x.shape
    times = (1,) * (len(shape) - len(times)) + times
    pairs = tuple(n for size in shape for n in (1, size))
    wide = tuple(n for pair in zip(times, shape, strict=True) for n in pair)
    result = broadcast_to(reshape(x, pairs), wide)
    return reshape(result, tuple(t * n for t, n in zip(times, shape, strict=True)))
