"""``train_step``: eager and compiled agree, and so do the engines."""

import os

import numpy as np
import pytest
import torch

from ember_ml import nn
from ember_ml.backend.errors import BackendMismatchError, EmberError
from ember_ml.backend.registry import current_backend
from ember_ml.nn import tensor as et

BACKENDS = [
    info.name
    for info in et.list_backends()
    if info.name in os.environ.get("EMBER_TEST_BACKENDS", "numpy,torch,mlx").split(",")
]

optim = nn.optimizers
OPTIMIZERS = {
    "SGD": lambda: optim.SGD(learning_rate=0.1),
    "SGD momentum": lambda: optim.SGD(learning_rate=0.05, momentum=0.9, nesterov=True),
    "SGD dampening": lambda: optim.SGD(learning_rate=0.05, momentum=0.9, dampening=0.5),
    "Adam": lambda: optim.Adam(learning_rate=0.01, weight_decay=0.01),
    "AdamW": lambda: optim.AdamW(learning_rate=0.01),
    "schedule": lambda: optim.AdamW(learning_rate=lambda step: 0.05 / (1 + step)),
}


def classifier(seed=0):
    et.random.seed(seed)
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 4))


def loss_fn(model, x, y):
    return nn.losses.cross_entropy(model(x), y)


def batches(count, size=12):
    """Portable random data whose labels can be learnt."""
    generator = et.random.Generator(3)
    w = generator.normal((6, 4))
    for _ in range(count):
        x = generator.normal((size, 6))
        yield x, et.argmax(x @ w, axis=1)


def weights(model):
    return {name: p.numpy().copy() for name, p in model.named_parameters()}


@pytest.mark.slow
@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_eager_and_compiled_steps_agree(name):
    eager, compiled = classifier(), classifier()
    assert all(np.array_equal(a, b) for a, b in zip(
        weights(eager).values(), weights(compiled).values(), strict=True
    ))  # fmt: skip
    one = nn.train_step(eager, loss_fn, OPTIMIZERS[name]())
    two = nn.train_step(compiled, loss_fn, OPTIMIZERS[name](), compile=True)
    for x, y in batches(20):
        a, b = one(x, y), two(x, y)
        assert b.shape == ()
        assert b.item() == pytest.approx(a.item(), rel=1e-5, abs=1e-6)
    assert one.optimizer.step == two.optimizer.step == 20
    for parameter, expected in weights(eager).items():
        np.testing.assert_allclose(weights(compiled)[parameter], expected, rtol=1e-3, atol=1e-5)
    state, expected = two.optimizer.state_dict(), one.optimizer.state_dict()
    assert list(state) == list(expected)
    for key, tensor in expected.items():
        np.testing.assert_allclose(state[key].numpy(), tensor.numpy(), rtol=1e-3, atol=1e-5)


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("compile", [False, True])
def test_a_step_agrees_with_pytorch(compile):
    model = classifier()
    theirs = torch.nn.Sequential(torch.nn.Linear(6, 16), torch.nn.ReLU(), torch.nn.Linear(16, 4))
    theirs.load_state_dict({k: torch.tensor(v.tolist()) for k, v in model.state_dict().items()})
    reference = torch.optim.AdamW(theirs.parameters(), lr=0.01)
    step = nn.train_step(model, loss_fn, optim.AdamW(learning_rate=0.01), compile=compile)
    for x, y in batches(10):
        reference.zero_grad()
        x_, y_ = torch.tensor(x.tolist()), torch.tensor(y.tolist())
        expected = torch.nn.functional.cross_entropy(theirs(x_), y_)
        expected.backward()
        reference.step()
        assert step(x, y).item() == pytest.approx(expected.item(), rel=1e-4)
    for name, parameter in theirs.named_parameters():
        np.testing.assert_allclose(
            model.state_dict()[name].numpy(), parameter.detach().numpy(), rtol=1e-3, atol=1e-5
        )


def test_the_engines_agree_from_the_same_seed():
    curves, starts = {}, {}
    for name in BACKENDS:
        with et.use_backend(name):
            model = classifier(seed=11)
            starts[name] = weights(model)
            step = nn.train_step(model, loss_fn, optim.AdamW(learning_rate=0.01))
            curves[name] = [step(x, y).item() for x, y in batches(50)]
    first = BACKENDS[0]
    assert curves[first][-1] < 0.6 * curves[first][0]
    for name in BACKENDS[1:]:
        for parameter, expected in starts[first].items():
            np.testing.assert_array_equal(starts[name][parameter], expected)  # bit for bit
        np.testing.assert_allclose(curves[name], curves[first], rtol=1e-4)


@pytest.mark.usefixtures("backend")
def test_another_seed_gives_other_weights():
    a, b = weights(classifier(0)), weights(classifier(1))
    assert not np.array_equal(a["0.weight"], b["0.weight"])


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("compile", [False, True])
def test_frozen_parameters_stay_and_may_be_freed(compile):
    model = classifier()
    model[0].requires_grad_(False)
    step = nn.train_step(model, loss_fn, optim.AdamW(learning_rate=0.01), compile=compile)
    start = weights(model)
    for x, y in batches(3):
        step(x, y)
    after = weights(model)
    assert np.array_equal(after["0.weight"], start["0.weight"])
    assert not np.array_equal(after["2.weight"], start["2.weight"])
    model.requires_grad_()
    model[2].requires_grad_(False)  # as many as before, and others
    for x, y in batches(3):
        step(x, y)
    last = weights(model)
    assert not np.array_equal(last["0.weight"], after["0.weight"])
    assert np.array_equal(last["2.weight"], after["2.weight"])


def counted():
    seen = []

    def loss(model, x, y):
        seen.append(x.shape)
        return nn.losses.cross_entropy(model(x), y)

    return loss, seen


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("name", ["SGD momentum", "AdamW", "schedule"])
def test_what_changes_from_step_to_step_does_not_compile_again(name):
    if "compile" not in current_backend().capabilities:
        pytest.skip("the engine has no compiler")
    loss, seen = counted()
    step = nn.train_step(classifier(), loss, OPTIMIZERS[name](), compile=True)
    for x, y in batches(5):
        step(x, y)
    step.optimizer.learning_rate = 0.5
    for x, y in batches(2):
        step(x, y)
    assert len(seen) == 1
    for x, y in batches(2, size=5):  # the last batch of an epoch
        step(x, y)
    assert seen == [(12, 6), (5, 6)]


@pytest.mark.usefixtures("backend")
def test_a_schedule_is_followed_when_compiled():
    model = nn.Module()
    model.w = nn.Parameter([0.0])
    rates = [1.0, 0.5, 0.25]
    step = nn.train_step(
        model, lambda m: m.w.sum(), optim.SGD(learning_rate=lambda i: rates[i]), compile=True
    )
    values = []
    for _ in rates:
        step()
        values.append(model.w.item())
    assert values == [-1.0, -1.5, -1.75]


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("compile", [False, True])
def test_options_changed_on_the_way_are_followed(compile):
    model = nn.Module()
    model.w = nn.Parameter([1.0])
    optimizer = optim.SGD(learning_rate=0.5)
    step = nn.train_step(model, lambda m: m.w.sum(), optimizer, compile=compile)
    step()
    assert model.w.item() == 0.5
    optimizer.weight_decay = 1.0
    step()
    assert model.w.item() == -0.25  # 0.5 - 0.5 * (1 + 1.0 * 0.5)


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("compile", [False, True])
def test_batches_of_other_sizes_and_forms(compile):
    model = classifier()
    step = nn.train_step(model, loss_fn, optim.SGD(learning_rate=0.01), compile=compile)
    twin = classifier()
    other = nn.train_step(twin, loss_fn, optim.SGD(learning_rate=0.01))
    for size in (12, 5, 12, 1):
        for x, y in batches(1, size):
            given = (x, y) if size == 12 else (x.numpy(), y.numpy())
            assert step(*given).item() == pytest.approx(other(x, y).item(), rel=1e-5)


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("compile", [False, True])
def test_batches_may_be_containers_with_other_things(compile):
    model = nn.Linear(2, 1)

    def loss(model, batch, scale, mode):
        assert mode == "train"
        return scale * et.sum(model(batch["x"]) ** 2)

    step = nn.train_step(model, loss, optim.SGD(learning_rate=0.0), compile=compile)
    one = step({"x": et.ones((1, 2))}, 1.0, "train").item()
    assert step({"x": et.ones((1, 2))}, 2.0, "train").item() == pytest.approx(2 * one)


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("compile", [False, True])
def test_arrays_go_to_the_backend_of_the_model(backend, compile):
    other = next((name for name in BACKENDS if name != backend), backend)
    model = classifier()
    step = nn.train_step(model, loss_fn, optim.AdamW(), compile=compile)
    with et.use_backend(other):
        loss = step(np.ones((3, 6), np.float32), np.array([0, 1, 2]))
        assert loss.backend == backend
        if other != backend:
            with pytest.raises(BackendMismatchError):
                step(et.ones((3, 6)), et.asarray([0, 1, 2]))
    assert step.optimizer.step == 1


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("compile", [False, True])
def test_a_step_that_fails_counts_for_nothing(compile):
    model = classifier()
    step = nn.train_step(model, loss_fn, optim.AdamW(), compile=compile)
    before = weights(model)
    with pytest.raises(EmberError):
        step(et.ones((3, 7)), et.asarray([0, 1, 2]))
    assert step.optimizer.step == 0
    assert all(np.array_equal(weights(model)[name], value) for name, value in before.items())
    for x, y in batches(1):
        step(x, y)
    assert step.optimizer.step == 1


class Normalised(nn.Module):
    """With a running mean, as batch normalisation has it."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(6, 4)
        self.register_buffer("mean", np.zeros(6, np.float32))

    def forward(self, x):
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * et.mean(x, axis=0)
        return self.linear(x - self.mean)


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("compile", [False, True])
def test_buffers_are_written(compile):
    et.random.seed(0)
    model = Normalised()
    mean = model.mean
    step = nn.train_step(model, loss_fn, optim.SGD(learning_rate=0.1), compile=compile)
    expected = np.zeros(6, np.float32)
    for x, y in batches(4):
        step(x, y)
        expected = 0.9 * expected + 0.1 * x.numpy().mean(axis=0)
        assert model.mean is mean
        np.testing.assert_allclose(mean.numpy(), expected, rtol=1e-4, atol=1e-6)
    model.eval()
    for x, y in batches(1):
        step(x, y)
    np.testing.assert_allclose(mean.numpy(), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("compile", [False, True])
def test_shared_parameters(compile):
    def tied():
        et.random.seed(0)
        model = nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 6))
        model[2].weight = model[0].weight
        return model

    model, theirs = tied(), torch.nn.Sequential(
        torch.nn.Linear(6, 6), torch.nn.Tanh(), torch.nn.Linear(6, 6)
    )  # fmt: skip
    theirs.load_state_dict({k: torch.tensor(v.tolist()) for k, v in model.state_dict().items()})
    theirs[2].weight = theirs[0].weight
    reference = torch.optim.SGD(theirs.parameters(), lr=0.1, momentum=0.9)
    step = nn.train_step(
        model, loss_fn, optim.SGD(learning_rate=0.1, momentum=0.9), compile=compile
    )
    for x, y in batches(4):
        reference.zero_grad()
        torch.nn.functional.cross_entropy(
            theirs(torch.tensor(x.tolist())), torch.tensor(y.tolist())
        ).backward()
        reference.step()
        step(x, y)
    assert model[2].weight is model[0].weight
    np.testing.assert_allclose(
        model[0].weight.numpy(), theirs[0].weight.detach().numpy(), rtol=1e-4, atol=1e-6
    )


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("compile", [False, True])
def test_training_leaves_copies_and_other_models_alone(compile):
    model = classifier()
    snapshot = {name: et.copy(t) for name, t in model.state_dict().items()}
    before = {name: t.tolist() for name, t in snapshot.items()}
    other = classifier(5)
    other.load_state_dict(model.state_dict())
    step = nn.train_step(
        model, loss_fn, optim.SGD(learning_rate=0.1, momentum=0.9), compile=compile
    )
    for x, y in batches(3):
        x_before = x.tolist()
        step(x, y)
        assert x.tolist() == x_before
    assert {name: t.tolist() for name, t in snapshot.items()} == before
    assert {name: t.tolist() for name, t in other.state_dict().items()} == before
    assert {name: t.tolist() for name, t in model.state_dict().items()} != before


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("compile", [False, True])
def test_parameters_may_be_replaced_between_steps(compile):
    model = nn.Module()
    model.w = nn.Parameter([1.0])
    step = nn.train_step(
        model, lambda m: (m.w * m.w).sum(), optim.SGD(learning_rate=0.25), compile=compile
    )
    step()
    old = model.w
    assert old.tolist() == [0.5]
    model.w = nn.Parameter([4.0, 8.0])
    assert step().item() == 80.0
    assert model.w.tolist() == [2.0, 4.0]
    assert old.tolist() == [0.5]


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("compile", [False, True])
def test_mixed_dtypes_keep_theirs(compile):
    model = nn.Module()
    model.a = nn.Parameter(et.ones(2, dtype="float16"))
    model.b = nn.Parameter(et.ones(2))
    step = nn.train_step(
        model,
        lambda m: et.sum(et.astype(m.a, "float32") * m.b),
        optim.Adam(learning_rate=0.5),
        compile=compile,
    )
    for _ in range(2):
        step()
    assert (model.a.dtype, model.b.dtype) == (et.float16, et.float32)
    # gradients 1 and 0.5: means 0.14 / 0.19 and 0.001249 / 0.001999 after the correction
    expected = 0.5 - 0.5 * (0.14 / 0.19) / np.sqrt(0.001249 / 0.001999)
    for parameter in (model.a, model.b):
        np.testing.assert_allclose(parameter.tolist(), [expected] * 2, atol=1e-3)


@pytest.mark.parametrize("compile", [False, True])
def test_a_run_goes_on_from_files(backend, compile, tmp_path):
    data = list(batches_of(backend, 8))
    with et.use_backend(backend):
        straight = classifier()
        step = nn.train_step(straight, loss_fn, optim.AdamW(learning_rate=0.01), compile=compile)
        for x, y in data[:4]:
            step(x, y)
        nn.save(straight, tmp_path / "model")
        nn.save(step.optimizer.state_dict(), tmp_path / "optimizer")
        expected = [step(x, y).item() for x, y in data[4:]]

        model, optimizer = classifier(9), optim.AdamW(learning_rate=0.01)
        nn.load(model, tmp_path / "model")
        optimizer.load_state_dict(nn.load_file(tmp_path / "optimizer"))
        again = nn.train_step(model, loss_fn, optimizer, compile=compile)
        assert [again(x, y).item() for x, y in data[4:]] == pytest.approx(expected, rel=1e-6)


def batches_of(backend, count):
    with et.use_backend(backend):
        yield from batches(count)


@pytest.mark.parametrize("compile", [False, True])
def test_random_numbers_of_a_step_are_those_of_its_generator(compile):
    def loss_fn(model, x):
        return ((model(x) + et.random.uniform((3, 1))) ** 2).mean()

    def losses(compile):
        et.random.seed(2)
        model = nn.Linear(2, 1)
        step = nn.train_step(model, loss_fn, nn.optimizers.SGD(learning_rate=0.1), compile=compile)
        return [step(et.ones((3, 2))).item() for _ in range(3)], et.random.uniform().item()

    found, after = losses(compile)
    expected, following = losses(False)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert after == following


def test_another_model_in_the_loss(backend):
    teacher, student = nn.Linear(2, 1), nn.Linear(2, 1)
    step = nn.train_step(
        student,
        lambda m, x: ((m(x) - teacher(x)) ** 2).sum(),
        nn.optimizers.SGD(learning_rate=0.0),
        compile=True,
    )
    x = et.ones((1, 2))
    step(x)
    teacher.load_state_dict({"weight": [[1.0, 2.0]], "bias": [0.5]})
    np.testing.assert_allclose(step(x).item(), (student(x).item() - 3.5) ** 2, rtol=1e-5)
