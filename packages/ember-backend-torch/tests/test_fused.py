"""Overrides, against SciPy, PyTorch and the composed definitions."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special as special

from ember_ml import nn
from ember_ml.backend.errors import EmberError, ShapeError
from ember_ml.nn import tensor as et

X = np.array([[-30.0, -1.5, 0.0, 0.5], [2.0, 3.0, 25.0, -0.25]])

ACTIVATIONS = {
    "relu": (nn.relu, lambda x: np.maximum(x, 0)),
    "leaky_relu": (
        lambda x: nn.leaky_relu(x, negative_slope=0.2),
        lambda x: np.where(x > 0, x, 0.2 * x),
    ),
    "sigmoid": (nn.sigmoid, special.expit),
    "silu": (nn.silu, lambda x: x * special.expit(x)),
    "gelu": (nn.gelu, lambda x: x * special.ndtr(x)),
    "softplus": (nn.softplus, lambda x: np.logaddexp(x, 0)),
    "softmax": (lambda x: et.softmax(x, axis=0), lambda x: special.softmax(x, axis=0)),
    "log_softmax": (et.log_softmax, lambda x: special.log_softmax(x, axis=-1)),
    "logsumexp": (et.logsumexp, special.logsumexp),
    "logsumexp of an axis": (
        lambda x: et.logsumexp(x, axis=(1,), keepdims=True),
        lambda x: special.logsumexp(x, axis=1, keepdims=True),
    ),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name: str) -> None:
    function, expected = ACTIVATIONS[name]
    np.testing.assert_allclose(function(et.asarray(X)).numpy(), expected(X), rtol=1e-12, atol=1e-15)


def test_logsumexp_at_its_edges() -> None:
    inf = float("inf")
    assert et.logsumexp([-inf, -inf]).item() == -inf
    assert et.logsumexp([inf, 0.0]).item() == inf
    assert et.logsumexp(et.asarray(3.0)).item() == 3.0
    assert et.logsumexp(et.asarray([1.0, 2.0]), axis=()).tolist() == [1.0, 2.0]


def test_linear() -> None:
    rng = np.random.default_rng(0)
    x, w, b = rng.normal(size=(2, 5, 3)), rng.normal(size=(4, 3)), rng.normal(size=4)
    np.testing.assert_allclose(et.linear(x, w, b).numpy(), x @ w.T + b, rtol=1e-12)
    with pytest.raises(ShapeError, match=r"\(4, 3\)"):
        et.linear(x[..., :2], w, b)


def test_cross_entropy() -> None:
    labels = np.array([2, 0])
    expected = special.logsumexp(X, axis=-1) - X[[0, 1], labels]
    np.testing.assert_allclose(et.softmax_cross_entropy(X, labels).numpy(), expected, rtol=1e-12)
    wide = et.softmax_cross_entropy(np.stack([X, X]), np.stack([labels, labels]).astype("int32"))
    np.testing.assert_allclose(wide.numpy(), np.stack([expected, expected]), rtol=1e-12)
    assert et.softmax_cross_entropy(X[0], 1).shape == ()


def test_cross_entropy_of_labels_that_do_not_fit() -> None:
    with pytest.raises(ShapeError, match=r"\(3,\)"):
        et.softmax_cross_entropy(X, np.array([0, 1, 2]))
    for label in (4, -1, -100):
        with pytest.raises(EmberError):
            et.softmax_cross_entropy(X, np.array([0, label]))


LINALG = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 2.0]])


def test_factorisations() -> None:
    x = et.asarray(LINALG)
    lower = et.linalg.cholesky(x).numpy()
    np.testing.assert_allclose(lower, np.linalg.cholesky(LINALG))
    np.testing.assert_allclose(et.linalg.cholesky(x, upper=True).numpy(), lower.T)
    q, r = (t.numpy() for t in et.linalg.qr(x[:, :2], mode="complete"))
    assert (q.shape, r.shape) == ((3, 3), (3, 2))
    np.testing.assert_allclose(q @ r, LINALG[:, :2], atol=1e-12)
    u, s, vh = (t.numpy() for t in et.linalg.svd(x[:2], full_matrices=False))
    np.testing.assert_allclose(u * s @ vh, LINALG[:2], atol=1e-12)
    np.testing.assert_allclose(et.linalg.svdvals(x).numpy(), np.linalg.svdvals(LINALG))
    np.testing.assert_allclose(et.linalg.eigvalsh(x).numpy(), np.linalg.eigvalsh(LINALG))
    values, vectors = (t.numpy() for t in et.linalg.eig(x))
    np.testing.assert_allclose(LINALG @ vectors, vectors * values, atol=1e-12)
    sign, logarithm = et.linalg.slogdet(-x)
    np.testing.assert_allclose((sign.item(), logarithm.item()), np.linalg.slogdet(-LINALG))
    np.testing.assert_allclose(et.linalg.det(x).item(), np.linalg.det(LINALG))


@pytest.mark.parametrize(
    ("a", "b"),
    [((3, 3), (3,)), ((3, 3), (3, 2)), ((5, 3, 3), (3,)), ((3, 3, 3), (3, 3)), ((2, 3, 3), (2, 3, 1)),
     ((3, 3), (4, 3, 2))],
)  # fmt: skip
def test_solve(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=a) + 3 * np.eye(3), rng.normal(size=b)
    expected = np.linalg.solve(left, right)
    np.testing.assert_allclose(et.linalg.solve(left, right).numpy(), expected, rtol=1e-9)


def test_singular_matrices() -> None:
    for function in (et.linalg.inv, lambda x: et.linalg.solve(x, et.ones(2)), et.linalg.cholesky):
        with pytest.raises(EmberError):
            function(et.zeros((2, 2)))
    with pytest.raises(ShapeError, match="square"):
        et.linalg.inv(et.ones((2, 3)))


@pytest.mark.parametrize("norm", ["backward", "ortho", "forward"])
@pytest.mark.parametrize(("n", "axis"), [(None, -1), (6, 0), (3, 1)])
def test_fourier(norm: str, n: int | None, axis: int) -> None:
    x = np.random.default_rng(0).normal(size=(4, 5))
    z = x + 1j * x[::-1]
    options = {"n": n, "axis": axis, "norm": norm}
    for name in ("fft", "ifft", "irfft"):
        np.testing.assert_allclose(
            getattr(et.fft, name)(z, **options).numpy(),
            getattr(np.fft, name)(z, **options),
            atol=1e-12,
        )
    np.testing.assert_allclose(
        et.fft.rfft(x, **options).numpy(), np.fft.rfft(x, **options), atol=1e-12
    )
