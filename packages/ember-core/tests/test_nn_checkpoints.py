"""Training runs that are saved, and go on where they were."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest

from ember_ml import nn
from ember_ml.backend.errors import (
    ArgumentError,
    BackendNotFoundError,
    CheckpointError,
    UnsupportedError,
)
from ember_ml.nn import tensor as et

pytestmark = pytest.mark.usefixtures("backend")


class Noisy(nn.Module):
    """A network whose loss depends on random numbers of two streams, and that counts its calls."""

    def __init__(self, width=8):
        super().__init__()
        self.first = nn.Linear(4, width)
        self.last = nn.Linear(width, 2)
        self.generator = et.random.Generator(11)
        self.register_buffer("mean", et.zeros(width))

    def forward(self, x):
        y = nn.relu(self.first(x))
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * et.stop_gradient(et.mean(y, axis=0))
            keep = et.random.uniform(y.shape) < 0.8
            y = et.where(keep, y / 0.8, 0.0) + 0.01 * self.generator.normal(y.shape)
        return self.last(y + self.mean)


def loss_fn(model, x, y):
    return nn.losses.cross_entropy(model(x), y)


OPTIMIZERS = {
    "adamw": lambda: nn.optimizers.AdamW(learning_rate=lambda step: 0.05 * 0.9**step),
    "momentum": lambda: nn.optimizers.SGD(learning_rate=0.1, momentum=0.9),
}


class Run:
    """Everything of a training run, made afresh with other numbers than any run before."""

    def __init__(self, make="adamw", compile=False):
        et.random.seed(hash(make) % 1000)
        self.model = Noisy()
        self.optimizer = OPTIMIZERS[make]()
        self.batches = et.random.Generator(hash(make) % 77)
        self.step = nn.train_step(self.model, loss_fn, self.optimizer, compile=compile)

    def parts(self):
        return {
            "model": self.model,
            "optimizer": self.optimizer,
            "others": {"batches": self.batches},
        }

    def train(self, steps):
        losses = []
        for _ in range(steps):
            x = self.batches.normal((16, 4))
            y = self.batches.integers(0, 2, (16,))
            losses.append(self.step(x, y).item())
        return losses

    def values(self):
        return {name: x.tolist() for name, x in self.model.state_dict().items()}


@pytest.mark.parametrize(
    ("make", "compile"), [("adamw", False), ("momentum", False), ("momentum", True)]
)
def test_resuming_is_the_same_bit_for_bit(tmp_path, make, compile):
    whole = Run(make, compile)
    whole.train(5)
    nn.save_checkpoint(tmp_path / "c", **whole.parts(), step=5)
    expected = whole.train(5)
    et.random.seed(999)
    resumed = Run(make, compile)
    resumed.train(2)  # another run, with tensors and programs of its own
    assert nn.load_checkpoint(tmp_path / "c", **resumed.parts()).step == 5
    assert resumed.train(5) == expected
    assert resumed.values() == whole.values()
    assert resumed.optimizer.step == 10


SCRIPT = """
import sys, json
sys.path.insert(0, {tests!r})
import test_nn_checkpoints as t
from ember_ml import nn
with t.et.use_backend({backend!r}):
    run = t.Run("adamw", {compile})
    nn.load_checkpoint({path!r}, **run.parts())
    print(json.dumps([run.train(5), run.values()]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("compile", [False, True], ids=["plain", "compiled"])
def test_resuming_in_another_process(tmp_path, backend, compile):
    run = Run("adamw", compile)
    run.train(5)
    path = nn.save_checkpoint(tmp_path / "c", **run.parts())
    code = SCRIPT.format(
        tests=__file__.rpartition("/")[0], backend=backend, compile=compile, path=str(path)
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    losses, values = json.loads(done.stdout)
    assert losses == run.train(5)
    assert values == run.values()


def test_resuming_on_another_engine(tmp_path, backend, engines):
    whole = Run()
    whole.train(5)
    nn.save_checkpoint(tmp_path / "c", **whole.parts())
    expected = whole.train(5)
    for other in [name for name in engines if name != backend]:
        with et.use_backend(other):
            resumed = Run()
            resumed.train(1)
            nn.load_checkpoint(tmp_path / "c", **resumed.parts())
            np.testing.assert_allclose(resumed.train(5), expected, rtol=1e-4)
            for name, value in resumed.values().items():
                np.testing.assert_allclose(value, whole.values()[name], rtol=1e-3, atol=1e-5)
            assert {x.backend for x in resumed.model.state_dict().values()} == {other}


SCHEDULERS = {
    "plateau": lambda o: nn.schedulers.ReduceLROnPlateau(o, factor=0.5, patience=0),
    "cosine": lambda o: nn.schedulers.CosineAnnealingLR(o, 7),
    "one cycle": lambda o: nn.schedulers.OneCycleLR(o, 0.3, total_steps=20),
}


class Scheduled:
    """A run with a scheduler, groups, a frozen layer and an average of the weights."""

    def __init__(self, make):
        self.model = Noisy().freeze("first.bias")
        groups = [{"parameters": "*.bias", "learning_rate": 0.5}]
        self.optimizer = nn.optimizers.Adam(0.2, groups=groups)
        self.scheduler = make(self.optimizer)
        self.average = nn.ExponentialMovingAverage(self.model, 0.9)
        self.rates = []

    def parts(self):
        return {
            "model": self.model,
            "optimizer": self.optimizer,
            "scheduler": self.scheduler,
            "others": {"average": self.average},
        }

    def train(self, steps):
        x, y = et.reshape(et.arange(32.0), (8, 4)) / 32, et.asarray([0, 1] * 4)
        losses = []
        for _ in range(steps):
            loss, grads = nn.value_and_grad(loss_fn)(self.model, x, y)
            self.optimizer.update(self.model, grads)
            self.average.update()
            losses.append(loss.item())
            self.rates = self.optimizer.rates
            if isinstance(self.scheduler, nn.schedulers.ReduceLROnPlateau):
                self.scheduler.step(loss)
            else:
                self.scheduler.step()
        return losses, self.rates, [x.tolist() for x in self.average.averages.values()]


@pytest.mark.parametrize("make", SCHEDULERS.values(), ids=SCHEDULERS)
def test_schedules_groups_and_averages_go_on(tmp_path, make):
    et.random.seed(1)
    run = Scheduled(make)
    run.train(4)
    nn.save_checkpoint(tmp_path / "c", **run.parts())
    expected = run.train(4)
    again = Scheduled(make)
    again.train(1)
    nn.load_checkpoint(tmp_path / "c", **again.parts())
    assert again.train(4) == expected
    before = again.optimizer.rates, again.scheduler.state_dict()
    with pytest.raises(CheckpointError, match="optimizer: the checkpoint is of Adam, not SGD"):
        nn.load_checkpoint(
            tmp_path / "c", **(again.parts() | {"optimizer": nn.optimizers.SGD(0.1)})
        )
    assert (again.optimizer.rates, again.scheduler.state_dict()) == before


def test_the_current_backend_need_not_be_the_models(tmp_path, backend, engines):
    run = Run()
    run.train(2)
    nn.save_checkpoint(tmp_path / "c", **run.parts())
    for other in engines:
        again = Run()
        with et.use_backend(other):
            nn.load_checkpoint(tmp_path / "c", model=again.model, optimizer=again.optimizer)
        assert again.values() == run.values()
        assert {x.backend for x in again.model.state_dict().values()} == {backend}


def everything(run):
    """What a run consists of, to be compared."""
    optimizer = {name: np.asarray(x).tolist() for name, x in run.optimizer.state_dict().items()}
    generators = (et.random.default_generator(), run.batches, run.model.generator)
    return run.values(), optimizer, list(map(repr, generators))


def save_other(path, **changes):
    run = Run()
    run.train(2)
    nn.save_checkpoint(path, **(run.parts() | changes))


class Scheduler:
    """Keeps numbers of every kind."""

    def __init__(self):
        self.state = {
            "best": math.inf, "wait": 3, "rates": [0.1, 1 / 3], "shape": (1, 2), "name": "x",
            "on": True, "none": None, "window": {"mean": et.asarray([1.5, 2.5])},
        }  # fmt: skip

    def state_dict(self):
        return self.state

    def load_state_dict(self, state):
        if set(state) != set(self.state):
            raise CheckpointError(f"unexpected: {', '.join(set(state) - set(self.state))}")
        self.state = state


def test_a_checkpoint_of_another_run_changes_nothing_and_lists_all(tmp_path):
    class Other(Scheduler):
        pass

    save_other(
        tmp_path / "c",
        model=Noisy(width=3),
        optimizer=nn.optimizers.SGD(momentum=0.5),
        scheduler=Other(),
        others={"batches": et.random.Generator(3, engine="native")},
    )
    run = Run()
    run.train(1)
    before = everything(run)
    with pytest.raises(CheckpointError) as caught:
        nn.load_checkpoint(
            tmp_path / "c",
            **(run.parts() | {"others": {"batches": run.batches, "more": run.batches}}),
            scheduler=Scheduler(),
        )
    text = str(caught.value)
    assert "c' does not fit" in text
    assert "model: the state does not fit Noisy" in text
    assert "first.weight: shape (3, 4), where (8, 4) is due" in text
    assert "last.weight: shape (2, 3), where (2, 8) is due" in text
    assert "optimizer: the checkpoint is of SGD, not AdamW" in text
    assert "scheduler: the checkpoint is of Other, not Scheduler" in text
    assert "others['batches']: the state is of a generator with engine='native'" in text
    assert "others['more']: the checkpoint holds model, optimizer, scheduler" in text
    assert everything(run) == before


@pytest.mark.parametrize("wrong", ["model", "optimizer", "scheduler", "others"])
def test_one_part_that_does_not_fit_keeps_the_others_as_they_are(tmp_path, wrong):
    saved = {
        "model": Noisy(width=3) if wrong == "model" else Noisy(),
        "optimizer": nn.optimizers.Adam() if wrong == "optimizer" else nn.optimizers.AdamW(),
        "scheduler": Scheduler(),
        "others": {"batches": et.random.Generator(1)},
    }
    if wrong == "scheduler":
        saved["scheduler"].state["extra"] = 1
    if wrong == "others":
        saved["others"] = {"batches": et.random.Generator(1, engine="native")}
    nn.save_checkpoint(tmp_path / "c", **saved)
    run, scheduler = Run(), Scheduler()
    run.train(1)
    before, kept = everything(run), scheduler.state
    with pytest.raises(CheckpointError, match=rf"fit:\n  {wrong}") as caught:
        nn.load_checkpoint(tmp_path / "c", **run.parts(), scheduler=scheduler)
    assert len([line for line in str(caught.value).splitlines() if line[:3].strip()]) == 2
    assert everything(run) == before
    assert scheduler.state is kept


def test_an_optimizers_state_of_other_slots_is_refused(tmp_path):
    save_other(tmp_path / "c", optimizer=nn.optimizers.SGD())
    run = Run()
    run.optimizer = nn.optimizers.SGD(momentum=0.5)
    nn.load_checkpoint(tmp_path / "c", optimizer=run.optimizer)  # there is nothing to lack yet
    trained = Run("momentum")
    trained.train(1)
    nn.save_checkpoint(tmp_path / "c", **trained.parts())
    plain = nn.optimizers.SGD()
    with pytest.raises(CheckpointError, match=r"optimizer: .*SGD.*\n.*unexpected: first.weight"):
        nn.load_checkpoint(tmp_path / "c", optimizer=plain)
    assert plain.step == 0


def test_numbers_and_tensors_of_every_kind_survive(tmp_path, backend):
    state = Scheduler().state
    nn.save_checkpoint(
        tmp_path / "c", scheduler=Scheduler(), extra=state | {"i": np.int64(7), "f": np.float32(2)}
    )
    scheduler = Scheduler()
    scheduler.state = dict.fromkeys(state)
    extra = nn.load_checkpoint(tmp_path / "c", scheduler=scheduler).extra
    for found in (scheduler.state, extra):
        window = found.pop("window")["mean"]
        assert window.backend == backend
        assert window.tolist() == [1.5, 2.5]
    state.pop("window")
    assert scheduler.state == state
    assert type(scheduler.state["shape"]) is tuple
    assert extra == state | {"i": 7, "f": 2.0}


@pytest.mark.parametrize(
    "value", [{1, 2}, object(), {1: 2}, [b"x"]], ids=["set", "object", "number as name", "bytes"]
)
def test_what_cannot_be_saved(tmp_path, value):
    with pytest.raises(ArgumentError, match="extra/a.*: a checkpoint holds tensors, numbers"):
        nn.save_checkpoint(tmp_path / "c", extra={"a": value})
    with pytest.raises(ArgumentError, match="scheduler: float has no state_dict"):
        nn.save_checkpoint(tmp_path / "c", scheduler=0.5)
    assert list(tmp_path.iterdir()) == []


def test_parts_can_be_loaded_alone(tmp_path):
    run = Run()
    run.train(3)
    nn.save_checkpoint(tmp_path / "c", **run.parts(), step=3, extra={"best": 0.25})
    et.random.seed(5)
    place = repr(et.random.default_generator())
    model = Noisy()
    et.random.seed(5)
    found = nn.load_checkpoint(tmp_path / "c", model=model, random_state=False)
    assert (found.step, found.extra, found.path) == (3, {"best": 0.25}, tmp_path / "c")
    assert repr(et.random.default_generator()) == place
    assert repr(model.generator) == repr(et.random.Generator(11))
    weights = Noisy()
    nn.load(weights, tmp_path / "c")
    for loaded in (model, weights):
        assert {n: x.tolist() for n, x in loaded.state_dict().items()} == run.values()


def test_two_models_and_an_average(tmp_path):
    one, two = nn.Linear(1, 2), nn.Linear(2, 1)
    nn.save_checkpoint(tmp_path / "c", others={"one": one, "two": two})
    again = {"two": nn.Linear(2, 1), "one": nn.Linear(1, 2)}
    nn.load_checkpoint(tmp_path / "c", others=again)
    assert again["one"].weight.tolist() == one.weight.tolist()
    assert again["two"].bias.tolist() == two.bias.tolist()
    with pytest.raises(CheckpointError, match=r"holds no model, but others\['one'\], others"):
        nn.load(one, tmp_path / "c")


def test_what_is_no_checkpoint(tmp_path):
    model = nn.Linear(1, 1)
    nn.save(model, tmp_path / "weights")
    with pytest.raises(CheckpointError, match=r"weights' is no checkpoint .* nn.load\(model, path"):
        nn.load_checkpoint(tmp_path / "weights", model=model)
    with pytest.raises(FileNotFoundError, match="nothing"):
        nn.load_checkpoint(tmp_path / "nothing", model=model)
    (tmp_path / "text").write_text("a text of some length, no checkpoint")
    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        nn.load_checkpoint(tmp_path / "text", model=model)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"version": 9}', r"newer Ember \(format 9, and this one reads 1\)"),
        ("{", "damaged"),
        ("[]", "damaged"),
        ('{"version": 1, "step": 1, "extra": ["dict", {}]}', "damaged"),
        ('{"version": 1, "step": 1, "parts": {"model": 3}, "extra": ["dict", {}]}', "damaged"),
        (
            '{"version": 1, "step": 1, "extra": ["dict", {}], "parts": '
            '{"model": {"class": "Linear", "state": ["tensor", "gone"]}}}',
            "damaged",
        ),
    ],
)
def test_damaged_content(tmp_path, content, message):
    nn.save({}, tmp_path / "c", metadata={"ember.checkpoint": content})
    with pytest.raises(CheckpointError, match=message):
        nn.load_checkpoint(tmp_path / "c", model=nn.Linear(1, 1))
    with pytest.raises(CheckpointError, match=message):
        nn.load(nn.Linear(1, 1), tmp_path / "c")


# -- generators ---------------------------------------------------------------------------------


def test_a_generator_goes_on():
    generator = et.random.Generator(2**64 - 1)
    generator.normal((5,))
    state = json.loads(json.dumps(generator.state_dict()))
    expected = generator.uniform((7,)).tolist()
    other = et.random.Generator(1)
    other.load_state_dict(state)
    assert other.seed == 2**64 - 1
    assert other.uniform((7,)).tolist() == expected
    assert repr(other) == repr(generator)


def test_a_native_generator_goes_on():
    generator = et.random.Generator(5, engine="native")
    generator.normal((3,))
    state = json.loads(json.dumps(generator.state_dict()))
    expected = [generator.uniform((4,)).tolist(), generator.bits((3,)).tolist()]
    other = et.random.Generator(6, engine="native")
    other.normal((8,))
    other.load_state_dict(state)
    assert [other.uniform((4,)).tolist(), other.bits((3,)).tolist()] == expected


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({}, "engine, seed, position missing"),
        ({"engine": "native", "seed": 1, "position": 0}, "engine='native', not 'portable'"),
        ({"engine": "portable", "seed": None, "position": 0}, "seed=None is no integer"),
        ({"engine": "portable", "seed": 2**64, "position": 0}, "is no integer"),
        ({"engine": "portable", "seed": 1, "position": -1}, "position=-1 is no integer"),
        ({"engine": "portable", "seed": 1, "position": 1.5}, "position=1.5 is no integer"),
    ],
)
def test_no_state_of_a_generator(state, message):
    generator = et.random.Generator(3)
    generator.bits((3,))
    before = repr(generator)
    with pytest.raises(CheckpointError, match=message):
        generator.load_state_dict(state)
    assert repr(generator) == before


def test_the_native_stream_of_an_engine_that_is_not_there():
    generator = et.random.Generator(3, engine="native")
    state = generator.state_dict() | {"native elsewhere": "1"}
    with pytest.raises(BackendNotFoundError, match="no backend 'elsewhere' is installed"):
        generator.load_state_dict(state)


def test_an_engine_that_does_not_tell_the_place_of_its_generator(monkeypatch, backend):
    from ember_ml.backend.protocol import Backend
    from ember_ml.backend.registry import current_backend

    generator = et.random.Generator(3, engine="native")
    generator.bits((1,))
    monkeypatch.setattr(type(current_backend()), "generator_state", Backend.generator_state)
    with pytest.raises(UnsupportedError, match=f"{backend}.* no way to save its .*engine='native'"):
        generator.state_dict()
