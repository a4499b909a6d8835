"""Histograms, covariances and correlations against NumPy."""

import numpy as np
import pytest

from ember_ml import nn
from ember_ml.backend.errors import ArgumentError, DTypeError, InvalidValueError, ShapeError
from ember_ml.nn import tensor as et

from ._values import close, same

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 4)).astype(np.float32)
WEIGHTS = RNG.uniform(size=(50, 4)).astype(np.float32)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bins": 1},
        {"bins": 7, "range": (-1.0, 1.5)},
        {"bins": 4, "range": (0, 0)},
        {"bins": [-2.0, -0.5, 0.0, 0.25, 3.0]},
        {"bins": [-1.0, 0.0, 0.0, 1.0]},
        {"bins": (0, 1)},
        {"bins": 3, "range": (100.0, 200.0)},
    ],
)
def test_histogram(backend, options):
    x = et.asarray(X)
    hist, edges = np.histogram(X, **options)
    result = et.histogram(x, **options)
    same(result.hist, hist)
    kind = np.int64 if edges.dtype.kind == "i" else np.float32
    close(result.bin_edges, edges.astype(kind))
    hist, _ = np.histogram(X, weights=WEIGHTS, **options)
    close(et.histogram(x, weights=et.asarray(WEIGHTS), **options).hist, hist, rtol=1e-5)


@pytest.mark.parametrize("bins", [6, [-2.0, -0.5, 0.0, 0.25, 3.0]])
def test_density(backend, bins):
    expected = np.histogram(X, bins, density=True)[0].astype(np.float32)
    close(et.histogram(et.asarray(X), bins=bins, density=True).hist, expected, rtol=1e-5)
    expected = np.histogram(X, bins, weights=WEIGHTS, density=True)[0].astype(np.float32)
    result = et.histogram(et.asarray(X), bins=bins, weights=et.asarray(WEIGHTS), density=True)
    close(result.hist, expected, rtol=1e-5)


def test_values_on_the_edges(backend):
    x = np.arange(11)
    same(et.histogram(et.asarray(x)).hist, np.histogram(x)[0])
    same(et.histogram([1, 2, 3, 3], bins=[1, 2, 3]).hist, np.histogram([1, 2, 3, 3], [1, 2, 3])[0])
    same(et.histogram([2.0, 2.0]).hist, np.histogram([2.0, 2.0])[0])
    close(et.histogram([2.0, 2.0]).bin_edges, np.linspace(1.5, 2.5, 11).astype(np.float32))


def test_nan_is_in_no_bin(backend):
    x = [0.5, et.nan, 1.5, et.inf, -et.inf]
    assert et.histogram(x, bins=2, range=(0.0, 2.0)).hist.tolist() == [1, 1]


def test_histogram_of_nothing(backend):
    hist, edges = et.histogram(et.zeros(0), bins=3)
    same(hist, np.zeros(3, np.int64))
    close(edges, np.linspace(0, 1, 4).astype(np.float32))
    assert et.histogram([1.0], bins=[1.0]).hist.shape == (0,)


def test_histogram_of_weights_of_another_dtype(backend):
    x = et.asarray([0.5, 1.5, 0.6])
    assert et.histogram(x, bins=[0, 1, 2], weights=[1, 2, 3]).hist.tolist() == [4, 2]
    mask = [True, True, False]
    same(et.histogram(x, bins=[0, 1, 2], weights=mask).hist, np.array([1, 1]))


def test_edges_in_a_tensor(backend):
    edges = et.asarray([0.0, 1.0, 2.0])
    hist, given = et.histogram([0.5, 1.5, 1.6], bins=edges)
    assert hist.tolist() == [1, 2]
    assert given.tolist() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize(
    ("error", "options"),
    [
        (InvalidValueError, {"bins": 0}),
        (InvalidValueError, {"bins": [2.0, 1.0]}),
        (InvalidValueError, {"range": (2.0, 1.0)}),
        (InvalidValueError, {"range": (0.0, et.inf)}),
        (ArgumentError, {"bins": "auto"}),
        (ShapeError, {"bins": [[1.0, 2.0]]}),
        (ShapeError, {"bins": []}),
        (ShapeError, {"weights": [1.0, 2.0]}),
    ],
)
def test_what_makes_no_histogram(backend, error, options):
    with pytest.raises(error):
        et.histogram([1.0, 2.0, 3.0], **options)


def test_histogram_of_complex_numbers(backend):
    with pytest.raises(DTypeError):
        et.histogram([1j])


def test_the_gradient_of_weights(backend):
    x = et.asarray([0.5, 1.5, 0.6, 7.0])
    scale = et.asarray([10.0, 20.0])

    def loss(weights):
        return et.sum(scale * et.histogram(x, bins=[0.0, 1.0, 2.0], weights=weights).hist)

    assert nn.grad(loss)(et.ones(4)).tolist() == [10.0, 20.0, 10.0, 0.0]


def test_the_gradient_of_elements_that_weigh_themselves(backend):
    scale = et.asarray([10.0, 20.0])

    def loss(x):
        return et.sum(scale * et.histogram(x, bins=[0.0, 1.0, 2.0], weights=x).hist)

    x = et.asarray([0.5, 1.5, 0.6, 7.0])
    assert nn.grad(loss)(x).tolist() == [10.0, 20.0, 10.0, 0.0]
    assert nn.compile(nn.grad(loss))(x).tolist() == [10.0, 20.0, 10.0, 0.0]


@pytest.mark.parametrize("correction", [0.0, 1.0, 50.0])
def test_cov(backend, correction):
    x = X.T.copy()
    if correction < 50:
        expected = np.cov(x, ddof=correction).astype(np.float32)
    else:
        expected = np.full((4, 4), np.nan, np.float32)
    close(et.cov(et.asarray(x), correction=correction), expected, rtol=1e-5)


def test_cov_of_other_shapes(backend):
    close(et.cov(et.asarray(X[:, 0])), np.cov(X[:, 0]).astype(np.float32), rtol=1e-5)
    batch = RNG.normal(size=(2, 3, 5)).astype(np.float32)
    expected = np.stack([np.cov(x) for x in batch]).astype(np.float32)
    close(et.cov(et.asarray(batch)), expected, rtol=1e-5)
    with pytest.raises(ShapeError):
        et.cov(1.0)


def test_cov_of_complex_numbers(backend):
    x = (RNG.normal(size=(2, 5)) + 1j * RNG.normal(size=(2, 5))).astype(np.complex64)
    close(et.cov(et.asarray(x)), np.cov(x).astype(np.complex64), rtol=1e-5)


def test_corrcoef(backend):
    close(et.corrcoef(et.asarray(X.T.copy())), np.corrcoef(X.T).astype(np.float32), atol=1e-5)
    assert et.corrcoef([1.0, 2.0, 4.0]).item() == pytest.approx(1.0)
    assert et.corrcoef([[1.0, 2.0], [2.0, 4.0]]).tolist() == pytest.approx(np.ones((2, 2)))
    with pytest.raises(ShapeError):
        et.corrcoef(1.0)
