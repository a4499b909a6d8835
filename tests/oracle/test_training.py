"""Models trained with dropout, shared parameters or in threads: one outcome however it is done."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from ember_ml import nn
from ember_ml.backend.registry import use_backend
from ember_ml.nn import tensor as et


class Encoder(nn.Module):
    """Dropout in attention, in the feed-forward network, after both and at the end."""

    def __init__(self):
        super().__init__()
        self.layers = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, 0.3), 2)

    def forward(self, x):
        return self.layers(x)


class Recurrent(nn.Module):
    """Dropout between the layers of an LSTM."""

    def __init__(self):
        super().__init__()
        self.layers = nn.LSTM(8, 8, 2, dropout=0.3)

    def forward(self, x):
        return self.layers(x)[0]


class Model(nn.Module):
    def __init__(self, kind, checkpointed):
        super().__init__()
        self.inner, self.drop, self.out = kind(), nn.Dropout(0.2), nn.Linear(8, 2)
        self.checkpointed = checkpointed

    def forward(self, x):
        inner = nn.checkpoint(self.inner) if self.checkpointed else self.inner
        return self.out(self.drop(inner(x)))


def loss_fn(model, x, y):
    return nn.losses.cross_entropy(et.reshape(model(x), (-1, 2)), y)


def losses(engine, kind, tmp_path=None, *, checkpointed=False, compiled=False, steps=5):
    """The losses of each step; with ``tmp_path`` the run is given up and resumed in the middle."""
    rng, found = np.random.default_rng(0), []
    with use_backend(engine):
        et.random.seed(11)

        def start():
            model, optimizer = Model(kind, checkpointed), nn.optimizers.AdamW(learning_rate=0.01)
            return model, optimizer, nn.train_step(model, loss_fn, optimizer, compile=compiled)

        model, optimizer, step = start()
        for n in range(steps):
            if tmp_path is not None and n == steps // 2:
                nn.save_checkpoint(tmp_path / "middle", model=model, optimizer=optimizer)
                et.random.seed(99)
                model, optimizer, step = start()
                nn.load_checkpoint(tmp_path / "middle", model=model, optimizer=optimizer)
            x = rng.standard_normal((5, 3, 8)).astype(np.float32)
            found.append(step(et.asarray(x), et.asarray(rng.integers(0, 2, 15))).item())
    return found


@pytest.mark.parametrize("kind", [Encoder, Recurrent])
def test_losses_with_dropout_are_those_of_every_engine(kind, backend, tmp_path):
    expected = losses("numpy", kind)
    assert len(set(expected)) == len(expected)
    for options in ({}, {"checkpointed": True}, {"tmp_path": tmp_path}):
        np.testing.assert_allclose(losses(backend, kind, **options), expected, rtol=1e-4)


@pytest.mark.parametrize("backend", ["mlx"])
def test_losses_with_dropout_compiled_and_checkpointed(backend, tmp_path):
    """On one engine: a compiler of PyTorch's takes minutes for this."""
    expected = losses("numpy", Recurrent)
    for options in ({"tmp_path": tmp_path}, {"checkpointed": True}):
        found = losses(backend, Recurrent, compiled=True, **options)
        np.testing.assert_allclose(found, expected, rtol=1e-4)


def tied(library):
    """An embedding that is the output as well, and a layer used twice; of one of the libraries."""

    class Tied(library.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.out = library.Embedding(7, 4), library.Linear(4, 7, bias=False)
            self.out.weight = self.embedding.weight
            self.middle = library.Linear(4, 4)
            self.parts = library.ModuleList([self.middle, library.Linear(4, 4), self.middle])
            # tensors in a list are no parameters
            ones = torch.ones if library is torch.nn else et.ones
            self.scales = [ones(4) * 1.0, ones(4) * 2.0, ones(4) * 3.0]

        def forward(self, x):
            x = self.embedding(x)
            for part, scale in zip(self.parts, self.scales, strict=True):
                x = part(x) * scale
            return self.out(x)

    return Tied()


def test_shared_parameters_have_the_sum_of_their_gradients(backend):
    model, reference = tied(nn), tied(torch.nn)
    state = {name: torch.from_numpy(x.numpy().copy()) for name, x in model.state_dict().items()}
    assert list(state) == list(reference.state_dict())
    reference.load_state_dict(state)
    index = np.arange(14) % 5
    (reference(torch.from_numpy(index)) ** 2).mean().backward()
    expected = {name: x.grad.numpy() for name, x in reference.named_parameters()}

    def gradients():
        return nn.grad(lambda model, x: (model(x) ** 2).mean())(model, et.asarray(index))

    assert list(gradients()) == list(expected)
    for frozen in ((), ("middle",), ("out",)):
        model.unfreeze().freeze(*frozen) if frozen else None
        found = gradients()
        shared = {"middle": "middle", "out": "embedding"}
        left = [n for n in expected if not any(n.startswith(shared[part]) for part in frozen)]
        assert list(found) == left
        for name, x in found.items():
            np.testing.assert_allclose(x.numpy(), expected[name], rtol=1e-4, atol=1e-5)


def test_two_models_in_two_threads(backend):
    def train(seed):
        rng = np.random.default_rng(seed)
        with use_backend(backend):
            model = nn.Sequential(
                nn.Conv1d(2, 4, 3, padding=1), nn.BatchNorm1d(4), nn.ReLU(), nn.Flatten(),
                nn.Linear(20, 3),
            )  # fmt: skip
            first = {n: rng.standard_normal(x.shape) for n, x in model.named_parameters()}
            model.load_state_dict(first, strict=False)
            optimizer = nn.optimizers.AdamW(learning_rate=0.01)
            step = nn.train_step(
                model, lambda model, x, y: nn.losses.cross_entropy(model(x), y), optimizer
            )
            for _ in range(20):
                x = rng.standard_normal((4, 2, 5)).astype(np.float32)
                step(et.asarray(x), et.asarray(rng.integers(0, 3, 4)))
            return [x.numpy() for x in model.state_dict().values()]

    alone = [train(seed) for seed in range(3)]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(train, range(3)))
    for found, expected in zip(together, alone, strict=True):
        for x, y in zip(found, expected, strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6)
