"""The peak memory of a training step on torch, over plain PyTorch's: python benchmarks/memory.py

The models of ``train.py``. What PyTorch's allocator hands out during one step, over what was held
when it began, as its profiler records it; parameters, their gradients' places and what Adam keeps
are held by both. PyTorch's gradients are freed at the end of a step (its default), so that they
count for both.
"""

from __future__ import annotations

import os
from functools import partial

os.environ["OMP_NUM_THREADS"] = "1"

import torch
from _common import save
from _tasks import MODELS, Run
from _train_ember import train as ember
from _train_torch import train as plain
from torch.profiler import ProfilerActivity, profile


def peak(run: Run) -> float:
    """The most memory of a step above its beginning, in MiB."""
    run(3)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        run(1)
    held, most = 0, 0
    assert profiler.profiler is not None
    for event in profiler.profiler.kineto_results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            most = max(most, held)
    return most / 2**20


def main() -> None:
    torch.set_num_threads(1)
    figures: dict[str, dict[str, dict[str, float]]] = {}
    for model in MODELS:
        ways = {
            "PyTorch": partial(plain, model),
            "Ember": partial(ember, model, "torch", compile=False),
            "Ember, compiled": partial(ember, model, "torch", compile=True),
        }
        found = {name: peak(make()) for name, make in ways.items()}
        figures[model] = {
            name: {"MiB": round(size, 2), "ratio": round(size / found["PyTorch"], 3)}
            for name, size in found.items()
        }
    save("memory", figures)


if __name__ == "__main__":
    main()
