"""Containers of parameters, by comparison with PyTorch's."""

import numpy as np
import pytest
import torch

from ember_ml import nn
from ember_ml.backend.errors import ArgumentError, DTypeError, TensorIndexError
from ember_ml.nn import tensor as et

pytestmark = pytest.mark.usefixtures("backend")


class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        self.scales = nn.ParameterList([nn.Parameter([2.0, 3.0]), et.asarray([5.0, 7.0])])
        self.shifts = nn.ParameterDict({"a": [1.0, 1.0], "b": nn.Parameter([2.0], False)})

    def forward(self, x):
        for scale in self.scales:
            x = x * scale
        return x + self.shifts["a"] + self.shifts["b"]


class TorchScaled(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.scales = torch.nn.ParameterList([torch.ones(2), torch.ones(2)])
        self.shifts = torch.nn.ParameterDict(
            {"a": torch.zeros(2), "b": torch.nn.Parameter(torch.zeros(1), False)}
        )


def test_names_training_and_state_are_pytorchs():
    ours, theirs = Scaled(), TorchScaled()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    names = [name for name, _ in theirs.named_parameters()]
    assert [name for name, _ in ours.named_parameters()] == names
    assert ours(et.asarray([1.0, 1.0])).tolist() == [13.0, 24.0]
    gradients = nn.grad(lambda m, x: m(x).sum())(ours, et.asarray([1.0, 1.0]))
    assert {name: g.tolist() for name, g in gradients.items()} == {
        "scales.0": [5.0, 7.0], "scales.1": [2.0, 3.0], "shifts.a": [1.0, 1.0]}  # fmt: skip
    ours.load_state_dict(theirs.state_dict())
    assert ours.scales[1].tolist() == [1.0, 1.0]
    step = nn.train_step(
        ours, lambda m, x: m(x).sum(), nn.optimizers.SGD(learning_rate=0.5), compile=True
    )
    step(et.asarray([1.0, 2.0]))
    np.testing.assert_allclose(ours.scales[0].numpy(), [0.5, 0.0])


def test_parameter_list():
    values = nn.ParameterList([[1.0], [2.0]]).append(nn.Parameter([3.0]))
    values += [[4.0]]
    assert len(values) == 4
    assert [x.item() for x in values] == [1.0, 2.0, 3.0, 4.0]
    assert values[-1].item() == 4.0
    assert [x.item() for x in values[1:3]] == [2.0, 3.0]
    values[-3] = [8.0]
    assert list(values.state_dict()) == ["0", "1", "2", "3"]
    assert values[1].item() == 8.0
    with pytest.raises(TensorIndexError, match="4 parameters, and none at index 4"):
        values[4]
    with pytest.raises(DTypeError, match="requires_grad=False"):
        values.append(et.asarray([1]))
    with pytest.raises(ArgumentError, match="is not called"):
        values(1.0)


def test_parameter_dict():
    values = nn.ParameterDict([("a", [1.0]), ("b", [2.0])])
    values.update({"b": [3.0], "c": nn.Parameter([4.0])})
    assert list(values) == list(values.keys()) == ["a", "b", "c"]
    assert [x.item() for x in values.values()] == [1.0, 3.0, 4.0]
    assert [name for name, _ in values.items()] == ["a", "b", "c"]
    assert values.pop("b").item() == 3.0
    del values["c"]
    assert ("a" in values, "b" in values, len(values)) == (True, False, 1)
    assert (values.get("b"), values.setdefault("d", [5.0]).item()) == (None, 5.0)
    assert values.setdefault("d", [6.0]).item() == 5.0
    with pytest.raises(KeyError, match="'z' is not in a ParameterDict of a, d"):
        values["z"]
    with pytest.raises(ArgumentError, match="cannot name"):
        values["keys"] = [1.0]
    values.clear()
    assert list(values) == []


@pytest.mark.parametrize("count", [0, 1, 3])
def test_repr_is_pytorchs(count):
    shapes = [(2, 3), (4,), ()][:count]

    def text(lib, ones):
        found = lib.ParameterList([ones(shape) for shape in shapes])
        return repr(found), repr(lib.ParameterDict({"a": ones((2,)), "b": ones((1, 2))}))

    (ours, our_dict), (theirs, their_dict) = text(nn, et.ones), text(torch.nn, torch.ones)
    assert ours == theirs.replace("torch.float32", "float32")
    assert our_dict == their_dict.replace("torch.FloatTensor", "float32")
