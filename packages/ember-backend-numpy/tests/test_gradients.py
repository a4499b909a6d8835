"""First and second derivatives on NumPy against PyTorch's, through real and complex numbers."""

from __future__ import annotations

import numpy as np
import pytest

from ember_ml import nn
from ember_ml.nn import tensor as et
from ember_ml.nn.tensor import fft, linalg

pytest.importorskip("torch")

RNG = np.random.default_rng(5)


def normal(*shape):
    return RNG.normal(size=shape)


def positive(*shape):
    return RNG.uniform(0.5, 2.0, size=shape)


def z(x, y):
    """A complex tensor of two real ones."""
    return x + 1j * y


def h(x):
    return et.conj(x.mT)


def hermitian(x, y):
    return z(x, y) + h(z(x, y))


def definite(x, y):
    a = z(x, y)
    return a @ h(a) + 2.0 * et.eye(a.shape[-1], dtype=a.dtype)


def projector(v):
    """What the phase of eigenvectors does not change."""
    return v[..., :, None, :] * et.conj(v)[..., None, :, :]


def svd_parts(a):
    u, s, vh = linalg.svd(a, full_matrices=False)
    return et.matmul(u * et.astype(et.exp(s), u.dtype)[..., None, :], vh)


def assigned(key):
    def function(x, y):
        out = x * 1.0
        out[key] = y
        return out * out

    return function


PAIR = (normal(3, 3), normal(3, 3))
BATCH = (normal(2, 3, 3), normal(2, 3, 3))
TALL = (normal(2, 4, 3), normal(2, 4, 3))
WIDE = (normal(3, 4), normal(3, 4))
INDEX = [[2, 0, 2], [1, 1, 1]]

#: Functions of real tensors and where to differentiate them.
COMPLEX = {
    "abs": (lambda x, y: et.abs(z(x, y)), *PAIR),
    "sign": (lambda x, y: et.sign(z(x, y)), *PAIR),
    "parts": (lambda x, y: et.real(z(x, y) ** 2) * et.imag(z(x, y)), *PAIR),
    "multiply": (lambda x, y: z(x, y) * et.conj(z(y, x)) * z(x, x), *PAIR),
    "divide": (lambda x, y: z(x, y) / z(y, 2.0 * x), *PAIR),
    "pow": (lambda x, y: z(x, y) ** 3 + z(x, y) ** z(y, x), positive(3), positive(3)),
    "exp log sqrt": (lambda x, y: et.exp(et.sqrt(z(x, y))) + et.log(z(x, y)), *PAIR),
    "tanh tan": (lambda x, y: et.tanh(z(x, y)) + et.tan(z(x, y)), *PAIR),
    "expm1": (lambda x, y: et.expm1(z(x, y)), *PAIR),
    "where": (lambda x, y: et.where(x > 0, z(x, y), z(y, x)[0]), *PAIR),
    "sum prod": (lambda x, y: et.sum(z(x, y), axis=0) * et.prod(z(x, y), axis=1), *PAIR),
    "cumulative": (lambda x, y: et.cumulative_prod(z(x, y), axis=1), *PAIR),
    "take": (lambda x, y: et.take(z(x, y), et.asarray([1, 1, 0]), axis=0), *PAIR),
    "matmul": (lambda x, y: z(x, y) @ h(z(y, x)), *PAIR),
    "vecdot": (lambda x, y: et.vecdot(z(x, y), z(y, y)), *PAIR),
    "vector norm": (lambda x, y: linalg.vector_norm(z(x, y), axis=1), *PAIR),
    "fft": (lambda x, y: fft.fft(z(x, y), n=5, axis=0), *WIDE),
    "ifft": (lambda x, y: fft.ifft(z(x, y), n=3, norm="forward"), *WIDE),
    "rfft even": (lambda x, y: fft.rfft(x * y, norm="ortho"), *WIDE),
    "rfft odd": (lambda x, y: fft.rfft(x * y, n=7, axis=0), *WIDE),
    "irfft even": (lambda x, y: fft.irfft(z(x, y), n=4, axis=0), *WIDE),
    "irfft odd": (lambda x, y: fft.irfft(z(x, y), n=9, norm="ortho"), *WIDE),
    "fftn": (lambda x, y: fft.ifftn(fft.fftn(z(x, y)) * z(y, x)), *WIDE),
    "solve": (lambda x, y: linalg.solve(z(x, y), z(y, x)[:, :1]), *PAIR),
    "solve broadcast": (lambda x, y: linalg.solve(z(x, y), z(y, x)[0]), *BATCH),
    "inv": (lambda x, y: linalg.inv(z(x, y)), *BATCH),
    "pinv": (lambda x, y: linalg.pinv(z(x, y)), *TALL),
    "pinv wide": (lambda x, y: linalg.pinv(z(x, y)), *WIDE),
    "det": (lambda x, y: linalg.det(z(x, y)), *BATCH),
    "slogdet": (lambda x, y: linalg.slogdet(z(x, y)).logabsdet, *BATCH),
    "sign of det": (lambda x, y: linalg.slogdet(z(x, y)).sign, *BATCH),
    "cholesky": (lambda x, y: linalg.cholesky(definite(x, y)), *BATCH),
    "cholesky upper": (lambda x, y: linalg.cholesky(definite(x, y), upper=True), *PAIR),
    "qr": (lambda x, y: linalg.qr(z(x, y)).Q @ linalg.qr(z(y, x)).R, *BATCH),
    "qr tall": (
        lambda x, y: linalg.qr(z(x, y)).Q[..., None] + linalg.qr(z(x, y)).R[0, 0, 0],
        *TALL,
    ),
    "qr wide": (lambda x, y: linalg.qr(z(x, y)).R, *WIDE),
    "svd": (lambda x, y: svd_parts(z(x, y)), *BATCH),
    "svd tall": (lambda x, y: svd_parts(z(x, y)), *TALL),
    "svd wide": (lambda x, y: svd_parts(z(x, y)), *WIDE),
    "left vectors": (lambda x, y: projector(linalg.svd(z(x, y), full_matrices=False).U), *TALL),
    "svdvals": (lambda x, y: linalg.svdvals(z(x, y)), *WIDE),
    "eigh": (lambda x, y: projector(linalg.eigh(hermitian(x, y)).eigenvectors), *BATCH),
    "eigvalsh": (lambda x, y: linalg.eigvalsh(hermitian(x, y)), *BATCH),
    "eig": (lambda x, y: projector(linalg.eig(z(x, y)).eigenvectors), *PAIR),
    "eigvals": (lambda x, y: linalg.eigvals(z(x, y)) ** 2, *PAIR),
}

REAL = {
    "broadcasting": (lambda x, y: (x * y + x / y - y) * (y - x), normal(2, 1, 3), positive(4, 1)),
    "scalars": (lambda x: 2.0 / x - x * 3.0 + (1.0 - x) ** 2 + 2.0**x + x**0, positive(3)),
    "pow of zero": (lambda x: x ** et.asarray([1.0, 2.0, 3.0], dtype="float64"), np.zeros(3)),
    "pow at zero": (lambda x: x**2 + x**1 + x**3, np.zeros(3)),
    "pow": (lambda x, y: x**y, positive(2, 3), np.array([-1.0, 1.0, 2.5])),
    "functions": (
        lambda x: et.sqrt(x) + et.log2(x) * et.log10(x) + et.erf(x) + et.tan(x) * et.tanh(x),
        positive(3),
    ),
    "abs": (lambda x: et.abs(x) * x, np.array([-2.0, 0.0, 3.0])),
    "two arguments": (
        lambda x, y: et.atan2(x, y) * et.hypot(x, y) + et.logaddexp(x, y) + et.copysign(x, y),
        normal(2, 3),
        normal(3),
    ),
    "equal ones": (lambda x, y: et.maximum(x, y) + 3.0 * et.minimum(x, y), *[np.arange(3.0)] * 2),
    "equal maxima": (lambda x: et.max(x, axis=1) * 2.0, np.array([[1.0, 2.0, 2.0], [3.0] * 3])),
    "sigmoid": (lambda x: nn.sigmoid(x) * nn.softplus(x) + nn.gelu(x) + nn.silu(x), normal(4)),
    "reductions": (
        lambda x: et.sum(x**2, axis=(0, 2)) * et.mean(x, axis=1, keepdims=True)[0, 0, 0]
        + et.var(x, axis=(0, 2), correction=1) * et.std(x, axis=(0, 2)),
        normal(2, 3, 4),
    ),
    "prod": (lambda x: et.prod(x, axis=(0, -1)) + et.prod(x), positive(2, 3, 2)),
    "prod of one zero": (lambda x: et.prod(x, axis=1), np.array([[0.0, 2.0, 3.0], [1.0, 0.0, 4.0]])),
    "prod of zeros": (lambda x: et.prod(x), np.array([0.0, 2.0, 0.0, 3.0])),
    "cumulative": (
        lambda x: et.cumulative_sum(x, axis=0) * et.cumulative_prod(x, axis=-1),
        normal(3, 4),
    ),
    "cumulative zeros": (
        lambda x: et.cumulative_prod(x, axis=0),
        np.array([[2.0, 0.0, 1.0], [0.0, 3.0, 2.0], [4.0, 0.0, 0.5], [1.0, 2.0, 3.0]]),
    ),
    "extrema": (lambda x: et.max(x, axis=(0, 2)) * et.min(x, axis=(0, 2)), normal(2, 3, 4)),
    "matrix and vector": (lambda x, y: (x @ y) * (y @ x[0].mT), normal(3, 3, 4), normal(4)),
    "vector and batch": (lambda x, y: x @ y, normal(3), normal(2, 3, 4)),
    "batch and vector": (lambda x, y: x @ y, normal(2, 4, 3), normal(3)),
    "vectors": (lambda x, y: (x @ y) ** 2, normal(3), normal(3)),
    "batches": (lambda x, y: (x @ y) ** 2, normal(2, 1, 3, 4), normal(5, 4, 2)),
    "slices": (lambda x: x[1:, ::-2] ** 2 * x[0, None, 1::2], normal(3, 4)),
    "rows again": (lambda x: x[et.asarray([1, 0, 1, 1])] ** 2, normal(3, 2)),
    "places again": (lambda x: x[et.asarray([0, 1, 1]), et.asarray([2, 2, 2])] ** 2, normal(2, 3)),
    "take": (lambda x: et.take(x, et.asarray([2, 0, 2]), axis=-1) ** 2, normal(2, 3)),
    "take along": (lambda x: et.take_along_axis(x, et.asarray(INDEX), axis=1) ** 2, normal(2, 3)),
    "sort": (lambda x: et.sort(x, axis=0, descending=True) ** 2 * x, normal(4, 3)),
    "roll repeat tile": (
        lambda x: et.roll(et.repeat(x, 2, axis=1), (1, -2), axis=(0, 1)) * et.tile(x, (1, 2)),
        normal(2, 3),
    ),
    "stack": (lambda x, y: et.concat([et.stack([x, y]), (x * y)[None]]) ** 2, *PAIR),
    "assigned": (assigned((slice(None), 1)), normal(2, 3), normal(2)),
    "assigned one": (assigned((0, 1)), normal(2, 3), normal()),
    "clip": (lambda x: et.clip(x, -0.5, 0.5) * x, normal(5)),
    "softmax": (lambda x: et.softmax(x, axis=0) * et.log_softmax(x), normal(3, 4)),
    "logsumexp": (lambda x: et.logsumexp(x, axis=1) ** 2, normal(3, 4)),
    "linear": (lambda x, w, b: nn.relu(et.linear(x, w, b)) ** 2, normal(2, 3), normal(4, 3), normal(4)),
    "cross entropy": (lambda x: et.softmax_cross_entropy(x, et.asarray([2, 0])) ** 2, normal(2, 3)),
    "solve": (lambda x, y: linalg.solve(x, y), normal(3, 3), normal(3)),
    "inv det": (lambda x: linalg.inv(x) * linalg.det(x)[..., None, None], normal(2, 3, 3)),
    "slogdet": (lambda x: linalg.slogdet(x).logabsdet ** 2, normal(2, 3, 3)),
    "pinv": (lambda x: linalg.pinv(x), normal(4, 3)),
    "cholesky": (lambda x: linalg.cholesky(x @ x.mT), normal(2, 3, 3)),
    "qr": (lambda x: linalg.qr(x).Q @ linalg.qr(x).R ** 2, normal(2, 4, 3)),
    "eigh": (lambda x: projector(linalg.eigh(x + x.mT).eigenvectors), normal(3, 3)),
    "svd": (svd_parts, normal(4, 3)),
    "diagonal": (lambda x: linalg.diagonal(x, offset=1) * linalg.trace(x), normal(3, 3)),
    "fft": (lambda x: fft.irfft(fft.rfft(x) ** 2, n=5), normal(2, 6)),
}  # fmt: skip


def scalar(function, tensors):
    """One number in which every element of the result counts, and differently."""
    y = function(*tensors)
    weights = np.random.default_rng(1).uniform(0.5, 1.5, size=(2, *y.shape))
    real, imaginary = (et.asarray(w, dtype=tensors[0].dtype) for w in weights)
    if y.dtype.kind == "complex":
        return et.sum(real * et.real(y)) + et.sum(imaginary * et.imag(y))
    return et.sum(real * y)


def first(function, arrays, dtype="float64"):
    tensors = [et.asarray(a, dtype=dtype) for a in arrays]
    numbers = tuple(range(len(tensors)))
    return nn.grad(lambda *xs: scalar(function, xs), argnums=numbers)(*tensors)


def second(function, arrays):
    """The gradient of a scalar made of all the gradients."""
    tensors = [et.asarray(a, dtype="float64") for a in arrays]
    numbers = tuple(range(len(tensors)))

    def outer(*xs):
        gradients = nn.grad(lambda *ys: scalar(function, ys), argnums=numbers)(*xs)
        total = et.zeros((), dtype="float64")
        for i, gradient in enumerate(gradients):
            total = total + scalar(lambda x: x, [gradient]) * (i + 1.0)
        return total

    return nn.grad(outer, argnums=numbers)(*tensors)


def on(engine, derivative, case, **options):
    function, *arrays = case
    with et.use_backend(engine):
        return [g.numpy() for g in derivative(function, arrays, **options)]


CASES = {**{f"complex {name}": case for name, case in COMPLEX.items()}, **REAL}


@pytest.mark.parametrize("name", CASES)
def test_gradients_are_those_of_pytorch(name):
    expected = on("torch", first, CASES[name])
    for mine, theirs in zip(on("numpy", first, CASES[name]), expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("name", CASES)
def test_gradients_of_gradients_are_those_of_pytorch(name):
    expected = on("torch", second, CASES[name])
    for mine, theirs in zip(on("numpy", second, CASES[name]), expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", CASES)
def test_single_precision_gives_single_precision(name):
    expected = on("torch", first, CASES[name])
    for mine, theirs in zip(
        on("numpy", first, CASES[name], dtype="float32"), expected, strict=True
    ):
        assert mine.dtype == np.float32
        np.testing.assert_allclose(mine, theirs, rtol=2e-3, atol=2e-3 * np.abs(theirs).max())
