"""Interpolation, convolution and integration against NumPy."""

import numpy as np
import pytest

from ember_ml import nn
from ember_ml.backend.errors import DTypeError, InvalidValueError, ShapeError
from ember_ml.nn import tensor as et

from ._values import close, same

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize(
    ("m", "n"), [(1, 1), (5, 1), (5, 2), (5, 3), (2, 5), (4, 4), (3, 4), (300, 17)]
)
def test_convolve(backend, mode, m, n):
    a, b = RNG.normal(size=m).astype(np.float32), RNG.normal(size=n).astype(np.float32)
    result = et.convolve(et.asarray(a), et.asarray(b), mode=mode)
    close(result, np.convolve(a, b, mode), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint8", "float16", "complex64"])
def test_convolve_dtypes(backend, dtype):
    a, b = np.array([1, 2, 3, 4, 5]).astype(dtype), np.array([1, 0, 2]).astype(dtype)
    same(et.convolve(et.asarray(a), et.asarray(b)), np.convolve(a, b))


def test_convolve_of_what_does_not_fit(backend):
    for shapes in [((0,), (2,)), ((2,), (0,)), ((2, 2), (2,)), ((), (2,))]:
        with pytest.raises(ShapeError, match="vectors"):
            et.convolve(*map(et.zeros, shapes))
    with pytest.raises(InvalidValueError, match="mode"):
        et.convolve([1.0], [1.0], mode="circular")


def test_convolve_in_vmap(backend):
    a, b = RNG.normal(size=(3, 6)).astype(np.float32), RNG.normal(size=4).astype(np.float32)
    mapped = nn.vmap(et.convolve, in_axes=(0, None))(et.asarray(a), et.asarray(b))
    close(mapped, np.stack([np.convolve(row, b) for row in a]), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [(), (7,), (3, 4), (0,)])
@pytest.mark.parametrize("ends", [{}, {"left": -5.0}, {"left": 1.0, "right": et.nan}])
def test_interp(backend, shape, ends):
    x = RNG.uniform(-1, 5, size=shape).astype(np.float32)
    xp, fp = np.array([0, 1, 2.5, 4], np.float32), RNG.normal(size=4).astype(np.float32)
    expected = np.interp(x, xp, fp, **ends).astype(np.float32)
    close(et.interp(et.asarray(x), et.asarray(xp), et.asarray(fp), **ends), expected, rtol=1e-5)


def test_interp_at_the_points(backend):
    xp, fp = [0.0, 1.0, 1.0, 2.0], [5.0, 6.0, 8.0, 9.0]
    x = [-1.0, 0.0, 1.0, 1.5, 2.0, 3.0, et.nan, et.inf, -et.inf]
    expected = np.interp(x, xp, fp).astype(np.float32)
    same(et.interp(x, xp, fp), expected)
    x = [0.0, 1.0, 2.0]
    same(et.interp(x, [1.0], [5.0], left=0.0), np.interp(x, [1.0], [5.0], left=0).astype("f"))


def test_interp_promotes(backend):
    assert et.interp([1, 2], [0, 4], [0, 8]).dtype is et.float32
    x = et.asarray([1.0, 2.0], dtype=et.float16)
    result = et.interp(x, et.asarray([0, 4]), et.asarray([0, 8]), left=et.asarray(1))
    assert result.dtype is et.float16
    assert result.tolist() == [2.0, 4.0]


def test_interp_of_what_does_not_fit(backend):
    for xp, fp in [([], []), ([1.0], [1.0, 2.0]), ([[1.0]], [[1.0]])]:
        with pytest.raises(ShapeError, match="as many values as points"):
            et.interp(1.0, xp, fp)
    with pytest.raises(ShapeError, match="left"):
        et.interp(1.0, [1.0], [1.0], left=[1.0, 2.0])
    with pytest.raises(DTypeError):
        et.interp(1j, [1.0], [1.0])


def test_interp_has_finite_gradients(backend):
    xp, fp = et.asarray([0.0, 1.0, 1.0, 2.0]), et.asarray([5.0, 6.0, 8.0, 10.0])
    x = et.asarray([-1.0, 0.5, 1.0, 1.5, 3.0])
    by_x, by_fp = nn.grad(lambda x, f: et.sum(et.interp(x, xp, f)), argnums=(0, 1))(x, fp)
    assert by_x.tolist() == [0.0, 1.0, 2.0, 2.0, 0.0]
    assert by_fp.tolist() == [1.5, 0.5, 1.5, 1.5]


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_trapezoid(backend, axis):
    y = RNG.normal(size=(3, 4, 5)).astype(np.float32)
    close(et.trapezoid(et.asarray(y), axis=axis, dx=0.5), np.trapezoid(y, dx=0.5, axis=axis))
    x = np.sort(RNG.normal(size=y.shape[axis])).astype(np.float32)
    expected = np.trapezoid(y, x, axis=axis)
    close(et.trapezoid(et.asarray(y), et.asarray(x), axis=axis), expected, rtol=1e-5)
    x = np.sort(RNG.normal(size=y.shape), axis=axis).astype(np.float32)
    expected = np.trapezoid(y, x, axis=axis)
    close(et.trapezoid(et.asarray(y), et.asarray(x), axis=axis), expected, rtol=1e-5, atol=1e-5)


def test_trapezoid_of_little(backend):
    assert et.trapezoid([3.0]).item() == 0.0
    assert et.trapezoid([1, 2, 3], [4, 6, 8]).item() == 8.0
    with pytest.raises(ShapeError, match="trapezoid"):
        et.trapezoid([[1.0, 2.0, 3.0]], [1.0, 2.0])
    with pytest.raises(ShapeError):
        et.trapezoid(1.0)
