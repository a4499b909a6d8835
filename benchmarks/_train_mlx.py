"""The models in mlx.nn, as MLX's own examples write them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers
import numpy as np
from _tasks import CLASSES, Run, batches, cycle, loop

__all__ = ["infer", "train"]


class _Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.TransformerEncoder(2, 128, 4, 512, norm_first=False)
        for layer in self.encoder.layers:
            layer.attention = nn.MultiHeadAttention(128, 4, bias=True)  # as the others have it
        self.out = nn.Linear(128, CLASSES)

    def __call__(self, x: Any) -> Any:
        return self.out(self.encoder(x, None).mean(1))


class _LSTM(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(32, 64)
        self.out = nn.Linear(64, CLASSES)

    def __call__(self, x: Any) -> Any:
        return self.out(self.lstm(x)[0][:, -1])


class _CNN(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = [nn.Conv2d(1, 16, 3, padding=1), nn.Conv2d(16, 32, 3, padding=1)]
        self.pool = nn.MaxPool2d(2)
        self.out = nn.Linear(1568, CLASSES)

    def __call__(self, x: Any) -> Any:
        for layer in self.layers:
            x = self.pool(nn.relu(layer(x)))
        return self.out(x.reshape(len(x), -1))


_MAKE: dict[str, Callable[[], Any]] = {
    "MLP": lambda: nn.Sequential(
        nn.Linear(784, 256), nn.relu, nn.Linear(256, 256), nn.relu, nn.Linear(256, CLASSES)
    ),
    "transformer": _Encoder,
    "LSTM": _LSTM,
    "CNN": _CNN,
}


def _pairs(name: str) -> Any:
    # MLX has the channels last.
    return cycle(
        [
            (mx.array(np.moveaxis(x, 1, -1) if name == "CNN" else x), mx.array(y))
            for x, y in batches(name)
        ]
    )


def train(name: str, *, compile: bool) -> Run:
    """A training step with Adam."""
    model = _MAKE[name]()
    mx.eval(model.parameters())
    optimizer = mlx.optimizers.Adam(learning_rate=1e-3, bias_correction=True)
    gradients = nn.value_and_grad(
        model, lambda m, x, y: nn.losses.cross_entropy(m(x), y, reduction="mean")
    )
    state = [model.state, optimizer.state]
    pairs = _pairs(name)

    def update(x: Any, y: Any) -> Any:
        loss, found = gradients(model, x, y)
        optimizer.update(model, found)
        return loss

    if compile:
        update = partial(mx.compile, inputs=state, outputs=state)(update)

    def step() -> Any:
        loss = update(*next(pairs))
        mx.eval(loss, state)
        return loss

    return loop(step)


def infer(name: str, *, compile: bool) -> Run:
    """Logits of a batch."""
    model = _MAKE[name]()
    mx.eval(model.parameters())
    forward = mx.compile(model, inputs=model.state) if compile else model
    pairs = _pairs(name)

    def call() -> Any:
        y = forward(next(pairs)[0])
        mx.eval(y)
        return y

    return loop(call)
