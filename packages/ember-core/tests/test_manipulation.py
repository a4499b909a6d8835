"""Shapes and order against NumPy."""

import numpy as np
import pytest

from ember_ml.backend.errors import ArgumentError, AxisError, InvalidValueError, ShapeError
from ember_ml.nn import tensor as et

from ._values import same

X = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
DTYPES = ["bool", "int8", "int64", "uint8", "uint16", "uint64", "float16", "float32", "complex64"]


def of(dtype):
    return (X % 2 if dtype == "bool" else X).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype(backend, dtype):
    x = of(dtype)
    t = et.asarray(x)
    same(t.reshape((4, 6)), x.reshape(4, 6))
    same(et.permute_dims(t, (2, 0, 1)), x.transpose(2, 0, 1))
    same(t.mT, x.swapaxes(1, 2))
    same(et.concat([t, t], axis=1), np.concatenate([x, x], 1))
    same(et.stack([t, t], axis=-1), np.stack([x, x], -1))
    same(et.flip(t), np.flip(x))
    same(et.roll(t, 5), np.roll(x, 5))
    same(et.repeat(t, 2, axis=1), np.repeat(x, 2, 1))
    same(et.tile(t, (2, 1, 1)), np.tile(x, (2, 1, 1)))
    same(et.broadcast_to(t[:1], (2, 3, 4)), np.broadcast_to(x[:1], (2, 3, 4)))
    same(et.expand_dims(t, 1), x[:, None])
    same(et.moveaxis(t, 0, 2), np.moveaxis(x, 0, 2))


@pytest.mark.parametrize(
    "shape", [(24,), 24, (4, 6), (-1,), -1, (2, -1), [6, 4], (1, 24, 1), (2, 3, 4), (-1, 1)]
)
def test_reshape(backend, shape):
    same(et.reshape(et.asarray(X), shape), X.reshape(shape))
    same(et.reshape(et.asarray(X).mT, shape), X.swapaxes(1, 2).reshape(shape))
    same(et.asarray(X).reshape(shape), X.reshape(shape))


def test_reshape_of_few_elements(backend):
    same(et.reshape(et.asarray(np.float32(5)), (1, 1)), np.float32([[5]]))
    same(et.reshape(et.asarray(np.float32([5])), ()), np.float32(5))
    assert et.reshape(et.zeros((0, 3)), (3, 0)).shape == (3, 0)
    assert et.reshape(et.zeros((2, 0)), (0,)).shape == (0,)
    same(et.reshape([1, 2], (2, 1)), np.array([[1], [2]]))


def test_reshape_with_and_without_a_copy(backend):
    x = et.asarray(X, copy=True)
    fresh = et.reshape(x, (24,), copy=True)
    fresh[0] = 99.0
    same(x, X)
    same(et.reshape(x, (24,), copy=False), X.ravel())


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 1, 0), (-1, 0, 1), (1, -1, -3)])
def test_permute_dims(backend, axes):
    same(et.permute_dims(et.asarray(X), axes), X.transpose(axes))
    same(et.asarray(X).transpose(*axes), X.transpose(axes))


@pytest.mark.parametrize(
    "source, destination", [(0, -1), (-1, 0), (1, 1), ((0, 1), (1, 2)), ((2, 0), (0, 1)), ((), ())]
)
def test_moveaxis(backend, source, destination):
    same(et.moveaxis(et.asarray(X), source, destination), np.moveaxis(X, source, destination))


@pytest.mark.parametrize("axis", [0, 1, 3, -1, -4, (0, 2), (0, -1), (-1, -2), ()])
def test_expand_dims(backend, axis):
    same(et.expand_dims(et.asarray(X), axis), np.expand_dims(X, axis))


@pytest.mark.parametrize("axis", [0, -1, (0, 2), (2, 0, -1), ()])
def test_squeeze(backend, axis):
    x = X.reshape(1, 2, 1, 12, 1)
    same(et.squeeze(et.asarray(x), axis), np.squeeze(x, axis))
    same(et.asarray(x).squeeze(axis), np.squeeze(x, axis))


def test_broadcasting(backend):
    a, b = np.float32([[1], [2]]), np.float32([3, 4, 5])
    for ours, numpys in zip(
        et.broadcast_arrays(et.asarray(a), et.asarray(b)), np.broadcast_arrays(a, b), strict=True
    ):
        same(ours, numpys)
    assert et.broadcast_shapes((2, 1), (3,), ()) == (2, 3)
    assert et.broadcast_shapes((0, 1), (1, 3)) == (0, 3)
    assert et.broadcast_shapes() == ()
    assert et.broadcast_arrays(1, 2.5)[0].dtype is et.int64
    same(et.broadcast_to(et.asarray(np.float32(2)), (2, 2)), np.full((2, 2), 2, "f4"))
    assert et.broadcast_to(et.ones((1, 3)), (0, 3)).shape == (0, 3)


@pytest.mark.parametrize("axis", [0, 1, -1, None])
def test_concat(backend, axis):
    parts = [X, X + 100, X - 100]
    expected = np.concatenate(parts, axis)
    same(et.concat([et.asarray(p) for p in parts], axis=axis), expected)
    same(et.concat(tuple(et.asarray(p) for p in parts), axis=axis), expected)


def test_concat_of_other_shapes(backend):
    same(et.concat([et.ones((0, 2)), et.ones((1, 2))]), np.ones((1, 2), "f4"))
    same(et.concat([et.asarray(X)]), X)
    same(et.concat([[[1], [2]], [3]], axis=None), np.array([1, 2, 3]))
    same(et.concat([[1], [2.5]]), np.float32([1, 2.5]))
    same(et.concat([[True], [2]]), np.array([1, 2]))


@pytest.mark.parametrize("axis", [0, 1, 3, -1, -4])
def test_stack(backend, axis):
    same(et.stack([et.asarray(X), et.asarray(-X)], axis=axis), np.stack([X, -X], axis))
    same(et.stack([1, 2.5]), np.float32([1, 2.5]))


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_unstack(backend, axis):
    parts = et.unstack(et.asarray(X), axis=axis)
    assert isinstance(parts, tuple)
    for ours, numpys in zip(parts, np.unstack(X, axis=axis), strict=True):
        same(ours, numpys)


@pytest.mark.parametrize("sections", [1, 2, 4, [1], [1, 3], [2, 2], [0, 10], []])
def test_split(backend, sections):
    parts = et.split(et.asarray(X), sections, axis=2)
    for ours, numpys in zip(parts, np.split(X, sections, axis=2), strict=True):
        same(ours, numpys)


@pytest.mark.parametrize("axis", [None, 0, 1, -1, (0, 2), (0, 1, 2), ()])
def test_flip(backend, axis):
    same(et.flip(et.asarray(X), axis=axis), np.flip(X, axis))


@pytest.mark.parametrize(
    "shift, axis",
    [(1, None), (-3, None), (100, None), (1, 0), (-1, 2), (7, -1), ((1, 2), (0, 1)), (0, 1),
     ((1, 1), (2, 2))],
)  # fmt: skip
def test_roll(backend, shift, axis):
    same(et.roll(et.asarray(X), shift, axis=axis), np.roll(X, shift, axis))


def test_roll_of_little(backend):
    same(et.roll(et.asarray(np.float32(3)), 1), np.float32(3))
    assert et.roll(et.zeros((0, 2)), 1, axis=0).shape == (0, 2)


@pytest.mark.parametrize(
    "repeats, axis",
    [(2, None), (0, 0), (3, 1), (1, -1), ([2, 0, 1], 1), (np.array([1, 3]), 0), ([4], 2),
     (np.array(2), 1)],
)  # fmt: skip
def test_repeat(backend, repeats, axis):
    ours = et.asarray(repeats) if isinstance(repeats, np.ndarray) else repeats
    same(et.repeat(et.asarray(X), ours, axis=axis), np.repeat(X, repeats, axis))


def test_repeat_wrongly(backend):
    with pytest.raises(InvalidValueError, match="repeat: -1 is not a number of times"):
        et.repeat([1, 2], -1)
    with pytest.raises(ShapeError, match=r"repeat: \(3,\) repeats for an axis of size 2"):
        et.repeat([1, 2], [1, 2, 3])


@pytest.mark.parametrize("times", [(2,), (1, 2), (2, 1, 1), (2, 3, 1, 2), (0, 1, 1), (), (1,)])
def test_tile(backend, times):
    same(et.tile(et.asarray(X), times), np.tile(X, times))


def test_axes_of_another_kind(backend):
    x = et.asarray(X)
    with pytest.raises(ArgumentError, match="an axis is an integer, not 0.5"):
        et.squeeze(x, 0.5)
    with pytest.raises(AxisError, match="named twice"):
        et.expand_dims(x, (0, 0))
    same(et.expand_dims(x, np.int64(0)), X[None])


@pytest.mark.parametrize("indexing", ["xy", "ij"])
def test_meshgrid(backend, indexing):
    vectors = [np.float32([1, 2, 3]), np.float32([4, 5]), np.float32([6])]
    for count in range(1, 4):
        expected = np.meshgrid(*vectors[:count], indexing=indexing)
        got = et.meshgrid(*map(et.asarray, vectors[:count]), indexing=indexing)
        for ours, numpys in zip(got, expected, strict=True):
            same(ours, numpys)
