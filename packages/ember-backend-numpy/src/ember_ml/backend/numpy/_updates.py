"""Overrides: the steps of optimizers, in place and without new memory."""

from __future__ import annotations

import threading

import numpy as np

#: Elements worked on at a time: the operands and the scratch space stay in the cache.
_BLOCK = 1 << 15

_local = threading.local()


def _scratch(size, dtype):
    """Space for one block, kept for the next call: new memory costs page faults."""
    space = getattr(_local, dtype.char, None)
    if space is None or space.size < size:
        space = np.empty(size, dtype)
        setattr(_local, dtype.char, space)
    return space


def _own(x):
    """``x`` itself where it can be written to as a flat array."""
    return x if x.flags.carray else np.array(x, order="C")


def _blocks(x, *arrays):
    """Parts of flat arrays, and scratch space of their size."""
    size = x.size
    scratch = _scratch(min(_BLOCK, size), x.dtype)
    flat = [a.reshape(-1) for a in (x, *arrays)]
    if size <= _BLOCK:
        yield *flat, scratch[:size]
        return
    for start in range(0, size, _BLOCK):
        parts = [a[start : start + _BLOCK] for a in flat]
        yield *parts, scratch[: parts[0].size]


def sgd_update(x, gradient, rate, /):
    x = _own(x)
    for p, g, t in _blocks(x, gradient):
        np.multiply(g, rate, out=t)
        p -= t
    return (x,)


def momentum_update(x, gradient, velocity, rate, momentum, gain, /, *, nesterov):
    x, velocity = _own(x), _own(velocity)
    for p, g, v, t in _blocks(x, gradient, velocity):
        v *= momentum
        if gain == 1:
            v += g
        else:
            np.multiply(g, gain, out=t)
            v += t
        if nesterov:
            np.multiply(v, momentum, out=t)
            t += g
            t *= rate
        else:
            np.multiply(v, rate, out=t)
        p -= t
    return x, velocity


def adam_update(
    x, gradient, mean, square, largest, step_size, root, shrink, gain, /, *, beta2, epsilon
):  # fmt: skip
    x, mean, square = _own(x), _own(mean), _own(square)
    below = square if largest is None else _own(largest)
    # step * m / (sqrt(v) / root + epsilon) with the factors moved out of the loop over elements
    scale, floor = step_size * root, epsilon * root
    for p, g, m, v, w, t in _blocks(x, gradient, mean, square, below):
        np.subtract(g, m, out=t)
        t *= gain
        m += t
        v *= beta2
        np.multiply(g, g, out=t)
        t *= 1 - beta2
        v += t
        if largest is not None:
            np.maximum(w, v, out=w)
        np.sqrt(w, out=t)
        t += floor
        np.divide(m, t, out=t)
        t *= scale
        if shrink != 1:
            p *= shrink
        p -= t
    return (x, mean, square) if largest is None else (x, mean, square, below)


def rmsprop_update(
    x, gradient, square, mean, velocity, rate, momentum, /, *, alpha, epsilon
):  # fmt: skip
    kept = [None if a is None else _own(a) for a in (square, mean, velocity)]
    x = _own(x)
    given = [x if a is None else a for a in kept]
    for p, g, s, m, v, t in _blocks(x, gradient, *given):
        s *= alpha
        np.multiply(g, g, out=t)
        t *= 1 - alpha
        s += t
        if mean is None:
            np.sqrt(s, out=t)
        else:
            np.subtract(g, m, out=t)
            t *= 1 - alpha
            m += t
            np.multiply(m, m, out=t)
            np.subtract(s, t, out=t)
            np.sqrt(t, out=t)
        t += epsilon
        np.divide(g, t, out=t)
        if velocity is not None:
            v *= momentum
            v += t
            np.multiply(v, rate, out=t)
        else:
            t *= rate
        p -= t
    return x, *[a for a in kept if a is not None]


def adagrad_update(x, gradient, total, rate, /, *, epsilon):
    x, total = _own(x), _own(total)
    for p, g, s, t in _blocks(x, gradient, total):
        np.multiply(g, g, out=t)
        s += t
        np.sqrt(s, out=t)
        t += epsilon
        np.divide(g, t, out=t)
        t *= rate
        p -= t
    return x, total


def lion_update(x, gradient, mean, rate, shrink, gain, /, *, beta2):
    x, mean = _own(x), _own(mean)
    for p, g, m, t in _blocks(x, gradient, mean):
        np.subtract(g, m, out=t)
        t *= gain
        t += m
        np.sign(t, out=t)
        t *= rate
        if shrink != 1:
            p *= shrink
        p -= t
        np.subtract(g, m, out=t)
        t *= 1 - beta2
        m += t
    return x, mean


def average_update(average, x, weight, /):
    average = _own(average)
    for a, p, t in _blocks(average, x):
        np.subtract(p, a, out=t)
        t *= weight
        a += t
    return (average,)
