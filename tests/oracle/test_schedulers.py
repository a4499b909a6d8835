"""Learning rates against ``torch.optim.lr_scheduler``, with the state saved in the middle."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from ember_ml import nn
from ember_ml.nn import schedulers as ours

theirs = torch.optim.lr_scheduler
STEPS = 60

#: By text: what makes the scheduler out of the module of schedulers and the optimizer.
CASES: dict[str, Callable[[Any, Any], Any]] = {
    "StepLR": lambda s, o: s.StepLR(o, 7),
    "StepLR gamma": lambda s, o: s.StepLR(o, step_size=10, gamma=0.5),
    "MultiStepLR": lambda s, o: s.MultiStepLR(o, [3, 10, 10, 40], gamma=0.3),
    "ExponentialLR": lambda s, o: s.ExponentialLR(o, 0.9),
    "ConstantLR": lambda s, o: s.ConstantLR(o),
    "ConstantLR options": lambda s, o: s.ConstantLR(o, factor=0.25, total_iters=20),
    "LinearLR": lambda s, o: s.LinearLR(o),
    "LinearLR options": lambda s, o: s.LinearLR(o, 0.1, 0.7, total_iters=40),
    "PolynomialLR": lambda s, o: s.PolynomialLR(o, 50, power=2.0),
    "LambdaLR": lambda s, o: s.LambdaLR(o, lambda n: 1 / (1 + 0.1 * n)),
    "LambdaLR by group": lambda s, o: s.LambdaLR(o, [lambda n: 0.9**n, lambda n: 1 / (1 + n)]),
    "CosineAnnealingLR": lambda s, o: s.CosineAnnealingLR(o, 50),
    "CosineAnnealingLR rising again": lambda s, o: s.CosineAnnealingLR(o, 13, eta_min=0.01),
    "CosineAnnealingWarmRestarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 7),
    "CosineAnnealingWarmRestarts options": lambda s, o: s.CosineAnnealingWarmRestarts(
        o, T_0=5, T_mult=2, eta_min=0.001
    ),
    "OneCycleLR": lambda s, o: s.OneCycleLR(o, 1.0, total_steps=70),
    "OneCycleLR linear": lambda s, o: s.OneCycleLR(
        o, [1.0, 0.5], epochs=7, steps_per_epoch=10, pct_start=0.2, anneal_strategy="linear",
        base_momentum=0.8, max_momentum=0.9, div_factor=10.0, final_div_factor=100.0,
    ),
    "OneCycleLR three phases": lambda s, o: s.OneCycleLR(o, 1.0, total_steps=70, three_phase=True),
    "OneCycleLR without momentum": lambda s, o: s.OneCycleLR(
        o, 1.0, total_steps=70, cycle_momentum=False
    ),
    "SequentialLR": lambda s, o: s.SequentialLR(
        o, [s.LinearLR(o, 0.1, total_iters=10), s.CosineAnnealingLR(o, 40)], [10]
    ),
    "SequentialLR of three": lambda s, o: s.SequentialLR(
        o,
        [
            s.ConstantLR(o, 0.1, total_iters=5),
            s.ExponentialLR(o, 0.9),
            s.CosineAnnealingWarmRestarts(o, 6),
        ],
        milestones=[5, 30],
    ),
    "SequentialLR from a restart": lambda s, o: s.SequentialLR(
        o, [s.CosineAnnealingWarmRestarts(o, 6), s.LambdaLR(o, lambda n: 0.9**n)], [20]
    ),
    "ChainedScheduler": lambda s, o: s.ChainedScheduler(
        [s.ConstantLR(o, 0.1, total_iters=20), s.ExponentialLR(o, 0.9)]
    ),
    "two at once": lambda s, o: (s.ExponentialLR(o, 0.95), s.StepLR(o, 5, 0.5))[1],
}  # fmt: skip

OPTIMIZERS = {"SGD": {"momentum": 0.9}, "AdamW": {"betas": (0.8, 0.95)}}


def pair(kind: str) -> tuple[Any, Any]:
    """The optimizers, with two groups each."""
    options = OPTIMIZERS[kind]
    reference = getattr(torch.optim, kind)(
        [{"params": [torch.zeros(1, requires_grad=True)]},
         {"params": [torch.zeros(1, requires_grad=True)], "lr": 0.02}], lr=0.1, **options,
    )  # fmt: skip
    return ember(kind), reference


def ember(kind: str) -> Any:
    return getattr(nn.optimizers, kind)(
        0.1, **OPTIMIZERS[kind], groups=[{"parameters": "b", "learning_rate": 0.02}]
    )


def momenta(groups: list[dict[str, Any]]) -> list[float]:
    return [g["betas"][0] if "betas" in g else g["momentum"] for g in groups]


def compare(optimizer: Any, scheduler: Any, reference: Any, expected: Any) -> None:
    rates = [group["lr"] for group in reference.param_groups]
    np.testing.assert_allclose(optimizer.rates, rates, rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(
        scheduler.get_last_lr(), expected.get_last_lr(), rtol=1e-9, atol=1e-15
    )
    np.testing.assert_allclose(
        momenta(optimizer.resolved()), momenta(reference.param_groups), rtol=1e-12
    )
    assert scheduler.last_epoch == getattr(expected, "last_epoch", scheduler.last_epoch)


@pytest.mark.filterwarnings("ignore")  # PyTorch's, of a scheduler without steps of the optimizer
@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize("name", CASES)
def test_rates_are_pytorchs(name: str, kind: str) -> None:
    optimizer, reference = pair(kind)
    make = CASES[name]
    scheduler, expected = make(ours, optimizer), make(theirs, reference)
    compare(optimizer, scheduler, reference, expected)
    for step in range(STEPS):
        scheduler.step()
        expected.step()
        if name != "two at once" and step == STEPS // 2:
            state = json.loads(json.dumps(scheduler.state_dict()))
            optimizer = ember(kind)
            scheduler = make(ours, optimizer)
            scheduler.load_state_dict(state)
        compare(optimizer, scheduler, reference, expected)


PLATEAUS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "patience": {"patience": 2, "factor": 0.5},
    "max": {"mode": "max", "patience": 1},
    "abs": {"threshold_mode": "abs", "threshold": 0.05, "patience": 2},
    "max abs": {"mode": "max", "threshold_mode": "abs", "threshold": 0.01, "patience": 2},
    "cooldown": {"patience": 1, "cooldown": 4, "factor": 0.3},
    "least": {"patience": 0, "factor": 0.2, "min_lr": [1e-3, 5e-3]},
    "eps": {"patience": 0, "factor": 0.9, "eps": 1e-2},
}


@pytest.mark.parametrize("name", PLATEAUS)
def test_plateaus_are_pytorchs(name: str) -> None:
    optimizer, reference = pair("SGD")
    options = PLATEAUS[name]
    scheduler = ours.ReduceLROnPlateau(optimizer, **options)
    expected = theirs.ReduceLROnPlateau(reference, **options)
    rng = np.random.default_rng(0)
    for step in range(STEPS):
        loss = -1.0 + math.exp(-step / 10) + 0.1 * rng.normal()
        scheduler.step(loss)
        expected.step(loss)
        if step == STEPS // 2:
            state = json.loads(json.dumps(scheduler.state_dict()))
            optimizer = ember("SGD")
            scheduler = ours.ReduceLROnPlateau(optimizer, **options)
            scheduler.load_state_dict(state)
        compare(optimizer, scheduler, reference, expected)
