"""Elementwise operations over their dtypes, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from ember_ml.backend.operations import OPERATIONS
from ember_ml.nn import tensor as et

INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
FLOATS = ["float16", "float32", "float64"]
COMPLEX = ["complex64", "complex128"]

UNARY = {
    "abs": np.abs, "acos": np.arccos, "acosh": np.arccosh, "asin": np.arcsin,
    "asinh": np.arcsinh, "atan": np.arctan, "atanh": np.arctanh, "bitwise_invert": np.invert,
    "ceil": np.ceil, "conj": np.conj, "cos": np.cos, "cosh": np.cosh, "exp": np.exp,
    "expm1": np.expm1, "floor": np.floor, "imag": np.imag, "isfinite": np.isfinite,
    "isinf": np.isinf, "isnan": np.isnan, "log": np.log, "log10": np.log10, "log1p": np.log1p,
    "log2": np.log2, "logical_not": np.logical_not, "negative": np.negative,
    "positive": np.positive, "real": np.real, "round": np.round, "sign": np.sign,
    "signbit": np.signbit, "sin": np.sin, "sinh": np.sinh, "sqrt": np.sqrt, "square": np.square,
    "tan": np.tan, "tanh": np.tanh, "trunc": np.trunc,
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


def accepted(name: str) -> list[str]:
    op = OPERATIONS[name]
    names = ["bool", *INTEGERS, *FLOATS, *COMPLEX]
    return [n for n in names if op.accepts_dtype(getattr(et, "bool" if n == "bool" else n))]


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
    if dtype in COMPLEX:
        parts = rng.normal(size=(2, 3, 5)).astype("float64")
        return (parts[0] + 1j * parts[1]).astype(dtype)
    some = rng.normal(size=(3, 5)) * 2
    some[0] = [0.5, 1.5, -2.5, 0.25, -0.75]
    return some.astype(dtype)


def same(actual: et.EmberTensor, expected: np.ndarray, dtype: str) -> None:
    assert actual.dtype.name == str(expected.dtype)
    if expected.dtype.kind in "fc":
        digits = {"float16": 5e-3, "float32": 2e-6, "complex64": 5e-6}.get(dtype, 1e-12)
        np.testing.assert_allclose(actual.numpy(), expected, rtol=digits, atol=digits)
    else:
        np.testing.assert_array_equal(actual.numpy(), expected)


@pytest.mark.parametrize(("name", "dtype"), cases(UNARY))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_unary(name: str, dtype: str) -> None:
    x = values(dtype)
    same(getattr(et, name)(et.asarray(x)), UNARY[name](x), dtype)


@pytest.mark.parametrize(("name", "dtype"), cases(BINARY))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_binary(name: str, dtype: str) -> None:
    x1, x2 = values(dtype), values(dtype, 1)
    if name in ("bitwise_left_shift", "bitwise_right_shift"):
        x2 = (x2 % (np.iinfo(dtype).bits + 3)).astype(dtype)
    elif name == "pow" and dtype in INTEGERS:
        x2 = np.abs(x2 % 7).astype(dtype)
    elif name in ("floor_divide", "remainder"):
        x2 = np.where(x2 == 0, np.ones_like(x2), x2)
        if dtype in ("int8", "int16", "int32", "int64"):  # the quotient that does not fit
            x2 = np.where(x2 == -1, np.ones_like(x2), x2)
    same(getattr(et, name)(et.asarray(x1), et.asarray(x2)), BINARY[name](x1, x2), dtype)


@pytest.mark.parametrize(
    ("name", "dtype"),
    [(n, d) for n, d in cases(BINARY) if d != "bool" and d not in COMPLEX],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_python_scalars_on_either_side(name: str, dtype: str) -> None:
    scalar = 3 if dtype in INTEGERS else 3.0
    x = values(dtype)
    x = np.where(x == 0, np.ones_like(x), x)
    if name in ("pow", "bitwise_left_shift", "bitwise_right_shift"):
        x = (x % 5).astype(dtype)
    function, expected = getattr(et, name), BINARY[name]
    same(function(et.asarray(x), scalar), expected(x, np.asarray(scalar, dtype)), dtype)
    same(function(scalar, et.asarray(x)), expected(np.asarray(scalar, dtype), x), dtype)


def test_large_unsigned_scalars() -> None:
    x = et.asarray(np.array([1, 2**64 - 1], "uint64"))
    assert (x + (2**64 - 2)).tolist() == [2**64 - 1, 2**64 - 3]
    assert (x == 2**64 - 1).tolist() == [False, True]
    assert (x > 2**63).tolist() == [False, True]
    assert et.maximum(x, 2**63).tolist() == [2**63, 2**64 - 1]
    assert et.where(et.asarray([True, False]), x, 2**63).tolist() == [1, 2**63]
    assert (2**64 - 1 - x).tolist() == [2**64 - 2, 0]


def test_division_rounds_down_for_every_sign() -> None:
    x1, x2 = et.asarray([7, 7, -7, -7]), et.asarray([2, -2, 2, -2])
    assert (x1 // x2).tolist() == [3, -4, -4, 3]
    assert (x1 % x2).tolist() == [1, -1, 1, -1]
    assert (et.asarray([7.5, -7.5]) // 2.0).tolist() == [3.0, -4.0]
    assert (et.asarray([-1.0, 1.0]) % float("inf")).tolist() == [float("inf"), 1.0]


def test_halves_round_to_even() -> None:
    assert et.round([0.5, 1.5, 2.5, -0.5]).tolist() == [0.0, 2.0, 2.0, -0.0]
    assert et.round(et.asarray([1.5 + 2.5j])).tolist() == [2 + 2j]


def test_nan_keeps_its_sign_and_wins() -> None:
    nan = float("nan")
    assert np.isnan(et.sign([nan]).numpy()).all()
    assert np.isnan(et.maximum([nan, 1.0], [1.0, nan]).numpy()).all()
    assert et.sign(et.asarray([3 + 4j, 0j])).tolist() == [pytest.approx(0.6 + 0.8j), 0j]


def test_erf_against_the_c_library() -> None:
    import math

    x = np.linspace(-3, 3, 31)
    np.testing.assert_allclose(et.erf(et.asarray(x)).numpy(), [math.erf(v) for v in x], rtol=1e-14)


def test_conjugates_show_in_memory() -> None:
    x = et.conj(et.asarray([1 + 2j]))
    assert not x.native.is_conj()
    assert np.frombuffer(x._backend.backend.to_buffer(x.native), "complex64")[0] == 1 - 2j


def test_bfloat16_computes() -> None:
    x = et.asarray([1.0, 2.0], dtype=et.bfloat16)
    assert (x * 1.5 + x).dtype is et.bfloat16
    assert (x * 1.5 + x).tolist() == [2.5, 5.0]
