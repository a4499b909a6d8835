"""Overrides, against SciPy, PyTorch and the composed definitions."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special as special
import torch

from ember_ml import nn
from ember_ml.backend.errors import EmberError, ShapeError
from ember_ml.backend.operations import OPERATIONS
from ember_ml.nn import tensor as et
from ember_ml.nn.tensor._updates import adam_update, sgd_update

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


def parameters(dtype: str = "float32") -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=(7, 5)).astype(dtype) for _ in range(2)]


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_adam_takes_the_steps_of_pytorch(decay: float) -> None:
    start, slope = parameters()
    weight = torch.tensor(start, requires_grad=True)
    theirs = torch.optim.AdamW([weight], lr=0.01, weight_decay=decay)
    x, mean, square = et.asarray(start.copy()), et.zeros((7, 5)), et.zeros((7, 5))
    for t in range(1, 6):
        gradient = slope * t
        weight.grad = torch.tensor(gradient)
        theirs.step()
        address = x.native.data_ptr()
        x, mean, square = adam_update(
            x, et.asarray(gradient), mean, square, 0.01 / (1 - 0.9**t), (1 - 0.999**t) ** 0.5,
            1 - 0.01 * decay, beta1=0.9, beta2=0.999, epsilon=1e-8,
        )  # fmt: skip
        assert x.native.data_ptr() == address
    np.testing.assert_allclose(x.numpy(), weight.detach().numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("transposed", [False, True])
def test_adam_against_its_definition(dtype: str, transposed: bool) -> None:
    def operands() -> list[et.EmberTensor]:
        rng = np.random.default_rng(1)
        made = [et.astype(et.asarray(np.abs(rng.normal(size=(4, 3)))), dtype) for _ in range(4)]
        # a gradient's memory is often transposed, a parameter's may be
        return [x.mT if transposed else x for x in made[:2]] + [
            et.copy(x.mT) if transposed else x for x in made[2:]
        ]

    options = {"beta1": 0.8, "beta2": 0.9, "epsilon": 1e-3}
    expected = OPERATIONS["adam_update"].body(*operands(), 0.1, 0.7, 0.9, **options)
    for ours, theirs in zip(
        adam_update(*operands(), 0.1, 0.7, 0.9, **options), expected, strict=True
    ):
        np.testing.assert_allclose(
            np.array(ours.tolist()), np.array(theirs.tolist()),
            rtol={"float32": 1e-5, "float64": 1e-12}.get(dtype, 2e-2),
        )  # fmt: skip


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_takes_the_steps_of_pytorch(momentum: float, decay: float, nesterov: bool) -> None:
    if nesterov and not momentum:
        nesterov = False
    start, slope = parameters()
    weight = torch.tensor(start, requires_grad=True)
    theirs = torch.optim.SGD(
        [weight], lr=0.1, momentum=momentum, weight_decay=decay, nesterov=nesterov
    )
    x, velocity = et.asarray(start.copy()), et.zeros((7, 5))
    for t in range(3):
        weight.grad = torch.tensor(slope * (t + 1))
        theirs.step()
        x, velocity = sgd_update(
            x, et.asarray(slope * (t + 1)), velocity, 0.1,
            momentum=momentum, dampening=0.0, weight_decay=decay, nesterov=nesterov,
        )  # fmt: skip
    np.testing.assert_allclose(x.numpy(), weight.detach().numpy(), rtol=1e-5, atol=1e-6)


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
