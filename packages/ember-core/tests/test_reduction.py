"""Reductions against NumPy."""

import math

import numpy as np
import pytest

from ember_ml.backend.errors import InvalidValueError
from ember_ml.nn import tensor as et

from ._values import close

X = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
AXES = [None, 0, 1, -1, (0, 2), (1, -1), (0, 1, 2), ()]
NAMES = ["sum", "prod", "mean", "var", "std", "max", "min", "any", "all"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("keepdims", [False, True])
def test_over_axes(backend, name, axis, keepdims):
    result = getattr(et, name)(et.asarray(X), axis=axis, keepdims=keepdims)
    close(result, getattr(np, name)(X, axis=axis, keepdims=keepdims))


@pytest.mark.parametrize("name", NAMES)
def test_of_no_dimensions(backend, name):
    close(getattr(et, name)(et.asarray(np.float32(2.5))), getattr(np, name)(np.float32(2.5)))


@pytest.mark.parametrize("name", ["sum", "prod", "any", "all"])
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_of_no_elements(backend, name, axis):
    x = np.zeros((0, 3), np.float32)
    close(getattr(et, name)(et.asarray(x), axis=axis), getattr(np, name)(x, axis=axis))


@pytest.mark.parametrize("name", ["sum", "prod", "cumulative_sum", "cumulative_prod"])
@pytest.mark.parametrize(
    "dtype, wide",
    [
        ("bool", "int64"), ("int8", "int64"), ("int32", "int64"), ("int64", "int64"),
        ("uint8", "uint64"), ("uint32", "uint64"), ("float16", "float16"), ("float32", "float32"),
        ("complex64", "complex64"),
    ],
)  # fmt: skip
def test_the_dtype_that_elements_are_added_in(backend, name, dtype, wide):
    if name.startswith("cum") and dtype == "bool":
        return
    result = getattr(et, name)(et.asarray([1, 1, 1, 1], dtype=dtype))
    assert result.dtype.name == wide
    assert getattr(et, name)(et.asarray([1, 1], dtype=dtype), dtype=et.float32).dtype is et.float32 \
        if dtype != "complex64" else True  # fmt: skip


def test_sums_do_not_overflow_their_own_dtype(backend):
    assert et.sum(et.asarray([127, 127], dtype="int8")).item() == 254
    assert et.sum(et.asarray([255, 255], dtype="uint8")).item() == 510
    assert et.sum(et.asarray([True, True])).item() == 2
    assert et.prod(et.asarray([100, 100, 100], dtype="int16")).item() == 1_000_000


@pytest.mark.parametrize("dtype", ["int8", "int64", "float32", "complex64"])
def test_the_dtype_asked_for(backend, dtype):
    x = np.array([1, 2, 3], np.int32)
    for name in ("sum", "prod"):
        close(getattr(et, name)(et.asarray(x), dtype=dtype), getattr(np, name)(x, dtype=dtype))
    close(et.cumulative_sum(et.asarray(x), dtype=dtype), np.cumsum(x, dtype=dtype))
    close(et.cumulative_prod(et.asarray(x), dtype=dtype), np.cumprod(x, dtype=dtype))


@pytest.mark.parametrize("name", ["sum", "prod", "mean"])
def test_complex(backend, name):
    x = np.complex64([1 + 2j, 3 - 1j, -2j])
    close(getattr(et, name)(et.asarray(x)), getattr(np, name)(x))


@pytest.mark.parametrize("correction", [0, 1, 0.5])
def test_correction(backend, correction):
    for name in ("var", "std"):
        close(getattr(et, name)(et.asarray(X), axis=1, correction=correction),
              getattr(np, name)(X, axis=1, ddof=correction))  # fmt: skip


def test_variance_without_freedom_is_nan(backend):
    assert math.isnan(et.var([1.0], correction=1).item())
    assert math.isnan(et.std([1.0, 2.0], correction=2).item())


def test_variance_of_a_large_offset(backend):
    x = np.float32([10000.0, 10001.0, 10002.0])
    close(et.var(et.asarray(x)), np.var(x.astype("f8")).astype("f4"))


def test_nan(backend):
    x = [1.0, math.nan, 3.0]
    for name in ("sum", "prod", "mean", "max", "min", "var"):
        assert math.isnan(getattr(et, name)(x).item()), name


def test_truth(backend):
    assert et.any([0.0, math.nan]).item() is True
    assert et.all([1, 2, 0]).item() is False
    assert et.all(et.zeros(0)).item() is True
    assert et.any(et.zeros(0)).item() is False
    assert et.all([1j, 1 + 0j]).item() is True


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 1)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_count_nonzero(backend, axis, keepdims):
    x = np.array([[0, 1, 2], [3, 0, 0]])
    for data in (x, x.astype("f4"), x > 0, x * 1j):
        source = data.astype("c8") if data.dtype.kind == "c" else data
        close(et.count_nonzero(et.asarray(source), axis=axis, keepdims=keepdims),
              np.asarray(np.count_nonzero(source, axis=axis, keepdims=keepdims)))  # fmt: skip


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("initial", [False, True])
def test_cumulative(backend, axis, initial):
    close(et.cumulative_sum(et.asarray(X), axis=axis, include_initial=initial),
          np.cumulative_sum(X, axis=axis, include_initial=initial))  # fmt: skip
    close(et.cumulative_prod(et.asarray(X), axis=axis, include_initial=initial),
          np.cumulative_prod(X, axis=axis, include_initial=initial))  # fmt: skip


def test_cumulative_of_no_elements(backend):
    x = np.zeros((2, 0), np.float32)
    for initial in (False, True):
        close(et.cumulative_sum(et.asarray(x), axis=1, include_initial=initial),
              np.cumulative_sum(x, axis=1, include_initial=initial))  # fmt: skip
    assert et.cumulative_prod([1, 2, 3], include_initial=True).tolist() == [1, 1, 2, 6]


@pytest.mark.parametrize("n", [0, 1, 2, 5])
@pytest.mark.parametrize("axis", [0, -1])
def test_diff(backend, n, axis):
    close(et.diff(et.asarray(X), n=n, axis=axis), np.diff(X, n=n, axis=axis))


def test_diff_with_ends(backend):
    x = np.array([[1, 4], [9, 16]])
    close(et.diff(et.asarray(x), axis=1, prepend=[[0], [0]], append=[[20], [30]]),
          np.diff(x, axis=1, prepend=[[0], [0]], append=[[20], [30]]))  # fmt: skip
    assert et.diff([True, True, False]).tolist() == [False, True]
    with pytest.raises(InvalidValueError, match="n must not be negative, and is -1"):
        et.diff([1, 2], n=-1)


@pytest.mark.parametrize("name", ["sum", "prod"])
@pytest.mark.parametrize("shape", [(), (0,), (2, 0), (3,), (2, 3, 4)])
@pytest.mark.parametrize("dtype", ["float32", "float16", "complex64", "int8", "uint16", "bool"])
def test_without_options(backend, name, shape, dtype):
    x = (np.arange(np.prod(shape, dtype=int)).reshape(shape) % 2 + 1).astype(dtype)
    expected = getattr(np, name)(x)
    close(getattr(et, name)(et.asarray(x)), expected)
    close(getattr(et.asarray(x), name)(), expected)
    close(getattr(et, name)(et.asarray(x), axis=tuple(range(x.ndim))), expected)
