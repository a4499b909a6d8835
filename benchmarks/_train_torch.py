"""The models in plain PyTorch, as its tutorials write them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from _tasks import CLASSES, Run, batches, cycle, loop
from torch import nn

__all__ = ["infer", "model_of", "train"]


class _Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(128, 4, 512, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, norm=nn.LayerNorm(128))
        self.out = nn.Linear(128, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.out(self.encoder(x).mean(1))
        return out


class _LSTM(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(32, 64, batch_first=True)
        self.out = nn.Linear(64, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.out(self.lstm(x)[0][:, -1])
        return out


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
    """A model with the same weights at each call."""
    torch.manual_seed(1)
    return _MAKE[name]()


def _pairs(name: str) -> Any:
    return cycle([(torch.from_numpy(x), torch.from_numpy(y)) for x, y in batches(name)])


def train(name: str, *, compile: bool = False, **options: Any) -> Run:
    """A training step with Adam and its ``options``, the model under torch.compile if wanted."""
    torch.set_num_threads(1)
    model = model_of(name)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, **options)
    pairs = _pairs(name)

    def loss_of(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(model(x), y)

    forward = torch.compile(loss_of) if compile else loss_of

    def step() -> Any:
        optimizer.zero_grad()
        loss = forward(*next(pairs))
        loss.backward()
        optimizer.step()
        return loss

    return loop(step)


def infer(name: str, *, compile: bool = False) -> Run:
    """Logits of a batch in inference mode."""
    torch.set_num_threads(1)
    model = model_of(name).eval()
    forward = torch.compile(model) if compile else model
    pairs = _pairs(name)

    def call() -> Any:
        with torch.inference_mode():
            return forward(next(pairs)[0])

    return loop(call)
