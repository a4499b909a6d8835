"""The table of a model, and that making it changes nothing."""

import numpy as np
import pytest

from ember_ml import nn
from ember_ml.backend.errors import ShapeError
from ember_ml.nn import tensor as et

pytestmark = pytest.mark.usefixtures("backend")


class Block(nn.Module):
    """Writes a buffer in both ways, keeps a cache, draws numbers, returns two things."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.register_buffer("mean", et.zeros(4))
        self.register_buffer("count", 0)
        self.generator = et.random.Generator(5)
        self.cache = None
        self.modes = []

    def forward(self, x):
        self.modes.append(self.training)
        y = self.linear(x) + et.random.uniform((4,)) + self.generator.uniform((4,))
        self.mean[0] = 5.0
        self.count = self.count + 1
        self.cache = y
        return y, {"x": x}


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        shared = nn.Sequential(nn.Tanh(), nn.Linear(4, 4))
        self.blocks = nn.ModuleList([Block(), Block()])
        self.first, self.second = shared, shared
        self.out = nn.Linear(4, 2)
        self.unused = nn.ReLU()

    def forward(self, x):
        for block in self.blocks:
            x, _ = block(x)
        return self.out(self.second(self.first(x)))


TABLE = """\
Layer                 Output shape           Parameters  Trainable
------------------------------------------------------------------
Model                 (3, 2)                         70         48
├ blocks: ModuleList  -                              40         20
│ ├ 0: Block          [(3, 4), {x: (3, 4)}]          20          0
│ │ └ linear: Linear  (3, 4)                         20          0
│ └ 1: Block          [(3, 4), {x: (3, 4)}]          20         20
│   └ linear: Linear  (3, 4)                         20         20
├ first: Sequential   (3, 4)                         20         20
│ ├ 0: Tanh           (3, 4)                          0          0
│ └ 1: Linear         (3, 4)                         20         20
├ second: Sequential  (3, 4)                   as first
├ out: Linear         (3, 2)                         10          8
└ unused: ReLU        -                               0          0
------------------------------------------------------------------
Parameters: 70 (280 bytes), of which 48 are trainable
Buffers: 48 bytes"""


def test_the_table():
    model = Model().freeze("blocks.0", "out.bias")
    summary = model.summary((3, 4))
    assert str(summary) == repr(summary) == TABLE
    assert (summary.parameters, summary.trainable) == (70, 48)
    assert (summary.parameter_bytes, summary.buffer_bytes) == (280, 48)
    assert summary.rows[3].path == "blocks.0.linear"
    assert summary.rows[3].output == "(3, 4)"


def test_without_inputs_there_are_no_shapes():
    text = str(Model().summary())
    assert text.splitlines()[0].split() == ["Layer", "Parameters", "Trainable"]
    assert "(3, 4)" not in text
    assert "give inputs or their shapes: summary(x)" in text


def test_nothing_changes():
    model = Model()
    model.blocks[0].eval()
    block = model.blocks[1]
    tensors = model.state_dict()
    before = {name: (x, x.tolist()) for name, x in tensors.items()}
    attributes = {key: value for key, value in vars(block).items() if key != "_kept"}
    et.random.seed(3)
    expected = et.random.uniform((4,)).tolist()
    et.random.seed(3)
    model.summary((3, 4))
    assert et.random.uniform((4,)).tolist() == expected
    assert block.generator.uniform((2,)).tolist() == et.random.Generator(5).uniform((2,)).tolist()
    assert [m.training for m in model.modules()].count(False) == 2
    for name, x in model.state_dict().items():
        assert x is before[name][0]
        assert x.tolist() == before[name][1]
    assert {key: value for key, value in vars(block).items() if key != "_kept"} == attributes
    assert block.cache is None
    assert block.modes == [False]
    assert "forward" not in vars(block)
    model(et.ones((1, 4)))
    assert block.count.item() == 1


def test_nothing_changes_when_the_call_fails():
    model = Model()
    with pytest.raises(ShapeError, match=r"in 'blocks.0.linear' of Model: Linear\(in_features=4"):
        model.summary((3, 5))
    assert all(module.training for module in model.modules())
    assert model.blocks[0].count.item() == 0
    assert model(et.ones((1, 4))).shape == (1, 2)


def test_it_can_be_trained_and_compiled_afterwards():
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    step = nn.train_step(
        model, lambda m, x: (m(x) ** 2).sum(), nn.optimizers.SGD(learning_rate=0.01), compile=True
    )
    x = et.ones((4, 2))
    first = step(x).item()
    model.summary(x)
    assert step(x).item() < first


def test_inputs_of_every_kind():
    class Two(nn.Module):
        def forward(self, index, pair):
            return [index, pair[0], None, "text"]

    summary = Two().summary(np.zeros((2, 3), np.int32), (et.zeros(1), et.zeros((4, 4))))
    assert summary.rows[0].output == "[ndarray, (1,), None, str]"
    assert Two().summary((), ([1.0],)).rows[0].output == "[(), [float], None, str]"
    assert (summary.parameters, summary.buffer_bytes) == (0, 0)


def test_the_dtype_of_inputs_made_of_shapes():
    seen = []

    class Sees(nn.Linear):
        def forward(self, x):
            seen.append(x.dtype.name)
            return x

    Sees(1, 1).astype("float16").summary((2,))
    Sees(1, 1).summary((2,))
    Sees(1, 1).summary((2,), dtype="int64")
    assert seen == ["float16", "float32", "int64"]


def test_a_layer_called_with_two_shapes_shows_both():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.act = nn.ReLU()

        def forward(self, x):
            return self.act(x).sum() + self.act(x[0]).sum() + self.act(x).sum()

    assert Twice().summary((2, 3)).rows[1].output == "(2, 3); (3,)"


def test_a_tied_parameter_counts_once():
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    model[1].weight = model[0].weight
    summary = model.summary((1, 2))
    assert [row.parameters for row in summary.rows] == [4, 4, 4]
    assert (summary.parameters, summary.parameter_bytes) == (4, 16)


def test_the_model_decides_the_backend(backend, engines):
    model = nn.Linear(2, 3)
    for other in engines:
        with et.use_backend(other):
            assert model.summary((5, 2)).rows[0].output == "(5, 3)"
    assert model.weight.backend == backend
