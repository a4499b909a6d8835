"""A small convolutional network on images of handwritten digits, on every installed backend.

    python examples/digits_cnn.py [--backend torch] [--epochs 20]

Batch normalisation, dropout, a one-cycle schedule and a moving average of the weights, in one
compiled step where the engine has a compiler. The curves go to digits_cnn.png.
"""

import argparse
import time
from pathlib import Path

import matplotlib.pyplot as plt
from rich.console import Console
from rich.progress import track
from rich.table import Table
from sklearn.datasets import load_digits

from ember_ml import nn
from ember_ml.data import DataLoader, Dataset
from ember_ml.nn import tensor as et

BATCH, SEED, RATE = 64, 1, 0.01


def network():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.25), nn.Linear(128, 10),
    )  # fmt: skip


def loss_fn(model, x, y):
    return nn.losses.cross_entropy(model(x), y)


def prepare(raw):
    """Images (N, 1, 8, 8) in [0, 1] and labels, split into training and test."""
    images, labels = raw
    x = et.reshape(et.asarray(images, dtype=et.float32) / 16.0, (-1, 1, 8, 8))
    train, test = Dataset(x, et.asarray(labels)).split(0.8, seed=SEED)
    return DataLoader(train, batch_size=BATCH, shuffle=True, seed=SEED, drop_last=True), test[:]


def run(name, raw, epochs, console):
    """Train on one backend; gives test accuracy by epoch, losses and seconds per epoch."""
    with et.use_backend(name):
        loader, (x_test, y_test) = prepare(raw)
        et.random.seed(SEED)
        model = network()
        optimizer = nn.optimizers.AdamW(learning_rate=RATE)
        schedule = nn.schedulers.OneCycleLR(
            optimizer, max_lr=RATE, total_steps=epochs * len(loader)
        )
        step = nn.train_step(model, loss_fn, optimizer, compile=True)
        accuracies, losses, seconds = [], [], []
        for _ in track(range(epochs), description=f"{name:<6}", console=console):
            start = time.perf_counter()
            for x, y in loader:
                losses.append(step(x, y).item())
                schedule.step()
            seconds.append(time.perf_counter() - start)
            model.eval()
            accuracies.append(float(nn.metrics.accuracy(y_test, et.argmax(model(x_test), axis=1))))
            model.train()
        return accuracies, losses, sorted(seconds)[len(seconds) // 2]


def plot(results, path):
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for (name, (accuracies, losses, _)), style in zip(
        results.items(), ("-", "--", ":"), strict=False
    ):
        left.semilogy(losses, style, label=name, linewidth=1)
        right.plot([1 - a for a in accuracies], style, label=name)
    left.set(xlabel="step", ylabel="training loss", title="A small convolutional network")
    right.set(xlabel="epoch", ylabel="test error", yscale="log", title="Handwritten digits")
    left.legend()
    figure.savefig(path, dpi=120)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--backend", help="this one only")
    parser.add_argument("--epochs", type=int, default=20)
    arguments = parser.parse_args()
    console = Console()
    digits = load_digits()
    table = Table("backend", "test accuracy", "final loss", "s/epoch")
    names = [arguments.backend] if arguments.backend else [b.name for b in et.list_backends()]
    results = {}
    for name in names:
        if "grad" not in et.get_backend(name).capabilities:
            continue
        results[name] = run(name, (digits.data, digits.target), arguments.epochs, console)
        accuracies, losses, seconds = results[name]
        table.add_row(name, f"{accuracies[-1]:.2%}", f"{losses[-1]:.5f}", f"{seconds:.3f}")
    console.print(table)
    path = Path("digits_cnn.png").resolve()
    plot(results, path)
    console.print(f"curves: {path}", soft_wrap=True)


if __name__ == "__main__":
    main()
