"""``vjp`` and ``jvp`` against PyTorch's."""

import numpy as np
import pytest
import torch

from ember_ml import nn
from ember_ml.backend.errors import ArgumentError, ShapeError
from ember_ml.nn import tensor as et

pytestmark = pytest.mark.usefixtures("backend")

RNG = np.random.default_rng(0)
X, Y, U, V = (RNG.normal(size=(3, 3)).astype(np.float32) for _ in range(4))


def ours(x, y):
    return et.matmul(x, y), et.exp(x)


def theirs(x, y):
    return torch.matmul(x, y), torch.exp(x)


def torched(*arrays):
    return tuple(map(torch.from_numpy, arrays))


def same(found, expected):
    np.testing.assert_allclose(found.numpy(), expected.detach().numpy(), rtol=1e-5, atol=1e-5)


def test_vjp():
    value, products = nn.vjp(ours, [et.asarray(X), et.asarray(Y)], (et.asarray(U), et.asarray(V)))
    expected, wanted = torch.autograd.functional.vjp(theirs, torched(X, Y), torched(U, V))
    for found, right in zip((*value, *products), (*expected, *wanted), strict=True):
        same(found, right)


def test_jvp():
    value, tangents = nn.jvp(ours, [et.asarray(X), et.asarray(Y)], [et.asarray(U), et.asarray(V)])
    expected, wanted = torch.func.jvp(theirs, torched(X, Y), torched(U, V))
    for found, right in zip((*value, *tangents), (*expected, *wanted), strict=True):
        same(found, right)


def test_vjp_by_a_module():
    layer = nn.Linear(3, 2)
    x, c = et.asarray(X), et.asarray(U[:, :2])
    _, (gradients, by_x) = nn.vjp(lambda m, x: m(x), [layer, x], c)
    np.testing.assert_allclose(gradients["weight"].numpy(), U[:, :2].T @ X, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(by_x.numpy(), U[:, :2] @ layer.weight.numpy(), rtol=1e-5, atol=1e-6)


def test_mistakes():
    x = et.asarray(X)
    with pytest.raises(ShapeError, match=r"shape \(2,\) for a tensor of shape \(3, 3\)"):
        nn.vjp(et.exp, [x], et.ones(2))
    with pytest.raises(ArgumentError, match="1 tensors go with 1 vectors, not 2"):
        nn.vjp(et.exp, [x], (x, x))
    with pytest.raises(ShapeError):
        nn.jvp(et.exp, [x], [et.ones(2)])
    with pytest.raises(ArgumentError, match="returns tensors, not float"):
        nn.jvp(lambda x: 1.0, [x], [x])
