"""The four models of ``train.py``: their sizes, batches and initial weights, in NumPy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

__all__ = ["CLASSES", "MODELS", "SIZES", "Run", "batches", "cycle", "loop"]

#: So many calls, the last of them waited for.
Run = Callable[[int], None]

CLASSES = 10
#: Batch size and shape of a sample.
SIZES = {
    "MLP": (64, (784,)),
    "transformer": (16, (64, 128)),
    "LSTM": (32, (100, 32)),
    "CNN": (64, (1, 28, 28)),
}
MODELS = tuple(SIZES)
#: Batches: enough that the loss stays away from zero and its denormal gradients.
_POOL = 64


def batches(model: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Random batches of a model."""
    rng = np.random.default_rng(0)
    count, shape = SIZES[model]
    return [
        (rng.standard_normal((count, *shape)).astype(np.float32), rng.integers(0, CLASSES, count))
        for _ in range(_POOL)
    ]


def cycle(pairs: list[Any]) -> Iterator[Any]:
    """The batches for ever."""
    while True:
        yield from pairs


def loop(call: Callable[[], Any], wait: Callable[[Any], Any] = lambda result: None) -> Run:
    """So many calls, the last of them waited for."""

    def run(n: int) -> None:
        for _ in range(n):
            result = call()
        wait(result)

    return run
