"""Elementwise operations over their dtypes, against NumPy and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from ember_ml import nn
from ember_ml.backend.errors import InvalidValueError
from ember_ml.backend.operations import OPERATIONS
from ember_ml.nn import tensor as et

INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
FLOATS = ["float16", "float32", "float64"]
INF, NAN = float("inf"), float("nan")

UNARY = {
    "abs": np.abs, "acos": np.arccos, "acosh": np.arccosh, "asin": np.arcsin,
    "asinh": np.arcsinh, "atan": np.arctan, "atanh": np.arctanh, "bitwise_invert": np.invert,
    "ceil": np.ceil, "conj": np.conj, "cos": np.cos, "cosh": np.cosh, "erf": special.erf,
    "exp": np.exp, "expm1": np.expm1, "floor": np.floor, "imag": np.imag,
    "isfinite": np.isfinite, "isinf": np.isinf, "isnan": np.isnan, "log": np.log,
    "log10": np.log10, "log1p": np.log1p, "log2": np.log2, "logical_not": np.logical_not,
    "negative": np.negative, "positive": np.positive, "real": np.real, "round": np.round,
    "sign": np.sign, "signbit": np.signbit, "sin": np.sin, "sinh": np.sinh, "sqrt": np.sqrt,
    "square": np.square, "tan": np.tan, "tanh": np.tanh, "trunc": np.trunc,
}  # fmt: skip

BINARY = {
    "add": np.add, "atan2": np.arctan2, "bitwise_and": np.bitwise_and,
    "bitwise_left_shift": np.left_shift, "bitwise_or": np.bitwise_or,
    "bitwise_right_shift": np.right_shift, "bitwise_xor": np.bitwise_xor,
    "copysign": np.copysign, "divide": np.divide, "equal": np.equal,
    "floor_divide": np.floor_divide, "greater": np.greater, "greater_equal": np.greater_equal,
    "hypot": np.hypot, "less": np.less, "less_equal": np.less_equal, "logaddexp": np.logaddexp,
    "logical_and": np.logical_and, "logical_or": np.logical_or, "logical_xor": np.logical_xor,
    "maximum": np.maximum, "minimum": np.minimum, "multiply": np.multiply,
    "nextafter": np.nextafter, "not_equal": np.not_equal, "pow": np.power,
    "remainder": np.remainder, "subtract": np.subtract,
}  # fmt: skip

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def accepted(name: str) -> list[str]:
    op = OPERATIONS[name]
    names = ["bool", *INTEGERS, *FLOATS, "complex64"]
    return [n for n in names if op.accepts_dtype(getattr(et, n))]


def cases(table: dict[str, np.ufunc]) -> list[tuple[str, str]]:
    return [(name, dtype) for name in table for dtype in accepted(name)]


def values(dtype: str, seed: int = 0) -> np.ndarray:
    """Some of every kind: small, negative, extreme, halves."""
    rng = np.random.default_rng(seed)
    if dtype == "bool":
        return rng.integers(0, 2, (3, 5)).astype(bool)
    if dtype in INTEGERS:
        info = np.iinfo(dtype)
        some = rng.integers(info.min, info.max, (3, 5), dtype=dtype, endpoint=True)
        some[0] = np.array([info.min, info.max, 1, 2, 7], dtype)
        return some
    if dtype == "complex64":
        return (rng.normal(size=(3, 5)) + 1j * rng.normal(size=(3, 5))).astype(dtype)
    some = rng.normal(size=(3, 5)) * 2
    some[0] = [0.5, 1.5, -2.5, 0.25, -0.75]
    return some.astype(dtype)


def same(actual: et.EmberTensor, expected: np.ndarray, dtype: str) -> None:
    assert actual.dtype.name == str(expected.dtype) == str(actual.native.dtype)[9:]
    assert actual.shape == expected.shape
    if expected.dtype.kind in "fc":
        digits = {"float16": 5e-3, "float32": 2e-6, "complex64": 1e-5}.get(dtype, 1e-13)
        np.testing.assert_allclose(actual.numpy(), expected, rtol=digits, atol=digits)
    else:
        np.testing.assert_array_equal(actual.numpy(), expected)


def expected_of(function: np.ufunc, *arrays: np.ndarray) -> np.ndarray:
    """In double precision for half, which NumPy's tables round twice."""
    found = np.asarray(function(*arrays))
    return found.astype(arrays[0].dtype) if function is special.erf else found


@pytest.mark.parametrize(("name", "dtype"), cases(UNARY))
def test_unary(name: str, dtype: str) -> None:
    x = values(dtype)
    same(getattr(et, name)(et.asarray(x)), expected_of(UNARY[name], x), dtype)


def pair(name: str, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Operands for which NumPy's result is the standard's."""
    x1, x2 = values(dtype), values(dtype, 1)
    if name in ("bitwise_left_shift", "bitwise_right_shift"):
        x2 = np.fmod(x2, np.iinfo(dtype).bits + 3).astype(dtype)  # of either sign
    elif name == "pow" and dtype in INTEGERS:
        x2 = np.abs(x2 % 7).astype(dtype)
    elif name in ("floor_divide", "remainder"):
        x2 = np.where(x2 == 0, np.ones_like(x2), x2)
    return x1, x2


@pytest.mark.parametrize(("name", "dtype"), cases(BINARY))
def test_binary(name: str, dtype: str) -> None:
    x1, x2 = pair(name, dtype)
    same(getattr(et, name)(et.asarray(x1), et.asarray(x2)), BINARY[name](x1, x2), dtype)


@pytest.mark.parametrize(("name", "dtype"), cases(UNARY))
def test_unary_on_nothing_and_on_a_number(name: str, dtype: str) -> None:
    for x in (np.ones((0, 3), dtype), np.ones((), dtype)):
        same(getattr(et, name)(et.asarray(x)), expected_of(UNARY[name], x), dtype)


@pytest.mark.parametrize(("name", "dtype"), cases(BINARY))
def test_binary_on_nothing_and_on_a_number(name: str, dtype: str) -> None:
    for x in (np.ones((0, 3), dtype), np.ones((), dtype)):
        y = np.ones((1, 3), dtype)
        same(getattr(et, name)(et.asarray(x), et.asarray(y)), BINARY[name](x, y), dtype)


@pytest.mark.parametrize(
    ("name", "dtype"), [(n, d) for n, d in cases(BINARY) if d not in ("bool", "complex64")]
)
def test_python_scalars_on_either_side(name: str, dtype: str) -> None:
    scalar = 3 if dtype in INTEGERS else 3.0
    x = values(dtype)
    x = np.where(x == 0, np.ones_like(x), x)
    if name in ("pow", "bitwise_left_shift", "bitwise_right_shift"):
        x = (x % 5).astype(dtype)
    function, expected = getattr(et, name), BINARY[name]
    same(function(et.asarray(x), scalar), expected(x, np.asarray(scalar, dtype)), dtype)
    same(function(scalar, et.asarray(x)), expected(np.asarray(scalar, dtype), x), dtype)


def test_unsigned_scalars_of_64_bits() -> None:
    x = et.asarray(np.array([1, 2**64 - 1], "uint64"))
    assert (x + (2**64 - 2)).tolist() == [2**64 - 1, 2**64 - 3]
    assert (x == 2**64 - 1).tolist() == [False, True]
    assert (x > 2**63).tolist() == [False, True]
    assert (x // 2**63).tolist() == [0, 1]
    assert et.where(et.asarray([True, False]), x, 2**63).tolist() == [1, 2**63]


SPECIAL = [-INF, -1e30, -2.5, -1.0, -1e-30, -0.0, 0.0, 1e-30, 1.0, 2.5, 1e30, INF, NAN]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["sin", "sign", "erf", "expm1", "sqrt", "exp", "tan", "round"])
def test_special_values(name: str, dtype: str) -> None:
    x = np.array(SPECIAL, dtype)
    x = x[np.abs(x) < 100] if name in ("sin", "tan") else x
    actual, expected = getattr(et, name)(et.asarray(x)).numpy(), UNARY[name](x)
    np.testing.assert_allclose(actual, expected, rtol=2e-6 if dtype == "float32" else 1e-13)
    zero = x == 0
    np.testing.assert_array_equal(np.signbit(actual[zero]), np.signbit(expected[zero]))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "name", ["hypot", "nextafter", "copysign", "remainder", "logaddexp", "floor_divide", "pow"]
)
def test_special_pairs(name: str, dtype: str) -> None:
    x1, x2 = np.array(np.meshgrid(SPECIAL, SPECIAL)).reshape(2, -1).astype(dtype)
    actual = getattr(et, name)(et.asarray(x1), et.asarray(x2)).numpy()
    expected = BINARY[name](x1, x2)
    if name == "floor_divide":
        # The standard has infinities and zeros with a sign where NumPy has NaN and -1.
        endless = np.isinf(x1) | np.isinf(x2)
        expected = np.where(endless, np.floor(x1 / x2), expected)
    np.testing.assert_allclose(actual, expected, rtol=2e-6 if dtype == "float32" else 1e-13)
    if name != "logaddexp":
        known = ~np.isnan(expected)
        np.testing.assert_array_equal(np.signbit(actual[known]), np.signbit(expected[known]))


@pytest.mark.parametrize("dtype", ["int8", "int32", "int64", "uint8", "uint64"])
def test_integers_divided_by_zero(dtype: str) -> None:
    x, zero = et.asarray([7, 0], dtype=dtype), et.asarray([1, 0], dtype=dtype)
    for function in (et.floor_divide, et.remainder):
        for other in (zero, 0):
            with pytest.raises(InvalidValueError, match="cannot be divided by zero"):
                function(x, other)
        with pytest.raises(InvalidValueError, match="cannot be divided by zero"):
            function(7, zero)
        assert function(x[:0], zero[:0]).shape == (0,)
    # Inside of compile nothing is known of the divisor; NumPy's result is 0.
    assert nn.compile(et.floor_divide)(x, zero).tolist() == [7, 0]
    assert nn.compile(et.remainder)(x, zero).tolist() == [0, 0]


def test_negative_powers_of_integers() -> None:
    x = et.asarray([2, 3])
    for power in (-1, et.asarray([2, -1]), et.asarray(-3)):
        with pytest.raises(InvalidValueError, match="integers have no power of -"):
            x**power
    assert (x ** et.asarray([0, 3])).tolist() == [1, 27]
    assert (x[:0] ** x[:0]).shape == (0,)


def test_places_out_of_range() -> None:
    x = et.asarray([2**30, -(2**30)], dtype=et.int32)
    assert (x >> et.asarray([-5, -5], dtype=et.int32)).tolist() == [0, -1]
    assert (x >> 99).tolist() == [0, -1]
    assert (x << et.asarray([-1, 32], dtype=et.int32)).tolist() == [0, 0]


def test_the_least_integer_by_minus_one_does_not_end_the_process() -> None:
    for dtype in ("int8", "int32", "int64"):
        least = np.iinfo(dtype).min
        x = et.asarray(np.array([least, 7], dtype))
        assert (x // -1).tolist() == [least, -7]
        assert (x % et.asarray(np.array([-1, -1], dtype))).tolist() == [0, 0]


def test_floor_division_is_exact() -> None:
    x, y = np.float32([0.5, 1.0, 6.0]), np.float32(0.1)
    np.testing.assert_array_equal((et.asarray(x) // 0.1).numpy(), np.floor_divide(x, y))
    # by the standard, where NumPy has NaN
    assert (et.asarray([INF, -INF]) // 2.0).tolist() == [INF, -INF]


def test_float64_keeps_its_digits_everywhere() -> None:
    x = np.linspace(-30, 30, 201)
    for name in ("exp", "sin", "cos", "tanh", "erf"):
        actual = getattr(et, name)(et.asarray(x)).numpy()
        np.testing.assert_allclose(actual, UNARY[name](x), rtol=5e-13, atol=1e-15)
    assert (et.asarray(np.array([1.0])) + 0.1).tolist() == [1.1]


def test_erf_of_small_values() -> None:
    x = np.float32([1e-30, 1e-8, 1e-3, 0.1, 0.49, 0.51])
    np.testing.assert_allclose(et.erf(et.asarray(x)).numpy(), special.erf(x), rtol=1e-6)


def test_complex_zero_to_the_power_of_zero() -> None:
    assert (et.asarray([0j, 2j]) ** et.asarray([0j, 2 + 0j])).tolist() == [1, pytest.approx(-4)]


def test_sign_of_complex_zeros() -> None:
    zeros = et.asarray(np.array([0.0, -0.0]) + 1j * np.array([[0.0], [-0.0]]), dtype=et.complex64)
    found = et.sign(zeros).numpy()
    assert not found.any()
    assert not np.signbit(found.real).any()
    assert not np.signbit(found.imag).any()


def test_complex_tanh_at_infinity() -> None:
    x = et.asarray([complex(a, b) for a in (INF, -INF) for b in (5.5e18, -5.5e18, 2.0)])
    found = et.tanh(x).numpy()
    assert found.tolist() == [1, 1, 1, -1, -1, -1]
    assert np.signbit(found.imag).tolist() == [False, True, False, False, True, False]
    z = np.array([1 + 2j, -0.3 + 0.1j, -2 - 1j], "complex64")
    np.testing.assert_allclose(et.tanh(et.asarray(z)).numpy(), np.tanh(z), rtol=1e-6)


def test_bfloat16_computes() -> None:
    x = et.asarray([1.0, 2.0], dtype=et.bfloat16)
    assert (x * 1.5 + x).dtype is et.bfloat16
    assert (x * 1.5 + x).tolist() == [2.5, 5.0]
    assert et.nextafter(x, x * 2).tolist() == [1.0078125, 2.015625]
