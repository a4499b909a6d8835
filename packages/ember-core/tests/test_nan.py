"""Reductions without NaN against NumPy."""

import warnings

import numpy as np
import pytest

from ember_ml import nn
from ember_ml.backend.errors import ShapeError
from ember_ml.nn import tensor as et

from ._values import close, same

NAN = np.nan
X = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)
X[0, 1, 2] = X[1, :, 3] = X[2, 3, 4] = NAN
AXES = [None, 0, 1, -1, (0, 2), (0, 1, 2)]


def quietly(function, *arguments, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return function(*arguments, **options)


@pytest.mark.parametrize("name", ["nansum", "nanprod", "nanmean", "nanmin", "nanmax"])
@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("keepdims", [False, True])
def test_reductions(backend, name, axis, keepdims):
    expected = quietly(getattr(np, name), X, axis=axis, keepdims=keepdims)
    close(getattr(et, name)(et.asarray(X), axis=axis, keepdims=keepdims), expected, rtol=1e-5)


@pytest.mark.parametrize("name", ["nanvar", "nanstd"])
@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("correction", [0.0, 1.0, 4.0])
def test_moments(backend, name, axis, correction):
    expected = quietly(getattr(np, name), X, axis=axis, ddof=correction)
    result = getattr(et, name)(et.asarray(X), axis=axis, correction=correction)
    close(result, expected, rtol=1e-5)


@pytest.mark.parametrize("name", ["nanargmin", "nanargmax"])
@pytest.mark.parametrize("axis", [None, 0, -1])
@pytest.mark.parametrize("keepdims", [False, True])
def test_places(backend, name, axis, keepdims):
    expected = getattr(np, name)(X, axis=axis, keepdims=keepdims)
    same(getattr(et, name)(et.asarray(X), axis=axis, keepdims=keepdims), expected)


def test_nothing_but_nan(backend):
    x = et.asarray([[NAN, NAN], [NAN, 2.0]])
    assert et.nansum(x, axis=1).tolist() == [0.0, 2.0]
    assert et.nanprod(x, axis=1).tolist() == [1.0, 2.0]
    assert et.nanargmax(x, axis=1).tolist() == [-1, 1]
    assert et.nanargmin(x, axis=1).tolist() == [-1, 1]
    for name in ("nanmean", "nanvar", "nanstd", "nanmin", "nanmax"):
        first, _ = getattr(et, name)(x, axis=1).tolist()
        assert np.isnan(first)


def test_infinities_are_numbers(backend):
    x = et.asarray([-et.inf, NAN, 1.0, et.inf])
    assert et.nanmax(x).item() == et.inf
    assert et.nanmin(x).item() == -et.inf
    assert et.nanmax(et.asarray([-et.inf, NAN])).item() == -et.inf
    assert et.nanargmax(et.asarray([NAN, -et.inf])).item() == 1


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64"])
def test_integers_have_no_nan(backend, dtype):
    x = np.array([[3, 1], [2, 5]], dtype)
    for name in ("nansum", "nanprod", "nanmin", "nanmax", "nanargmin", "nanargmax"):
        same(getattr(et, name)(et.asarray(x), axis=0), getattr(np, name)(x, axis=0))
    close(et.nanmean(et.asarray(x), axis=0), x.mean(0).astype(np.float32))
    close(et.nanvar(et.asarray(x), axis=0), x.var(0).astype(np.float32))


def test_many_elements_of_half_precision(backend):
    x = et.ones(70_000, dtype=et.float16)  # more than float16 counts, and adds up
    assert et.nanmean(x).item() == 1.0
    assert et.nanvar(x).item() == 0.0
    assert et.nanmean(x).dtype is et.float16


def test_complex_numbers(backend):
    x = np.array([1 + 2j, complex(NAN, 1), 3 - 1j], np.complex64)
    close(et.nansum(et.asarray(x)), np.nansum(x))
    close(et.nanmean(et.asarray(x)), np.nanmean(x))


def test_no_element(backend):
    assert et.nansum(et.zeros(0)).item() == 0.0
    assert np.isnan(et.nanmean(et.zeros(0)).item())
    for name in ("nanmax", "nanmin", "nanargmax", "nanargmin"):
        with pytest.raises(ShapeError, match="no elements"):
            getattr(et, name)(et.zeros((2, 0)), axis=1)


@pytest.mark.parametrize("name", ["nansum", "nanprod", "nanmean", "nanvar", "nanstd", "nanmax"])
def test_gradients_are_finite(backend, name):
    x = et.asarray([1.0, NAN, 3.0])
    gradient = nn.grad(getattr(et, name))(x).tolist()
    expected = {
        "nansum": [1.0, 0.0, 1.0],
        "nanprod": [3.0, 0.0, 1.0],
        "nanmean": [0.5, 0.0, 0.5],
        "nanvar": [-1.0, 0.0, 1.0],
        "nanstd": [-0.5, 0.0, 0.5],
        "nanmax": [0.0, 0.0, 1.0],
    }[name]
    np.testing.assert_allclose(gradient, expected, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "float32", "complex64"])
def test_nan_to_num(backend, dtype):
    x = np.array([NAN, np.inf, -np.inf, 1.5]).astype(dtype)
    if dtype == "complex64":
        x = np.array([complex(NAN, 1), complex(2, -np.inf), complex(np.inf, NAN)], dtype)
    same(et.nan_to_num(et.asarray(x)), np.nan_to_num(x))
    options = {"nan": -1.0, "posinf": 7.0, "neginf": -7.0}
    same(et.nan_to_num(et.asarray(x), **options), np.nan_to_num(x, **options))


def test_nan_to_num_of_integers(backend):
    x = et.asarray([1, 2], dtype=et.int8)
    same(et.nan_to_num(x, nan=5.0), np.array([1, 2], np.int8))


def test_nan_to_num_has_a_finite_gradient(backend):
    x = et.asarray([NAN, et.inf, 2.0])
    assert nn.grad(lambda x: et.sum(et.nan_to_num(x, posinf=9.0) * 3.0))(x).tolist() == [
        0.0,
        0.0,
        3.0,
    ]
