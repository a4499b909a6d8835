"""Shapes and the order of elements."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ember_ml.backend.dtypes import DType

from .._case import Call, case
from .._draw import Draw


def _reshape(draw: Draw, dtype: DType) -> Call:
    shape = draw.shape(0, 3)
    size = math.prod(shape)
    sides = [d for d in range(1, size + 1) if size % d == 0] or [0]
    first = draw.one_of(*sides)
    new = draw.one_of((size,), (first, size // first if first else 0), (-1,) if size else (0, 2))
    if draw.amiss():
        new = (size + 1,)
    return (draw.array(dtype, shape), new), {"copy": draw.one_of(None, True)}


case("reshape", _reshape, reference=lambda x, shape, *, copy: x.reshape(shape), gradient=(0,))


def _broadcast(draw: Draw, dtype: DType) -> Call:
    whole = draw.shape()
    part = tuple(1 if draw.integer(0, 2) == 0 else n for n in whole)
    part = part[draw.integer(0, len(part)) :]
    if draw.amiss():
        whole = (*whole, 7)
    return (draw.array(dtype, part), whole), {}


case("broadcast_to", _broadcast, reference=np.broadcast_to, gradient=(0,))


def _together(draw: Draw, dtype: DType) -> Call:
    return tuple(draw.array(dtype, s) for s in draw.shapes(draw.integer(1, 3))), {}


case(
    "broadcast_arrays",
    _together,
    reference=lambda *arrays: tuple(np.broadcast_arrays(*arrays)),
    gradient=(0,),
)


def _permute(draw: Draw, dtype: DType) -> Call:
    shape = draw.shape()
    axes = tuple(int(a) - len(shape) * draw.integer(0, 1) for a in draw.random.permutation(len(shape)))  # fmt: skip
    if draw.amiss():
        axes = (*axes, 0)
    return (draw.array(dtype, shape), axes), {}


case("permute_dims", _permute, reference=np.transpose, gradient=(0,))


def _matrices(draw: Draw, dtype: DType) -> Call:
    return (draw.array(dtype, draw.shape(1 if draw.amiss() else 2)),), {}


case("matrix_transpose", _matrices, reference=lambda x: np.swapaxes(x, -1, -2), gradient=(0,))
case("linalg.matrix_transpose", _matrices, reference=lambda x: np.swapaxes(x, -1, -2))


def _move(draw: Draw, dtype: DType) -> Call:
    shape = draw.shape(1)
    return (draw.array(dtype, shape), draw.axis(len(shape)), draw.axis(len(shape))), {}


case("moveaxis", _move, reference=np.moveaxis, gradient=(0,))


def _insert(draw: Draw, dtype: DType) -> Call:
    shape = draw.shape()
    return (draw.array(dtype, shape), draw.axis(len(shape) + 1)), {}


def _remove(draw: Draw, dtype: DType) -> Call:
    shape = list(draw.shape(1))
    axis = draw.axis(len(shape))
    if not draw.amiss() and -len(shape) <= axis < len(shape):
        shape[axis] = 1
    return (draw.array(dtype, shape), axis), {}


case("expand_dims", _insert, reference=np.expand_dims, gradient=(0,))
case("squeeze", _remove, reference=lambda x, axis: np.squeeze(x, axis=axis), gradient=(0,))


def _pieces(draw: Draw, dtype: DType) -> Call:
    shape = draw.shape(1)
    axis = draw.axis(len(shape))
    arrays = []
    for _ in range(draw.integer(1, 3)):
        piece = list(shape)
        if -len(shape) <= axis < len(shape):
            piece[axis] = draw.integer(0 if not draw.smooth else 1, 3)
        arrays.append(draw.array(dtype, draw.shape() if draw.amiss() else piece))
    return (arrays,), {"axis": axis}


def _equal_pieces(draw: Draw, dtype: DType) -> Call:
    shape = draw.shape()
    arrays = [
        draw.array(dtype, draw.shape() if draw.amiss() else shape)
        for _ in range(draw.integer(1, 3))
    ]
    return (arrays,), {"axis": draw.axis(len(shape) + 1)}


case("concat", _pieces, reference=lambda arrays, *, axis: np.concatenate(arrays, axis=axis),
     gradient=(0,))  # fmt: skip
case("stack", _equal_pieces, reference=lambda arrays, *, axis: np.stack(arrays, axis=axis),
     gradient=(0,))  # fmt: skip


def _along(draw: Draw, dtype: DType) -> Call:
    shape = draw.shape(1)
    return (draw.array(dtype, shape),), {"axis": draw.axis(len(shape))}


def _split_evenly(draw: Draw, dtype: DType) -> Call:
    shape = list(draw.shape(1))
    axis = draw.axis(len(shape))
    sections = draw.integer(1, 3)
    if -len(shape) <= axis < len(shape):
        shape[axis] *= sections
    where: Any = sections
    if draw.flag():
        where = sorted(draw.integer(0, 4) for _ in range(2))
    return (draw.array(dtype, shape), where), {"axis": axis}


case(
    "unstack",
    _along,
    reference=lambda x, *, axis: tuple(np.moveaxis(x, axis, 0)),
    gradient=(0,),
)
case(
    "split",
    _split_evenly,
    reference=lambda x, where, *, axis: tuple(np.split(x, where, axis=axis)),
    gradient=(0,),
)


def _flip(draw: Draw, dtype: DType) -> Call:
    shape = draw.shape()
    return (draw.array(dtype, shape),), {"axis": draw.axes(len(shape))}


def _roll(draw: Draw, dtype: DType) -> Call:
    shape = draw.shape()
    axis = draw.axis(len(shape), none=True)
    shift: Any = draw.integer(-5, 5)
    if len(shape) > 1 and draw.flag():
        axis, shift = (0, 1), (shift, draw.integer(-5, 5))
    return (draw.array(dtype, shape), shift), {"axis": axis}


case("flip", _flip, reference=np.flip, gradient=(0,))
case("roll", _roll, reference=np.roll, gradient=(0,))


def _repeat(draw: Draw, dtype: DType) -> Call:
    shape = draw.shape(1)
    axis = draw.axis(len(shape), none=True)
    return (draw.array(dtype, shape), draw.integer(0, 3)), {"axis": axis}


def _tile(draw: Draw, dtype: DType) -> Call:
    shape = draw.shape()
    return (draw.array(dtype, shape), tuple(draw.shape(0, 3))), {}


case("repeat", _repeat, reference=np.repeat, gradient=(0,))
case("tile", _tile, reference=np.tile, gradient=(0,))
