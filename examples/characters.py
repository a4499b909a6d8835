"""A transformer that writes Python's licence, character by character, on every installed backend.

    python examples/characters.py [--backend torch] [--steps 300]

The text is the one that `license()` shows. Dropout, a one-cycle schedule and clipped gradients, in
one compiled step where the engine has a compiler. The curves go to characters.png, and a sample is
printed.
"""

import argparse
import site
import sys
import time
from pathlib import Path

import matplotlib.pyplot as plt
from rich.console import Console
from rich.progress import track
from rich.table import Table

from ember_ml import nn
from ember_ml.nn import tensor as et

CONTEXT, BATCH, SEED = 64, 16, 1


def text():
    """The licence, or the longest docstrings of the standard library where it is not installed."""
    for folder in (Path(sys.base_prefix), Path(sys.base_prefix, "lib"), Path(site.__file__).parent):
        for path in (folder / "LICENSE.txt", folder / "LICENSE"):
            if path.exists():
                return path.read_text(encoding="utf-8")
    import builtins
    import pydoc

    return pydoc.plain(pydoc.render_doc(builtins))


class Writer(nn.Module):
    """A causal transformer: characters (N, T) to logits of the following ones (N, T, C)."""

    def __init__(self, characters, width=64, heads=4, depth=2):
        super().__init__()
        self.characters = nn.Embedding(characters, width)
        self.places = nn.Embedding(CONTEXT, width)
        layer = nn.TransformerEncoderLayer(
            width,
            heads,
            4 * width,
            dropout=0.1,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )
        self.encoder = nn.TransformerEncoder(layer, depth, norm=nn.LayerNorm(width))
        self.out = nn.Linear(width, characters)

    def forward(self, x):
        h = self.characters(x) + self.places(et.arange(x.shape[1]))  # (N, T, width)
        return self.out(self.encoder(h, is_causal=True))


def loss_fn(model, x, y):
    return nn.losses.cross_entropy(et.moveaxis(model(x), -1, 1), y)


def run(name, steps, console):
    """Train on one backend; gives the losses, a sample of text, and seconds per step."""
    source = text()
    alphabet = sorted(set(source))
    with et.use_backend(name):
        et.random.seed(SEED)
        model = Writer(len(alphabet))
        codes = et.asarray([alphabet.index(c) for c in source])
        optimizer = nn.optimizers.AdamW(learning_rate=3e-3)
        schedule = nn.schedulers.OneCycleLR(optimizer, max_lr=3e-3, total_steps=steps)
        step = nn.train_step(model, loss_fn, optimizer, compile=True, clip_grad_norm=1.0)
        draws = et.random.Generator(SEED)
        losses, start = [], time.perf_counter()
        for _ in track(range(steps), description=f"{name:<6}", console=console):
            begin = draws.integers(0, len(source) - CONTEXT - 1, (BATCH, 1))
            window = codes[begin + et.arange(CONTEXT + 1)]  # (BATCH, CONTEXT + 1)
            losses.append(step(window[:, :-1], window[:, 1:]).item())
            schedule.step()
        seconds = (time.perf_counter() - start) / steps
        return losses, write(model.eval(), alphabet, draws), seconds


def write(model, alphabet, draws, start="PSF ", count=120):
    """Continue ``start`` by drawing from the model's probabilities."""
    codes = [alphabet.index(c) for c in start]
    for _ in range(count):
        window = et.asarray([codes[-CONTEXT:]])
        p = et.softmax(model(window)[0, -1])
        codes.append(draws.choice(len(alphabet), p=p).item())
    return "".join(alphabet[code] for code in codes)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--backend", help="this one only")
    parser.add_argument("--steps", type=int, default=300)
    arguments = parser.parse_args()
    console = Console()
    table = Table("backend", "first loss", "last loss", "s/step", "sample")
    names = [arguments.backend] if arguments.backend else [b.name for b in et.list_backends()]
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for name in names:
        if "grad" not in et.get_backend(name).capabilities:
            continue
        losses, sample, seconds = run(name, arguments.steps, console)
        last = sum(losses[-20:]) / len(losses[-20:])
        table.add_row(name, f"{losses[0]:.3f}", f"{last:.3f}", f"{seconds:.3f}", repr(sample))
        axes.plot(losses, label=name, linewidth=1)
    axes.set(xlabel="step", ylabel="cross-entropy", title="Python's licence, by character")
    axes.legend()
    console.print(table)
    path = Path("characters.png").resolve()
    figure.savefig(path, dpi=120)
    console.print(f"curves: {path}", soft_wrap=True)


if __name__ == "__main__":
    main()
