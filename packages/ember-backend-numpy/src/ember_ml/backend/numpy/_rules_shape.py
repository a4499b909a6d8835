"""Conversion, shapes and places in the tracer: what autograd lacks, or has for some arguments."""

from __future__ import annotations

from typing import Any

import autograd.numpy as anp
from autograd.numpy.numpy_boxes import ArrayBox

import numpy as np

from . import _shape
from ._tape import is_view, plain, primitive

# -- conversion ---------------------------------------------------------------------------------


def _cast_product(answer, x, dtype):
    kept = plain(x).dtype

    def product(g):
        real = kept.kind == "f" and plain(g).dtype.kind == "c"
        return _cast(anp.real(g) if real else g, kept)

    return product


_cast = primitive(lambda x, dtype: np.asarray(x, dtype), _cast_product)


def astype(x, dtype, /, *, copy=True, device=None):
    if not isinstance(x, ArrayBox):
        return x.astype(dtype, copy=copy)
    # What is no floating-point number has no derivative.
    return _cast(x, dtype) if np.dtype(dtype).kind in "fc" else plain(x).astype(dtype)


def copy(x, /):
    return x if isinstance(x, ArrayBox) else np.array(x)


def stop_gradient(x, /):
    return plain(x)


# -- shapes -------------------------------------------------------------------------------------


def reshape(x, /, shape, *, copy=None):
    # a traced value is never written to: sharing it is no different from a copy
    return anp.reshape(x, shape) if isinstance(x, ArrayBox) else _shape.reshape(x, shape, copy=copy)


def permute_dims(x, /, axes):
    # autograd's product takes the axes as they come, and sorts negative ones first
    return anp.transpose(x, [_shape.np_axis(a, x.ndim) for a in axes])


_total = primitive(
    lambda x, axes: np.add.reduce(x, axes, keepdims=True),
    lambda answer, x, axes: lambda g: broadcast_to(g, np.shape(plain(x))),
)
_broadcast = primitive(_shape.broadcast_to, lambda answer, x, shape: lambda g: summed(g, x))


def summed(g, x):
    """``g``, summed over the axes along which ``x`` was broadcast."""
    shape, wide = np.shape(plain(x)), np.shape(plain(g))
    if shape == wide:
        return g
    extra = len(wide) - len(shape)
    axes = tuple(i for i, n in enumerate(wide) if i < extra or shape[i - extra] != n)
    return anp.reshape(_total(g, axes), shape)


def broadcast_to(x, /, shape):
    return _broadcast(x, shape)


def _roll_product(answer, x, shift, axis):
    back = tuple(-n for n in shift) if isinstance(shift, tuple) else -shift
    return lambda g: _roll(g, back, axis)


_roll = primitive(lambda x, shift, axis: _shape.roll(x, shift, axis=axis), _roll_product)


def roll(x, /, shift, *, axis=None):
    return _roll(x, shift, axis)


_where: Any = primitive(
    _shape.where,
    None,
    lambda answer, c, x, y: lambda g: summed(_where(c, g, 0), x),
    lambda answer, c, x, y: lambda g: summed(_where(c, 0, g), y),
)


def where(condition, x1, x2, /):
    return _where(plain(condition), x1, x2)


# -- order --------------------------------------------------------------------------------------

_permuted: Any = primitive(
    lambda x, order, axis: np.take_along_axis(x, order, axis),
    lambda answer, x, order, axis: lambda g: _permuted(g, np.argsort(order, axis), axis),
)


def sort(x, /, *, axis=-1, descending=False, stable=True):
    order = _shape.argsort(plain(x), axis=axis, descending=descending)
    return _permuted(x, order, axis)


# -- places -------------------------------------------------------------------------------------


def _spread_out(g, indices, axis, shape):
    """Zeros of ``shape``, with the parts of ``g`` added at ``indices``."""
    result = np.zeros(shape, g.dtype)
    depth = np.ndim(indices)
    parts = np.moveaxis(g, range(axis, axis + depth), range(depth))
    np.add.at(np.moveaxis(result, axis, 0), indices, parts)
    return result


def _taken_product(answer, x, indices, axis):
    along = 0 if axis is None else axis % x.ndim
    return lambda g: _put_back(g, indices, along, np.shape(plain(x)))


_taken: Any = primitive(lambda x, indices, axis: _shape.take(x, indices, axis=axis), _taken_product)
_put_back: Any = primitive(
    _spread_out, lambda answer, g, indices, axis, shape: lambda h: _taken(h, indices, axis)
)


def take(x, indices, /, *, axis=None):
    return _taken(x, plain(indices), axis)


def _assigned_product(answer, x, key, value):
    def product(g):
        part = g[key]
        if not is_view(key):  # of several values for one place the last one stays
            place = np.full(np.shape(plain(x)), -1)
            numbers = np.arange(np.size(plain(part))).reshape(np.shape(plain(part)))
            place[key] = numbers
            part = where(place[key] == numbers, part, 0)
        return summed(part, value)

    return product


def _assign(x, key, value):
    result = np.array(x)
    result[key] = value
    return result


#: A copy of ``x`` with ``x[key] = value``.
assigned: Any = primitive(
    _assign,
    lambda answer, x, key, value: lambda g: assigned(g, key, 0),
    None,
    _assigned_product,
)
