"""Searching, sorting, selecting and sets against NumPy."""

import math

import numpy as np
import pytest

from ember_ml.backend.errors import TensorIndexError
from ember_ml.nn import tensor as et

from ._values import same

RNG = np.random.default_rng(0)
X = RNG.permutation(24).reshape(2, 3, 4).astype(np.float32)
TIES = np.array([[3, 1, 3, 2, 1], [5, 5, 0, 5, 0]])
DTYPES = ["int8", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32"]


@pytest.mark.parametrize("name", ["argmax", "argmin"])
@pytest.mark.parametrize("axis", [None, 0, 1, -1])
@pytest.mark.parametrize("keepdims", [False, True])
def test_extremes(backend, name, axis, keepdims):
    same(getattr(et, name)(et.asarray(X), axis=axis, keepdims=keepdims),
         getattr(np, name)(X, axis=axis, keepdims=keepdims))  # fmt: skip


def test_the_first_extreme_counts(backend):
    assert et.argmax([1, 3, 3, 0]).item() == 1
    assert et.argmin([1.0, 0.0, 0.0]).item() == 1
    assert et.argmax([1.0, math.nan, 5.0]).item() == 1
    assert et.argmax(3.0).item() == 0
    assert et.argmax(et.zeros((2, 0, 3)), axis=0).shape == (0, 3)
    assert et.argmin(et.zeros((0, 3)), axis=1, keepdims=True).shape == (0, 1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("descending", [False, True])
def test_sort(backend, dtype, descending):
    x = TIES.astype(dtype)
    step = -1 if descending else 1
    same(et.sort(et.asarray(x), descending=descending), np.sort(x)[:, ::step])
    order = et.argsort(et.asarray(x), descending=descending)
    assert order.dtype is et.int64
    same(et.take_along_axis(et.asarray(x), order, axis=-1), np.sort(x)[:, ::step])


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_sort_along_an_axis(backend, axis):
    same(et.sort(et.asarray(X), axis=axis), np.sort(X, axis))
    same(et.argsort(et.asarray(X), axis=axis), np.argsort(X, axis))
    same(et.sort(et.asarray(X), axis=axis, stable=False), np.sort(X, axis))


def test_sorting_is_stable_both_ways(backend):
    same(et.argsort(et.asarray(TIES)), np.argsort(TIES, kind="stable"))
    # descending: equal elements keep their order too
    same(et.argsort(et.asarray(TIES), descending=True), np.argsort(-TIES, kind="stable"))


def test_sort_of_little(backend):
    assert et.sort(et.zeros(0)).shape == (0,)
    assert et.argsort(et.zeros((2, 0))).shape == (2, 0)
    assert et.sort([5]).tolist() == [5]
    assert math.isnan(et.sort([math.nan, 1.0, -1.0]).tolist()[-1])


@pytest.mark.parametrize("k", [0, 1, 3])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_top_k(backend, k, axis):
    if k > X.shape[axis]:
        return
    ordered = np.sort(X, axis)
    largest, smallest = np.flip(ordered, axis), ordered
    for mode, expected in [("largest", largest), ("smallest", smallest)]:
        values, indices = et.top_k(et.asarray(X), k, axis=axis, mode=mode)
        same(values, np.take(expected, range(k), axis))
        same(
            et.take_along_axis(et.asarray(X), indices, axis=axis), np.take(expected, range(k), axis)
        )
        assert indices.dtype is et.int64


@pytest.mark.parametrize("dtype", ["bool", "int64", "float32", "complex64", "uint8"])
def test_nonzero(backend, dtype):
    x = np.array([[0, 5, 0], [7, 0, 2]]).astype(dtype)
    got = et.nonzero(et.asarray(x))
    assert isinstance(got, tuple)
    for ours, numpys in zip(got, np.nonzero(x), strict=True):
        same(ours, numpys)
    assert [i.tolist() for i in et.nonzero(et.zeros((2, 2)))] == [[], []]


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("dtype", ["int64", "float32", "uint8", "int8"])
def test_searchsorted(backend, side, dtype):
    ordered = np.array([1, 3, 3, 8]).astype(dtype)
    values = np.array([[0, 1, 2], [3, 8, 9]]).astype(dtype)
    same(et.searchsorted(et.asarray(ordered), et.asarray(values), side=side),
         np.searchsorted(ordered, values, side))  # fmt: skip
    shuffled = ordered[[2, 0, 3, 1]]
    sorter = np.argsort(shuffled, kind="stable")
    same(et.searchsorted(et.asarray(shuffled), et.asarray(values), side=side,
                         sorter=et.asarray(sorter)),
         np.searchsorted(shuffled, values, side, sorter))  # fmt: skip


def test_searchsorted_of_a_number(backend):
    same(et.searchsorted(et.asarray([1, 2, 3]), 2), np.int64(1))
    same(et.searchsorted(et.asarray([1.0, 2.0]), et.asarray([1, 2])), np.array([0, 1]))
    assert et.searchsorted(et.zeros(0), et.ones(3)).tolist() == [0, 0, 0]


@pytest.mark.parametrize("dtype", [*DTYPES, "bool", "complex64"])
def test_where(backend, dtype):
    condition = X % 2 == 0
    a, b = (X % 3).astype(dtype), (X % 5).astype(dtype)
    same(et.where(et.asarray(condition), et.asarray(a), et.asarray(b)), np.where(condition, a, b))


def test_where_with_scalars_and_broadcasting(backend):
    condition = np.array([[True], [False]])
    a = np.float32([1, 2, 3])
    same(et.where(et.asarray(condition), et.asarray(a), 0.0), np.where(condition, a, np.float32(0)))
    same(et.where(et.asarray(condition), 5, et.asarray(a)), np.where(condition, np.float32(5), a))
    same(et.where(True, et.asarray(a), -1), a)
    same(et.where(et.asarray(condition), 1, 2), np.where(condition, 1, 2))
    same(et.where(et.asarray(condition), 1, 2.5), np.float32([[1], [2.5]]))
    same(et.where([True, False], [1, 2], [3, 4]), np.array([1, 4]))


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("dtype", ["int64", "int8", "uint8", "int32"])
def test_take(backend, axis, dtype):
    indices = np.array([1, 0, 1], dtype)
    same(et.take(et.asarray(X), et.asarray(indices), axis=axis), np.take(X, indices, axis))


def test_take_from_the_end_and_nothing(backend):
    x = et.asarray([10, 20, 30])
    assert et.take(x, et.asarray([-1, -3])).tolist() == [30, 10]
    assert et.take(x, et.asarray([], dtype="int64")).tolist() == []
    assert et.take(x, [2, 2], axis=0).tolist() == [30, 30]


def test_take_out_of_range(backend):
    for indices in ([3], [-4], [0, 100]):
        with pytest.raises(TensorIndexError, match="take"):
            et.take(et.asarray([10, 20, 30]), et.asarray(indices), axis=0)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_take_along_axis(backend, axis):
    order = np.argsort(X, axis)
    same(et.take_along_axis(et.asarray(X), et.asarray(order), axis=axis),
         np.take_along_axis(X, order, axis))  # fmt: skip
    one = np.argmax(X, axis, keepdims=True)
    same(et.take_along_axis(et.asarray(X), et.asarray(one), axis=axis),
         np.take_along_axis(X, one, axis))  # fmt: skip


def test_take_along_axis_broadcasts(backend):
    indices = np.array([[[0, 2]]])
    same(et.take_along_axis(et.asarray(X), et.asarray(indices), axis=2), X[:, :, [0, 2]])
    same(et.take_along_axis(et.asarray(X), et.asarray([[[-1]]]), axis=1), X[:, -1:])


# -- sets ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["int64", "float32", "bool", "complex64", "uint8"])
@pytest.mark.parametrize("shape", [(10,), (2, 5), (0,), ()])
def test_unique(backend, dtype, shape):
    x = RNG.integers(0, 4, shape)
    x = x.astype(dtype) + (1j * (x % 2) if dtype == "complex64" else 0)
    x = np.asarray(x, dtype)
    values, indices, inverse, counts = np.unique(
        x, return_index=True, return_inverse=True, return_counts=True
    )
    t = et.asarray(x)
    got = et.unique_all(t)
    same(got.values, values)
    same(got.indices, indices)
    same(got.inverse_indices, inverse.reshape(x.shape))
    same(got.counts, counts)
    same(et.unique_values(t), values)
    same(et.unique_counts(t).counts, counts)
    same(et.unique_inverse(t).inverse_indices, inverse.reshape(x.shape))


def test_every_nan_is_unique(backend):
    got = et.unique_counts([math.nan, 1.0, math.nan, 1.0])
    assert got.counts.tolist() == [2, 1, 1]
    assert [math.isnan(v) for v in got.values.tolist()] == [False, True, True]


@pytest.mark.parametrize("dtype", ["int64", "float32", "bool", "complex64", "uint8"])
@pytest.mark.parametrize("count", [0, 3, 20])
@pytest.mark.parametrize("invert", [False, True])
def test_isin(backend, dtype, count, invert):
    a, b = RNG.integers(0, 30, (4, 5)).astype(dtype), RNG.integers(0, 30, count).astype(dtype)
    same(et.isin(et.asarray(a), et.asarray(b), invert=invert), np.isin(a, b, invert=invert))


def test_isin_with_scalars(backend):
    assert et.isin([1, 2], 2).tolist() == [False, True]
    assert et.isin(2, [1, 2]).item() is True
    assert et.isin([1, 2], [[2.0], [5.0]]).tolist() == [False, True]
