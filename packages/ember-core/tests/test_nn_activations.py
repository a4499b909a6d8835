"""What activations make of the ends of their range, and of arguments that make no sense."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from ember_ml import nn
from ember_ml.backend.errors import DTypeError, InvalidValueError, ShapeError
from ember_ml.backend.registry import get_backend
from ember_ml.nn import tensor as et

pytestmark = pytest.mark.usefixtures("backend")

FUNCTIONS = {
    "celu": {"alpha": 0.7}, "elu": {"alpha": 1.5}, "gelu": {}, "hardshrink": {"lambd": 0.5},
    "hardsigmoid": {}, "hardswish": {}, "hardtanh": {"min_val": -2.0, "max_val": 0.5},
    "leaky_relu": {"negative_slope": 0.3}, "logsigmoid": {}, "mish": {}, "relu6": {}, "selu": {},
    "silu": {}, "softplus": {"beta": 2.0, "threshold": 8.0}, "softshrink": {"lambd": 0.25},
    "softsign": {}, "tanhshrink": {},
}  # fmt: skip
#: In float32: where exponentials overflow, vanish, and where a tangent is as good as 1.
FAR = np.array([-1e30, -200.0, -90.0, -20.0, -9.0, 9.0, 20.0, 90.0, 200.0, 1e30], np.float32)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_far_out(name):
    ours, options = getattr(nn, name), FUNCTIONS[name]
    x = torch.from_numpy(FAR).requires_grad_()
    y = getattr(functional, name)(x, **options)
    y.sum().backward()
    with np.errstate(all="ignore"):
        found = ours(et.asarray(FAR), **options).numpy()
        slope = nn.grad(lambda x: ours(x, **options).sum())(et.asarray(FAR)).numpy()
    np.testing.assert_allclose(found, y.detach().numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(slope, x.grad.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", [*FUNCTIONS, "gelu tanh"])
def test_nan_stays(name):
    name, _, form = name.partition(" ")
    options = {"approximate": form} if form else FUNCTIONS[name]
    assert math.isnan(getattr(nn, name)(et.asarray([math.nan, 1.0]), **options).tolist()[0])


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_other_dtypes(name, dtype, backend):
    if dtype not in {d.name for d in get_backend(backend).dtypes}:
        pytest.skip(f"the engine has no {dtype}")
    x = np.linspace(-6, 6, 41).astype(dtype)
    expected = getattr(functional, name)(torch.from_numpy(x).double(), **FUNCTIONS[name]).numpy()
    found = getattr(nn, name)(et.asarray(x), **FUNCTIONS[name])
    assert found.dtype.name == dtype
    close = {"float16": {"rtol": 5e-3, "atol": 2e-3}, "float64": {"rtol": 1e-11, "atol": 1e-12}}
    np.testing.assert_allclose(found.numpy().astype(float), expected, **close[dtype])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_numbers_and_lists(name):
    function = getattr(nn, name)
    expected = function(et.asarray([1.0, -2.0])).numpy()
    np.testing.assert_array_equal(function([1, -2]).numpy(), expected)
    assert function(et.asarray(1.0)).shape == ()
    assert function(et.zeros((0, 3))).shape == (0, 3)


def test_gelu_in_the_tail(backend):
    # where 1 + erf has no digit left, NumPy's still has them
    special = pytest.importorskip("scipy.special")
    x = np.linspace(-8, 8, 1001).astype(np.float32)
    expected = x.astype(float) * special.ndtr(x.astype(float))
    close = {"rtol": 1e-5, "atol": 1e-12 if backend == "numpy" else 1e-6}
    np.testing.assert_allclose(nn.gelu(et.asarray(x)).numpy(), expected, **close)


def test_softplus_without_a_threshold():
    x = np.array([15.0, 25.0, 40.0])
    if "float64" in et.asarray(1.0)._backend.backend.capabilities:
        found = nn.softplus(et.asarray(x), threshold=math.inf).numpy()
        np.testing.assert_allclose(found - x, np.log1p(np.exp(-x)), rtol=1e-2, atol=1e-15)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.GELU("sigmoid"), "GELU: approximate is 'none' or 'tanh', not 'sigmoid'"),
        (lambda: nn.gelu(et.ones(2), approximate="tan"), "gelu.*none.* or .*tanh"),
        (lambda: nn.Hardtanh(1.0, -1.0), "Hardtanh: min_val is below max_val, not 1.0 and -1.0"),
        (lambda: nn.hardtanh(et.ones(2), min_val=1.0, max_val=0.0), "hardtanh"),
        (lambda: nn.Softshrink(-0.5), "Softshrink: lambd is a number from 0 on, not -0.5"),
        (lambda: nn.Hardshrink(math.nan), "Hardshrink: lambd is a number from 0 on, not nan"),
        (lambda: nn.softshrink(et.ones(2), lambd=-1), "softshrink: lambd is a number from 0 on"),
        (lambda: nn.CELU(0.0), "CELU: alpha is a number other than 0"),
        (lambda: nn.Softplus(0), "Softplus: beta is a number other than 0"),
        (lambda: nn.PReLU(0), "PReLU: num_parameters is a positive integer, not 0"),
        (lambda: nn.Softmax(None), "Softmax: dim is an axis, such as -1 for the last one, not None"),
        (lambda: nn.GLU(1.5), "GLU: dim is an axis, such as -1 for the last one, not 1.5"),
    ],
)  # fmt: skip
def test_options_that_make_no_sense(make, message):
    with pytest.raises(InvalidValueError, match=message):
        make()


def test_shapes_that_do_not_fit():
    with pytest.raises(ShapeError, match=r"weight of shape \(3,\) for x of shape \(2, 4\)"):
        nn.PReLU(3)(et.ones((2, 4)))
    with pytest.raises(ShapeError, match=r"5 elements along axis -1 of shape \(2, 5\)"):
        nn.GLU()(et.ones((2, 5)))
    with pytest.raises(IndexError):
        nn.GLU(2)(et.ones((2, 4)))


def test_complex_numbers_are_refused():
    # of some a complex number makes sense
    for name in FUNCTIONS.keys() - {"hardshrink", "softsign", "tanhshrink"}:
        with pytest.raises(DTypeError):
            getattr(nn, name)(et.asarray([1.0 + 2.0j]))


@pytest.mark.parametrize(
    "name", ["CELU", "ELU", "Hardswish", "Hardtanh", "LeakyReLU", "Mish", "ReLU", "SELU", "SiLU"]
)
def test_inplace_is_taken_and_leaves_the_input(name):
    x = et.asarray([-1.5, 0.5, 4.0])
    layer = getattr(nn, name)(inplace=True)
    assert repr(layer) == repr(getattr(torch.nn, name)(inplace=True))
    y = layer(x)
    assert x.tolist() == [-1.5, 0.5, 4.0]
    np.testing.assert_array_equal(y.numpy(), getattr(nn, name)()(x).numpy())


@pytest.mark.parametrize("name", ["relu", "gelu", "silu", "mish", "elu", "hardswish", "leaky_relu"])
def test_within_transforms(name):
    function = getattr(nn, name)
    x = et.asarray(np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32))
    expected = function(x).numpy()
    np.testing.assert_allclose(nn.compile(function)(x).numpy(), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(nn.vmap(function)(x).numpy(), expected, rtol=1e-5, atol=1e-6)
    second = nn.grad(lambda x: nn.grad(lambda x: function(x).sum())(x).sum())(x)
    z = torch.from_numpy(x.numpy().copy()).requires_grad_()
    (first,) = torch.autograd.grad(getattr(functional, name)(z).sum(), z, create_graph=True)
    expected = torch.autograd.grad(first.sum(), z)[0] if first.requires_grad else None
    if expected is not None:
        np.testing.assert_allclose(second.numpy(), expected.numpy(), rtol=1e-4, atol=1e-5)
