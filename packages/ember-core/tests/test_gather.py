"""``gather``, ``scatter`` and ``one_hot`` against the same written out as loops."""

import numpy as np
import pytest

from ember_ml import nn
from ember_ml.backend.errors import (
    AxisError,
    DTypeError,
    InvalidValueError,
    ShapeError,
    TensorIndexError,
)
from ember_ml.nn import tensor as et

from ._values import close, same

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 4, 5)).astype(np.float32)


def places(indices, axis):
    """Where each of ``indices`` points: (place in indices, place in x)."""
    for place in np.ndindex(indices.shape):
        yield place, (*place[:axis], indices[place], *place[axis + 1 :])


def indices_for(axis, shape):
    return RNG.integers(-X.shape[axis], X.shape[axis], shape)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("shape", [(3, 4, 5), (2, 4, 3), (1, 1, 1), (0, 2, 2)])
def test_gather(backend, axis, shape):
    shape = shape[:axis] + (7,) + shape[axis + 1 :]
    indices = indices_for(axis, shape)
    right = np.zeros(shape, np.float32)
    for place, there in places(indices, axis):
        right[place] = X[there]
    same(et.gather(et.asarray(X), et.asarray(indices), axis=axis), right)
    same(et.gather(et.asarray(X), et.asarray(indices.astype(np.int8)), axis=axis - 3), right)


def test_gather_of_lists(backend):
    assert et.gather([1, 2, 3], [2, -1], axis=0).tolist() == [3, 3]


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("reduce", ["set", "add", "multiply", "max", "min"])
def test_scatter(backend, axis, reduce):
    shape = (2, 3, 4)[:axis] + (7,) + (2, 3, 4)[axis + 1 :]
    indices = indices_for(axis, shape)
    values = RNG.normal(size=shape).astype(np.float32)
    combine = {
        "set": lambda a, b: b, "add": np.add, "multiply": np.multiply, "max": max, "min": min
    }[reduce]  # fmt: skip
    right = X.copy()
    for place, there in places(indices, axis):
        right[there] = combine(right[there], values[place])
    x = et.asarray(X, copy=True)
    found = et.scatter(x, et.asarray(indices), et.asarray(values), axis=axis, reduce=reduce)
    close(found, right, rtol=1e-5)
    same(x, X)


def test_scatter_broadcasts_and_converts(backend):
    same(et.scatter(et.zeros(3, dtype=et.int64), [0, 2], 1.9, axis=0), np.array([1, 0, 1]))
    same(et.scatter(et.zeros((2, 2)), [[0], [1]], [[5], [6]], axis=1),
         np.array([[5, 0], [0, 6]], np.float32))  # fmt: skip


def test_gradients(backend):
    indices = np.array([[2, 0, 2]])

    def loss(pair):
        x, v = pair
        return et.sum(et.gather(x, indices, axis=1) * et.asarray([[1.0, 2.0, 4.0]])) + et.sum(
            et.scatter(x, indices, v, axis=1, reduce="add") * et.asarray([[1.0, 1.0, 3.0]])
        )

    dx, dv = nn.grad(loss)((et.zeros((1, 3)), et.zeros((1, 3))))
    assert dx.tolist() == [[3.0, 1.0, 8.0]]
    assert dv.tolist() == [[3.0, 1.0, 3.0]]


def test_vmap(backend):
    indices = RNG.integers(0, 4, (3, 2, 5))
    found = nn.vmap(lambda x, i: et.gather(x, i, axis=0))(et.asarray(X), et.asarray(indices))
    same(found, np.take_along_axis(X, indices, 1))


@pytest.mark.parametrize(
    "function", [lambda *a, **k: et.gather(*a, **k), lambda *a, **k: et.scatter(*a, 1.0, **k)]
)
def test_mistakes(backend, function):
    x = et.ones((2, 3))
    with pytest.raises(ShapeError, match=r"\(2,\) for a tensor of shape \(2, 3\)"):
        function(x, [0, 1], axis=0)
    with pytest.raises(ShapeError, match=r"\(3, 1\) reach beyond shape \(2, 3\) in axis 0"):
        function(x, [[0], [0], [0]], axis=1)
    with pytest.raises(TensorIndexError, match="index 3 is out"):
        function(x, [[3]], axis=1)
    with pytest.raises(AxisError, match="axis 2"):
        function(x, [[0]], axis=2)
    with pytest.raises(DTypeError, match=r"indices must be integers, not float32"):
        function(x, [[0.0]], axis=1)


def test_mistakes_of_scatter(backend):
    with pytest.raises(InvalidValueError, match="set, add, multiply, max, min, not 'sum'"):
        et.scatter(et.ones(3), [0], 1.0, axis=0, reduce="sum")
    with pytest.raises(ShapeError, match=r"shape \(3,\) does not broadcast"):
        et.scatter(et.ones(3), [0, 1], [1.0, 2.0, 3.0], axis=0)


# -- one_hot -----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (4,), (2, 3), (0,)])
@pytest.mark.parametrize("dtype", ["int64", "uint8", "int16", "uint64"])
def test_one_hot(backend, shape, dtype):
    indices = RNG.integers(0, 5, shape).astype(dtype)
    same(et.one_hot(et.asarray(indices), 5), np.eye(5, dtype=np.float32)[indices])


def test_one_hot_of_what_is_no_class(backend):
    found = et.one_hot([-1, 2, 1, 1000], 2, dtype=et.int32)
    same(found, np.array([[0, 0], [0, 0], [0, 1], [0, 0]], np.int32))


@pytest.mark.parametrize("axis", [0, 1, 2, -2, -3])
def test_one_hot_along_an_axis(backend, axis):
    indices = RNG.integers(0, 5, (2, 3))
    right = np.moveaxis(np.eye(5, dtype=bool)[indices], -1, axis)
    same(et.one_hot(indices, 5, dtype="bool", axis=axis), right)


def test_one_hot_in_transforms(backend):
    labels = et.asarray([2, 0])
    same(nn.vmap(lambda i: et.one_hot(i, 3))(labels), np.eye(3, dtype=np.float32)[[2, 0]])
    same(nn.compile(lambda i: et.one_hot(i, 3))(labels), np.eye(3, dtype=np.float32)[[2, 0]])


def test_mistakes_of_one_hot(backend):
    assert et.one_hot([0, 1], 0).shape == (2, 0)
    with pytest.raises(InvalidValueError, match="num_classes is a size, not -1"):
        et.one_hot([0], -1)
    with pytest.raises(DTypeError, match="indices must be integers, not float32"):
        et.one_hot([0.0], 2)
    with pytest.raises(AxisError, match="axis 2"):
        et.one_hot([0], 2, axis=2)
