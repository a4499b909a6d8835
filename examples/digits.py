"""Handwritten digits, on every installed backend: one script, one seed, one table, one plot."""

import time
from pathlib import Path

import matplotlib.pyplot as plt
from rich.console import Console
from rich.progress import track
from rich.table import Table
from sklearn.datasets import load_digits

from ember_ml import nn
from ember_ml.data import DataLoader, Dataset
from ember_ml.data.features import Standardize
from ember_ml.nn import tensor as et
from ember_ml.pipeline import Pipeline

EPOCHS, BATCH, SEED = 20, 32, 1


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(64, 128)
        self.out = nn.Linear(128, 10)

    def forward(self, x):
        return self.out(nn.relu(self.hidden(x)))


def loss_fn(model, x, y):
    return nn.losses.cross_entropy(model(x), y)


def scale(raw):
    images, labels = raw
    return Dataset(et.asarray(images, dtype=et.float32) / 16.0, et.asarray(labels))


def split(digits):
    return digits.split(0.8, seed=SEED)


def standardise(parts):
    (x, y), (x_test, y_test) = (part[:] for part in parts)
    standardize = Standardize(epsilon=0.01).fit(x)  # some pixels are hardly ever inked
    return Dataset(standardize(x), y), Dataset(standardize(x_test), y_test)


def batch(parts):
    train, test = parts
    return DataLoader(train, batch_size=BATCH, shuffle=True, seed=SEED), test


prepare = (
    Pipeline("digits").add_stage(scale).add_stage(split).add_stage(standardise).add_stage(batch)
)


def run(name, raw, console):
    """Train and evaluate on one backend; gives accuracy, losses and seconds per epoch."""
    with et.use_backend(name):
        loader, test = prepare.run(raw)
        et.random.seed(SEED)
        model = Classifier()
        step = nn.train_step(model, loss_fn, nn.optimizers.AdamW(learning_rate=2e-3))
        losses, start = [], time.perf_counter()
        for _ in track(range(EPOCHS), description=f"{name:<6}", console=console):
            losses += [step(x, y).item() for x, y in loader]
        seconds = (time.perf_counter() - start) / EPOCHS
        x, y = test[:]
        correct = et.argmax(model(x), axis=1) == y
        return et.mean(correct).item(), losses, seconds


def plot(curves, path):
    """The loss curves over each other, and how far they are from the first."""
    figure, (above, below) = plt.subplots(2, sharex=True, figsize=(7, 6), layout="constrained")
    (first, reference), *_ = curves.items()
    for (name, losses), style in zip(curves.items(), ("-", "--", ":", "-."), strict=False):
        above.semilogy(losses, style, label=name, linewidth=1)
        if name != first:
            below.semilogy([d or None for d in differences(losses, reference)], style, label=name)
    above.set(ylabel="training loss", title="Handwritten digits: one seed, one model")
    below.set(xlabel="step", ylabel=f"relative difference from {first}")
    above.legend()
    if len(curves) > 1:
        below.legend()
    figure.savefig(path, dpi=120)


def differences(losses, reference):
    return [abs(a - b) / b for a, b in zip(losses, reference, strict=True)]


def main():
    console = Console()
    digits = load_digits()
    table = Table("backend", "engine", "device", "test accuracy", "final loss", "s/epoch",
                  "difference (50 steps, all)")  # fmt: skip
    curves = {}
    for info in et.list_backends():
        backend = et.get_backend(info.name)
        if "grad" not in backend.capabilities:
            continue
        accuracy, losses, seconds = run(info.name, (digits.data, digits.target), console)
        curves[info.name] = losses
        gap = differences(losses, next(iter(curves.values())))
        table.add_row(
            info.name, backend.engine_version(), backend.devices()[0], f"{accuracy:.2%}",
            f"{losses[-1]:.5f}", f"{seconds:.3f}", f"{max(gap[:50]):.1e}, {max(gap):.1e}",
        )  # fmt: skip
    console.print(table)
    path = Path("demo.png").resolve()
    plot(curves, path)
    console.print(f"loss curves: {path}", soft_wrap=True)


if __name__ == "__main__":
    main()
