"""``vmap`` against a loop written out in NumPy."""

import os

import numpy as np
import pytest

from ember_ml import nn
from ember_ml.backend.errors import ArgumentError, ShapeError, UnsupportedError
from ember_ml.nn import tensor as et

BACKENDS = [
    info.name
    for info in et.list_backends()
    if info.name in os.environ.get("EMBER_TEST_BACKENDS", "numpy,torch,mlx").split(",")
]

pytestmark = pytest.mark.usefixtures("backend")

A = np.random.default_rng(0).normal(size=(4, 3, 2)).astype(np.float32)
B = np.random.default_rng(1).normal(size=(4, 2, 5)).astype(np.float32)


def close(found, expected):
    assert found.shape == expected.shape
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4, atol=1e-5)


def test_over_the_first_axis():
    found = nn.vmap(lambda a, b: et.matmul(a, b) + 1.0)(et.asarray(A), et.asarray(B))
    close(found, np.stack([a @ b + 1 for a, b in zip(A, B, strict=True)]))


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
def test_in_axes(axis):
    moved = np.moveaxis(A, 0, axis)
    found = nn.vmap(lambda a: et.sum(a * a, axis=0), in_axes=axis)(et.asarray(moved))
    close(found, np.stack([(a * a).sum(axis=0) for a in A]))


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_out_axes(axis):
    found = nn.vmap(lambda a: et.exp(a), out_axes=axis)(et.asarray(A))
    close(found, np.stack([np.exp(a) for a in A], axis=axis))


def test_none_gives_the_whole_argument():
    w = B[0]
    found = nn.vmap(lambda a, w: a @ w, in_axes=(0, None))(et.asarray(A), et.asarray(w))
    close(found, A @ w)
    found = nn.vmap(lambda w, a: a @ w, in_axes=[None, 1])(et.asarray(w), et.asarray(A))
    close(found, np.stack([A[:, i] @ w for i in range(3)]))


def test_containers_in_and_out():
    tree = {"a": et.asarray(A), "rest": [et.asarray(B), 3]}

    def f(tree, scale):
        assert tree["rest"][1] == 3
        return {"sum": et.sum(tree["a"]) * scale, "pair": (tree["rest"][0], tree["a"][0])}

    found = nn.vmap(f, in_axes=(0, None))(tree, et.asarray(2.0))
    close(found["sum"], 2 * A.sum(axis=(1, 2)))
    close(found["pair"][0], B)
    close(found["pair"][1], A[:, 0])


def test_a_scalar_for_each():
    close(nn.vmap(lambda x: x * 2.0)(et.asarray([1.0, 2.0])), np.array([2.0, 4.0]))


def test_within_vmap():
    found = nn.vmap(nn.vmap(lambda a, b: et.sum(a * b), in_axes=(0, None)), in_axes=(0, 0))(
        et.asarray(A), et.asarray(A[:, 0])
    )
    close(found, np.einsum("nij,nj->ni", A, A[:, 0]))


def test_gradients_for_each_sample():
    w = np.array([1.0, -2.0, 0.5], np.float32)
    x = np.random.default_rng(2).normal(size=(6, 3)).astype(np.float32)

    def loss(w, x):
        return et.tanh(et.sum(w * x)) ** 2

    found = nn.vmap(nn.grad(loss), in_axes=(None, 0))(et.asarray(w), et.asarray(x))
    t = np.tanh(x @ w)
    close(found, (2 * t * (1 - t * t))[:, None] * x)


def test_gradients_for_each_sample_by_a_module():
    model = nn.Linear(3, 1)
    x = np.random.default_rng(2).normal(size=(6, 3)).astype(np.float32)

    def loss(model, x):
        return et.sum(model(x) ** 2)

    grads = nn.vmap(nn.grad(loss), in_axes=(None, 0))(model, et.asarray(x))
    y = x @ model.weight.numpy().T + model.bias.numpy()
    close(grads["weight"], 2 * y[:, :, None] * x[:, None, :])
    close(grads["bias"], 2 * y)
    assert type(model.weight.native) is type(et.ones(1).native)


def test_the_gradient_of_a_vmapped_function():
    def f(a):
        return et.sum(nn.vmap(lambda row: et.sum(row) ** 2)(a))

    close(nn.grad(f)(et.asarray(A)), np.broadcast_to(
        2 * A.sum(axis=(1, 2))[:, None, None], A.shape
    ))  # fmt: skip


def test_the_gradient_through_a_closure():
    x = et.asarray([1.0, 2.0, 3.0])
    found = nn.grad(lambda w: et.sum(nn.vmap(lambda x: w * w * x)(x)))(et.asarray(2.0))
    assert found.item() == pytest.approx(24.0)


def test_jacobian():
    def f(x):
        return et.stack([et.sum(x * x), x[0] * x[1]])

    def row(v, x):
        return nn.grad(lambda x: et.sum(f(x) * v))(x)

    x = et.asarray([2.0, 5.0])
    found = nn.vmap(row, in_axes=(0, None))(et.eye(2), x)
    close(found, np.array([[4.0, 10.0], [5.0, 2.0]], np.float32))


def test_tensors_made_inside_are_of_the_backend_of_the_arguments(backend):
    other = next((name for name in BACKENDS if name != backend), backend)
    x = et.asarray([1.0, 2.0])
    with et.use_backend(other):
        found = nn.vmap(lambda x: x * et.asarray(3.0))(x)
    assert found.backend == backend
    assert found.tolist() == [3.0, 6.0]


def test_errors():
    with pytest.raises(ArgumentError, match="2 in_axes for 1 arguments"):
        nn.vmap(lambda x: x, in_axes=(0, 0))(et.ones(2))
    with pytest.raises(ArgumentError, match="no argument is mapped"):
        nn.vmap(lambda x: x, in_axes=None)(et.ones(2))
    with pytest.raises(ArgumentError, match="no argument is mapped"):
        nn.vmap(lambda x: x)(3)
    with pytest.raises(ShapeError, match=r"differ in size: axis 0 of \(2,\) and axis 0 of \(3,\)"):
        nn.vmap(lambda x, y: x)(et.ones(2), et.ones(3))
    with pytest.raises(ShapeError, match=r"axis 1 is out of range for shape \(2,\)"):
        nn.vmap(lambda x: x, in_axes=1)(et.ones(2))
    with pytest.raises(ShapeError, match=r"axis 0 is out of range for shape \(\)"):
        nn.vmap(lambda x: x)(et.ones(()))
    with pytest.raises(ShapeError, match=r"the mapped axis 0 of shape \(0, 2\) is empty"):
        nn.vmap(lambda x: x)(et.ones((0, 2)))
    with pytest.raises(ArgumentError, match="returns tensors, not float"):
        nn.vmap(lambda x: (x, 1.0))(et.ones(2))
    with pytest.raises(
        ShapeError, match=r"out_axes=2 is out of range for a result of shape \(3,\)"
    ):
        nn.vmap(lambda x: x, out_axes=2)(et.ones((2, 3)))


def test_none_is_returned_as_it_is():
    y, nothing = nn.vmap(lambda x: (x * 2.0, None))(et.ones(2))
    assert (y.tolist(), nothing) == ([2.0, 2.0], None)


def test_a_buffer_cannot_be_written():
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("seen", 0.0)

        def forward(self, x):
            self.seen = self.seen + x
            return x

    model = Counting()
    with pytest.raises(UnsupportedError, match="the function writes the buffer 'seen'"):
        nn.vmap(model)(et.ones(2))
    with pytest.raises(UnsupportedError, match="the function writes the buffer 'seen'"):
        nn.vmap(lambda x, m: m(x), in_axes=(0, None))(et.ones(2), model)
    assert model.seen.item() == 0.0
