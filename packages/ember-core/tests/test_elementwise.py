"""Elementwise operations against NumPy and SciPy."""

import math

import numpy as np
import pytest
from scipy import special

from ember_ml.backend.errors import InvalidValueError
from ember_ml.nn import tensor as et
from ember_ml.nn.tensor import _functions

from ._values import close

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, about NaN and inf

FLOATS = np.float32([-2.5, -1.0, -0.5, -0.0, 0.0, 0.3, 0.5, 1.0, 1.5, 2.5, 7.0, 100.0])
POSITIVE = np.float32([1e-6, 0.1, 0.5, 1.0, 1.5, 10.0, 1e6])
UNIT = np.float32([-1.0, -0.9, -0.5, 0.0, 0.25, 0.99, 1.0])
ABOVE = np.float32([1.0, 1.5, 2.0, 100.0])
INSIDE = np.float32([-0.99, -0.5, 0.0, 0.5, 0.9])
COMPLEX = np.complex64([1 + 2j, -0.5 + 0.25j, 3 - 1j, 0.1 - 0.7j, 2j])
INTEGERS = np.array([-7, -2, -1, 0, 1, 2, 7])

UNARY = {
    "abs": (np.abs, FLOATS), "acos": (np.arccos, UNIT), "acosh": (np.arccosh, ABOVE),
    "asin": (np.arcsin, UNIT), "asinh": (np.arcsinh, FLOATS), "atan": (np.arctan, FLOATS),
    "atanh": (np.arctanh, INSIDE), "ceil": (np.ceil, FLOATS), "cos": (np.cos, FLOATS),
    "cosh": (np.cosh, INSIDE), "erf": (special.erf, FLOATS), "exp": (np.exp, INSIDE),
    "expm1": (np.expm1, np.float32([-1, -1e-6, 0, 1e-6, 2])), "floor": (np.floor, FLOATS),
    "isfinite": (np.isfinite, np.float32([1, np.inf, -np.inf, np.nan])),
    "isinf": (np.isinf, np.float32([1, np.inf, -np.inf, np.nan])),
    "isnan": (np.isnan, np.float32([1, np.inf, -np.inf, np.nan])),
    "log": (np.log, POSITIVE), "log10": (np.log10, POSITIVE),
    "log1p": (np.log1p, np.float32([-0.5, 1e-6, 0, 3])), "log2": (np.log2, POSITIVE),
    "negative": (np.negative, FLOATS), "positive": (np.positive, FLOATS),
    "reciprocal": (np.reciprocal, POSITIVE), "round": (np.round, FLOATS),
    "sign": (np.sign, FLOATS), "signbit": (np.signbit, FLOATS), "sin": (np.sin, FLOATS),
    "sinh": (np.sinh, INSIDE), "sqrt": (np.sqrt, POSITIVE), "square": (np.square, FLOATS),
    "tan": (np.tan, UNIT), "tanh": (np.tanh, FLOATS), "trunc": (np.trunc, FLOATS),
}  # fmt: skip

COMPLEX_UNARY = [
    "abs", "acos", "acosh", "asin", "asinh", "atan", "atanh", "conj", "cos", "cosh", "exp",
    "expm1", "imag", "isfinite", "log", "log10", "log1p", "log2", "negative", "positive", "real",
    "reciprocal", "round", "sign", "sin", "sinh", "sqrt", "square", "tan", "tanh",
]  # fmt: skip
NUMPYS = {
    "acos": "arccos", "acosh": "arccosh", "asin": "arcsin", "asinh": "arcsinh", "atan": "arctan",
    "atanh": "arctanh", "pow": "power", "atan2": "arctan2", "bitwise_invert": "invert",
    "bitwise_left_shift": "left_shift", "bitwise_right_shift": "right_shift",
}  # fmt: skip


def numpys(name):
    return getattr(np, NUMPYS.get(name, name))


@pytest.mark.parametrize("name", UNARY)
def test_unary_on_floats(backend, name):
    function, x = UNARY[name]
    close(getattr(et, name)(et.asarray(x)), function(x))
    close(getattr(et, name)(et.asarray(x[1])), function(x[1]))  # of no dimensions
    close(getattr(et, name)(et.asarray(x[:0])), function(x[:0]))  # of no elements
    close(getattr(et, name)(et.asarray(x)[::-1]), function(x[::-1]))


@pytest.mark.parametrize("name", COMPLEX_UNARY)
def test_unary_on_complex_numbers(backend, name):
    expected = numpys(name)(COMPLEX) if name != "log1p" else np.log(1 + COMPLEX)
    close(getattr(et, name)(et.asarray(COMPLEX)), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "name", ["abs", "ceil", "floor", "negative", "positive", "round", "sign", "square", "trunc"]
)
@pytest.mark.parametrize("dtype", ["int8", "int64"])
def test_unary_on_integers_keeps_the_dtype(backend, name, dtype):
    x = INTEGERS.astype(dtype)
    result = getattr(et, name)(et.asarray(x))
    assert result.dtype.name == dtype
    assert result.tolist() == numpys(name)(x).tolist()


def test_unary_results_have_memory_of_their_own(backend):
    x = et.asarray([1, 2])
    for name in ("positive", "ceil", "floor", "round", "trunc", "abs"):
        y = getattr(et, name)(x)
        y[0] = 50
        assert x.tolist() == [1, 2], name


BINARY = {
    "add": FLOATS, "atan2": FLOATS, "copysign": FLOATS, "divide": POSITIVE, "equal": FLOATS,
    "floor_divide": POSITIVE, "greater": FLOATS, "greater_equal": FLOATS, "hypot": FLOATS,
    "less": FLOATS, "less_equal": FLOATS, "logaddexp": FLOATS, "maximum": FLOATS,
    "minimum": FLOATS, "multiply": FLOATS, "nextafter": FLOATS, "not_equal": FLOATS,
    "pow": POSITIVE[1:-1], "remainder": np.float32([-7.0, -2.5, 2.5, 7.0]), "subtract": FLOATS,
}  # fmt: skip


@pytest.mark.parametrize("name", BINARY)
def test_binary_on_floats(backend, name):
    x1 = BINARY[name]
    x2 = np.roll(x1, 1)[:, None]
    ours, numpys_ = getattr(et, name), numpys(name)
    close(ours(et.asarray(x1), et.asarray(x2)), numpys_(x1, x2), rtol=1e-5)
    close(ours(et.asarray(x1), et.asarray(x1)), numpys_(x1, x1), rtol=1e-5)
    close(ours(et.asarray(x1[1]), et.asarray(x2[1, 0])), numpys_(x1[1], x2[1, 0]), rtol=1e-5)
    close(ours(et.asarray(x1), 1.5), numpys_(x1, np.float32(1.5)), rtol=1e-5)
    close(ours(1.5, et.asarray(x1)), numpys_(np.float32(1.5), x1), rtol=1e-5)
    close(ours(et.asarray(x1[:0]), et.asarray(x2[:1])), numpys_(x1[:0], x2[:1]))


@pytest.mark.parametrize(
    "name", ["add", "subtract", "multiply", "maximum", "minimum", "less", "equal", "bitwise_and",
             "bitwise_or", "bitwise_xor"]
)  # fmt: skip
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64", "uint64", "uint16"])
def test_binary_on_integers(backend, name, dtype):
    a, b = np.array([0, 1, 5, 100], dtype), np.array([[3], [1]], dtype)
    with np.errstate(over="ignore"):
        expected = numpys(name)(a, b)
    result = getattr(et, name)(et.asarray(a), et.asarray(b))
    assert result.dtype.name == expected.dtype.name
    assert result.tolist() == expected.tolist()


@pytest.mark.parametrize("name", ["floor_divide", "remainder"])
@pytest.mark.parametrize("dtype", ["int8", "int64", "uint8", "float32"])
def test_division_with_remainder(backend, name, dtype):
    a = np.array([7, 6, 100, 1], dtype)
    b = np.array([[2], [3]], dtype)
    if dtype[0] != "u":
        a, b = np.concatenate([a, -a]), np.concatenate([b, -b])
    close(getattr(et, name)(et.asarray(a), et.asarray(b)), numpys(name)(a, b))


def test_shifts(backend):
    a, b = np.array([1, -8, 100]), np.array([0, 2, 5])
    for name in ("bitwise_left_shift", "bitwise_right_shift"):
        close(getattr(et, name)(et.asarray(a), et.asarray(b)), numpys(name)(a, b))


@pytest.mark.parametrize("name", ["logical_and", "logical_or", "logical_xor", "logical_not"])
def test_logic(backend, name):
    a, b = np.array([True, True, False, False]), np.array([True, False, True, False])
    arguments = (a,) if name == "logical_not" else (a, b)
    result = getattr(et, name)(*map(et.asarray, arguments))
    assert (result.tolist(), result.dtype) == (numpys(name)(*arguments).tolist(), et.bool)


@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "divide", "pow", "equal"])
def test_binary_on_complex_numbers(backend, name):
    other = COMPLEX[::-1].copy()
    close(getattr(et, name)(et.asarray(COMPLEX), et.asarray(other)),
          numpys(name)(COMPLEX, other), rtol=1e-5, atol=1e-5)  # fmt: skip


def test_nan_in_maximum_and_minimum(backend):
    x, y = et.asarray([1.0, math.nan, 3.0]), et.asarray([math.nan, 2.0, 1.0])
    for name in ("maximum", "minimum"):
        result = getattr(et, name)(x, y).tolist()
        assert math.isnan(result[0])
        assert math.isnan(result[1])


def test_rounding_goes_to_even(backend):
    assert et.round([0.5, 1.5, 2.5, -0.5, -1.5]).tolist() == [0.0, 2.0, 2.0, -0.0, -2.0]


@pytest.mark.parametrize(
    "low, high", [(0.0, 2.0), (None, 1.0), (-1.0, None), (None, None), (2.0, 2.0)]
)
def test_clip(backend, low, high):
    expected = FLOATS if low is high is None else np.clip(FLOATS, low, high)
    close(et.clip(et.asarray(FLOATS), low, high), expected)
    close(et.clip(et.asarray(FLOATS), min=low, max=high), expected)
    close(et.asarray(FLOATS).clip(low, high), expected)


def test_bounds_are_numbers_of_the_dtype(backend):
    x = et.asarray([0, 2**63 + 1], dtype=et.uint64)
    assert et.clip(x, max=2**63).tolist() == [0, 2**63]
    assert et.clip(x, 1, 2**64 - 1).tolist() == [1, 2**63 + 1]
    y = et.asarray([0.0, 1.0], dtype=et.float64)
    assert et.clip(y, 0.1, 0.7).tolist() == [0.1, 0.7]  # and not what float32 makes of them
    with pytest.raises(InvalidValueError, match="clip: max: the Python number 300 does not fit"):
        et.clip(et.asarray([5], dtype=et.int8), 0, 300)


def test_clip_with_tensors(backend):
    x = np.float32([[1, 5, 9], [-3, 0, 4]])
    low, high = np.float32([0, 2, 5]), np.float32([[3], [4]])
    close(et.clip(et.asarray(x), et.asarray(low), et.asarray(high)), np.clip(x, low, high))
    assert et.clip(et.asarray([1, 5, 9]), 2, 6).dtype is et.int64
    assert et.clip(et.asarray([1, 9], dtype="int8"), et.asarray(2), 6).tolist() == [2, 6]


# -- what models are made of ----------------------------------------------------------------------


ACTIVATIONS = {
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "sigmoid": special.expit,
    "silu": lambda x: x * special.expit(x),
    "gelu": lambda x: x * special.ndtr(x),
    "softplus": lambda x: np.logaddexp(0, x),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(backend, name):
    x = np.float32([-100, -5, -1, -0.1, 0, 0.1, 1, 5, 100])
    expected = ACTIVATIONS[name](x.astype(np.float64)).astype(np.float32)
    close(getattr(_functions, name)(et.asarray(x)), expected, rtol=1e-5)


@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_softmax(backend, axis):
    x = np.float32([[1, 2, 3], [1000, 1001, 1002], [-1000, 0, -500]])
    close(et.softmax(et.asarray(x), axis=axis), special.softmax(x, axis), rtol=1e-5)
    close(et.log_softmax(et.asarray(x), axis=axis), special.log_softmax(x, axis), rtol=1e-5)
    close(et.logsumexp(et.asarray(x), axis=axis), special.logsumexp(x, axis), rtol=1e-5)


def test_logsumexp(backend):
    x = np.float32([[-np.inf, -np.inf], [0, np.inf]])
    close(et.logsumexp(et.asarray(x), axis=1), special.logsumexp(x, axis=1))
    y = np.arange(6, dtype=np.float32).reshape(2, 3)
    close(et.logsumexp(et.asarray(y)), special.logsumexp(y))
    close(et.logsumexp(et.asarray(y), axis=(0, 1), keepdims=True),
          special.logsumexp(y, axis=(0, 1), keepdims=True))  # fmt: skip


def test_linear(backend):
    rng = np.random.default_rng(0)
    weight, bias = rng.normal(size=(3, 4)).astype("f4"), rng.normal(size=3).astype("f4")
    for shape in [(4,), (5, 4), (2, 5, 4), (0, 4)]:
        x = rng.normal(size=shape).astype("f4")
        close(et.linear(*map(et.asarray, (x, weight, bias))), x @ weight.T + bias, rtol=1e-5)


def test_softmax_cross_entropy(backend):
    rng = np.random.default_rng(1)
    for shape in [(5, 3), (2, 4, 3), (3,)]:
        x = rng.normal(size=shape).astype("f4")
        labels = rng.integers(0, 3, shape[:-1])
        expected = -np.take_along_axis(special.log_softmax(x, -1), labels[..., None], -1)[..., 0]
        close(et.softmax_cross_entropy(et.asarray(x), et.asarray(labels)), expected, rtol=1e-5)
    with pytest.raises(ValueError, match=r"softmax_cross_entropy"):
        et.softmax_cross_entropy(et.ones((2, 3)), et.asarray([1, 1, 1]))


@pytest.mark.parametrize("dtype", ["int8", "int32", "int64"])
def test_integers_have_no_negative_powers(backend, dtype):
    x = et.asarray([2, 3], dtype=dtype)
    for power in (-1, et.asarray([2, -1], dtype=dtype)):
        with pytest.raises(InvalidValueError, match="pow"):
            x**power
    assert (x ** et.asarray([2, 0], dtype=dtype)).tolist() == [4, 1]


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint8", "uint32"])
def test_integers_are_not_divided_by_zero(backend, dtype):
    x = et.asarray([2, 3], dtype=dtype)
    for function in (et.floor_divide, et.remainder):
        for divisor in (0, et.asarray([2, 0], dtype=dtype)):
            with pytest.raises(InvalidValueError, match=function.__name__):
                function(x, divisor)
