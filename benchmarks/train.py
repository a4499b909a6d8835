"""Training steps and inference of four small models, on one core, against the engines and Keras.

    python benchmarks/train.py [--quick] [--part torch|mlx|numpy|keras-torch|keras-jax]

float32, Adam: an MLP 784-256-256-10, batch 64; a transformer encoder of two layers (d 128, 4 heads,
feed-forward 512, sequence 64, batch 16, no dropout); an LSTM (input 32, hidden 64, sequence 100,
batch 32); two convolutions with pooling (batch 64, 28x28). Each engine's own way is the reference:
plain PyTorch with its default Adam, mlx.nn, the MLP with autograd alone. It is measured in the
same process as Ember, in turn; Keras in a process of its own, with plain PyTorch beside it. The
figures are medians of the time of a call, and their ratios to the reference.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any, TypeAlias

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import matplotlib.pyplot as plt
from _common import RESULTS, interleaved, medians, save
from _tasks import MODELS, Run

#: By name of the way: what makes it ready to run.
Ways: TypeAlias = dict[str, Callable[[], Run]]

#: For one part: the reference of each model, and the ways to train and to infer.
KINDS = ("train", "infer")


def _torch(model: str) -> dict[str, Ways]:
    import _train_ember as ember
    import _train_torch as plain

    return {
        "train": {
            "PyTorch": lambda: plain.train(model),
            "PyTorch, fused Adam": lambda: plain.train(model, fused=True),
            "torch.compile, fused Adam": lambda: plain.train(model, compile=True, fused=True),
            "Ember": lambda: ember.train(model, "torch", compile=False),
            "Ember, compiled": lambda: ember.train(model, "torch", compile=True),
        },
        "infer": {
            "PyTorch": lambda: plain.infer(model),
            "torch.compile": lambda: plain.infer(model, compile=True),
            "Ember": lambda: ember.infer(model, "torch", compile=False),
            "Ember, compiled": lambda: ember.infer(model, "torch", compile=True),
        },
    }


def _mlx(model: str) -> dict[str, Ways]:
    import _train_ember as ember
    import _train_mlx as mlx

    return {
        kind: {
            "mlx.nn": lambda kind=kind: getattr(mlx, kind)(model, compile=False),
            "mlx.nn, compiled": lambda kind=kind: getattr(mlx, kind)(model, compile=True),
            "Ember": lambda kind=kind: getattr(ember, kind)(model, "mlx", compile=False),
            "Ember, compiled": lambda kind=kind: getattr(ember, kind)(model, "mlx", compile=True),
        }
        for kind in KINDS
    }  # type: ignore[misc]


def _numpy(model: str) -> dict[str, Ways]:
    import _train_ember as ember
    import _train_numpy as by_numpy
    import _train_torch as plain

    train: Ways = {"PyTorch": lambda: plain.train(model)}
    infer: Ways = {"PyTorch": lambda: plain.infer(model)}
    if model == "MLP":
        train = {
            "autograd alone": by_numpy.autograd_alone,
            "autograd, its own Adam": by_numpy.autograd_adam,
            "by hand, in place": by_numpy.by_hand,
        }
        infer = {"NumPy": by_numpy.plain_inference}
    train["Ember"] = lambda: ember.train(model, "numpy", compile=False)
    infer["Ember"] = lambda: ember.infer(model, "numpy", compile=False)
    return {"train": train, "infer": infer}


def _keras(model: str) -> dict[str, Ways]:
    import _train_keras as keras
    import _train_torch as plain

    return {
        "train": {"PyTorch": lambda: plain.train(model), "Keras": lambda: keras.train(model)},
        "infer": {"PyTorch": lambda: plain.infer(model), "Keras": lambda: keras.infer(model)},
    }


PARTS: dict[str, Callable[[str], dict[str, Ways]]] = {
    "torch": _torch, "mlx": _mlx, "numpy": _numpy, "keras-torch": _keras, "keras-jax": _keras,
}  # fmt: skip


def measure(part: str, rounds: int, seconds: float) -> dict[str, Any]:
    """Milliseconds of a call, and its ratio to the first way, by model and kind."""
    figures: dict[str, Any] = {}
    for model in MODELS:
        figures[model] = {}
        for kind, ways in PARTS[part](model).items():
            cases = {name: make() for name, make in ways.items()}
            for run in cases.values():
                run(2)  # what compiles does so now
            once = medians(interleaved(cases, calls=1, rounds=3))
            calls = max(1, int(seconds / max(once.values())))
            found = medians(interleaved(cases, calls=calls, rounds=rounds))
            reference = next(iter(found.values()))
            figures[model][kind] = {
                name: {"ms": round(time * 1e3, 3), "ratio": round(time / reference, 3)}
                for name, time in found.items()
            }
            print(part, model, kind, figures[model][kind], file=sys.stderr, flush=True)
    return figures


def child(part: str, *arguments: str) -> Any:
    """One part in a process of its own, on one core: engines do not share threads and memory."""
    keras = part.partition("keras-")[2]
    done = subprocess.run(
        [sys.executable, __file__, "--part", part, *arguments],
        env={**os.environ, **({"KERAS_BACKEND": keras} if keras else {})},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.strip().rpartition("\n")[2])


def plot(figures: dict[str, Any]) -> None:
    """Ratios to each engine's own way: a panel for each model and engine, training steps."""
    figure, panels = plt.subplots(
        len(MODELS), 3, figsize=(15, 3 * len(MODELS)), layout="constrained"
    )
    for row, model in zip(panels, MODELS, strict=True):
        for panel, part in zip(row, ("torch", "mlx", "numpy"), strict=True):
            ways = dict(figures[part][model]["train"])
            if part == "torch":
                for other in ("keras-torch", "keras-jax"):
                    ways[other.replace("keras-", "Keras on ")] = figures[other][model]["train"][
                        "Keras"
                    ]
            names = list(ways)
            colours = ["tab:orange" if name.startswith("Ember") else "tab:gray" for name in names]
            panel.barh(names, [ways[name]["ratio"] for name in names], color=colours)
            panel.invert_yaxis()
            panel.axvline(1.0, color="black", linewidth=0.8, linestyle="--")
            panel.set(title=f"{model}, {part}", xlabel=f"time of a step over {names[0]}")
    figure.savefig(RESULTS / "train.png", dpi=100)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer repeats, nothing saved")
    parser.add_argument("--part", choices=PARTS, help="this one only")
    arguments = parser.parse_args()
    if arguments.part:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        rounds, seconds = (5, 0.05) if arguments.quick else (11, 0.1)
        print(json.dumps(measure(arguments.part, rounds, seconds)))
        return
    figures = {part: child(part, *(["--quick"] if arguments.quick else [])) for part in PARTS}
    if not arguments.quick:
        save("train", figures)
        plot(figures)


if __name__ == "__main__":
    main()
