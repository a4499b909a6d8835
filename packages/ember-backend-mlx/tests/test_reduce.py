"""Reductions, sorting, searching and integer matrix products, against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ember_ml.nn import tensor as et

INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
FLOATS = ["float16", "float32", "float64"]
AXES = [None, 0, -1, 1, (0, 2), (-1, 0, 1), ()]


def values(dtype: str, *shape: int) -> np.ndarray:
    rng = np.random.default_rng(sum(shape))
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if dtype in INTEGERS:
        return rng.integers(-4 if dtype[0] == "i" else 0, 5, shape).astype(dtype)
    if dtype == "complex64":
        return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(dtype)
    return rng.normal(size=shape).astype(dtype)


def same(actual: et.EmberTensor, expected: Any) -> None:
    expected = np.asarray(expected)
    assert actual.dtype.name == str(expected.dtype) == str(actual.native.dtype)[9:]
    assert actual.shape == expected.shape
    digits = {"float16": 2e-2, "float64": 1e-13}.get(str(expected.dtype), 1e-5)
    np.testing.assert_allclose(actual.numpy(), expected, rtol=digits, atol=digits)


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("dtype", ["bool", *INTEGERS, *FLOATS, "complex64"])
@pytest.mark.parametrize("keepdims", [False, True])
def test_sums_products_and_truth(dtype: str, axis: Any, keepdims: bool) -> None:
    data = values(dtype, 2, 3, 4)
    x = et.asarray(data)
    for name in ("sum", "prod", "any", "all"):
        expected = getattr(np, name)(data, axis=axis, keepdims=keepdims)
        same(getattr(et, name)(x, axis=axis, keepdims=keepdims), expected)
    if dtype in FLOATS or dtype == "complex64":
        same(et.mean(x, axis=axis, keepdims=keepdims), data.mean(axis=axis, keepdims=keepdims))
    if dtype not in ("bool", "complex64"):
        same(et.max(x, axis=axis, keepdims=keepdims), data.max(axis=axis, keepdims=keepdims))
        same(et.min(x, axis=axis, keepdims=keepdims), data.min(axis=axis, keepdims=keepdims))


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 1)])
@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float32", "complex64"])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_nothing_reduces_to_the_identity(dtype: str, axis: Any) -> None:
    data = np.zeros((0, 3), dtype)
    x = et.asarray(data)
    for name in ("sum", "prod", "any", "all"):
        same(getattr(et, name)(x, axis=axis), getattr(np, name)(data, axis=axis))
    if dtype == "float32":
        same(et.mean(x, axis=axis), data.mean(axis=axis))


def test_the_extreme_of_nothing_is_an_error() -> None:
    x = et.zeros((0, 3))
    assert et.max(x, axis=1).shape == (0,)
    for function in (et.max, et.min, et.argmax, et.argmin):
        with pytest.raises(ValueError, match="no elements|empty|nothing|zero size"):
            function(x, axis=0)


def test_softmax_of_nothing() -> None:
    x = et.zeros((0, 3))
    assert et.logsumexp(x, axis=0).tolist() == [-float("inf")] * 3
    assert et.logsumexp(x).item() == -float("inf")
    assert et.softmax(x).shape == et.log_softmax(x, axis=0).shape == (0, 3)
    assert et.softmax_cross_entropy(x, et.zeros((0,), dtype=et.int64)).shape == (0,)


def test_sums_in_a_given_dtype() -> None:
    x = et.asarray([100, 100], dtype="int8")
    assert (et.sum(x).item(), et.sum(x).dtype) == (200, et.int64)
    narrow = et.sum(x, dtype="int8")
    assert (narrow.item(), narrow.dtype) == (-56, et.int8)
    assert et.sum(x, dtype="float32").item() == 200.0
    assert et.sum(et.asarray([2**63, 2**63 - 1], dtype="uint64")).item() == 2**64 - 1


@pytest.mark.parametrize("dtype", [*INTEGERS, *FLOATS, "complex64"])
def test_cumulative(dtype: str) -> None:
    data = values(dtype, 3, 4)
    x = et.asarray(data)
    wide = {"i": "int64", "u": "uint64"}.get(data.dtype.kind, dtype)
    for axis in (0, -1):
        same(et.cumulative_sum(x, axis=axis), np.cumsum(data, axis).astype(wide))
        same(et.cumulative_prod(x, axis=axis), np.cumprod(data, axis).astype(wide))
    assert et.cumulative_sum(et.zeros((0, 2)), axis=0).shape == (0, 2)


@pytest.mark.parametrize("dtype", [*INTEGERS, *FLOATS])
def test_sorting(dtype: str) -> None:
    data = values(dtype, 3, 40)
    x = et.asarray(data)
    for axis in (0, 1, -1):
        same(et.sort(x, axis=axis), np.sort(data, axis))
        same(et.argsort(x, axis=axis), np.argsort(data, axis, kind="stable"))
        same(et.argmax(x, axis=axis), np.argmax(data, axis))
        same(et.argmin(x, axis=axis, keepdims=True), np.argmin(data, axis, keepdims=True))
    same(et.argmax(x), np.argmax(data))
    flipped = np.sort(data, 1)[:, ::-1]
    same(et.sort(x, axis=1, descending=True), flipped)


def test_a_descending_sort_is_stable() -> None:
    assert et.argsort(et.asarray([1, 2, 1, 2]), descending=True).tolist() == [1, 3, 0, 2]


def test_nan_is_found_and_sorted_last() -> None:
    x = et.asarray([1.0, float("nan"), 0.0])
    assert et.argmax(x).item() == et.argmin(x).item() == 1
    assert et.argsort(x).tolist() == [2, 0, 1]
    assert np.isnan(et.max(x).item())


@pytest.mark.parametrize("dtype", ["int8", "uint64", "float32", "float64"])
@pytest.mark.parametrize("side", ["left", "right"])
def test_searchsorted(dtype: str, side: Any) -> None:
    data, wanted = np.sort(values(dtype, 20)), values(dtype, 3, 4)
    same(et.searchsorted(et.asarray(data), et.asarray(wanted), side=side),
         np.searchsorted(data, wanted, side))  # fmt: skip
    order = np.random.default_rng(0).permutation(20)
    mixed, sorter = data[order], np.argsort(order)
    found = et.searchsorted(
        et.asarray(mixed), et.asarray(wanted), side=side, sorter=et.asarray(sorter)
    )
    same(found, np.searchsorted(mixed, wanted, side, sorter))
    assert et.searchsorted(et.asarray(data[:0]), et.asarray(wanted)).tolist() == [[0] * 4] * 3


@pytest.mark.parametrize("dtype", ["bool", "int16", "float32", "complex64"])
@pytest.mark.parametrize("shape", [(5,), (3, 4), (2, 3, 4), (0, 3), (3, 0)])
def test_nonzero(dtype: str, shape: tuple[int, ...]) -> None:
    data = values(dtype, *shape)
    data[data < 0] = 0
    for actual, expected in zip(et.nonzero(et.asarray(data)), np.nonzero(data), strict=True):
        same(actual, expected)


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize(
    ("first", "second"),
    [((2, 3), (3, 4)), ((3,), (3, 4)), ((2, 3), (3,)), ((3,), (3,)), ((5, 1, 2, 3), (4, 3, 2)),
     ((2, 0), (0, 3)), ((0, 2), (2, 3))],
)  # fmt: skip
def test_products_of_integer_matrices(dtype: str, first: Any, second: Any) -> None:
    a, b = values(dtype, *first), values(dtype, *second)
    same(et.asarray(a) @ et.asarray(b), a @ b)


def test_products_of_integers_keep_64_bits() -> None:
    a = np.array([[2**40, 3], [5, -(2**31)]])
    same(et.asarray(a) @ et.asarray(a), a @ a)
    rng = np.random.default_rng(0)
    wide, tall = rng.integers(-9, 9, (70, 300)), rng.integers(-9, 9, (300, 301))
    same(et.asarray(wide) @ et.asarray(tall), wide @ tall)
    with pytest.raises(ValueError, match="inner sizes 3 and 1"):
        et.asarray([[1, 2, 3]]) @ et.asarray([[1]])


@pytest.mark.parametrize(
    ("arguments", "dtype"),
    [((5,), "int64"), ((2, 9, 3), "int32"), ((9, 2, -3), "int64"), ((2, 2), "int64"),
     ((2**60 + 1, 2**60 + 4), "int64"), ((2**63, 2**63 + 3), "uint64"),
     ((0.0, 1.0, 0.25), "float32"), ((0, 5), "float64")],
)  # fmt: skip
def test_arange(arguments: Any, dtype: str) -> None:
    same(et.arange(*arguments, dtype=dtype), np.arange(*arguments, dtype=dtype))


def test_linspace() -> None:
    same(et.linspace(0.0, 1.0, 7), np.linspace(0, 1, 7, dtype="float32"))
    same(et.linspace(5.0, -5.0, 4, endpoint=False, dtype="float64"),
         np.linspace(5, -5, 4, endpoint=False))  # fmt: skip
    same(et.linspace(1j, 2.0, 3), np.linspace(1j, 2, 3, dtype="complex64"))
    assert et.linspace(0.0, 0.1, 11)[-1].item() == np.float32(0.1)
    assert et.linspace(1.0, 2.0, 0).shape == (0,)
    assert et.linspace(1.0, 2.0, 1).tolist() == [1.0]
