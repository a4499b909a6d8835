"""0/0 and overflow give NaN and infinity without a word, as on the other engines.

A warning would be an error here: pytest is told to make it one.
"""

import subprocess
import sys
import warnings

import numpy as np
import pytest

from ember_ml import nn
from ember_ml.nn import tensor as et

INF, NAN = float("inf"), float("nan")
EDGES = [NAN, INF, -INF, 0.0, -0.0, 3e38, 1e-38, -1.0, -3e38, 100.0]
SMALL = [0.0, 1.0, -INF]

UNARY = [
    "abs", "acos", "acosh", "asin", "asinh", "atanh", "cos", "cosh", "exp", "expm1", "log",
    "log10", "log1p", "log2", "logsumexp", "mean", "prod", "reciprocal", "sin", "sinh",
    "softmax", "log_softmax", "sqrt", "square", "std", "sum", "tan", "tanh", "var",
]  # fmt: skip
BINARY = [
    "add", "atan2", "divide", "floor_divide", "hypot", "logaddexp", "matmul", "multiply", "pow",
    "remainder", "subtract",
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", UNARY)
def test_functions_of_one_array(name, dtype):
    x = et.astype(et.asarray(EDGES, dtype=et.float64), dtype)
    assert getattr(et, name)(x).dtype.name == dtype
    assert getattr(et, name)(et.stack([x, x])).dtype.name == dtype


@pytest.mark.parametrize("name", ["exp", "expm1", "log", "sqrt", "tanh", "reciprocal", "square"])
def test_functions_of_complex_numbers(name):
    x = et.asarray([complex(a, b) for a in EDGES for b in EDGES])
    assert getattr(et, name)(x).dtype == et.complex64


@pytest.mark.parametrize("name", BINARY)
def test_functions_of_two_arrays(name):
    function = getattr(et, name)
    x, y = et.asarray(EDGES), et.asarray(EDGES[::-1])
    for a, b in [(x, y), (x, 0.0), (2.0, x), (x, y.astype(et.float64)), (x[:, None], y[None, :])]:
        if name != "matmul":
            function(a, b)
    assert function(x, y).dtype == et.float32


def test_what_there_is_to_see():
    zero = et.asarray([0.0, 1.0])
    assert et.log(zero).tolist() == [-INF, 0.0]
    assert (1 / zero).tolist() == [INF, 1.0]
    assert (1 // zero).tolist() == [INF, 1.0]
    assert (et.asarray([3e38]) * 10).tolist() == [INF]
    assert et.asarray([1e300]).tolist() == et.asarray([1e300], dtype=et.float16).tolist() == [INF]
    assert et.asarray([3e38, 3e38]).sum(axis=0).item() == INF
    assert et.cumulative_prod(et.asarray([3e38, 3e38])).tolist()[1] == INF
    assert et.asarray([1e300], dtype=et.float64).astype(et.float32).tolist() == [INF]
    assert str(et.mean(et.zeros((0, 2)), axis=0).tolist()) == "[nan, nan]"
    assert et.mean(et.zeros((2, 0)), axis=0).shape == (0,)
    assert et.linalg.det(et.asarray([[3e38, 0.0], [0.0, 3e38]])).item() == INF
    assert str(et.fft.fft(et.asarray([INF, INF])).tolist()[1].real) == "nan"
    et.asarray([NAN]).astype(et.int32)


@pytest.mark.parametrize("name", ["log", "sqrt", "exp", "cos", "prod", "mean", "tanh", "softmax"])
def test_gradients(name):
    _, g = nn.value_and_grad(lambda x: et.sum(getattr(et, name)(x)))(et.asarray(SMALL))
    assert g.shape == (3,)


def test_gradient_of_operators():
    x = et.asarray(SMALL)
    loss = lambda x: et.sum(x / x + et.remainder(x, 0.0) + nn.sigmoid(x) + nn.relu(x) / 0)  # noqa: E731
    assert nn.grad(loss)(x).shape == (3,)


def test_means_of_half_precision_are_added_up_in_single():
    # 4096 numbers around 1: a sum in half precision would stop at 2048
    x = np.linspace(0.5, 1.5, 4096).astype("e")
    assert et.mean(et.asarray(x)).native == x.astype("f4").mean().astype("e")


def test_numpy_warns_its_own_users_as_ever():
    et.log(et.asarray(0.0))
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        np.log(np.zeros(2))

    def loss(x):
        with pytest.warns(RuntimeWarning, match="divide by zero"):
            np.log(np.zeros(2))
        return et.sum(et.log(x))

    nn.grad(loss)(et.asarray([0.0]))


def test_numpy_raises_for_those_who_ask_it_to():
    with np.errstate(divide="raise"), pytest.raises(Exception, match="divide by zero"):
        et.log(et.asarray([0.0]))


def test_nothing_of_the_process_is_changed():
    code = (
        "import warnings; warnings.simplefilter('error'); before = list(warnings.filters)\n"
        "import numpy as np; state = np.geterr(); before = list(warnings.filters)\n"
        "from ember_ml.nn import tensor as et\n"
        "et.set_backend('numpy'); et.log(et.zeros(2)) / 0\n"
        "assert np.geterr() == state\n"
        "assert list(warnings.filters) == before\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_filters_that_the_user_sets_later_do_not_matter():
    with warnings.catch_warnings():
        warnings.resetwarnings()
        warnings.simplefilter("error")
        assert (et.zeros(1) / 0.0 * 0.0).shape == (1,)
