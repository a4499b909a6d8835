"""The models in Ember, on any engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from _tasks import CLASSES, Run, batches, cycle, loop

from ember_ml import nn
from ember_ml.nn import tensor as et

__all__ = ["infer", "model_of", "train"]


class _Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(128, 4, 512, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, norm=nn.LayerNorm(128))
        self.out = nn.Linear(128, CLASSES)

    def forward(self, x: Any) -> Any:
        return self.out(et.mean(self.encoder(x), axis=1))


class _LSTM(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(32, 64, batch_first=True)
        self.out = nn.Linear(64, CLASSES)

    def forward(self, x: Any) -> Any:
        return self.out(self.lstm(x)[0][:, -1])


_MAKE: dict[str, Callable[[], nn.Module]] = {
    "MLP": lambda: nn.Sequential(
        nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, CLASSES)
    ),
    "transformer": _Encoder,
    "LSTM": _LSTM,
    "CNN": lambda: nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(1568, CLASSES),
    ),
}  # fmt: skip


def model_of(name: str) -> nn.Module:
    """A model on the current backend, with the same weights on each."""
    et.random.seed(1)
    return _MAKE[name]()


def _pairs(name: str) -> Any:
    return cycle([(et.asarray(x), et.asarray(y)) for x, y in batches(name)])


def train(name: str, engine: str, *, compile: bool) -> Run:
    """A training step with Adam."""
    with et.use_backend(engine) as backend:
        step = nn.train_step(
            model_of(name),
            lambda m, x, y: nn.losses.cross_entropy(m(x), y),
            nn.optimizers.Adam(learning_rate=1e-3),
            compile=compile,
        )
        pairs = _pairs(name)
    return loop(lambda: step(*next(pairs)), lambda loss: backend.synchronize(loss.native))


def infer(name: str, engine: str, *, compile: bool) -> Run:
    """Logits of a batch."""
    with et.use_backend(engine) as backend:
        model = model_of(name).eval()
        forward = nn.compile(model) if compile else model
        pairs = _pairs(name)

    def call() -> Any:
        y = forward(next(pairs)[0])
        backend.synchronize(y.native)
        return y

    return loop(call)
