"""Overrides that save NumPy passes over memory, and the gradients of the ones that train models.

They are written for ordinary arrays; `_tracer` makes autograd primitives of those with a
vector-Jacobian product in `VJPS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def linear(x, weight, bias, /):
    y = np.matmul(x, weight.T)
    y += bias
    return y


def relu(x, /):
    return np.maximum(x, 0)


def sigmoid(x, /):
    y = np.multiply(x, 0.5)
    np.tanh(y, out=y)
    y *= 0.5
    y += 0.5
    return y


def log_softmax(x, /, *, axis=-1):
    y = x - np.max(x, axis=axis, keepdims=True)
    y -= np.log(np.sum(np.exp(y), axis=axis, keepdims=True))
    return y


def softmax(x, /, *, axis=-1):
    y = x - np.max(x, axis=axis, keepdims=True)
    np.exp(y, out=y)
    y /= np.sum(y, axis=axis, keepdims=True)
    return y


def softmax_cross_entropy(x, labels, /):
    if labels.shape != x.shape[:-1]:
        raise ValueError("the labels do not fit the logits")
    return -np.take_along_axis(log_softmax(x), labels[..., None], -1)[..., 0]


# -- optimizers: in place ---------------------------------------------------------------------


def sgd_update(x, gradient, velocity, rate, /, *, momentum, dampening, weight_decay, nesterov):
    if weight_decay:
        gradient = gradient + weight_decay * x
    if momentum:
        velocity *= momentum
        velocity += gradient if not dampening else (1.0 - dampening) * gradient
        gradient = gradient + momentum * velocity if nesterov else velocity
    x -= rate * gradient
    return x, velocity


#: Elements worked on at a time: the operands and the scratch space stay in the cache.
_BLOCK = 1 << 18


def adam_update(
    x, gradient, mean, square, step_size, root, shrink, /, *, beta1, beta2, epsilon
):  # fmt: skip
    if not (x.flags.c_contiguous and x.flags.writeable):
        x = np.array(x)
    flat = [np.ravel(a) for a in (x, gradient, mean, square)]
    dtype = x.dtype.type
    beta1, beta2, fresh1, fresh2 = dtype(beta1), dtype(beta2), dtype(1 - beta1), dtype(1 - beta2)
    # step * m / (sqrt(v) / root + epsilon) with the factors moved out of the loop over elements
    scale, floor, shrink = dtype(step_size * root), dtype(epsilon * root), dtype(shrink)
    scratch = np.empty(min(_BLOCK, x.size), x.dtype)
    for start in range(0, x.size, _BLOCK):
        p, g, m, v = (a[start : start + _BLOCK] for a in flat)
        t = scratch[: p.size]
        m *= beta1
        np.multiply(g, fresh1, out=t)
        m += t
        v *= beta2
        np.multiply(g, g, out=t)
        t *= fresh2
        v += t
        np.sqrt(v, out=t)
        t += floor
        np.divide(m, t, out=t)
        t *= scale
        if shrink != 1:
            p *= shrink
        p -= t
    return x, mean, square


# -- vector-Jacobian products, one for each argument: (answer, *arguments) -> (g -> gradient) -------


def _rows(a):
    return a.reshape(-1, a.shape[-1])


def _cross_entropy_vjp(answer, x, labels):
    def vjp(g):
        d = softmax(x)  # softmax - one-hot
        rows = _rows(d)
        rows[np.arange(rows.shape[0]), labels.reshape(-1)] -= 1
        d *= g[..., None]
        return d

    return vjp


def _softmax_vjp(answer, x, *, axis=-1):
    return lambda g: answer * (g - np.sum(g * answer, axis=axis, keepdims=True))


def _log_softmax_vjp(answer, x, *, axis=-1):
    return lambda g: g - np.exp(answer) * np.sum(g, axis=axis, keepdims=True)


VJPS: dict[str, tuple[Callable[..., Any], ...]] = {
    "linear": (
        lambda answer, x, weight, bias: lambda g: np.matmul(g, weight),
        lambda answer, x, weight, bias: lambda g: np.matmul(_rows(g).T, _rows(x)),
        lambda answer, x, weight, bias: lambda g: np.sum(_rows(g), axis=0),
    ),
    "relu": (lambda answer, x: lambda g: np.multiply(g, answer > 0),),
    "sigmoid": (lambda answer, x: lambda g: g * answer * (1 - answer),),
    "softmax": (_softmax_vjp,),
    "log_softmax": (_log_softmax_vjp,),
    "softmax_cross_entropy": (_cross_entropy_vjp,),
}
