"""Quantiles and medians against NumPy."""

import warnings

import numpy as np
import pytest

from ember_ml import nn
from ember_ml.backend.errors import AxisError, DTypeError, InvalidValueError, ShapeError
from ember_ml.nn import tensor as et

from ._values import close, same

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 4, 5)).astype(np.float32)
HOLES = X.copy()
HOLES[0, 1, 2] = HOLES[1, :, 3] = HOLES[2, 3, 4] = np.nan
METHODS = [
    "linear", "lower", "higher", "nearest", "midpoint", "hazen", "weibull",
    "interpolated_inverted_cdf", "median_unbiased", "normal_unbiased",
]  # fmt: skip


def of(name, x, *arguments, **options):
    """What NumPy says, computed in double precision, in the dtype of ``x``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        wide = x.astype(np.float64) if x.dtype.kind == "f" else x
        result = np.asarray(getattr(np, name)(wide, *arguments, **options))
    return result.astype(x.dtype if x.dtype.kind == "f" else np.float32)


@pytest.mark.parametrize("axis", [None, 0, 1, -1, (0, 2), (2, 1, 0)])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("q", [0.3, [0.0, 0.25, 1.0], [[0.1, 0.9]]])
def test_quantile(backend, axis, keepdims, q):
    options = {"axis": axis, "keepdims": keepdims}
    close(et.quantile(et.asarray(X), q, **options), of("quantile", X, q, **options))
    # one by one: NumPy puts the axes of a matrix q elsewhere
    single = [of("nanquantile", HOLES, value, **options) for value in np.ravel(q)]
    expected = np.reshape(single, (*np.shape(q), *single[0].shape))
    close(et.nanquantile(et.asarray(HOLES), q, **options), expected)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [1, 2, 5, 8])
def test_methods(backend, method, size):
    x = RNG.permutation(size).astype(np.float32)
    q = np.linspace(0, 1, 17).tolist()
    expected = of("quantile", x, q, method=method)
    close(et.quantile(et.asarray(x), q, method=method), expected)
    holes = np.append(x, np.float32(np.nan))
    close(et.nanquantile(et.asarray(holes), q, method=method), expected)


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 1)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_median(backend, axis, keepdims):
    options = {"axis": axis, "keepdims": keepdims}
    close(et.median(et.asarray(X), **options), of("median", X, **options))
    close(et.median(et.asarray(HOLES), **options), of("median", HOLES, **options))
    close(et.nanmedian(et.asarray(HOLES), **options), of("nanmedian", HOLES, **options))


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint16", "float16"])
def test_dtypes(backend, dtype):
    x = np.array([[5, 1, 9, 4], [3, 3, 7, 0]], dtype)
    close(et.median(et.asarray(x), axis=1), of("median", x, axis=1))
    close(et.quantile(et.asarray(x), 0.9), of("quantile", x, 0.9), rtol=1e-3)
    close(et.nanmedian(et.asarray(x), axis=1), of("median", x, axis=1))


def test_many_quantiles(backend):
    q = np.linspace(0, 1, 23).tolist()
    x = RNG.normal(size=(3, 50)).astype(np.float32)
    close(et.quantile(et.asarray(x), q, axis=1), of("quantile", x, q, axis=1))
    double = x.astype(np.float64)
    if et.float64 in et.get_backend(backend).dtypes:
        result = et.quantile(et.asarray(double), q, axis=1)
        close(result, np.quantile(double, q, axis=1), rtol=1e-12, atol=1e-12)


def test_nan_is_passed_on(backend):
    x = np.array([[1.0, np.nan], [2.0, 3.0]], np.float32)
    close(et.quantile(et.asarray(x), [0.0, 0.5], axis=1), of("quantile", x, [0.0, 0.5], axis=1))
    assert np.isnan(et.median(et.asarray(x)).item())
    assert np.isnan(et.nanmedian([np.nan, np.nan]).item())


def test_infinities(backend):
    x = et.asarray([-et.inf, 1.0, et.inf, et.inf, et.inf])
    # by hand: an element itself where the quantile is one, and between two infinities infinity
    assert et.quantile(x, [0.0, 0.25, 0.5, 0.8]).tolist() == [-et.inf, 1.0, et.inf, et.inf]
    assert et.nanquantile(x, [0.0, 0.25, 0.5, 0.8]).tolist() == [-et.inf, 1.0, et.inf, et.inf]


def test_of_little(backend):
    assert et.median(3.0).item() == 3.0
    assert np.isnan(et.median(et.zeros(0)).item())
    same(et.nanmedian(et.zeros((0, 2)), axis=0), np.full(2, np.nan, np.float32))
    assert et.quantile(et.zeros((2, 0)), [0.1, 0.2], axis=0).shape == (2, 0)
    assert et.quantile(et.zeros(3), []).shape == (0,)


def test_a_quantile_far_into_many_elements(backend):
    x = np.arange(100_003, dtype=np.float32)
    RNG.shuffle(x)
    # n - 1 times q, of which single precision would lose the fraction
    expected = np.float32(100_002 * 0.70001)
    assert abs(et.quantile(et.asarray(x), 0.70001).item() - expected) <= 0.01
    same(et.quantile(et.asarray(x), [0.5, 1.0]), np.array([50_001, 100_002], np.float32))


def test_quantiles_in_a_tensor(backend):
    q = et.asarray([0.0, 0.5])
    assert et.quantile(et.asarray([1.0, 2.0, 4.0]), q).tolist() == [1.0, 2.0]
    assert et.quantile([1.0, 2.0, 4.0], q).tolist() == [1.0, 2.0]
    assert et.quantile([1.0, 2.0, 4.0], np.float64(0.5)).item() == 2.0


@pytest.mark.parametrize("name", ["quantile", "nanquantile"])
def test_what_makes_no_sense(backend, name):
    function = getattr(et, name)
    with pytest.raises(InvalidValueError, match="between 0 and 1"):
        function([1.0, 2.0], 1.5)
    with pytest.raises(InvalidValueError, match="between 0 and 1"):
        function([1.0, 2.0], [0.5, et.nan])
    with pytest.raises(InvalidValueError, match="between 0 and 1"):
        function([1.0, 2.0], 0.5j)
    with pytest.raises(ShapeError, match="ragged"):
        function([1.0, 2.0], [[0.5], 0.5])
    with pytest.raises(InvalidValueError, match="method"):
        function([1.0, 2.0], 0.5, method="exact")
    with pytest.raises(AxisError):
        function([1.0, 2.0], 0.5, axis=1)
    with pytest.raises(DTypeError):
        function([1j], 0.5)


def test_gradients(backend):
    x = et.asarray([5.0, 1.0, 2.0, 9.0])
    # between 2 and 5, a quarter of the way
    gradient = nn.grad(lambda x: et.quantile(x, (1 + 0.25) / 3))(x)
    np.testing.assert_allclose(gradient.tolist(), [0.25, 0.0, 0.75, 0.0], atol=1e-6)
    gradient = nn.grad(et.nanmedian)(et.asarray([5.0, et.nan, 1.0, 2.0, 9.0]))
    assert gradient.tolist() == [0.5, 0.0, 0.0, 0.5, 0.0]


def test_in_vmap(backend):
    close(nn.vmap(et.median)(et.asarray(X)), of("median", X, axis=(1, 2)))
    close(nn.vmap(et.nanmedian)(et.asarray(HOLES)), of("nanmedian", HOLES, axis=(1, 2)))


def test_in_compile(backend):
    compiled = nn.compile(lambda x: et.quantile(x, [0.1, 0.5], axis=0))
    close(compiled(et.asarray(X)), of("quantile", X, [0.1, 0.5], axis=0))
