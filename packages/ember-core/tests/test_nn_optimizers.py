"""Optimizers against ``torch.optim`` with the same gradients, and what they do with state."""

import math

import numpy as np
import pytest
import torch

from ember_ml import nn
from ember_ml.backend.errors import (
    ArgumentError,
    BackendMismatchError,
    CheckpointError,
    InvalidValueError,
    ShapeError,
)
from ember_ml.nn import tensor as et

pytestmark = pytest.mark.usefixtures("backend")

optim = nn.optimizers
SHAPES = {"w": (3, 4), "b": (5,), "s": ()}


class Weights(nn.Module):
    """Parameters of several shapes, with values from a seed."""

    def __init__(self, dtype=np.float32):
        super().__init__()
        rng = np.random.default_rng(0)
        for name, shape in SHAPES.items():
            value = np.asarray(rng.normal(size=shape), dtype=dtype)
            self.register_parameter(name, nn.Parameter(value))


def gradients(steps):
    rng = np.random.default_rng(1)
    return [
        {name: np.asarray(rng.normal(size=shape), np.float32) for name, shape in SHAPES.items()}
        for _ in range(steps)
    ]


CASES = {
    "SGD": ("SGD", {}, {}),
    "SGD momentum": ("SGD", {"momentum": 0.9}, {"momentum": 0.9}),
    "SGD dampening": (
        "SGD",
        {"momentum": 0.9, "dampening": 0.3},
        {"momentum": 0.9, "dampening": 0.3},
    ),
    "SGD nesterov": (
        "SGD",
        {"momentum": 0.8, "nesterov": True},
        {"momentum": 0.8, "nesterov": True},
    ),
    "SGD decay": ("SGD", {"weight_decay": 0.1}, {"weight_decay": 0.1}),
    "SGD all": (
        "SGD",
        {"momentum": 0.8, "nesterov": True, "weight_decay": 0.1},
        {"momentum": 0.8, "nesterov": True, "weight_decay": 0.1},
    ),
    "Adam": ("Adam", {}, {}),
    "Adam betas": ("Adam", {"betas": (0.5, 0.9), "eps": 1e-3}, {"betas": (0.5, 0.9), "eps": 1e-3}),
    "Adam decay": ("Adam", {"weight_decay": 0.1}, {"weight_decay": 0.1}),
    "AdamW": ("AdamW", {}, {}),
    "AdamW decay": ("AdamW", {"weight_decay": 0.5}, {"weight_decay": 0.5}),
}


@pytest.mark.parametrize("name", CASES)
def test_ten_steps_agree_with_pytorch(name):
    kind, ours_options, theirs_options = CASES[name]
    model = Weights()
    theirs = {name: torch.tensor(p.numpy(), requires_grad=True)
              for name, p in model.named_parameters()}  # fmt: skip
    ours = getattr(optim, kind)(learning_rate=0.05, **ours_options)
    reference = getattr(torch.optim, kind)(theirs.values(), lr=0.05, **theirs_options)
    for step in gradients(10):
        ours.update(model, {name: et.asarray(g) for name, g in step.items()})
        for name_, parameter in theirs.items():
            parameter.grad = torch.from_numpy(step[name_])
        reference.step()
        for name_, parameter in model.named_parameters():
            assert parameter.dtype is et.float32
            np.testing.assert_allclose(
                parameter.numpy(), theirs[name_].detach().numpy(), rtol=2e-5, atol=2e-6
            )


def test_adam_by_hand():
    # t = 1: mean = 0.1 g, square = 0.001 g**2, both corrected to g and g**2: a step of the rate.
    model = nn.Module()
    model.w = nn.Parameter([1.0, 1.0])
    optim.Adam(learning_rate=0.1, eps=0.0).update(model, {"w": et.asarray([5.0, -0.01])})
    np.testing.assert_allclose(model.w.numpy(), [0.9, 1.1], rtol=1e-6)


def test_a_schedule_is_asked_for_the_steps_taken_before():
    asked = []

    def halved(step):
        asked.append(step)
        return 0.5**step

    model = nn.Module()
    model.w = nn.Parameter([10.0])
    optimizer = optim.SGD(learning_rate=halved)
    values = []
    for _ in range(3):
        optimizer.update(model, {"w": [1.0]})
        values.append(model.w.item())
    assert sorted(set(asked)) == [0, 1, 2]
    assert values == [9.0, 8.5, 8.25]
    assert optimizer.rate == 0.25


def test_a_schedule_agrees_with_pytorchs():
    def cosine(step):
        return 0.05 * (1 + math.cos(math.pi * step / 10)) / 2

    model = Weights()
    theirs = {n: torch.tensor(p.numpy(), requires_grad=True) for n, p in model.named_parameters()}
    ours = optim.AdamW(learning_rate=cosine)
    reference = torch.optim.AdamW(theirs.values(), lr=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(reference, T_max=10)
    for step in gradients(8):
        ours.update(model, step)
        for name, parameter in theirs.items():
            parameter.grad = torch.from_numpy(step[name])
        reference.step()
        schedule.step()
    for name, parameter in model.named_parameters():
        np.testing.assert_allclose(
            parameter.numpy(), theirs[name].detach().numpy(), rtol=2e-5, atol=2e-6
        )


@pytest.mark.parametrize("name", CASES)
def test_state_goes_through_a_file(name, tmp_path):
    kind, options, _ = CASES[name]
    steps = gradients(6)
    straight, interrupted = Weights(), Weights()
    one = getattr(optim, kind)(learning_rate=0.05, **options)
    first = getattr(optim, kind)(learning_rate=0.05, **options)
    for step in steps[:3]:
        one.update(straight, step)
        first.update(interrupted, step)
    nn.save(first.state_dict(), tmp_path / "optimizer")
    second = getattr(optim, kind)(learning_rate=0.05, **options)
    second.load_state_dict(nn.load_file(tmp_path / "optimizer"))
    assert second.step == 3
    for step in steps[3:]:
        one.update(straight, step)
        second.update(interrupted, step)
    for name_, parameter in straight.named_parameters():
        assert parameter.tolist() == interrupted.state_dict()[name_].tolist()


def test_names_in_the_state():
    model = Weights()
    optimizer = optim.Adam()
    assert list(optimizer.state_dict()) == ["step"]
    optimizer.update(model, gradients(1)[0])
    assert list(optimizer.state_dict()) == [
        "step", "w.mean", "w.square", "b.mean", "b.square", "s.mean", "s.square",
    ]  # fmt: skip
    plain = optim.SGD()
    plain.update(model, gradients(1)[0])
    assert list(plain.state_dict()) == ["step"]  # without a momentum there is nothing to keep


def test_loading_copies():
    model = Weights()
    one = optim.Adam()
    one.update(model, gradients(1)[0])
    two = optim.Adam()
    two.load_state_dict(one.state_dict())
    before = one.state["w"]["mean"].tolist()
    two.update(model, gradients(1)[0])
    assert one.state["w"]["mean"].tolist() == before
    assert two.state["w"]["mean"].tolist() != before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("step"), "missing: step"),
        (lambda s: s.pop("w.mean"), "missing: w.mean"),
        (lambda s: s.update({"w.velocity": et.ones(1)}), "unexpected: w.velocity"),
    ],
)
def test_a_state_that_does_not_fit(change, message):
    model = Weights()
    one = optim.Adam()
    one.update(model, gradients(1)[0])
    state = one.state_dict()
    change(state)
    two = optim.Adam()
    with pytest.raises(CheckpointError, match=f"(?s)Adam, which keeps mean, square.*{message}"):
        two.load_state_dict(state)
    assert two.step == 0
    assert two.state == {}


def test_a_state_of_another_shape_is_found_at_the_next_step():
    model = Weights()
    optimizer = optim.SGD(momentum=0.9)
    optimizer.load_state_dict({"step": 3, "w.velocity": et.zeros((3, 1))})
    before = model.w.tolist()
    with pytest.raises(CheckpointError, match=r"shape \(3, 1\) for 'w', which has shape \(3, 4\)"):
        optimizer.update(model, gradients(1)[0])
    assert model.w.tolist() == before
    assert optimizer.step == 3


def test_gradients_that_do_not_fit_change_nothing():
    model = Weights()
    optimizer = optim.Adam()
    before = {name: p.tolist() for name, p in model.named_parameters()}
    given = gradients(1)[0]
    with pytest.raises(CheckpointError, match=r"(?s)missing: b.*unexpected: c\n.*unexpected: d"):
        optimizer.update(model, {"w": given["w"], "s": given["s"], "c": given["b"], "d": 1.0})
    with pytest.raises(ShapeError, match=r"'b' has shape \(4,\), and the parameter \(5,\)"):
        optimizer.update(model, {**given, "b": np.zeros(4, np.float32)})
    with pytest.raises(ArgumentError):
        optimizer.update(model, {**given, "b": None})
    with pytest.raises(ArgumentError, match="a dict by name of parameter.* not list"):
        optimizer.update(model, list(given.values()))
    assert {name: p.tolist() for name, p in model.named_parameters()} == before
    assert optimizer.step == 0


def test_gradients_of_another_backend(backend):
    other = "torch" if backend == "numpy" else "numpy"
    if other not in {info.name for info in et.list_backends()}:
        pytest.skip("there is one backend only")
    model = nn.Module()
    model.w = nn.Parameter([1.0])
    with et.use_backend(other):
        gradient = et.ones(1)
    with pytest.raises(BackendMismatchError, match="to_backend"):
        optim.SGD().update(model, {"w": gradient})
    with et.use_backend(other):  # what is no tensor goes to the parameter's backend
        optim.SGD(learning_rate=0.5).update(model, {"w": [1.0]})
    assert model.w.backend == backend
    assert model.w.tolist() == [0.5]


def test_a_gradient_of_another_dtype_does_not_change_the_parameters():
    model = nn.Module()
    model.w = nn.Parameter(et.ones(2, dtype="float16"))
    optim.Adam(learning_rate=0.5).update(model, {"w": et.ones(2)})
    assert model.w.dtype is et.float16
    np.testing.assert_allclose(model.w.tolist(), [0.5, 0.5], rtol=1e-2)


def test_frozen_parameters_are_left_alone():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[0].requires_grad_(False)
    frozen, free = model[0].weight.tolist(), model[1].weight.tolist()
    optimizer = optim.AdamW(learning_rate=0.1)
    grads = nn.grad(lambda m: m(et.ones((1, 2))).sum())(model)
    optimizer.update(model, grads)
    assert model[0].weight.tolist() == frozen
    assert model[1].weight.tolist() != free
    assert list(optimizer.state) == ["1.weight", "1.bias"]
    with pytest.raises(CheckpointError, match=r"unexpected: 0\.weight"):
        optimizer.update(model, {**grads, "0.weight": et.ones((2, 2))})


def test_a_shared_parameter_moves_once():
    model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False))
    model[1].weight = model[0].weight
    model.load_state_dict({"0.weight": [[3.0]]})
    grads = nn.grad(lambda m: m(et.ones((1, 1))).sum())(model)
    assert {name: g.tolist() for name, g in grads.items()} == {"0.weight": [[6.0]]}  # d(w**2)
    optim.SGD(learning_rate=0.1).update(model, grads)
    assert model[0].weight is model[1].weight
    assert model[0].weight.item() == pytest.approx(2.4)


@pytest.mark.parametrize("name", CASES)
def test_updates_are_in_place_and_gradients_and_snapshots_stay(name):
    kind, options, _ = CASES[name]
    model = Weights()
    optimizer = getattr(optim, kind)(learning_rate=0.05, **options)
    weight = model.w
    alias = model.state_dict()["w"]
    snapshot = et.copy(model.w)
    before = snapshot.tolist()
    for step in gradients(3):
        arrays = {name: g.copy() for name, g in step.items()}
        given = {name: et.asarray(g) for name, g in arrays.items()}
        optimizer.update(model, given)
        for name_, gradient in given.items():
            np.testing.assert_array_equal(gradient.numpy(), step[name_])
            np.testing.assert_array_equal(arrays[name_], step[name_])
    assert model.w is weight
    assert alias is weight
    assert weight.tolist() != before
    assert snapshot.tolist() == before


def test_the_state_follows_a_model_to_another_dtype():
    model = Weights()
    optimizer = optim.Adam(learning_rate=0.1)
    optimizer.update(model, gradients(1)[0])
    model.to(dtype="float16")
    optimizer.update(model, gradients(1)[0])
    assert {t.dtype for kept in optimizer.state.values() for t in kept.values()} == {et.float16}
    assert model.w.dtype is et.float16


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optim.SGD(learning_rate=-1.0), r"learning_rate is in \[0.0, inf\), not -1.0"),
        (lambda: optim.SGD(learning_rate=float("nan")), "not nan"),
        (lambda: optim.SGD(momentum=-0.1), "momentum"),
        (lambda: optim.SGD(weight_decay=-0.1), "weight_decay"),
        (lambda: optim.SGD(nesterov=True), "nesterov needs a momentum"),
        (lambda: optim.SGD(momentum=0.9, dampening=0.1, nesterov=True), "no dampening"),
        (lambda: optim.Adam(betas=(1.0, 0.9)), r"betas\[0\] is in \[0.0, 1.0\), not 1.0"),
        (lambda: optim.Adam(betas=(0.9, -1)), r"betas\[1\]"),
        (lambda: optim.Adam(eps=-1e-8), "eps"),
        (lambda: optim.Adam(Weights().parameters()), "not generator; parameters are not given"),
        (lambda: optim.Adam(Weights()), r"not Weights; .* optimizer.update\(model, gradients\)"),
    ],
)
def test_options_that_make_no_sense(make, message):
    with pytest.raises(InvalidValueError, match=message):
        make()


def test_text():
    groups = [{"parameters": "b", "learning_rate": 0.1}]
    text = "SGD(learning_rate=0.5, momentum=0.9, dampening=0.0, weight_decay=0.0, nesterov=False, "
    assert repr(optim.SGD(0.5, momentum=0.9)) == text + "maximize=False)"
    assert repr(optim.SGD(0.5, momentum=0.9, groups=groups)) == (
        text + "maximize=False, groups=[{'parameters': ('b',), 'learning_rate': 0.1}])"
    )
