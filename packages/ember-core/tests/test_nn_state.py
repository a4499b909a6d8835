"""Loading state dicts: what fits is copied, what does not is listed and changes nothing."""

import os

import numpy as np
import pytest
import safetensors.torch
import torch

from ember_ml import nn
from ember_ml.backend.errors import CheckpointError
from ember_ml.nn import tensor as et

BACKENDS = [
    info.name
    for info in et.list_backends()
    if info.name in os.environ.get("EMBER_TEST_BACKENDS", "numpy,torch,mlx").split(",")
]

pytestmark = pytest.mark.usefixtures("backend")


def snapshot(module):
    return {name: tensor.tolist() for name, tensor in module.state_dict().items()}


def arrays(seed=0):
    rng = np.random.default_rng(seed)
    return {
        "0.weight": rng.normal(size=(3, 2)).astype(np.float32),
        "0.bias": rng.normal(size=3).astype(np.float32),
        "2.weight": rng.normal(size=(1, 3)).astype(np.float32),
        "2.bias": rng.normal(size=1).astype(np.float32),
    }


def model():
    return nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))


def test_loading_numpy_arrays_copies_them():
    net, state = model(), arrays()
    tensors = dict(net.state_dict())
    net.load_state_dict(state)
    expected = {name: value.copy() for name, value in state.items()}
    for name, tensor in net.state_dict().items():
        assert tensor is tensors[name]  # the same object sees the new value
        np.testing.assert_array_equal(tensor.numpy(), expected[name])
        tensor[...] = 0.0
    for name, value in state.items():
        np.testing.assert_array_equal(value, expected[name])


def test_loading_from_another_model_copies():
    source, target = model(), model()
    target.load_state_dict(source.state_dict())
    before = snapshot(source)
    assert snapshot(target) == before
    step = nn.train_step(
        target, lambda m, x: (m(x) ** 2).sum(), nn.optimizers.SGD(learning_rate=1.0)
    )
    step(et.ones((4, 2)))
    assert snapshot(target) != before
    assert snapshot(source) == before


@pytest.mark.parametrize("other", BACKENDS)
def test_loading_tensors_of_another_backend(backend, other):
    state = arrays()
    with et.use_backend(other):
        tensors = {name: et.asarray(value) for name, value in state.items()}
    net = model()
    net.load_state_dict(tensors)
    for name, tensor in net.state_dict().items():
        assert tensor.backend == backend
        np.testing.assert_array_equal(tensor.numpy(), state[name])
        tensor[...] = 0.0
        np.testing.assert_array_equal(tensors[name].numpy(), state[name])


def test_loading_torch_tensors_and_lists():
    state = {name: torch.from_numpy(value) for name, value in arrays().items()}
    state["0.bias"] = [1.0, 2.0, 3.0]
    net = model()
    net.load_state_dict(state)
    assert net[0].bias.tolist() == [1.0, 2.0, 3.0]
    np.testing.assert_array_equal(net[2].weight.numpy(), state["2.weight"].numpy())


@pytest.mark.parametrize("dtype", ["float64", "float16", "int64"])
def test_values_are_converted_to_the_dtype_of_the_parameter(dtype):
    state = {name: (4 * value).astype(dtype) for name, value in arrays().items()}
    net = model()
    net.load_state_dict(state)
    for name, tensor in net.state_dict().items():
        assert tensor.dtype is et.float32
        np.testing.assert_array_equal(tensor.numpy(), state[name].astype(np.float32))


def test_every_fault_is_listed_and_nothing_changes():
    net = model()
    before = snapshot(net)
    state = arrays()
    del state["0.bias"]
    state["2.weight"] = np.zeros((3, 1), np.float32)
    state["2.bias"] = "text"
    state["3.weight"] = np.zeros(1, np.float32)
    with pytest.raises(CheckpointError) as caught:
        net.load_state_dict(state)
    text = str(caught.value)
    assert "does not fit Sequential" in text
    assert "missing: 0.bias" in text
    assert "unexpected: 3.weight" in text
    assert "2.weight: shape (3, 1), where (1, 3) is due" in text
    assert "2.bias: cannot make a tensor of str" in text
    assert snapshot(net) == before


def test_without_strict_names_may_differ_and_shapes_may_not():
    net, state = model(), arrays()
    before = snapshot(net)
    del state["0.bias"]
    state["3.weight"] = np.zeros(1, np.float32)
    left = net.load_state_dict(state, strict=False)
    assert (left.missing_keys, left.unexpected_keys) == (["0.bias"], ["3.weight"])
    assert net[0].bias.tolist() == before["0.bias"]
    np.testing.assert_array_equal(net[0].weight.numpy(), state["0.weight"])
    before = snapshot(net)
    state["0.weight"] = np.zeros((2, 3), np.float32)
    with pytest.raises(CheckpointError, match=r"0.weight: shape \(2, 3\)"):
        net.load_state_dict(state, strict=False)
    assert snapshot(net) == before


def test_names_with_a_prefix_are_recognised():
    net, state = model(), arrays()
    with pytest.raises(CheckpointError, match="all names begin with 'module.': nn.load"):
        net.load_state_dict({f"module.{name}": x for name, x in state.items()})
    whole = nn.ModuleDict({"backbone": net, "head": nn.Linear(2, 1)})
    with pytest.raises(CheckpointError, match="names are those of the module 'backbone': load"):
        whole.load_state_dict(state)
    with pytest.raises(CheckpointError) as caught:
        net.load_state_dict({"other.weight": state["0.weight"]})
    assert "begin" not in str(caught.value) and "module" not in str(caught.value)


def test_complex_values_do_not_become_real():
    net, state = model(), arrays()
    state["0.bias"] = np.zeros(3, np.complex64)
    with pytest.raises(CheckpointError, match=r"0\.bias: complex64, where float32 is due"):
        net.load_state_dict(state)


def test_buffers_are_loaded_unless_they_are_not_persistent():
    net = nn.Module()
    net.register_buffer("mean", [0.0, 0.0])
    net.register_buffer("cache", [0.0], persistent=False)
    net.load_state_dict({"mean": np.array([1.0, 2.0])})
    assert net.mean.tolist() == [1.0, 2.0]
    with pytest.raises(CheckpointError, match="unexpected: cache"):
        net.load_state_dict({"mean": [1.0, 2.0], "cache": [1.0]})


def test_one_name_of_a_shared_tensor_is_enough():
    def tied():
        net = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
        net[1].weight = net[0].weight
        return net

    for name in ("0.weight", "1.weight"):
        net = tied()
        net.load_state_dict({name: [[1.0, 2.0], [3.0, 4.0]]})
        assert net[0].weight is net[1].weight
        assert net[0].weight.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    with pytest.raises(CheckpointError, match=r"missing: 0.weight, 1.weight"):
        tied().load_state_dict({})


def test_a_checkpoint_of_the_pytorch_namesake_loads(tmp_path):
    theirs = torch.nn.Sequential(
        torch.nn.Linear(5, 7), torch.nn.GELU(), torch.nn.Linear(7, 3), torch.nn.LogSoftmax(dim=-1)
    )
    safetensors.torch.save_file(theirs.state_dict(), tmp_path / "net.safetensors")
    ours = nn.Sequential(nn.Linear(5, 7), nn.GELU(), nn.Linear(7, 3), nn.LogSoftmax(dim=-1))
    nn.load(ours, tmp_path / "net.safetensors")
    x = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    expected = theirs(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(ours(x).numpy(), expected, rtol=1e-5, atol=1e-6)


def test_our_checkpoint_loads_into_the_pytorch_namesake(tmp_path):
    ours = model()
    nn.save(ours, tmp_path / "net.safetensors")
    theirs = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1))
    theirs.load_state_dict(safetensors.torch.load_file(tmp_path / "net.safetensors"))
    x = np.random.default_rng(0).normal(size=(4, 2)).astype(np.float32)
    expected = theirs(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(ours(x).numpy(), expected, rtol=1e-5, atol=1e-6)
