"""Dtypes of results as tables over all pairs of dtypes, Python numbers and engines.

What is expected is the array API standard's (2025.12) where it says something, and else the
design's: an integer takes a floating dtype, what no dtype holds becomes ``float32``, a Python
number never widens a tensor.
"""

from __future__ import annotations

import itertools

import pytest

from ember_ml.backend.dtypes import DTYPES
from ember_ml.backend.errors import EmberError, UnsupportedError
from ember_ml.backend.registry import get_backend
from ember_ml.nn import tensor as et

from ._tables import PROMOTION

SIGNED, UNSIGNED = ("int8", "int16", "int32", "int64"), ("uint8", "uint16", "uint32", "uint64")
FLOATS, COMPLEX = ("float16", "bfloat16", "float32", "float64"), ("complex64", "complex128")
RANK = {
    name: rank
    for rank, kind in enumerate((("bool",), SIGNED + UNSIGNED, FLOATS, COMPLEX))
    for name in kind
}


def one(dtype):
    return et.ones(2, dtype=dtype)


def has(backend, *names):
    return all(DTYPES[name] in get_backend(backend).dtypes for name in names)


def dtype_of(call):
    """The name of the dtype of what ``call`` gives; None where the engine has no such dtype."""
    try:
        return call().dtype.name
    except UnsupportedError:
        return None


# -- promotion -------------------------------------------------------------------------------------

#: Operations of two operands that meet in one dtype, and what they are defined for.
MEETING = {
    "where": lambda x, y: et.where(et.asarray([True, False]), x, y),
    "concat": lambda x, y: et.concat([x, y]),
    "stack": lambda x, y: et.stack([y, x]),
    "result_type": lambda x, y: et.zeros(1, dtype=et.result_type(x, y)),
    "+": lambda x, y: x + y,
    "multiply": et.multiply,
    "@": lambda x, y: x @ y,
}
NUMBERS_ONLY = {"+", "multiply", "@"}


@pytest.mark.parametrize("name", MEETING)
def test_two_dtypes_meet_in_one(name, backend):
    for (a, b), expected in PROMOTION.items():
        if not has(backend, a, b) or (name in NUMBERS_ONLY and a == b == "bool"):
            continue
        found = dtype_of(lambda a=a, b=b: MEETING[name](one(a), one(b)))
        assert found == (expected if has(backend, expected) else None), (a, b)


@pytest.mark.parametrize("name", ["equal", "not_equal", "less", "greater_equal"])
def test_comparisons_of_two_dtypes_give_bool(name, backend):
    for (a, b), meeting in PROMOTION.items():
        defined = name in ("equal", "not_equal") or RANK[meeting] in (1, 2)
        if defined and has(backend, a, b, meeting):
            assert getattr(et, name)(one(a), one(b)).dtype is et.bool, (a, b)


def scalar_result(scalar, dtype):
    """By the standard's mixing of arrays and Python scalars; by the design where it is silent."""
    rank = {bool: 0, int: 1, float: 2, complex: 3}[type(scalar)]
    if rank <= RANK[dtype]:
        return dtype
    if rank < 3:
        return {1: "int64", 2: "float32"}[rank]
    return "complex128" if dtype == "float64" else "complex64"


SCALARS = (True, 1, 1.0, 1j)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scalar", SCALARS)
def test_a_python_number_meets_a_tensor(scalar, dtype, backend):
    if not has(backend, dtype):
        pytest.skip(f"{backend} has no {dtype}")
    x, expected = one(dtype), scalar_result(scalar, dtype)
    calls = {
        "where": lambda: et.where(et.asarray([True, False]), x, scalar),
        "where, left": lambda: et.where(et.asarray([True, False]), scalar, x),
        "equal": lambda: et.equal(x, scalar),
    }
    if dtype != "bool" or not isinstance(scalar, bool):
        calls |= {
            "x + s": lambda: x + scalar,
            "s + x": lambda: scalar + x,
            "x - s": lambda: x - scalar,
            "s - x": lambda: scalar - x,
            "multiply": lambda: et.multiply(x, scalar),
            "multiply, left": lambda: et.multiply(scalar, x),
        }
    for name, call in calls.items():
        wanted = "bool" if name == "equal" else expected
        assert dtype_of(call) == (wanted if has(backend, expected) else None), name


def test_in_place_operators_keep_the_dtype(backend):
    for dtype, scalar in itertools.product(DTYPES, SCALARS[1:]):
        if not has(backend, dtype):
            continue
        x = one(dtype)
        if scalar_result(scalar, dtype) == dtype:
            x += scalar
            assert x.dtype.name == dtype
        else:
            with pytest.raises(EmberError):
                x += scalar


# -- default dtypes --------------------------------------------------------------------------------

i8 = lambda: et.asarray([1, 2, 3], dtype=et.int8)  # noqa: E731
u8 = lambda: et.asarray([1, 2, 3], dtype=et.uint8)  # noqa: E731
f2 = lambda: et.asarray([1, 2, 3], dtype=et.float16)  # noqa: E731
c8 = lambda: et.asarray([1j, 2, 3])  # noqa: E731

#: What a result's dtype is: by the standard from the operands', or the default one.
RESULTS = {
    "asarray(True)": (lambda: et.asarray(True), "bool"),
    "asarray(1)": (lambda: et.asarray(1), "int64"),
    "asarray([1, 2.0])": (lambda: et.asarray([1, 2.0]), "float32"),
    "asarray([1, 2j])": (lambda: et.asarray([1, 2j]), "complex64"),
    "asarray([True, 1])": (lambda: et.asarray([True, 1]), "int64"),
    "asarray([])": (lambda: et.asarray([]), "float32"),
    "zeros": (lambda: et.zeros(2), "float32"),
    "ones": (lambda: et.ones(2), "float32"),
    "empty": (lambda: et.empty(2), "float32"),
    "eye": (lambda: et.eye(2), "float32"),
    "linspace": (lambda: et.linspace(0, 1, 3), "float32"),
    "linspace, complex": (lambda: et.linspace(0, 1j, 3), "complex64"),
    "arange": (lambda: et.arange(3), "int64"),
    "arange, float": (lambda: et.arange(0, 1, 0.5), "float32"),
    "full, bool": (lambda: et.full(2, True), "bool"),
    "full, int": (lambda: et.full(2, 1), "int64"),
    "full, float": (lambda: et.full(2, 1.0), "float32"),
    "full, complex": (lambda: et.full(2, 1j), "complex64"),
    "full_like": (lambda: et.full_like(i8(), 1), "int8"),
    "sum(int8)": (lambda: et.sum(i8()), "int64"),
    "sum(uint8)": (lambda: et.sum(u8()), "uint64"),
    "sum(bool)": (lambda: et.sum(et.asarray([True])), "int64"),
    "sum(float16)": (lambda: et.sum(f2()), "float16"),
    "prod(int8)": (lambda: et.prod(i8()), "int64"),
    "prod(uint8)": (lambda: et.prod(u8()), "uint64"),
    "cumulative_sum(int8)": (lambda: et.cumulative_sum(i8()), "int64"),
    "cumulative_prod(uint8)": (lambda: et.cumulative_prod(u8()), "uint64"),
    "max(int8)": (lambda: et.max(i8()), "int8"),
    "mean(float16)": (lambda: et.mean(f2()), "float16"),
    "mean(int8)": (lambda: et.mean(i8()), "float32"),
    "std(complex64)": (lambda: et.std(et.abs(c8())), "float32"),
    "sqrt(int8)": (lambda: et.sqrt(i8()), "float32"),
    "sqrt(float16)": (lambda: et.sqrt(f2()), "float16"),
    "divide(int8, int8)": (lambda: i8() / i8(), "float32"),
    "floor_divide(int8, int8)": (lambda: i8() // i8(), "int8"),
    "pow(uint8, uint8)": (lambda: u8() ** u8(), "uint8"),
    "abs(complex64)": (lambda: et.abs(c8()), "float32"),
    "real": (lambda: et.real(c8()), "float32"),
    "imag": (lambda: et.imag(c8()), "float32"),
    "round(int8)": (lambda: et.round(i8()), "int8"),
    "ceil(int8)": (lambda: et.ceil(i8()), "int8"),
    "clip(int8)": (lambda: et.clip(i8(), 1, 2), "int8"),
    "argmax": (lambda: et.argmax(f2()), "int64"),
    "argsort": (lambda: et.argsort(f2()), "int64"),
    "count_nonzero": (lambda: et.count_nonzero(i8()), "int64"),
    "nonzero": (lambda: et.nonzero(i8())[0], "int64"),
    "searchsorted": (lambda: et.searchsorted(f2(), f2()), "int64"),
    "unique_inverse": (lambda: et.unique_inverse(i8()).inverse_indices, "int64"),
    "unique_counts": (lambda: et.unique_counts(i8()).counts, "int64"),
    "isin": (lambda: et.isin(i8(), i8()), "bool"),
    "any": (lambda: et.any(i8()), "bool"),
    "diff(uint8)": (lambda: et.diff(u8()), "uint8"),
    "vecdot(int8, float16)": (lambda: et.vecdot(i8(), f2()), "float16"),
    "matmul(int8, int8)": (lambda: i8() @ i8(), "int8"),
    "linalg.trace(int8)": (lambda: et.linalg.trace(et.stack([i8()] * 3)), "int64"),
    "linalg.vector_norm(complex64)": (lambda: et.linalg.vector_norm(c8()), "float32"),
    "linalg.eigvals(float32)": (lambda: et.linalg.eigvals(et.eye(2)), "complex64"),
    "linalg.svdvals(complex64)": (lambda: et.linalg.svdvals(c8()[None]), "float32"),
    "fft.fft(complex64)": (lambda: et.fft.fft(c8()), "complex64"),
    "fft.rfft(float32)": (lambda: et.fft.rfft(et.ones(4)), "complex64"),
    "fft.irfft(complex64)": (lambda: et.fft.irfft(c8()), "float32"),
    "fft.fftfreq": (lambda: et.fft.fftfreq(4), "float32"),
}


@pytest.mark.parametrize("name", RESULTS)
def test_dtype_of_a_result(name, backend):
    call, expected = RESULTS[name]
    assert call().dtype.name == expected
