"""What a training step can do besides: groups, clipping, accumulation, averages, checks."""

import math

import numpy as np
import pytest
import torch

from ember_ml import nn
from ember_ml.backend.errors import (
    ArgumentError,
    CheckpointError,
    InvalidValueError,
    NonFiniteError,
)
from ember_ml.backend.registry import current_backend
from ember_ml.nn import tensor as et

pytestmark = pytest.mark.usefixtures("backend")

optim = nn.optimizers
both = pytest.mark.parametrize("compile", [False, True], ids=["plain", "compiled"])


def network(seed=0):
    et.random.seed(seed)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))


def twin(model):
    """The same in PyTorch."""
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    theirs.load_state_dict({k: torch.tensor(v.tolist()) for k, v in model.state_dict().items()})
    return theirs


def loss_fn(model, x, y):
    return nn.losses.mse(model(x), y)


def batches(count, size=6):
    rng = np.random.default_rng(5)
    return [
        (rng.normal(size=(size, 3)).astype("f4"), rng.normal(size=(size, 2)).astype("f4") * 5)
        for _ in range(count)
    ]


def weights(model):
    return {name: p.numpy().copy() for name, p in model.named_parameters()}


def close(ours, theirs, rtol=1e-5):
    for name, value in ours.items():
        np.testing.assert_allclose(value, theirs[name], rtol=rtol, atol=rtol)


# -- groups ---------------------------------------------------------------------------------


@both
@pytest.mark.parametrize(
    "selection",
    ["*.bias", ["0.bias", "2.bias"], lambda name, p: p.ndim == 1, ["0.b*", "2.bias"]],
    ids=["pattern", "names", "function", "both"],
)
def test_a_group_by_name(selection, compile):
    model = network()
    group = {"parameters": selection, "learning_rate": 0.0}
    optimizer = optim.AdamW(0.1, groups=[group])
    step = nn.train_step(model, loss_fn, optimizer, compile=compile)
    before = weights(model)
    for x, y in batches(2):
        step(et.asarray(x), et.asarray(y))
    after = weights(model)
    for name, value in before.items():
        assert np.array_equal(value, after[name]) == name.endswith("bias")
    assert optimizer.rates == [0.1, 0.0]


def test_what_a_group_does_not_say_is_the_optimizers():
    optimizer = optim.SGD(0.1, momentum=0.5, groups=[{"parameters": "b", "weight_decay": 0.2}])
    optimizer.learning_rate = 0.3
    assert optimizer.rates == [0.3, 0.3]
    assert [group["weight_decay"] for group in optimizer.resolved()] == [0.0, 0.2]


@both
@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (
            [{"parameters": "*.scale"}],
            r"'\*.scale' of group 1 holds for no parameter of Sequential",
        ),
        ([{"parameters": ["0.bias", "1.bias"]}], r"'1.bias' of group 1 holds for no parameter"),
        (
            [{"parameters": "*.bias"}, {"parameters": "2.*"}],
            r"'2.bias' is in group 1 and in group 2 \('2.\*'\)",
        ),
    ],
)
def test_groups_that_do_not_fit_the_model(groups, message, compile):
    model = network()
    before = weights(model)
    optimizer = optim.Adam(groups=groups)
    step = nn.train_step(model, loss_fn, optimizer, compile=compile)
    with pytest.raises(InvalidValueError, match=message):
        step(*map(et.asarray, batches(1)[0]))
    assert optimizer.step == 0
    assert all(np.array_equal(weights(model)[name], value) for name, value in before.items())


@pytest.mark.parametrize(
    ("group", "error", "message"),
    [
        ({"weight_decay": 0.1}, ArgumentError, "group 1 is a dict with 'parameters'"),
        ({"parameters": 3}, ArgumentError, "parameters of group 1 are given by name"),
        (
            {"parameters": "w", "momentum": 0.9},
            InvalidValueError,
            "group 1 has no option 'momentum'",
        ),
        ({"parameters": "w", "eps": -1.0}, InvalidValueError, "eps of group 1 is in"),
        ({"parameters": "w", "learning_rate": -1.0}, InvalidValueError, "learning_rate of group 1"),
    ],
)
def test_groups_that_make_no_sense(group, error, message):
    with pytest.raises(error, match=message):
        optim.Adam(groups=[group])


def test_a_group_of_one_momentum_and_nesterov():
    with pytest.raises(InvalidValueError, match="nesterov needs a momentum"):
        optim.SGD(momentum=0.9, nesterov=True, groups=[{"parameters": "w", "momentum": 0.0}])


# -- rates ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda o: nn.schedulers.CosineAnnealingLR(o, 10).step,
        lambda o: nn.schedulers.OneCycleLR(o, 0.1, total_steps=10).step,
        lambda o: lambda: setattr(o, "learning_rate", o.learning_rate * 0.9),
        lambda o: lambda: o.groups[1].update(learning_rate=o.rates[1] / 2),
    ],
    ids=["cosine", "one cycle", "by hand", "of a group"],
)
def test_rates_change_without_compiling_again(change):
    if "compile" not in current_backend().capabilities:
        pytest.skip("the engine has no compiler")
    traced = []

    def loss(model, x, y):
        traced.append(1)
        return loss_fn(model, x, y)

    optimizer = optim.SGD(0.1, momentum=0.9, groups=[{"parameters": "*.bias"}])
    act = change(optimizer)
    step = nn.train_step(network(), loss, optimizer, compile=True)
    for x, y in batches(4):
        step(et.asarray(x), et.asarray(y))
        act()
    assert len(traced) == 1


def test_a_rate_below_zero_is_refused_when_it_comes():
    model = network()
    before = weights(model)
    optimizer = optim.SGD(lambda step: 0.1 - step)
    step = nn.train_step(model, loss_fn, optimizer)
    x, y = map(et.asarray, batches(1)[0])
    step(x, y)
    with pytest.raises(InvalidValueError, match="learning_rate after 1 steps is in"):
        step(x, y)
    assert optimizer.step == 1
    assert not np.array_equal(weights(model)["0.bias"], before["0.bias"])


def test_a_schedule_and_a_scheduler():
    with pytest.raises(InvalidValueError, match="StepLR: the learning_rate of Adam is a function"):
        nn.schedulers.StepLR(optim.Adam(lambda step: 0.1), 3)
    optimizer = optim.Adam(0.1)
    scheduler = nn.schedulers.StepLR(optimizer, 3)
    optimizer.learning_rate = lambda step: 0.1
    with pytest.raises(InvalidValueError, match="leave out the scheduler"):
        scheduler.step()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda s, o: s.StepLR(o, 0), "StepLR: step_size is an integer of at least 1, not 0"),
        (lambda s, o: s.StepLR(o, 3, gamma=-1), "gamma"),
        (lambda s, o: s.LinearLR(o, 0.0), "start_factor"),
        (
            lambda s, o: s.LambdaLR(o, [lambda n: 1.0] * 3),
            "lr_lambda has 3 values, and SGD 1 group",
        ),
        (lambda s, o: s.OneCycleLR(o, 1.0), "total_steps, or both"),
        (lambda s, o: s.OneCycleLR(optim.Adagrad(), 1.0, 10), "Adagrad has no momentum"),
        (lambda s, o: s.OneCycleLR(o, 1.0, 10, anneal_strategy="sine"), "'cos' or 'linear'"),
        (lambda s, o: s.ReduceLROnPlateau(o, factor=1.0), "factor"),
        (lambda s, o: s.ReduceLROnPlateau(o).step(), "takes the figure"),
        (lambda s, o: s.SequentialLR(o, [s.StepLR(o, 3)], [5]), "take 0 milestones"),
        (lambda s, o: s.CosineAnnealingLR(o, 10, last_epoch=5), "load_state_dict"),
        (lambda s, o: s.CosineAnnealingWarmRestarts(o, 10, T_mult=0), "T_mult"),
        (lambda s, o: s.warmup_cosine(0.1, warmup=5, total=5), "warmup < total"),
    ],
)
def test_schedulers_that_make_no_sense(make, message):
    with pytest.raises(InvalidValueError, match=message):
        make(nn.schedulers, optim.SGD(0.1, momentum=0.9))


def test_a_schedulers_state_that_does_not_fit():
    optimizer = optim.SGD(0.1)
    scheduler = nn.schedulers.StepLR(optimizer, 3)
    state = {**scheduler.state_dict(), "base_lrs": [0.1, 0.2]}
    del state["last_epoch"]
    with pytest.raises(CheckpointError, match="(?s)StepLR.*missing: last_epoch.*2 values for 1 gr"):
        scheduler.load_state_dict(state)


# -- clipping ---------------------------------------------------------------------------------


@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.0, math.inf])
@pytest.mark.parametrize("max_norm", [0.5, 100.0])
def test_clipping_by_norm_is_pytorchs(norm_type, max_norm):
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=s).astype("f4") for s in [(3, 4), (5,), ()]]
    theirs = [torch.zeros(a.shape, requires_grad=True) for a in arrays]
    for parameter, a in zip(theirs, arrays, strict=True):
        parameter.grad = torch.from_numpy(a.copy())
    expected = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type)
    given = {
        "a": et.asarray(arrays[0]),
        "rest": [et.asarray(arrays[1]), None, et.asarray(arrays[2])],
    }
    clipped, norm = nn.clip_grad_norm(given, max_norm, norm_type)
    assert norm.item() == pytest.approx(expected.item(), rel=1e-5)
    assert clipped["rest"][1] is None
    ours = [clipped["a"], clipped["rest"][0], clipped["rest"][2]]
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a.numpy(), b.grad.numpy(), rtol=1e-5)


def test_clipping_by_value():
    clipped = nn.clip_grad_value({"a": et.asarray([-3.0, 0.5, 2.0])}, 1.0)
    assert clipped["a"].tolist() == [-1.0, 0.5, 1.0]


def test_a_norm_that_is_not_finite():
    gradients = [et.asarray([1.0, math.inf])]
    with pytest.raises(NonFiniteError, match="norm of the gradients is inf"):
        nn.clip_grad_norm(gradients, 1.0, error_if_nonfinite=True)
    assert nn.clip_grad_norm(gradients, 1.0)[1].item() == math.inf


def test_half_precision_does_not_overflow_in_a_norm():
    clipped, norm = nn.clip_grad_norm([et.full((4,), 300.0, dtype="float16")], 6.0)
    assert norm.item() == pytest.approx(600.0)
    assert clipped[0].dtype is et.float16
    np.testing.assert_allclose(clipped[0].tolist(), [3.0] * 4, rtol=1e-3)


@both
def test_a_step_with_clipping_is_pytorchs(compile):
    model = network()
    theirs = twin(model)
    reference = torch.optim.SGD(theirs.parameters(), lr=0.1)
    step = nn.train_step(
        model, loss_fn, optim.SGD(0.1), clip_grad_norm=0.5, clip_grad_value=0.3, compile=compile
    )
    for x, y in batches(3):
        reference.zero_grad()
        torch.nn.functional.mse_loss(theirs(torch.from_numpy(x)), torch.from_numpy(y)).backward()
        torch.nn.utils.clip_grad_value_(theirs.parameters(), 0.3)
        torch.nn.utils.clip_grad_norm_(theirs.parameters(), 0.5)
        reference.step()
        step(et.asarray(x), et.asarray(y))
    close(weights(model), {n: p.detach().numpy() for n, p in theirs.named_parameters()})


# -- accumulation -------------------------------------------------------------------------------


@both
def test_accumulated_small_batches_are_one_large(compile):
    small, large = network(), network()
    one = nn.train_step(small, loss_fn, optim.Adam(0.05), accumulate=3, compile=compile,
                        clip_grad_norm=1.0)  # fmt: skip
    two = nn.train_step(large, loss_fn, optim.Adam(0.05), clip_grad_norm=1.0)
    for x, y in batches(4, size=12):
        before = weights(small)
        losses = []
        for part in range(3):
            close(weights(small), before, rtol=0)
            assert one.calls == part
            rows = slice(4 * part, 4 * part + 4)
            losses.append(one(et.asarray(x[rows]), et.asarray(y[rows])).item())
        assert two(et.asarray(x), et.asarray(y)).item() == pytest.approx(np.mean(losses), rel=1e-5)
        close(weights(small), weights(large), rtol=2e-5)
    assert one.optimizer.step == two.optimizer.step == 4


# -- averages ---------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("inside", [False, True])
def test_averaged_weights_are_pytorchs(inside, compile):
    model = network()
    theirs = twin(model)
    reference = torch.optim.SGD(theirs.parameters(), lr=0.1)
    expected = torch.optim.swa_utils.AveragedModel(
        theirs, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.8)
    )
    average = nn.ExponentialMovingAverage(model, 0.8)
    step = nn.train_step(
        model, loss_fn, optim.SGD(0.1), compile=compile, average=average if inside else None
    )
    for x, y in batches(5):
        reference.zero_grad()
        torch.nn.functional.mse_loss(theirs(torch.from_numpy(x)), torch.from_numpy(y)).backward()
        reference.step()
        expected.update_parameters(theirs)
        step(et.asarray(x), et.asarray(y))
        if not inside:
            average.update()
    assert average.updates == 5
    due = {n: p.detach().numpy() for n, p in expected.module.named_parameters()}
    now = weights(model)
    with average.applied() as averaged:
        close(weights(averaged), due)
    close(weights(model), now, rtol=0)
    close({n: x.numpy() for n, x in average.averages.items()}, due)
    again = nn.ExponentialMovingAverage(network(3), 0.8)
    again.load_state_dict(average.state_dict())
    assert again.updates == 5
    close({n: x.numpy() for n, x in again.averages.items()}, due)


def test_an_average_that_warms_up():
    model = nn.Module()
    model.w = nn.Parameter([0.0])
    average = nn.ExponentialMovingAverage(model, 0.99, warmup=True)
    expected = 0.0
    for n in range(4):
        model.load_state_dict({"w": [float(n + 1)]})
        average.update()
        weight = 1.0 if n == 0 else 1 - (1 + n) / (10 + n)
        expected += weight * (n + 1 - expected)
        assert average.averages["w"].item() == pytest.approx(expected, rel=1e-5)


@both
def test_averaged_buffers_and_frozen_parameters(compile):
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter([1.0])
            self.fixed = nn.Parameter([5.0], requires_grad=False)
            self.register_buffer("seen", [0.0])

        def forward(self):
            self.seen = self.seen + 1.0
            return et.sum(self.w * self.fixed)

    model = Counting()
    average = nn.ExponentialMovingAverage(model, 0.5, use_buffers=True)
    step = nn.train_step(model, lambda m: m(), optim.SGD(0.1), average=average, compile=compile)
    for _ in range(3):
        step()
    found = {name: x.item() for name, x in average.averages.items()}
    # w: 0.5, 0.0, -0.5 and seen: 1, 2, 3, the first taken whole
    assert found == pytest.approx({"w": -0.125, "fixed": 5.0, "seen": 2.25})


def test_averages_that_make_no_sense():
    with pytest.raises(InvalidValueError, match="decay"):
        nn.ExponentialMovingAverage(network(), 1.5)
    with pytest.raises(InvalidValueError, match="Tanh has no floating-point parameters"):
        nn.ExponentialMovingAverage(nn.Tanh())
    with pytest.raises(InvalidValueError, match="of another model"):
        nn.train_step(
            network(), loss_fn, optim.SGD(), average=nn.ExponentialMovingAverage(network())
        )
    average = nn.ExponentialMovingAverage(network())
    with pytest.raises(CheckpointError, match="(?s)missing: 0.bias.*unexpected: x"):
        average.load_state_dict({"updates": 1, "x": et.ones(1)})
    assert average.updates == 0


# -- what goes wrong ----------------------------------------------------------------------------


class Running(nn.Module):
    """With a buffer that each forward changes."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 2)
        self.register_buffer("total", np.zeros(3, np.float32))

    def forward(self, x):
        self.total = self.total + et.sum(x, axis=0)
        return self.linear(x)


def everything(model, optimizer, average):
    state = {**model.state_dict(), **optimizer.state_dict()}
    state |= {f"average.{name}": x for name, x in average.state_dict().items()}
    return {name: x.tolist() for name, x in state.items()}


@both
@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_loss_that_is_not_finite_changes_nothing(bad, accumulate, compile):
    et.random.seed(0)
    model, optimizer = Running(), optim.AdamW(0.1, amsgrad=True)
    average = nn.ExponentialMovingAverage(model, 0.9)
    step = nn.train_step(
        model, loss_fn, optimizer, average=average, accumulate=accumulate, compile=compile
    )
    good = [tuple(map(et.asarray, batch)) for batch in batches(4)]
    for batch in good[:2]:
        step(*batch)
    before = everything(model, optimizer, average)
    assert optimizer.step == 2 // accumulate
    x, y = batches(1)[0]

    def fails():
        step(et.asarray(x * np.float32(bad)), et.asarray(y))
        step.check()

    with pytest.raises(NonFiniteError, match=f"loss of step {2 // accumulate + 1}.*as before"):
        fails()
    assert everything(model, optimizer, average) == before
    other = nn.train_step(model, loss_fn, optimizer, average=average, accumulate=accumulate)
    for batch in good[2:]:
        assert math.isfinite(step(*batch).item())
    assert optimizer.step == 4 // accumulate
    assert other.calls == 0


def test_a_compiled_step_says_so_at_the_next_call():
    if "compile" not in current_backend().capabilities:
        pytest.skip("the engine has no compiler")
    model = network()
    step = nn.train_step(model, loss_fn, optim.SGD(0.1), compile=True)
    x, y = map(et.asarray, batches(1)[0])
    before = weights(model)
    assert math.isnan(step(x * math.nan, y).item())
    with pytest.raises(NonFiniteError, match="step 1 is nan"):
        step(x, y)
    close(weights(model), before, rtol=0)
    assert step.optimizer.step == 0
    step(x, y)
    step.check()
    assert step.optimizer.step == 1


@both
def test_without_the_check_a_step_goes_on(compile):
    model = network()
    step = nn.train_step(model, loss_fn, optim.SGD(0.1), compile=compile, check_finite=False)
    x, y = map(et.asarray, batches(1)[0])
    step(x * math.nan, y)
    step(x, y)
    assert step.optimizer.step == 2
    assert np.isnan(weights(model)["0.weight"]).all()


@both
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: network().requires_grad_(False),
            "all 4 parameters of Sequential are frozen; free",
        ),
        (lambda: nn.Sequential(nn.Tanh()), "Sequential has no parameters; give it layers"),
    ],
    ids=["frozen", "none"],
)
def test_a_model_without_trainable_parameters(make, message, compile):
    model = make()
    optimizer = optim.Adam()
    with pytest.raises(InvalidValueError, match=f"Adam has nothing to train: {message}"):
        optimizer.update(model, {})
    step = nn.train_step(model, lambda m, x: et.sum(m(x)), optimizer, compile=compile)
    with pytest.raises(InvalidValueError, match=message):
        step(et.ones((2, 3)))
    assert optimizer.step == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"accumulate": 0}, "accumulate is a positive integer, not 0"),
        ({"clip_grad_norm": 0.0}, "clip_grad_norm is a positive number, not 0.0"),
        ({"clip_grad_value": -1.0}, "clip_grad_value"),
    ],
)
def test_options_of_a_step_that_make_no_sense(options, message):
    with pytest.raises(InvalidValueError, match=message):
        nn.train_step(network(), loss_fn, optim.SGD(), **options)


def test_a_step_takes_its_arguments_in_order():
    with pytest.raises(ArgumentError, match="in this order, not Sequential, SGD, function"):
        nn.train_step(network(), optim.SGD(), loss_fn)


@pytest.mark.parametrize("kind", ["RMSprop", "Adagrad", "Lion"])
def test_state_of_other_optimizers_goes_through_a_file(kind, tmp_path):
    data = [tuple(map(et.asarray, batch)) for batch in batches(4)]
    options = {"momentum": 0.5, "centered": True} if kind == "RMSprop" else {}
    straight, broken = network(), network()
    one = nn.train_step(straight, loss_fn, getattr(optim, kind)(0.01, **options))
    two = nn.train_step(broken, loss_fn, getattr(optim, kind)(0.01, **options))
    for batch in data[:2]:
        one(*batch)
        two(*batch)
    nn.save(two.optimizer.state_dict(), tmp_path / "state")
    optimizer = getattr(optim, kind)(0.01, **options)
    optimizer.load_state_dict(nn.load_file(tmp_path / "state"))
    three = nn.train_step(broken, loss_fn, optimizer)
    for batch in data[2:]:
        one(*batch)
        three(*batch)
    close(weights(straight), weights(broken), rtol=0)
