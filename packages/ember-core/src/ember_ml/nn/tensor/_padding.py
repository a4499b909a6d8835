"""Padding: more elements before and after those of each axis."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

from ember_ml.backend.errors import ArgumentError, InvalidValueError, ShapeError

from ._convert import as_scalar
from ._core import EmberTensor, TensorLike
from ._creation import _on, arange, full
from ._elementwise import minimum
from ._manipulation import concat
from ._operation import operation
from ._search import take
from ._shapes import as_axis

__all__ = ["PadWidth", "pad", "pad_constant"]

#: One number for all, (before, after) for all, a pair for each axis, or a mapping of axes to these.
PadWidth: TypeAlias = (
    "int | tuple[int, int] | Sequence[tuple[int, int]] | Mapping[int, int | tuple[int, int]]"
)


@operation(result="same")
def pad(
    x: TensorLike,
    pad_width: PadWidth,
    /,
    *,
    mode: Literal["constant", "edge", "reflect", "symmetric", "wrap"] = "constant",
    value: complex = 0,
) -> EmberTensor:
    """``x`` with elements before and after those of each axis, as `numpy.pad` adds them.

    Args:
        pad_width: how many: a number, ``(before, after)``, a pair for each axis, or a mapping
            of axes to one of the first two.
        mode: "constant" for ``value``; "edge" for the outermost element; "reflect" for the
            elements mirrored at it, which is not repeated; "symmetric" for those mirrored at
            the border, so that it is; "wrap" for those of the other end.
        value: of the constant, converted to the dtype of ``x``.

    Raises:
        InvalidValueError: a width is negative, or the mode another.
        ShapeError: the widths do not fit the axes, or an axis has no element to repeat.

    >>> from ember_ml.nn import tensor as et
    >>> et.pad([1, 2, 3], (1, 2)).tolist()
    [0, 1, 2, 3, 0, 0]
    >>> et.pad([1, 2, 3], 2, mode="reflect").tolist()
    [3, 2, 1, 2, 3, 2, 1]
    """
    widths = _widths(pad_width, x.shape)
    if mode not in ("constant", "edge", "reflect", "symmetric", "wrap"):
        raise InvalidValueError(
            f"pad: mode is 'constant', 'edge', 'reflect', 'symmetric' or 'wrap', not {mode!r}"
        )
    if mode == "constant":
        return pad_constant(x, widths, value=as_scalar(value, x.dtype))
    for axis, (before, after) in enumerate(widths):
        if before or after:
            if not x.shape[axis]:
                raise ShapeError(f"pad: axis {axis} of shape {x.shape} has no element to repeat")
            x = take(x, _indices(x, axis, before, after, mode), axis=axis)
    return x


def _widths(pad_width: Any, shape: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """(before, after) of every axis."""
    ndim = len(shape)
    if isinstance(pad_width, Mapping):
        pairs = [(0, 0)] * ndim
        for axis, width in pad_width.items():
            pairs[as_axis(axis, ndim, "pad")] = _pair(width, pad_width)
        return tuple(pairs)
    if not isinstance(pad_width, Sequence):
        return (_pair(pad_width, pad_width),) * ndim
    if any(isinstance(part, Sequence) for part in pad_width):
        pairs = [_pair(part, pad_width) for part in pad_width]
        if len(pairs) not in (1, ndim):
            raise ShapeError(f"pad: widths {pad_width} for the {ndim} axes of shape {shape}")
        return tuple(pairs * ndim if len(pairs) == 1 else pairs)
    return (_pair(pad_width, pad_width),) * ndim


def _pair(width: Any, given: Any) -> tuple[int, int]:
    parts = tuple(width) if isinstance(width, Sequence) else (width,)
    try:
        pair = tuple(map(operator.index, parts * 2 if len(parts) == 1 else parts))
    except TypeError:
        raise ArgumentError(f"pad: widths are integers, and not as in {given!r}") from None
    if len(pair) != 2:
        raise ShapeError(f"pad: a width is a number or (before, after), not {width} as in {given}")
    if min(pair) < 0:
        raise InvalidValueError(f"pad: widths cannot be negative, as in {given}")
    return pair


def _indices(x: EmberTensor, axis: int, before: int, after: int, mode: str) -> EmberTensor:
    """Which element of ``axis`` each one of the padded axis is."""
    size = x.shape[axis]
    with _on(x):
        place = arange(-before, size + after, device=x.device)
    if mode == "edge" or size == 1:
        return place.clip(0, size - 1)
    if mode == "wrap":
        return place % size
    last = 2 * size - 1 if mode == "symmetric" else 2 * size - 2
    place = place % (2 * size if mode == "symmetric" else last)
    return minimum(place, last - place)


@operation(result="same")
def pad_constant(
    x: TensorLike, widths: tuple[tuple[int, int], ...], /, *, value: complex
) -> EmberTensor:
    """What engines offer of `pad`: a pair of widths for each axis, and one value."""
    for axis, (before, after) in enumerate(widths):
        parts = [_block(x, axis, before, value), x, _block(x, axis, after, value)]
        if before or after:
            x = concat([part for part in parts if part is not None], axis=axis)
    return x


def _block(x: EmberTensor, axis: int, width: int, value: complex) -> EmberTensor | None:
    if not width:
        return None
    shape = (*x.shape[:axis], width, *x.shape[axis + 1 :])
    with _on(x):
        return full(shape, value, dtype=x.dtype, device=x.device)
