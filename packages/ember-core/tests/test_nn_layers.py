"""Layers and initial values. Expected values come from ``torch.nn``."""

import math

import numpy as np
import pytest
import torch

from ember_ml import nn
from ember_ml.backend.errors import EmberError, InvalidValueError, ShapeError
from ember_ml.nn import tensor as et

pytestmark = pytest.mark.usefixtures("backend")


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(4,), (3, 4), (2, 3, 4), (0, 4)], ids=str)
def test_linear(shape, bias):
    theirs = torch.nn.Linear(4, 5, bias=bias)
    ours = nn.Linear(4, 5, bias=bias)
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    x = normal(*shape)
    expected = theirs(torch.from_numpy(x)).detach().numpy()
    y = ours(et.asarray(x))
    assert y.shape == expected.shape
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("bias", [True, False])
def test_gradients_of_linear(bias):
    theirs = torch.nn.Linear(4, 5, bias=bias)
    ours = nn.Linear(4, 5, bias=bias)
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    x, c = normal(2, 3, 4), normal(2, 3, 5, seed=1)
    grads, by_x = nn.grad(lambda m, x: (m(x) * c).sum(), argnums=(0, 1))(ours, et.asarray(x))
    x_theirs = torch.from_numpy(x).requires_grad_()
    (theirs(x_theirs) * torch.from_numpy(c)).sum().backward()
    expected = {name: p.grad for name, p in theirs.named_parameters()}
    assert list(grads) == list(expected)
    for name, gradient in expected.items():
        np.testing.assert_allclose(grads[name].numpy(), gradient.numpy(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(by_x.numpy(), x_theirs.grad.numpy(), rtol=1e-4, atol=1e-5)


def test_linear_with_an_input_of_another_size():
    with pytest.raises(ShapeError, match=r"\(2, 3\)"):
        nn.Linear(4, 5)(et.ones((2, 3)))
    with pytest.raises(ShapeError):
        nn.Linear(4, 5, bias=False)(et.ones((2, 3)))


@pytest.mark.parametrize(("sizes", "name"), [((0, 2), "in"), ((2, -1), "out"), ((2, 1.5), "out")])
def test_linear_with_sizes_that_are_none(sizes, name):
    with pytest.raises(InvalidValueError, match=f"{name}_features is a positive integer"):
        nn.Linear(*sizes)


def test_linear_takes_integers_of_numpy():
    assert nn.Linear(np.int64(3), np.int32(2)).weight.shape == (2, 3)


def test_linear_of_another_dtype():
    layer = nn.Linear(3, 2, dtype="float16")
    assert {p.dtype for p in layer.parameters()} == {et.float16}
    assert layer(et.ones((1, 3), dtype="float16")).dtype is et.float16


def test_initial_values_of_linear_fill_pytorchs_interval():
    et.random.seed(0)
    layer = nn.Linear(400, 300)
    bound = 1 / math.sqrt(400)
    for values in (layer.weight.numpy(), layer.bias.numpy()):
        assert np.abs(values).max() <= bound
        assert np.abs(values).max() > 0.95 * bound
    assert abs(layer.weight.numpy().mean()) < 0.01 * bound
    assert layer.weight.numpy().std() == pytest.approx(bound / math.sqrt(3), rel=0.01)


LAYERS = {
    "ReLU": (), "LeakyReLU": (0.2,), "GELU": (), "SiLU": (), "Sigmoid": (), "Softplus": (),
    "Tanh": (), "Softmax": (1,), "LogSoftmax": (0,), "Identity": (), "Flatten": (),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_layers_without_parameters(name):
    x = 3 * normal(2, 3, 4)
    expected = getattr(torch.nn, name)(*LAYERS[name])(torch.from_numpy(x)).numpy()
    layer = getattr(nn, name)(*LAYERS[name])
    found = layer(et.asarray(x))
    assert found.shape == expected.shape
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-6)
    assert layer.state_dict() == {}
    assert layer(x.tolist()) is not None  # tensor-likes will do


@pytest.mark.parametrize("dims", [(1, -1), (0, -1), (0, 1), (1, 2), (-2, -1), (2, 2)], ids=str)
def test_flatten(dims):
    x = normal(2, 3, 4)
    expected = torch.nn.Flatten(*dims)(torch.from_numpy(x)).numpy()
    np.testing.assert_array_equal(nn.Flatten(*dims)(et.asarray(x)).numpy(), expected)


def test_flatten_keeps_the_size_of_an_empty_batch():
    assert nn.Flatten()(et.ones((0, 3, 4))).shape == (0, 12)


@pytest.mark.parametrize("dims", [(1, 0), (3, 4), (-4, -1)], ids=str)
def test_flatten_of_axes_that_are_none(dims):
    with pytest.raises(ShapeError, match="Flatten: axes"):
        nn.Flatten(*dims)(et.ones((2, 3, 4)))


def test_dimensions_of_softmax_that_are_none():
    with pytest.raises(EmberError):
        nn.Softmax(3)(et.ones((2, 2)))


# -- initializers ------------------------------------------------------------------------------


def test_uniform_and_normal():
    et.random.seed(1)
    x = nn.initializers.uniform((200, 50), low=-2.0, high=4.0).numpy()
    assert x.min() >= -2
    assert x.max() < 4
    assert x.mean() == pytest.approx(1.0, abs=0.05)
    z = nn.initializers.normal((200, 50), mean=3.0, std=0.5).numpy()
    assert z.mean() == pytest.approx(3.0, abs=0.02)
    assert z.std() == pytest.approx(0.5, rel=0.03)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (nn.initializers.kaiming_uniform, torch.nn.init.kaiming_uniform_),
        (nn.initializers.xavier_uniform, torch.nn.init.xavier_uniform_),
    ],
)
@pytest.mark.parametrize("shape", [(300, 100), (20, 30, 5, 5)], ids=str)
def test_the_range_is_pytorchs(ours, theirs, shape):
    et.random.seed(2)
    x = ours(shape).numpy()
    expected = theirs(torch.empty(shape)).numpy()
    assert x.shape == shape
    assert np.abs(x).max() == pytest.approx(np.abs(expected).max(), rel=0.01)
    assert x.std() == pytest.approx(expected.std(), rel=0.02)


def test_gain_and_slope():
    et.random.seed(2)
    slope = nn.initializers.kaiming_uniform((100, 100), a=math.sqrt(5)).numpy()
    assert np.abs(slope).max() == pytest.approx(0.1, rel=0.01)
    gain = nn.initializers.xavier_uniform((100, 100), gain=2.0).numpy()
    assert np.abs(gain).max() == pytest.approx(2 * math.sqrt(6 / 200), rel=0.01)


def test_a_generator_gives_the_same_values_again():
    first = nn.initializers.normal((3,), generator=et.random.Generator(7)).tolist()
    assert nn.initializers.normal((3,), generator=et.random.Generator(7)).tolist() == first
    assert nn.initializers.normal((3,), generator=et.random.Generator(8)).tolist() != first


def test_a_weight_has_two_dimensions():
    with pytest.raises(ShapeError, match=r"two dimensions.*\(3,\)"):
        nn.initializers.kaiming_uniform((3,))
