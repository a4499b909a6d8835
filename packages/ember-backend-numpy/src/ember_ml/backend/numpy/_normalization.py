"""Overrides of normalisation, with few passes over memory.

``forward_...`` also gives what ``backward_...`` needs; see `_tape.primitive_keeping`.
"""

from __future__ import annotations

import math

import numpy as np

_add = np.add.reduce


def _fits(due, *tensors):
    if any(t is not None and t.shape != due for t in tensors):
        raise ValueError(f"shape {due} is due")


def _wide(x):
    """Half precision is added up in single."""
    return x.astype(np.float32) if x.dtype.char == "e" else x


def _rows(x, dims):
    if not 1 <= dims <= x.ndim:
        raise ValueError(f"there are no {dims} trailing axes")
    first = x.ndim - dims
    return x.reshape(math.prod(x.shape[:first]), math.prod(x.shape[first:]))


def _affine(rows, weight, bias):
    """``rows * weight + bias``, not in place."""
    if weight is None:
        return rows.copy() if bias is None else rows + bias.reshape(-1)
    y = rows * weight.reshape(-1)
    if bias is not None:
        y += bias.reshape(-1)
    return y


# -- rows -----------------------------------------------------------------------------------------


def _standard(x, dims, eps):
    """Rows of zero mean and unit variance, and what they were divided by."""
    rows = _wide(_rows(x, dims))
    n = max(rows.shape[-1], 1)
    centred = rows - _add(rows, -1, keepdims=True) / n
    spread = np.einsum("ij,ij->i", centred, centred)
    spread /= n
    spread += eps
    inverse = 1 / np.sqrt(spread, out=spread)
    centred *= inverse[:, None]
    return centred, inverse


def forward_layer_norm(x, weight=None, bias=None, /, *, dims=1, eps=1e-5):
    kept = _standard(x, dims, eps)
    _fits(x.shape[x.ndim - dims :], weight, bias)
    y = _affine(kept[0], weight, bias)
    return y.reshape(x.shape).astype(x.dtype, copy=False), kept


def layer_norm(x, weight=None, bias=None, /, *, dims=1, eps=1e-5):
    _fits(x.shape[max(x.ndim - dims, 0) :], weight, bias)
    y, _ = _standard(x, dims, eps)
    if weight is not None:
        y *= weight.reshape(-1)
    if bias is not None:
        y += bias.reshape(-1)
    return y.reshape(x.shape).astype(x.dtype, copy=False)


def _by_affine(numbers, g, standard, shape):
    """The gradients by weight and bias of rows."""
    found = {}
    if 1 in numbers:
        found[1] = np.einsum("ij,ij->j", g, standard).reshape(shape)
    if 2 in numbers:
        found[2] = _add(g, 0).reshape(shape)
    return found


def backward_layer_norm(numbers, g, answer, kept, arguments, *, dims=1, eps=1e-5):
    standard, inverse = kept
    shape = answer.shape[answer.ndim - dims :]
    g = _wide(g.reshape(standard.shape))
    found = _by_affine(numbers, g, standard, shape)
    if 0 in numbers:
        n = max(standard.shape[-1], 1)
        weight = arguments[1] if len(arguments) > 1 else None
        d = g if weight is None else g * weight.reshape(-1)
        along = np.einsum("ij,ij->i", d, standard)[:, None] / n
        total = standard * -along
        total += d
        total -= _add(d, -1, keepdims=True) / n
        total *= inverse[:, None]
        found[0] = total.reshape(answer.shape)
    return [found[n].astype(answer.dtype, copy=False) for n in numbers]


def forward_rms_norm(x, weight=None, /, *, dims=1, eps=None):
    rows = _wide(_rows(x, dims))
    _fits(x.shape[x.ndim - dims :], weight)
    size = np.einsum("ij,ij->i", rows, rows)
    size /= max(rows.shape[-1], 1)
    size += np.finfo(x.dtype).eps if eps is None else eps
    inverse = 1 / np.sqrt(size, out=size)
    standard = rows * inverse[:, None]
    y = standard if weight is None else standard * weight.reshape(-1)
    return y.reshape(x.shape).astype(x.dtype, copy=False), (standard, inverse)


def rms_norm(x, weight=None, /, *, dims=1, eps=None):
    return forward_rms_norm(x, weight, dims=dims, eps=eps)[0]


def backward_rms_norm(numbers, g, answer, kept, arguments, *, dims=1, eps=None):
    standard, inverse = kept
    g = _wide(g.reshape(standard.shape))
    found = _by_affine(numbers, g, standard, answer.shape[answer.ndim - dims :])
    if 0 in numbers:
        weight = arguments[1] if len(arguments) > 1 else None
        d = g if weight is None else g * weight.reshape(-1)
        along = np.einsum("ij,ij->i", d, standard)[:, None] / max(standard.shape[-1], 1)
        total = standard * -along
        total += d
        total *= inverse[:, None]
        found[0] = total.reshape(answer.shape)
    return [found[n].astype(answer.dtype, copy=False) for n in numbers]


def group_norm(x, weight=None, bias=None, /, *, num_groups, eps=1e-5):
    if x.ndim < 2 or num_groups < 1 or x.shape[1] % num_groups:
        raise ValueError("the channels do not divide")
    _fits(x.shape[1:2], weight, bias)
    rows = x.reshape(x.shape[0] * num_groups, math.prod(x.shape[1:]) // num_groups)
    y = _standard(rows, 1, eps)[0].reshape(x.shape)
    if weight is not None:
        y *= _of(weight, x)
    if bias is not None:
        y += _of(bias, x)
    return y.astype(x.dtype, copy=False)


# -- channels -------------------------------------------------------------------------------------


def _of(v, x):
    """(C,) as it broadcasts against (N, C, ...)."""
    return v.reshape(-1, *(1,) * (x.ndim - 2))


def _total(x):
    """The sum of each channel."""
    return _add(x if x.ndim == 2 else _add(x.reshape(*x.shape[:2], -1), 2), 0)


def _product(x, y):
    """The sum of ``x * y`` of each channel."""
    if x.ndim == 2:
        return np.einsum("ij,ij->j", x, y)
    flat = x.reshape(*x.shape[:2], -1), y.reshape(*x.shape[:2], -1)
    return _add(np.einsum("ijk,ijk->ij", *flat), 0)


def batch_norm(x, mean, variance, weight=None, bias=None, /, *, eps=1e-5):
    if x.ndim < 2:
        raise ValueError("there are no channels")
    _fits(x.shape[1:2], mean, variance, weight, bias)
    scale = 1 / np.sqrt(variance + eps)
    if weight is not None:
        scale *= weight
    shift = -mean * scale
    if bias is not None:
        shift += bias
    y = x * _of(scale, x)
    y += _of(shift, x)
    return y.astype(x.dtype, copy=False)


def statistics(x, running_mean, running_var, weight, bias, momentum, eps):
    """The centred batch, one over its deviation, and the new running mean and variance."""
    if x.ndim < 2:
        raise ValueError("there are no channels")
    _fits(x.shape[1:2], running_mean, running_var, weight, bias)
    wide = _wide(x)
    count = x.size // x.shape[1] if x.size else 0
    mean = _total(wide) / wide.dtype.type(count)
    centred = wide - _of(mean, x)
    spread = _product(centred, centred) / wide.dtype.type(count)
    moved = (
        (1 - momentum) * running_mean + momentum * mean,
        (1 - momentum) * running_var + momentum * (count / max(count - 1, 1)) * spread,
    )
    inverse = 1 / np.sqrt(spread + wide.dtype.type(eps))
    return centred, inverse, [m.astype(x.dtype, copy=False) for m in moved]


def batch_norm_train(
    x, running_mean, running_var, weight=None, bias=None, /, *, momentum=0.1, eps=1e-5
):  # fmt: skip
    y, inverse, moved = statistics(x, running_mean, running_var, weight, bias, momentum, eps)
    y *= _of(inverse if weight is None else inverse * weight, x)
    if bias is not None:
        y += _of(bias, x)
    return y.astype(x.dtype, copy=False), *moved


def forward_standardized(x, weight, bias, centred, inverse, /):
    y = centred * _of(inverse if weight is None else inverse * weight, x)
    if bias is not None:
        y += _of(bias, x)
    return y.astype(x.dtype, copy=False), None


def backward_standardized(numbers, g, answer, kept, arguments):
    """By ``x`` through its statistics too."""
    x, weight, _, centred, inverse = arguments
    dtype, g = answer.dtype, _wide(g)
    total, along = _total(g), _product(g, centred)
    found = {1: along * inverse, 2: total}
    if 0 in numbers:
        count = centred.dtype.type(x.size // x.shape[1])
        scale = inverse if weight is None else inverse * weight
        d = g * _of(scale, x)
        d -= centred * _of(scale * inverse * inverse * along / count, x)
        d -= _of(scale * total / count, x)
        found[0] = d
    return [found[n].astype(dtype, copy=False) for n in numbers]
