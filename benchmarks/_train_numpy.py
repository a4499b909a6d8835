"""The MLP in NumPy: with autograd, and with gradients derived by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
from _tasks import CLASSES, SIZES, Run, batches, cycle, loop

__all__ = ["autograd_adam", "autograd_alone", "by_hand", "plain_inference"]

_WIDTHS = (784, 256, 256, CLASSES)


def weights() -> list[tuple[np.ndarray, np.ndarray]]:
    """Initial weights (out, in) and biases."""
    rng = np.random.default_rng(1)
    return [
        ((rng.uniform(-1, 1, (o, i)) / i**0.5).astype(np.float32), np.zeros(o, np.float32))
        for i, o in zip(_WIDTHS[:-1], _WIDTHS[1:], strict=True)
    ]


def autograd_alone() -> Run:
    """The model with autograd.numpy and Adam on lists of arrays, as autograd's examples do."""
    import autograd.numpy as anp
    from autograd import value_and_grad

    parameters = [a for pair in weights() for a in pair]
    mean, square = ([np.zeros_like(a) for a in parameters] for _ in range(2))
    pairs = cycle(batches("MLP"))
    rows, count = np.arange(SIZES["MLP"][0]), [0]

    gradients = value_and_grad(lambda p, x, y: _autograd_loss(anp, p, x, rows, y))

    def step() -> Any:
        loss, found = gradients(parameters, *next(pairs))
        count[0] += 1
        t = count[0]
        for i, g in enumerate(found):
            mean[i] = 0.9 * mean[i] + 0.1 * g
            square[i] = 0.999 * square[i] + 0.001 * g**2
            corrected = mean[i] / (1 - 0.9**t), square[i] / (1 - 0.999**t)
            parameters[i] = parameters[i] - 1e-3 * corrected[0] / (np.sqrt(corrected[1]) + 1e-8)
        return loss

    return loop(step)


def autograd_adam() -> Run:
    """The model with autograd's own Adam, which starts its moments in float64."""
    import autograd.numpy as anp
    from autograd import grad
    from autograd.misc.optimizers import adam

    parameters = [a for pair in weights() for a in pair]
    pool = batches("MLP")
    rows = np.arange(SIZES["MLP"][0])

    def loss_fn(parameters: list[Any], i: int) -> Any:
        x, y = pool[i % len(pool)]
        return _autograd_loss(anp, parameters, x, rows, y)

    gradient = grad(loss_fn)

    def run(n: int) -> None:
        nonlocal parameters
        parameters = adam(gradient, parameters, num_iters=n, step_size=1e-3)

    return run


def _autograd_loss(anp: Any, parameters: list[Any], x: Any, rows: Any, y: Any) -> Any:
    for i in range(0, 6, 2):
        x = anp.dot(x, parameters[i].T) + parameters[i + 1]
        x = anp.maximum(x, 0) if i < 4 else x
    x = x - anp.max(x, axis=1, keepdims=True)
    log_p = x - anp.log(anp.sum(anp.exp(x), axis=1, keepdims=True))
    return -anp.mean(log_p[rows, y])


def by_hand() -> Run:
    """Gradients derived by hand and everything in place: what NumPy can do."""
    parameters = [a for pair in weights() for a in pair]
    mean, square, scratch = ([np.zeros_like(a) for a in parameters] for _ in range(3))
    pairs = cycle(batches("MLP"))
    rows, count = np.arange(SIZES["MLP"][0]), [0]

    def step() -> Any:
        x, y = next(pairs)
        outputs = [x]
        for i in range(0, 6, 2):
            h = outputs[-1] @ parameters[i].T
            h += parameters[i + 1]
            outputs.append(np.maximum(h, 0, out=h) if i < 4 else h)
        p = outputs.pop()
        p -= p.max(axis=1, keepdims=True)
        picked = p[rows, y].copy()
        np.exp(p, out=p)
        total = p.sum(axis=1, keepdims=True)
        loss = float(np.mean(np.log(total[:, 0]) - picked))
        p /= total
        p[rows, y] -= 1
        p /= SIZES["MLP"][0]
        found: list[Any] = [None] * 6
        for i in (4, 2, 0):
            h = outputs.pop()
            found[i], found[i + 1] = p.T @ h, p.sum(axis=0)
            if i:
                p = p @ parameters[i]
                p *= h > 0
        count[0] += 1
        t = count[0]
        scale, root = 1e-3 / (1 - 0.9**t), (1 - 0.999**t) ** 0.5
        for a, g, m, v, s in zip(parameters, found, mean, square, scratch, strict=True):
            m *= 0.9
            np.multiply(g, 0.1, out=s)
            m += s
            v *= 0.999
            np.multiply(g, g, out=s)
            s *= 0.001
            v += s
            np.sqrt(v, out=s)
            s += 1e-8 * root
            np.divide(m, s, out=s)
            s *= scale * root
            a -= s
        return loss

    return loop(step)


def plain_inference() -> Run:
    """Logits of a batch."""
    parameters = weights()
    pairs = cycle(batches("MLP"))

    def call() -> Any:
        x, _ = next(pairs)
        for i, (w, b) in enumerate(parameters):
            x = x @ w.T + b
            x = np.maximum(x, 0) if i < 2 else x
        return x

    return loop(call)
