"""Factorisations: what MLX lacks for complex matrices, gradients, failures, no elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from ember_ml import nn
from ember_ml.backend.errors import InvalidValueError, UnsupportedError
from ember_ml.nn import tensor as et
from ember_ml.nn.tensor import linalg

RNG = np.random.default_rng(7)


def matrices(*shape: int, dtype: str = "float64") -> np.ndarray:
    real = RNG.normal(size=shape)
    return (real + 1j * RNG.normal(size=shape) if dtype[0] == "c" else real).astype(dtype)


def positive(dtype: str) -> np.ndarray:
    a = matrices(2, 3, 3, dtype=dtype)
    return a @ a.conj().swapaxes(-1, -2) + 2 * np.eye(3, dtype=dtype)


def close(actual: et.EmberTensor, expected: Any) -> None:
    digits = 1e-10 if actual.dtype is et.float64 else 2e-4
    np.testing.assert_allclose(actual.numpy(), expected, rtol=digits, atol=digits)


@pytest.mark.parametrize("dtype", ["float64", "complex64"])
def test_against_numpy(dtype: str) -> None:
    a, b = matrices(2, 3, 3, dtype=dtype), matrices(3, 2, dtype=dtype)
    x = et.asarray(a)
    close(linalg.inv(x), np.linalg.inv(a))
    close(linalg.solve(x, et.asarray(b)), np.linalg.solve(a, b))
    close(linalg.solve(x[0], et.asarray(b[:, 0])), np.linalg.solve(a[0], b[:, 0]))
    close(linalg.det(x), np.linalg.det(a))
    c = matrices(2, 5, 5, dtype=dtype)
    close(linalg.det(et.asarray(c)), np.linalg.det(c))
    sign, logarithm = linalg.slogdet(x)
    close(sign, np.linalg.slogdet(a).sign)
    close(logarithm, np.linalg.slogdet(a).logabsdet)
    p = positive(dtype)
    close(linalg.cholesky(et.asarray(p)), np.linalg.cholesky(p))
    close(linalg.cholesky(et.asarray(p), upper=True), np.linalg.cholesky(p, upper=True))
    close(linalg.eigvalsh(et.asarray(p)), np.linalg.eigvalsh(p))
    close(linalg.svdvals(x), np.linalg.svdvals(a))


@pytest.mark.parametrize("shape", [(4, 3), (3, 4), (3, 3), (2, 4, 3), (3, 1), (1, 3)])
@pytest.mark.parametrize("dtype", ["float64", "complex64"])
def test_factors_multiply_to_the_matrix(dtype: str, shape: tuple[int, ...]) -> None:
    a = matrices(*shape, dtype=dtype)
    x, (m, n) = et.asarray(a), shape[-2:]
    for mode, inner in (("reduced", min(m, n)), ("complete", m)):
        q, r = linalg.qr(x, mode=mode)  # type: ignore[arg-type]
        assert (q.shape[-2:], r.shape[-2:]) == ((m, inner), (inner, n))
        close(q @ r, a)
        close(et.conj(q.mT) @ q, np.broadcast_to(np.eye(inner), (*shape[:-2], inner, inner)))
        close(et.tril(r, k=-1), np.zeros(r.shape))
    for full in (True, False):
        u, s, vh = linalg.svd(x, full_matrices=full)
        inner = min(m, n)
        close((u[..., :inner] * s[..., None, :]) @ vh[..., :inner, :], a)
        assert u.shape[-1] == (m if full else inner)


@pytest.mark.parametrize("dtype", ["float64", "complex64"])
def test_eigenvectors(dtype: str) -> None:
    a = matrices(2, 3, 3, dtype=dtype)
    values, vectors = (t.numpy() for t in linalg.eig(et.asarray(a)))
    np.testing.assert_allclose(a @ vectors, vectors * values[..., None, :], atol=1e-5)


def cubed(x: et.EmberTensor) -> et.EmberTensor:
    u, s, vh = linalg.svd(x, full_matrices=False)
    return (u * s[..., None, :] ** 3) @ vh


def cubed_by_torch(x: torch.Tensor) -> torch.Tensor:
    u, s, vh = torch.linalg.svd(x, full_matrices=False)
    return (u * s[..., None, :] ** 3) @ vh


GRADIENTS: dict[str, tuple[Callable[..., Any], Callable[..., Any], tuple[np.ndarray, ...]]] = {
    "inv": (linalg.inv, torch.linalg.inv, (matrices(2, 3, 3),)),
    "solve": (linalg.solve, torch.linalg.solve, (matrices(2, 3, 3), matrices(2, 3, 2))),
    "solve a vector": (linalg.solve, torch.linalg.solve, (matrices(3, 3), matrices(3))),
    "cholesky": (linalg.cholesky, torch.linalg.cholesky, (positive("float64"),)),
    "det": (linalg.det, torch.linalg.det, (matrices(2, 3, 3),)),
    "det of a greater one": (linalg.det, torch.linalg.det, (matrices(2, 5, 5),)),
    "slogdet": (lambda x: linalg.slogdet(x).logabsdet,
                lambda x: torch.linalg.slogdet(x).logabsdet, (matrices(2, 4, 4),)),
    "Q": (lambda x: linalg.qr(x).Q, lambda x: torch.linalg.qr(x).Q, (matrices(4, 3),)),
    "R": (lambda x: linalg.qr(x).R, lambda x: torch.linalg.qr(x).R, (matrices(2, 3, 3),)),
    "Q of a wide one": (lambda x: linalg.qr(x).Q, lambda x: torch.linalg.qr(x).Q,
                        (matrices(2, 3, 4),)),
    "R of a wide one": (lambda x: linalg.qr(x, mode="complete").R, lambda x: torch.linalg.qr(x).R,
                        (matrices(3, 5),)),
    "svd of a tall one": (cubed, cubed_by_torch, (matrices(4, 3),)),
    "svd of a wide one": (cubed, cubed_by_torch, (matrices(2, 3, 4),)),
    "svdvals": (linalg.svdvals, torch.linalg.svdvals, (matrices(4, 3),)),
    "eigvalsh": (lambda x: linalg.eigvalsh(x + x.mT), lambda x: torch.linalg.eigvalsh(x + x.mT),
                 (matrices(3, 3),)),
    "eigh": (lambda x: et.abs(linalg.eigh(x + x.mT).eigenvectors),
             lambda x: torch.linalg.eigh(x + x.mT).eigenvectors.abs(), (matrices(3, 3),)),
    "eig": (lambda x: et.abs(linalg.eig(x).eigenvectors).sum(axis=-1).astype(et.float64),
            lambda x: torch.linalg.eig(x).eigenvectors.abs().sum(-1), (matrices(3, 3),)),
    "eigvals": (lambda x: et.real(et.sum(linalg.eigvals(x) ** 3)).astype(et.float64),
                lambda x: (torch.linalg.eigvals(x) ** 3).sum().real, (matrices(3, 3),)),
    "pinv": (linalg.pinv, torch.linalg.pinv, (matrices(4, 3),)),
}  # fmt: skip


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradient_against_pytorch(name: str) -> None:
    ours, theirs, arrays = GRADIENTS[name]
    leaves = [torch.tensor(a, requires_grad=True) for a in arrays]
    result = theirs(*leaves)
    weights = np.random.default_rng(0).uniform(0.5, 1.5, size=tuple(result.shape))
    (result * torch.tensor(weights)).sum().backward()
    found = nn.grad(
        lambda *xs: et.sum(ours(*xs) * et.asarray(weights)), argnums=tuple(range(len(arrays)))
    )(*map(et.asarray, arrays))
    digits = 2e-4 if name.startswith("eigv") or name == "eig" else 1e-9
    for gradient, leaf in zip(found, leaves, strict=True):
        np.testing.assert_allclose(gradient.numpy(), leaf.grad, rtol=digits, atol=digits)


def test_gradients_of_complex_factorisations() -> None:
    a = matrices(3, 3)
    turn = 1.0 + 0.5j

    def ours(x: et.EmberTensor) -> et.EmberTensor:
        z = et.astype(x, et.complex64) * turn
        q, r = linalg.qr(z)
        return et.sum(et.abs(cubed(z) + linalg.inv(z) + q @ r)).astype(et.float64)

    def theirs(x: torch.Tensor) -> torch.Tensor:
        z = x.to(torch.complex128) * turn
        return (cubed_by_torch(z) + torch.linalg.inv(z) + z).abs().sum()

    leaf = torch.tensor(a, requires_grad=True)
    theirs(leaf).backward()
    found = nn.grad(ours)(et.asarray(a))
    np.testing.assert_allclose(found.numpy(), leaf.grad, rtol=2e-3, atol=2e-3)


def test_determinants_of_singular_and_of_complex_matrices() -> None:
    # The cofactors: of diag(1, 2, 3, 0), 6 in the last place; of rank 2, none.
    found = nn.grad(lambda x: linalg.det(x))(et.asarray(np.diag([1.0, 2.0, 3.0, 0.0])))
    np.testing.assert_allclose(found.numpy(), np.diag([0.0, 0.0, 0.0, 6.0]), atol=1e-12)
    found = nn.grad(lambda x: linalg.det(x))(et.asarray(np.diag([1.0, 2.0, 0.0, 0.0])))
    np.testing.assert_allclose(found.numpy(), np.zeros((4, 4)), atol=1e-12)
    a, turn = matrices(4, 4), np.exp(0.4j) + 0.3j * np.eye(4)

    def ours(x: et.EmberTensor) -> et.EmberTensor:
        z = et.astype(x, et.complex64) * et.asarray(turn.astype("complex64"))
        sign, logarithm = linalg.slogdet(z)
        return et.abs(linalg.det(z) + 1.0) + et.imag(sign) * 2.0 + logarithm

    leaf = torch.tensor(a, requires_grad=True)
    z = leaf.to(torch.complex128) * torch.tensor(turn)
    sign, logarithm = torch.linalg.slogdet(z)
    ((torch.linalg.det(z) + 1.0).abs() + sign.imag * 2.0 + logarithm).backward()
    found = nn.grad(ours)(et.asarray(a, dtype=et.float32))
    np.testing.assert_allclose(found.numpy(), leaf.grad, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("size", [0.0, 1e-42, 1e-30, 1e37])
@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (2, 3)])
def test_complex_qr_at_the_ends_of_the_range(shape: tuple[int, ...], size: float) -> None:
    x = ((matrices(*shape) + 1j * matrices(*shape)) * size).astype("complex64")
    q, r = (t.numpy().astype("complex128") for t in linalg.qr(et.asarray(x)))
    np.testing.assert_allclose(q.conj().T @ q, np.eye(q.shape[1]), atol=1e-6)
    np.testing.assert_allclose(q @ r, x, atol=1e-6 * size + 1e-44)


def test_second_derivatives_and_maps() -> None:
    x = et.asarray(2.0 + np.eye(2))

    def f(x: et.EmberTensor) -> et.EmberTensor:
        return et.sum(linalg.inv(x) ** 2)

    leaf = torch.tensor(x.numpy().copy(), requires_grad=True)
    (first,) = torch.autograd.grad((torch.linalg.inv(leaf) ** 2).sum(), leaf, create_graph=True)
    first.sum().backward()
    second = nn.grad(lambda x: et.sum(nn.grad(f)(x)))(x)
    np.testing.assert_allclose(second.numpy(), leaf.grad, rtol=1e-9)
    stack, b = et.stack([x, 2.0 * x]), et.asarray(np.eye(2))
    mapped = nn.vmap(linalg.solve, in_axes=(0, None))(stack, b)
    np.testing.assert_allclose(mapped.numpy(), np.linalg.inv(stack.numpy()), rtol=1e-12)


def test_what_has_no_gradient_says_so() -> None:
    with pytest.raises(UnsupportedError, match="mode='reduced' has one"):
        nn.grad(lambda x: et.sum(linalg.qr(x, mode="complete").R))(et.asarray(matrices(3, 2)))
    with pytest.raises(UnsupportedError, match="full_matrices=False has one"):
        nn.grad(lambda x: et.sum(linalg.svd(x).U))(et.asarray(matrices(3, 2)))


@pytest.mark.parametrize("dtype", ["float32", "complex64"])
def test_failures_are_found_at_once(dtype: str) -> None:
    x = et.zeros((2, 2), dtype=dtype)
    for wrong in (
        lambda: linalg.inv(x),
        lambda: linalg.solve(x, x),
        lambda: linalg.cholesky(x - 1),
    ):
        with pytest.raises(InvalidValueError):
            wrong()
    assert linalg.inv(x + et.eye(2, dtype=dtype)).tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize("dtype", ["float32", "complex64"])
@pytest.mark.parametrize("shape", [(0, 0), (0, 2, 2), (2, 0, 0)])
def test_matrices_of_no_elements(dtype: str, shape: tuple[int, ...]) -> None:
    x, empty = et.zeros(shape, dtype=dtype), np.zeros(shape, dtype)
    for name in ("inv", "cholesky", "det", "eigvalsh", "svdvals"):
        expected = getattr(np.linalg, name)(empty)
        found = getattr(linalg, name)(x)
        assert (found.tolist(), found.shape) == (expected.tolist(), expected.shape)
    assert [t.shape for t in linalg.svd(x)] == [t.shape for t in np.linalg.svd(empty)]
    assert [t.shape for t in linalg.eig(x)] == [t.shape for t in np.linalg.eig(empty)]
    assert linalg.slogdet(x).logabsdet.tolist() == np.linalg.slogdet(empty).logabsdet.tolist()
    assert linalg.solve(x, x).shape == shape
    assert [t.shape for t in linalg.qr(x)] == [t.shape for t in np.linalg.qr(empty)]


def test_factors_of_tall_nothing() -> None:
    for mode in ("reduced", "complete"):
        expected = np.linalg.qr(np.zeros((3, 0)), mode=mode)  # type: ignore[call-overload]
        found = linalg.qr(et.zeros((3, 0)), mode=mode)  # type: ignore[arg-type]
        assert [t.shape for t in found] == [t.shape for t in expected]
    assert [t.shape for t in linalg.svd(et.zeros((3, 0)))] == [(3, 3), (0,), (0, 0)]
