"""A training step: an MLP 784-256-256-10, batch 64, float32, Adam, one thread.

    python benchmarks/train.py [--quick]

Each engine's own way is the reference (plain PyTorch with its default Adam, mlx.nn, the same model
written with autograd alone), measured in the same process as Ember, in turn; Keras on torch in a
process of its own, against plain PyTorch there. The figures are medians of the time of a step, and
their ratios to the reference.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import matplotlib.pyplot as plt
import numpy as np
from _common import RESULTS, interleaved, medians, save

SIZES = (784, 256, 256, 10)
BATCH = 64
POOL = 64  # batches: enough that the loss stays away from zero and its denormal gradients
Step = Callable[[], Any]


def data() -> list[tuple[np.ndarray, np.ndarray]]:
    """Random batches, cycled through."""
    rng = np.random.default_rng(0)
    return [
        (rng.standard_normal((BATCH, SIZES[0])).astype(np.float32), rng.integers(0, 10, BATCH))
        for _ in range(POOL)
    ]


def cycle(batches: list[Any]) -> Iterator[Any]:
    """The batches for ever."""
    while True:
        yield from batches


def weights() -> list[tuple[np.ndarray, np.ndarray]]:
    """The same initial weights for all: (out, in) and biases."""
    rng = np.random.default_rng(1)
    return [
        ((rng.uniform(-1, 1, (o, i)) / i**0.5).astype(np.float32), np.zeros(o, np.float32))
        for i, o in zip(SIZES[:-1], SIZES[1:], strict=True)
    ]


def loop(step: Step, wait: Callable[[Any], Any] = lambda loss: None) -> Callable[[int], None]:
    """So many steps, the last of them waited for."""

    def run(n: int) -> None:
        for _ in range(n):
            loss = step()
        wait(loss)

    return run


# -- Ember ------------------------------------------------------------------------------------


def ember(engine: str, *, compile: bool) -> Callable[[int], None]:
    """Ember's step on an engine."""
    from ember_ml import nn
    from ember_ml.nn import tensor as et

    with et.use_backend(engine) as backend:
        model = nn.Sequential(
            nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10)
        )
        names = ("0", "2", "4")
        pairs = zip(names, weights(), strict=True)
        model.load_state_dict({f"{n}.{k}": v for n, (w, b) in pairs
                               for k, v in (("weight", w), ("bias", b))})  # fmt: skip
        step = nn.train_step(
            model,
            lambda m, x, y: nn.losses.cross_entropy(m(x), y),
            nn.optimizers.Adam(learning_rate=1e-3),
            compile=compile,
        )
        batches = cycle([(et.asarray(x), et.asarray(y)) for x, y in data()])
    return loop(lambda: step(*next(batches)), lambda loss: backend.synchronize(loss.native))


# -- the engines' own ways ------------------------------------------------------------------------


def plain_torch(**options: Any) -> Callable[[int], None]:
    """PyTorch as its tutorial writes it."""
    import torch

    torch.set_num_threads(1)
    layers = [torch.nn.Linear(i, o) for i, o in zip(SIZES[:-1], SIZES[1:], strict=True)]
    with torch.no_grad():
        for layer, (w, b) in zip(layers, weights(), strict=True):
            layer.weight.copy_(torch.from_numpy(w))
            layer.bias.copy_(torch.from_numpy(b))
    relu = torch.nn.ReLU()
    model = torch.nn.Sequential(layers[0], relu, layers[1], relu, layers[2])
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, **options)
    batches = cycle([(torch.from_numpy(x), torch.from_numpy(y)) for x, y in data()])

    def step() -> Any:
        x, y = next(batches)
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return loop(step)


def compiled_torch() -> Callable[[int], None]:
    """PyTorch with the model under torch.compile and its fused Adam."""
    import torch

    model = torch.nn.Sequential(
        torch.nn.Linear(784, 256), torch.nn.ReLU(), torch.nn.Linear(256, 256), torch.nn.ReLU(),
        torch.nn.Linear(256, 10),
    )  # fmt: skip
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    batches = cycle([(torch.from_numpy(x), torch.from_numpy(y)) for x, y in data()])
    forward = torch.compile(lambda x, y: torch.nn.functional.cross_entropy(model(x), y))

    def step() -> Any:
        x, y = next(batches)
        optimizer.zero_grad()
        loss = forward(x, y)
        loss.backward()
        optimizer.step()
        return loss

    return loop(step)


def mlx_nn(*, compile: bool) -> Callable[[int], None]:
    """mlx.nn and mlx.optimizers, as MLX's own examples write it."""
    from functools import partial

    import mlx.core as mx
    import mlx.nn
    import mlx.optimizers

    layers = [mlx.nn.Linear(i, o) for i, o in zip(SIZES[:-1], SIZES[1:], strict=True)]
    for layer, (w, b) in zip(layers, weights(), strict=True):
        layer.weight, layer.bias = mx.array(w), mx.array(b)
    model = mlx.nn.Sequential(layers[0], mlx.nn.relu, layers[1], mlx.nn.relu, layers[2])
    optimizer = mlx.optimizers.Adam(learning_rate=1e-3, bias_correction=True)
    gradients = mlx.nn.value_and_grad(
        model, lambda m, x, y: mlx.nn.losses.cross_entropy(m(x), y, reduction="mean")
    )
    state = [model.state, optimizer.state]
    batches = cycle([(mx.array(x), mx.array(y)) for x, y in data()])

    def update(x: Any, y: Any) -> Any:
        loss, found = gradients(model, x, y)
        optimizer.update(model, found)
        return loss

    if compile:
        update = partial(mx.compile, inputs=state, outputs=state)(update)

    def step() -> Any:
        loss = update(*next(batches))
        mx.eval(loss, state)
        return loss

    return loop(step)


def autograd_alone() -> Callable[[int], None]:
    """The model with autograd.numpy and Adam on lists of arrays, as autograd's examples do."""
    import autograd.numpy as anp
    from autograd import value_and_grad

    parameters = [a for pair in weights() for a in pair]
    mean, square = ([np.zeros_like(a) for a in parameters] for _ in range(2))
    batches = cycle(data())
    rows, count = np.arange(BATCH), [0]

    gradients = value_and_grad(lambda p, x, y: _autograd_loss(anp, p, x, rows, y))

    def step() -> Any:
        loss, found = gradients(parameters, *next(batches))
        count[0] += 1
        t = count[0]
        for i, g in enumerate(found):
            mean[i] = 0.9 * mean[i] + 0.1 * g
            square[i] = 0.999 * square[i] + 0.001 * g**2
            corrected = mean[i] / (1 - 0.9**t), square[i] / (1 - 0.999**t)
            parameters[i] = parameters[i] - 1e-3 * corrected[0] / (np.sqrt(corrected[1]) + 1e-8)
        return loss

    return loop(step)


def autograd_adam() -> Callable[[int], None]:
    """The model with autograd's own Adam, which starts its moments in float64."""
    import autograd.numpy as anp
    from autograd import grad
    from autograd.misc.optimizers import adam

    parameters = [a for pair in weights() for a in pair]
    batches = data()
    rows = np.arange(BATCH)

    def loss_fn(parameters: list[Any], i: int) -> Any:
        x, y = batches[i % POOL]
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


def by_hand() -> Callable[[int], None]:
    """Gradients derived by hand and everything in place: what NumPy can do."""
    parameters = [a for pair in weights() for a in pair]
    mean, square, scratch = ([np.zeros_like(a) for a in parameters] for _ in range(3))
    batches = cycle(data())
    rows, count = np.arange(BATCH), [0]

    def step() -> Any:
        x, y = next(batches)
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
        p /= BATCH
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


def keras_torch(rounds: int, calls: int) -> float:
    """Keras's ``train_on_batch`` on torch over plain PyTorch, in this process."""
    import torch

    torch.set_num_threads(1)
    import keras

    model = keras.Sequential(
        [keras.layers.Dense(256, "relu"), keras.layers.Dense(256, "relu"), keras.layers.Dense(10)]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(1e-3),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    batches = cycle(data())
    cases = {
        "plain": plain_torch(),
        "keras": loop(lambda: model.train_on_batch(*next(batches))),
    }
    found = medians(interleaved(cases, calls=calls, rounds=rounds))
    return found["keras"] / found["plain"]


ENGINES: dict[str, tuple[str, dict[str, Callable[[], Callable[[int], None]]]]] = {
    "torch": (
        "PyTorch",
        {
            "PyTorch": plain_torch,
            "PyTorch, fused Adam": lambda: plain_torch(fused=True),
            "torch.compile, fused Adam": compiled_torch,
            "Ember": lambda: ember("torch", compile=False),
            "Ember, compiled": lambda: ember("torch", compile=True),
        },
    ),
    "mlx": (
        "mlx.nn, compiled",
        {
            "mlx.nn": lambda: mlx_nn(compile=False),
            "mlx.nn, compiled": lambda: mlx_nn(compile=True),
            "Ember": lambda: ember("mlx", compile=False),
            "Ember, compiled": lambda: ember("mlx", compile=True),
        },
    ),
    "numpy": (
        "autograd alone",
        {
            "autograd alone": autograd_alone,
            "autograd, its own Adam": autograd_adam,
            "by hand, in place": by_hand,
            "Ember": lambda: ember("numpy", compile=False),
        },
    ),
}


def measure(engine: str, rounds: int, calls: int) -> dict[str, Any]:
    """Milliseconds of a step, and its ratio to the reference, for each way on one engine."""
    reference, ways = ENGINES[engine]
    cases = {name: make() for name, make in ways.items()}
    found = medians(interleaved(cases, calls=calls, rounds=rounds))
    return {
        name: {"ms": round(seconds * 1e3, 3), "ratio": round(seconds / found[reference], 3)}
        for name, seconds in found.items()
    }


def child(*arguments: str, **environment: str) -> Any:
    """This script in a process of its own: engines do not share threads and memory."""
    done = subprocess.run(
        [sys.executable, __file__, *arguments],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.strip().rpartition("\n")[2])


def plot(figures: dict[str, Any]) -> None:
    """Ratios to the reference, one panel for each engine."""
    figure, panels = plt.subplots(1, len(figures), figsize=(13, 3.5), layout="constrained")
    for panel, (engine, rows) in zip(panels, figures.items(), strict=True):
        names = list(rows)
        colours = ["tab:orange" if name.startswith("Ember") else "tab:gray" for name in names]
        panel.barh(names, [rows[name]["ratio"] for name in names], color=colours)
        panel.invert_yaxis()
        panel.axvline(1.0, color="black", linewidth=0.8, linestyle="--")
        panel.set(title=engine, xlabel=f"time of a step over {ENGINES[engine][0]}")
    figure.savefig(RESULTS / "train.png", dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer repeats, nothing saved")
    parser.add_argument("--engine", choices=[*ENGINES, "keras"], help="this one only")
    arguments = parser.parse_args()
    rounds, calls = (5, 10) if arguments.quick else (25, 20)
    if arguments.engine == "keras":
        print(json.dumps(keras_torch(rounds, calls)))
        return
    if arguments.engine:
        print(json.dumps(measure(arguments.engine, rounds, calls)))
        return
    quick = ["--quick"] if arguments.quick else []
    figures = {engine: child("--engine", engine, *quick) for engine in ENGINES}
    ratio = child("--engine", "keras", *quick, KERAS_BACKEND="torch")
    figures["torch"]["Keras"] = {"ms": None, "ratio": round(ratio, 3)}
    for engine, rows in figures.items():
        print(f"\n{engine}: a training step, over {ENGINES[engine][0]}")
        for name, row in rows.items():
            time = "" if row["ms"] is None else f"{row['ms']:9.3f} ms"
            print(f"  {name:26}{time:>12}{row['ratio']:8.3f}")
    if not arguments.quick:
        save("train", figures)
        plot(figures)


if __name__ == "__main__":
    main()
