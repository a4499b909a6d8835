"""Reductions and cumulative operations in the tracer."""

from __future__ import annotations

import autograd.numpy as anp

import numpy as np

from . import _reduce as _loud
from ._quiet import quiet_module
from ._rules_shape import astype, broadcast_to, summed
from ._tape import plain, primitive

_reduce = quiet_module(_loud)


def _spread(g, x, axis, keepdims):
    """``g``, from a reduction of ``x`` over ``axis``, over the axes that went away."""
    shape = np.shape(plain(x))
    if axis is not None and not keepdims:
        gone = {a % len(shape) for a in (axis if isinstance(axis, tuple) else (axis,))}
        g = anp.reshape(g, tuple(1 if i in gone else n for i, n in enumerate(shape)))
    return broadcast_to(g, shape)


def _reduction(function, product):
    """``product`` takes gradient and answer as large as ``x``."""

    def maker(answer, x, *, axis=None, keepdims=False, **options):
        return lambda g: product(
            _spread(g, x, axis, keepdims), _spread(answer, x, axis, keepdims), x, axis
        )

    return primitive(function, maker)


def _sum_product(answer, x, *, axis=None, dtype=None, keepdims=False):
    return lambda g: _spread(g, x, axis, keepdims)


def _mean_product(answer, x, *, axis=None, keepdims=False):
    share = np.size(plain(answer)) / x.size if x.size else np.nan
    return lambda g: _spread(g * share, x, axis, keepdims)


def _converted(function):
    """A step of its own for the conversion, so that the reduction keeps the dtype."""

    def reduce(x, /, *, axis=None, dtype=None, **options):
        if dtype is not None:
            x, options["dtype"] = astype(x, dtype, copy=False), dtype
        return function(x, axis=axis, **options)

    return reduce


def _chosen(g, answer, x, axis):
    """Equal ones share the gradient."""
    mask = plain(x) == plain(answer)
    count = np.add.reduce(mask, axis, keepdims=True)
    return g * (mask / np.maximum(count, 1)).astype(plain(x).dtype)


# -- products: nothing is divided by where an element is zero ---------------------------------------


def others(x):
    """For each element along the first axis the product of the others."""
    one = np.ones((1, *x.shape[1:]), plain(x).dtype)
    before = cumprod(anp.concatenate([one, x[:-1]]), axis=0)
    after = cumprod(anp.concatenate([one, x[:0:-1]]), axis=0)
    return before * after[::-1]


def _prod_product(g, answer, x, axis):
    if np.all(plain(x)):
        return g * (answer / x)
    ndim = x.ndim
    axes = range(ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    first = [a % ndim for a in axes]
    order = first + [i for i in range(ndim) if i not in first]
    y = anp.transpose(x, order)
    rest = anp.reshape(others(anp.reshape(y, (-1, *y.shape[len(first) :]))), y.shape)
    return g * anp.transpose(rest, np.argsort(order))


def _cumprod_product(answer, x, *, axis, dtype=None):
    def product(g):
        if np.all(plain(x)):
            return _backwards(g * answer, axis) / x
        h, y = anp.moveaxis(g, axis, 0), anp.moveaxis(x, axis, 0)
        last = h[-1]
        sums = [last]
        for i in range(len(y) - 2, -1, -1):  # of the products of the elements after i
            last = h[i] + y[i + 1] * last
            sums.append(last)
        one = np.ones((1, *y.shape[1:]), plain(y).dtype)
        before = cumprod(anp.concatenate([one, y[:-1]]), axis=0)
        return anp.moveaxis(before * anp.stack(sums[::-1]), 0, axis)

    return product


def _backwards(g, axis):
    """The cumulative sum from the end."""
    key = (*(slice(None),) * (axis % g.ndim), slice(None, None, -1))
    return cumsum(g[key], axis=axis)[key]


sum = _converted(primitive(_reduce.sum, _sum_product))
mean = primitive(_reduce.mean, _mean_product)
prod = _converted(_reduction(_reduce.prod, _prod_product))
max = _reduction(_reduce.max, _chosen)
min = _reduction(_reduce.min, _chosen)
cumsum = _converted(
    primitive(_reduce.cumsum, lambda answer, x, *, axis, dtype=None: lambda g: _backwards(g, axis))
)
cumprod = _converted(primitive(_reduce.cumprod, _cumprod_product))


# -- the matrix product ---------------------------------------------------------------------------


def _t(x):
    return anp.swapaxes(x, -1, -2)


def _left_product(answer, x, y):
    def product(g):
        if y.ndim == 1:
            return summed(g[..., None] * y, x)
        if x.ndim == 1:
            return summed(matmul(y, g[..., None])[..., 0], x)
        return summed(matmul(g, _t(y)), x)

    return product


def _right_product(answer, x, y):
    def product(g):
        if y.ndim == 1:
            return summed(matmul(_t(x), g[..., None])[..., 0] if x.ndim > 1 else x * g, y)
        left = _t(x) if x.ndim > 1 else x[:, None]
        return summed(matmul(left, g if x.ndim > 1 else g[..., None, :]), y)

    return product


matmul = primitive(_reduce.matmul, _left_product, _right_product)
