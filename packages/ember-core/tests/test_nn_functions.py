"""Activations, softmax and logsumexp: values and gradients against PyTorch, in the tails too."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from ember_ml import nn
from ember_ml.backend.errors import DTypeError
from ember_ml.backend.registry import current_backend
from ember_ml.nn import tensor as et

pytestmark = pytest.mark.usefixtures("backend")

INF = float("inf")
TAILS = [-INF, -1e4, -100.0, -20.0, -1.0, -1e-3, 1e-3, 0.5, 1.0, 20.0, 100.0, 1e4, INF]

FUNCTIONS = {
    "relu": (nn.relu, functional.relu),
    "leaky_relu": (
        lambda x: nn.leaky_relu(x, negative_slope=0.2),
        lambda x: functional.leaky_relu(x, 0.2),
    ),
    "sigmoid": (nn.sigmoid, torch.sigmoid),
    "silu": (nn.silu, functional.silu),
    "gelu": (nn.gelu, functional.gelu),
    "softplus": (nn.softplus, lambda x: torch.logaddexp(x, torch.zeros_like(x))),
    "tanh": (nn.tanh, torch.tanh),
}
ROWS = {
    "softmax": (et.softmax, lambda x, axis: functional.softmax(x, dim=axis)),
    "log_softmax": (et.log_softmax, lambda x, axis: functional.log_softmax(x, dim=axis)),
    "logsumexp": (et.logsumexp, lambda x, axis: torch.logsumexp(x, dim=axis)),
}
# The last digits of float32 near zero, where 1 - sigmoid and the like lose them.
TOLERANCE = {"float64": 1e-12, "float32": 2e-6}


def precision():
    """The dtype to compare in: double where the engine has it."""
    return "float64" if "float64" in current_backend().capabilities else "float32"


def value_and_gradient(theirs, x, c):
    x = torch.from_numpy(x).double().requires_grad_()
    y = theirs(x)
    (y * torch.from_numpy(c)).sum().backward()
    return y.detach().numpy(), x.grad.numpy()


def compare(ours, theirs, x, dtype, seed=0):
    x = np.asarray(x, dtype)
    probe = theirs(torch.from_numpy(x))
    c = np.random.default_rng(seed).uniform(0.5, 2.0, size=tuple(probe.shape)).astype(dtype)
    value, gradient = value_and_gradient(theirs, x, c)
    close = {"rtol": 10 * TOLERANCE[dtype], "atol": TOLERANCE[dtype]}
    given = et.asarray(x)
    y = ours(given)
    assert y.dtype.name == dtype
    np.testing.assert_allclose(y.numpy(), value, **close)
    found = nn.grad(lambda x: (ours(x) * et.asarray(c)).sum())(given)
    assert found.dtype.name == dtype
    np.testing.assert_allclose(found.numpy(), gradient, **close)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_activations(name, dtype):
    if dtype == "float64" and precision() == "float32":
        pytest.skip("the engine has no float64")
    x = np.concatenate([np.linspace(-8, 8, 31), [-30.0, 30.0]])
    compare(*FUNCTIONS[name], x[x != 0], dtype)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_activations_in_the_tails(name):
    ours, theirs = FUNCTIONS[name]
    dtype = precision()
    x = np.array([v for v in TAILS if abs(v) != INF], dtype)
    compare(ours, theirs, x, dtype)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("relu", [0.0, INF]), ("sigmoid", [0.0, 1.0]), ("tanh", [-1.0, 1.0]),
        ("softplus", [0.0, INF]), ("leaky_relu", [-INF, INF]),
    ],
)  # fmt: skip
def test_activations_at_infinity(name, expected):
    found = FUNCTIONS[name][0](et.asarray([-INF, INF])).numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-37)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # NumPy says so of NaN
@pytest.mark.parametrize("name", FUNCTIONS)
def test_nan_stays_nan(name):
    assert np.isnan(FUNCTIONS[name][0](et.asarray([float("nan")])).item())


def test_the_gradient_of_relu_at_zero_is_zero():
    assert nn.grad(lambda x: nn.relu(x).sum())(et.asarray([0.0, -0.0])).tolist() == [0.0, 0.0]


def test_sigmoid_keeps_the_digits_of_small_values():
    # 1 / (1 + exp(-x)) in double precision
    x = [-80.0, -40.0, -15.0, -5.0]
    expected = 1 / (1 + np.exp(-np.array(x)))
    np.testing.assert_allclose(nn.sigmoid(et.asarray(x)).numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("axis", [-1, 0, 1])
@pytest.mark.parametrize("name", ROWS)
def test_rows(name, axis):
    ours, theirs = ROWS[name]
    x = 5 * np.random.default_rng(3).normal(size=(3, 4))
    compare(lambda x: ours(x, axis=axis), lambda x: theirs(x, axis), x, precision())


@pytest.mark.parametrize("name", ROWS)
def test_rows_of_large_values(name):
    ours, theirs = ROWS[name]
    x = np.array([[1000.0, 0.0, 999.0], [-1000.0, -1001.0, -5000.0], [3e4, 3e4, 3e4]])
    compare(lambda x: ours(x, axis=-1), lambda x: theirs(x, -1), x, precision())


@pytest.mark.parametrize("name", ROWS)
def test_rows_with_minus_infinity(name):
    ours, theirs = ROWS[name]
    x = np.array([[-INF, 0.0, 1.0], [2.0, -INF, -INF]], precision())
    expected = theirs(torch.from_numpy(x), -1).numpy()
    np.testing.assert_allclose(ours(et.asarray(x), axis=-1).numpy(), expected, rtol=1e-5)


@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")  # NumPy says so of log(0)
def test_logsumexp_of_infinities():
    x = et.asarray([[INF, 0.0], [-INF, -INF], [INF, INF], [-INF, 3.0]])
    assert et.logsumexp(x, axis=1).tolist() == [INF, -INF, INF, 3.0]


def test_the_gradient_of_logsumexp_is_softmax_with_minus_infinity():
    x = np.array([-INF, 0.0, 1.0], precision())
    expected = functional.softmax(torch.from_numpy(x), dim=0).numpy()
    found = nn.grad(lambda x: et.logsumexp(x))(et.asarray(x))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [None, 0, (0, 2), (-1,)], ids=str)
def test_axes_of_logsumexp(axis, keepdims):
    x = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
    axes = (0, 1, 2) if axis is None else axis
    expected = torch.logsumexp(torch.from_numpy(x), dim=axes, keepdim=keepdims).numpy()
    found = et.logsumexp(et.asarray(x), axis=axis, keepdims=keepdims)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("name", [*FUNCTIONS, *ROWS])
def test_integers_are_computed_in_float32_and_complex_is_refused(name):
    ours, theirs = {**FUNCTIONS, **ROWS}[name]
    axis = (-1,) if name in ROWS else ()
    found = ours(et.asarray([[1, 2, 3]]), **({"axis": -1} if axis else {}))
    expected = theirs(torch.tensor([[1.0, 2.0, 3.0]]), *axis).numpy()
    assert found.dtype is et.float32
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5)
    if name != "tanh":  # which is defined for complex numbers
        with pytest.raises(DTypeError, match=name):
            ours(et.asarray([[1j]]), **({"axis": -1} if axis else {}))


def test_second_derivatives():
    def second(function):
        return nn.grad(lambda x: nn.grad(lambda x: function(x).sum())(x).sum())

    x = np.array([-2.0, -0.5, 0.3, 1.7], precision())
    for name, (ours, theirs) in FUNCTIONS.items():
        a = torch.from_numpy(x).requires_grad_()
        (first,) = torch.autograd.grad(theirs(a).sum(), a, create_graph=True)
        expected = np.zeros_like(x)
        if first.requires_grad:
            grads = torch.autograd.grad(first.sum(), a, allow_unused=True)[0]
            expected = expected if grads is None else grads.numpy()
        np.testing.assert_allclose(
            second(ours)(et.asarray(x)).numpy(), expected, rtol=1e-4, atol=1e-6, err_msg=name
        )
