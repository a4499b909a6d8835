"""Gradients and vmap, against PyTorch's own, finite differences and hand calculation."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest
import torch

from ember_ml import nn
from ember_ml.backend.registry import use_backend
from ember_ml.nn import tensor as et

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 4))
POSITIVE = np.abs(X) + 0.5

DIFFERENTIABLE = {
    "exp": (et.exp, X),
    "log": (et.log, POSITIVE),
    "tanh": (et.tanh, X),
    "pow": (lambda x: x**3, X),
    "divide": (lambda x: 1.0 / x, POSITIVE),
    "maximum": (lambda x: et.maximum(x, 0.1), X),
    "where": (lambda x: et.where(x > 0, x * x, x), X),
    "sum": (lambda x: et.sum(x, axis=0) ** 2, X),
    "prod": (lambda x: et.prod(x, axis=(0, 1)), POSITIVE),
    "max": (lambda x: et.max(x, axis=1), X),
    "var": (lambda x: et.var(x, axis=-1), X),
    "cumsum": (lambda x: et.cumulative_sum(x, axis=1) ** 2, X),
    "matmul": (lambda x: x @ x.mT, X),
    "concat": (lambda x: et.concat([x, x * x], axis=0) ** 2, X),
    "sort": (lambda x: et.sort(x, axis=1) * et.arange(4), X),
    "take": (lambda x: et.take(x, et.asarray([2, 0, 0]), axis=1) ** 2, X),
    "take_along_axis": (lambda x: et.take_along_axis(x, [[0], [-1], [2]], axis=1) ** 2, X),
    "backward slice": (lambda x: x[::-1, 1::-1] ** 2 * et.asarray([[1.0], [2.0], [3.0]]), X),
    "mask": (lambda x: x[x > 0] ** 2, X),
    "softmax": (lambda x: et.softmax(x, axis=0) ** 2, X),
    "logsumexp": (lambda x: et.logsumexp(x, axis=(0, 1)), X),
    "softplus": (nn.softplus, X),
    "gelu": (nn.gelu, X),
    "erf": (et.erf, X),
    "solve": (lambda x: et.linalg.solve(x @ x.mT, et.ones(3, dtype="float64")), X),
    "det": (lambda x: et.linalg.det(x[:, :3]), X),
    "cross entropy": (lambda x: et.softmax_cross_entropy(x, et.asarray([0, 3, 1])), X),
}


def assigned(key: object) -> object:
    def function(x: et.EmberTensor) -> et.EmberTensor:
        y = x * 1.0
        y[key] = x[0, 0] * 3.0
        return y**2

    return function


DIFFERENTIABLE["assignment"] = (assigned((1, slice(0, 2))), X)
DIFFERENTIABLE["backward assignment"] = (assigned(slice(None, None, -2)), X)
DIFFERENTIABLE["assignment at indices"] = (assigned(np.array([0, 2])), X)


def numerical(function: object, x: np.ndarray) -> np.ndarray:
    found = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        h = np.zeros_like(x)
        h[i] = 1e-6
        up, down = (et.sum(function(et.asarray(x + s * h))).item() for s in (1, -1))
        found[i] = (up - down) / 2e-6
    return found


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_gradients_against_finite_differences(name: str) -> None:
    function, x = DIFFERENTIABLE[name]
    gradient = nn.grad(lambda x: et.sum(function(x)))(et.asarray(x))
    np.testing.assert_allclose(gradient.numpy(), numerical(function, x), rtol=1e-5, atol=1e-7)


def test_results_are_plain() -> None:
    x = et.asarray(X)
    value, gradient = nn.value_and_grad(lambda x: et.sum(x * x))(x)
    (value2, aux), _ = nn.value_and_grad(lambda x: (et.sum(x), x * 2), has_aux=True)(x)
    for tensor in (value, gradient, value2, aux, x):
        assert not tensor.native.requires_grad
    assert not (x * x).native.requires_grad


def test_no_graph_is_kept() -> None:
    x = et.asarray(X)
    seen = []

    def function(x: et.EmberTensor) -> et.EmberTensor:
        y = x * x
        seen.append(weakref.ref(y.native))
        return et.sum(y)

    nn.grad(function)(x)
    gc.collect()
    assert seen[0]() is None


def test_what_does_not_matter_gets_zeros() -> None:
    a, b = et.asarray([1.0, 2.0]), et.asarray([3.0])
    ga, gb = nn.grad(lambda a, b: et.sum(a), argnums=(0, 1))(a, b)
    assert (ga.tolist(), gb.tolist()) == ([1.0, 1.0], [0.0])
    assert nn.grad(lambda a: et.sum(b))(a).tolist() == [0.0, 0.0]


def test_assignment_leaves_other_arrays_alone() -> None:
    buffer = et.zeros(3)

    def function(w: et.EmberTensor) -> et.EmberTensor:
        mine = et.astype(buffer, "float32", copy=False)
        mine[1] = w
        return et.sum(mine * 5.0)

    assert nn.grad(function)(et.asarray(2.0)).item() == 5.0
    assert buffer.tolist() == [0.0, 0.0, 0.0]
    assert not buffer.native.requires_grad


def test_gradients_within_gradients() -> None:
    x = et.asarray([1.0, 2.0, 3.0])
    cube = nn.grad(nn.grad(lambda x: x**4))(et.asarray(2.0))
    assert cube.item() == 48.0
    # Hessian-vector product of sum(x**3): 6 x v
    v = et.asarray([1.0, 0.5, 0.0])
    product = nn.grad(lambda x: et.sum(nn.grad(lambda y: et.sum(y**3))(x) * v))(x)
    assert product.tolist() == [6.0, 6.0, 0.0]
    # the inner function's parameter is the outer's constant, and the other way round
    mixed = nn.grad(lambda w: et.sum(nn.grad(lambda y: et.sum(w * y * y))(x) ** 2))(et.asarray(2.0))
    assert mixed.item() == pytest.approx(8 * 2.0 * 14)
    # the same tensor within and without: only one of the two uses is differentiated
    inner = nn.grad(lambda x: x * nn.grad(lambda y: y * x)(x))(et.asarray(3.0))
    assert inner.item() == 6.0


def test_inner_values_stay_differentiable() -> None:
    def function(x: et.EmberTensor) -> et.EmberTensor:
        (value, aux), gradient = nn.value_and_grad(lambda y: (y**2, y**3), has_aux=True)(x)
        return value + aux + gradient  # x**2 + x**3 + 2 x

    assert nn.grad(function)(et.asarray(2.0)).item() == 4.0 + 12.0 + 2.0


def test_stop_gradient() -> None:
    assert nn.grad(lambda x: x * et.stop_gradient(x))(et.asarray(3.0)).item() == 3.0
    third = nn.grad(nn.grad(lambda x: et.stop_gradient(x) * x * x))(et.asarray(3.0))
    assert third.item() == 6.0


def test_gradients_in_threads_of_their_own() -> None:
    found = {}

    def work(i: int) -> None:
        for _ in range(20):
            found[i] = nn.grad(nn.grad(lambda x: x**3))(et.asarray(float(i))).item()

    def run(i: int) -> None:
        with use_backend("torch"):
            work(i)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {i: 6.0 * i for i in range(4)}


def test_vmap() -> None:
    x, y = et.asarray(X), et.asarray(X[0])
    np.testing.assert_allclose(
        nn.vmap(lambda a, b: a @ b, in_axes=(0, None))(x, y).numpy(), X @ X[0]
    )
    columns = nn.vmap(lambda a: (a - a[::-1], et.max(a)), in_axes=1, out_axes=0)(x)
    np.testing.assert_allclose(columns[0].numpy(), (X - X[::-1]).T)
    np.testing.assert_allclose(columns[1].numpy(), X.max(0))


def test_vmap_of_gradients_and_gradients_of_vmap() -> None:
    x = et.asarray(X)
    rows = nn.vmap(nn.grad(lambda row: et.sum(row**3)))(x)
    np.testing.assert_allclose(rows.numpy(), 3 * X**2)
    total = nn.grad(lambda x: et.sum(nn.vmap(lambda row: et.sum(row**2))(x) ** 2))(x)
    np.testing.assert_allclose(total.numpy(), 4 * X * np.sum(X**2, 1, keepdims=True))
    hessian = nn.vmap(lambda v: nn.grad(
        lambda y: et.sum(nn.grad(lambda z: et.sum(z**4))(y) * v))(x[0]))(et.eye(4, dtype="float64"))  # fmt: skip
    np.testing.assert_allclose(hessian.numpy(), np.diag(12 * X[0] ** 2), atol=1e-12)


@pytest.mark.parametrize("key", [0, slice(None, None, -1), slice(0, 2)], ids=str)
def test_assignment_under_vmap(key: object) -> None:
    def function(row: et.EmberTensor) -> et.EmberTensor:
        y = et.zeros(4, dtype="float64")
        y[key] = row[key] * 2.0
        return y

    expected = np.zeros_like(X)
    expected[:, key] = X[:, key] * 2
    np.testing.assert_allclose(nn.vmap(function)(et.asarray(X)).numpy(), expected)


def test_gradients_agree_with_pytorch_for_a_model() -> None:
    weight = torch.tensor(X, dtype=torch.float32, requires_grad=True)
    bias = torch.zeros(3, requires_grad=True)
    x = torch.tensor(RNG.normal(size=(5, 4)), dtype=torch.float32)
    labels = torch.tensor([0, 2, 1, 1, 0])
    loss = torch.nn.functional.cross_entropy(torch.nn.functional.linear(x, weight, bias), labels)
    expected = torch.autograd.grad(loss, (weight, bias))

    def function(weight: et.EmberTensor, bias: et.EmberTensor) -> et.EmberTensor:
        logits = et.linear(et.from_native(x), weight, bias)
        return et.mean(et.softmax_cross_entropy(logits, et.from_native(labels)))

    value, found = nn.value_and_grad(function, argnums=(0, 1))(
        et.from_native(weight.detach()), et.from_native(bias.detach())
    )
    assert value.item() == pytest.approx(loss.item(), rel=1e-6)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-5, atol=1e-7)
