"""Twenty steps of each optimizer against ``torch.optim``, step by step and as compiled programs.

The model is linear in its parameters with factors that change from batch to batch, so that the
gradients are the same numbers on both sides whatever the parameters are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from ember_ml import nn
from ember_ml.nn import tensor as et

pytestmark = pytest.mark.usefixtures("backend")

STEPS = 20
SHAPES = {"w": (4, 3), "b": (5,), "s": ()}

#: Options as PyTorch and Ember call them.
CASES: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1}),
    ("SGD", {"momentum": 0.8, "nesterov": True, "weight_decay": 0.1}),
    ("SGD", {"weight_decay": 0.1, "maximize": True}),
    ("Adam", {}),
    ("Adam", {"betas": (0.5, 0.9), "eps": 1e-3, "weight_decay": 0.1}),
    ("Adam", {"amsgrad": True}),
    ("Adam", {"amsgrad": True, "maximize": True, "weight_decay": 0.1}),
    ("AdamW", {}),
    ("AdamW", {"weight_decay": 0.5, "maximize": True}),
    ("AdamW", {"amsgrad": True, "betas": (0.8, 0.95)}),
    ("RMSprop", {}),
    ("RMSprop", {"alpha": 0.9, "eps": 1e-4, "weight_decay": 0.1}),
    ("RMSprop", {"momentum": 0.9}),
    ("RMSprop", {"centered": True}),
    ("RMSprop", {"centered": True, "momentum": 0.5, "maximize": True}),
    ("Adagrad", {}),
    ("Adagrad", {"lr_decay": 0.1, "weight_decay": 0.1}),
    ("Adagrad", {"initial_accumulator_value": 0.5, "eps": 1e-3, "maximize": True}),
]
IDS = [f"{kind}({', '.join(f'{k}={v}' for k, v in options.items())})" for kind, options in CASES]


class Weights(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        rng = np.random.default_rng(0)
        for name, shape in SHAPES.items():
            value = np.asarray(rng.normal(size=shape), np.float32)
            self.register_parameter(name, nn.Parameter(value))

    def forward(self, factors: dict[str, et.EmberTensor]) -> et.EmberTensor:
        return sum(et.sum(getattr(self, name) * factors[name]) for name in SHAPES)  # type: ignore[return-value]


def slopes() -> list[dict[str, np.ndarray]]:
    rng = np.random.default_rng(1)
    return [
        {name: np.asarray(rng.normal(size=shape), np.float32) for name, shape in SHAPES.items()}
        for _ in range(STEPS)
    ]


def pytorchs(kind: str, options: dict[str, Any], groups: Any = None) -> list[dict[str, Any]]:
    """The parameters after each step."""
    model = Weights()
    parameters = {
        name: torch.tensor(p.numpy(), requires_grad=True) for name, p in model.named_parameters()
    }
    given = groups(parameters) if groups else parameters.values()
    optimizer = getattr(torch.optim, kind)(given, lr=0.01, **options)
    found = []
    for step in slopes():
        for name, parameter in parameters.items():
            parameter.grad = torch.from_numpy(step[name])
        optimizer.step()
        found.append({name: p.detach().numpy().copy() for name, p in parameters.items()})
    return found


def embers(optimizer: Any, compile: bool) -> list[dict[str, Any]]:
    model = Weights()
    step = nn.train_step(model, lambda m, f: m(f), optimizer, compile=compile)
    found = []
    for factors in slopes():
        step({name: et.asarray(value) for name, value in factors.items()})
        found.append({name: p.numpy().copy() for name, p in model.named_parameters()})
    return found


def close(ours: list[dict[str, Any]], theirs: list[dict[str, Any]], rtol: float = 1e-5) -> None:
    for a, b in zip(ours, theirs, strict=True):
        for name, expected in b.items():
            scale = max(1.0, float(np.abs(expected).max()))
            np.testing.assert_allclose(a[name], expected, rtol=rtol, atol=rtol * scale)


@pytest.mark.parametrize("compile", [False, True], ids=["plain", "compiled"])
@pytest.mark.parametrize(("kind", "options"), CASES, ids=IDS)
def test_the_way_is_pytorchs(kind: str, options: dict[str, Any], compile: bool) -> None:
    close(embers(getattr(nn.optimizers, kind)(0.01, **options), compile), pytorchs(kind, options))


@pytest.mark.parametrize("compile", [False, True], ids=["plain", "compiled"])
@pytest.mark.parametrize(
    ("kind", "options", "own"),
    [
        ("SGD", {"momentum": 0.9}, {"momentum": 0.0, "weight_decay": 0.3}),
        ("AdamW", {}, {"lr": 0.05, "weight_decay": 0.0}),
        ("Adam", {}, {"betas": (0.5, 0.8), "amsgrad": True}),
        ("RMSprop", {}, {"centered": True, "momentum": 0.9, "alpha": 0.8}),
    ],
    ids=["SGD", "AdamW", "Adam", "RMSprop"],
)
def test_groups_are_pytorchs(
    kind: str, options: dict[str, Any], own: dict[str, Any], compile: bool
) -> None:
    theirs = pytorchs(
        kind,
        options,
        lambda p: [{"params": [p["b"], p["s"]]}, {"params": [p["w"]], **own}],
    )
    group = {"parameters": "w", **own}
    if "lr" in group:
        group["learning_rate"] = group.pop("lr")
    close(embers(getattr(nn.optimizers, kind)(0.01, **options, groups=[group]), compile), theirs)


@pytest.mark.parametrize("compile", [False, True], ids=["plain", "compiled"])
@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_lion_by_the_paper(decay: float, compile: bool) -> None:
    """Program 1 of Chen et al. (2023), in double precision."""
    beta1, beta2, rate = 0.9, 0.99, 0.01
    model = Weights()
    x = {name: p.numpy().astype(np.float64) for name, p in model.named_parameters()}
    momentum = {name: np.zeros_like(value) for name, value in x.items()}
    expected = []
    for step in slopes():
        for name, gradient in step.items():
            update = np.sign(gradient * (1 - beta1) + momentum[name] * beta1)
            momentum[name] = gradient * (1 - beta2) + momentum[name] * beta2
            x[name] = x[name] - rate * (update + x[name] * decay)
        expected.append(dict(x))
    optimizer = nn.optimizers.Lion(rate, betas=(beta1, beta2), weight_decay=decay)
    close(embers(optimizer, compile), expected)


@pytest.mark.parametrize("compile", [False, True], ids=["plain", "compiled"])
def test_a_scheduler_moves_rate_and_momentum(compile: bool) -> None:
    """One cycle of both, in PyTorch's loop and in Ember's."""
    model, torch_model = Weights(), Weights()
    parameters = {n: torch.tensor(p.numpy(), requires_grad=True)
                  for n, p in torch_model.named_parameters()}  # fmt: skip
    reference = torch.optim.AdamW(parameters.values(), lr=0.01)
    expected = torch.optim.lr_scheduler.OneCycleLR(reference, 0.1, total_steps=STEPS)
    optimizer = nn.optimizers.AdamW(0.01)
    scheduler = nn.schedulers.OneCycleLR(optimizer, 0.1, total_steps=STEPS)
    step = nn.train_step(model, lambda m, f: m(f), optimizer, compile=compile)
    for factors in slopes():
        for name, parameter in parameters.items():
            parameter.grad = torch.from_numpy(factors[name])
        reference.step()
        expected.step()
        step({name: et.asarray(value) for name, value in factors.items()})
        scheduler.step()
        for name, p in model.named_parameters():
            np.testing.assert_allclose(
                p.numpy(), parameters[name].detach().numpy(), rtol=1e-5, atol=1e-5
            )
