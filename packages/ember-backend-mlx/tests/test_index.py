"""Indexing and assignment, against NumPy."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import numpy as np
import pytest

from ember_ml import nn
from ember_ml.backend.errors import ShapeError, TensorIndexError
from ember_ml.nn import tensor as et

DATA = np.arange(24.0, dtype="float32").reshape(2, 3, 4)
PAIR, GRID, MASK = np.array([1, -2]), np.array([[0, 2], [1, -1]]), DATA[0] > 5

KEYS: list[Any] = [
    (), ..., 0, (-1, 2), (0, ..., 3), slice(None), slice(1, None), (slice(None), slice(2, 0, -1)),
    (slice(None, None, -1), None, 1), slice(5, 9), slice(-(2**40), 2**40), PAIR, (PAIR, PAIR),
    (PAIR, slice(None), PAIR), (slice(None), GRID), (..., GRID), (None, PAIR, 1), (1, slice(1), PAIR),
    (slice(None), MASK), DATA > 7, (0, MASK), np.zeros(0, "int64"), (slice(None), np.zeros(0, "int64")),
    DATA > 99,
]  # fmt: skip


def ours(key: Any) -> Any:
    parts = key if isinstance(key, tuple) else (key,)
    made = tuple(et.asarray(p) if isinstance(p, np.ndarray) else p for p in parts)
    return made if isinstance(key, tuple) else made[0]


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_getitem(key: Any) -> None:
    found, expected = et.asarray(DATA)[ours(key)], DATA[key]
    assert found.shape == expected.shape
    np.testing.assert_array_equal(found.numpy(), expected)


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_setitem(key: Any) -> None:
    expected, x = DATA.copy(), et.asarray(DATA)
    value = np.random.default_rng(0).normal(size=expected[key].shape).astype("float32")
    expected[key] = value
    x[ours(key)] = et.asarray(value)
    np.testing.assert_array_equal(x.numpy(), expected)
    expected[key] = 7
    x[ours(key)] = 7
    np.testing.assert_array_equal(x.numpy(), expected)


def test_nothing_is_indexed_and_assigned() -> None:
    x = et.zeros((0, 3))
    assert x[:, et.asarray([1])].shape == (0, 1)
    x[...] = 3.0
    x[et.asarray([], dtype=et.int64)] = 1.0
    assert x.shape == (0, 3)
    with pytest.raises(ShapeError):
        x[...] = et.ones((2,))


@pytest.mark.parametrize("index", [[3], [-4], [0, 7], [2**40]])
def test_indices_out_of_range(index: list[int]) -> None:
    x, i = et.asarray([1.0, 2.0, 3.0]), et.asarray(index)
    with pytest.raises(TensorIndexError, match=f"index {max(index, key=abs)} is out of range"):
        x[i]
    with pytest.raises(TensorIndexError):
        x[i] = 0.0
    with pytest.raises(TensorIndexError):
        et.take(x, i, axis=0)
    with pytest.raises(TensorIndexError):
        et.take_along_axis(x, i, axis=0)
    with pytest.raises(TensorIndexError):
        et.softmax_cross_entropy(et.ones((len(index), 3)), i)


def test_labels_do_not_count_from_the_end() -> None:
    for labels in ([-1, 0], [0, 3]):
        with pytest.raises(TensorIndexError, match=f"index {labels[0] or 3} is out of range"):
            et.softmax_cross_entropy(et.ones((2, 3)), et.asarray(labels))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "uint64"])
def test_indices_of_every_dtype(dtype: str) -> None:
    i = et.asarray([2, 0], dtype=dtype)
    assert et.asarray([1.0, 2.0, 3.0])[i].tolist() == [3.0, 1.0]
    assert et.take_along_axis(et.asarray([[1, 2, 3]]), i[None], axis=1).tolist() == [[3, 1]]


def test_assignment_reaches_no_other_tensor() -> None:
    native = mx.array([1.0, 2.0, 3.0])
    x, y = et.from_native(native), et.from_native(native)
    view, plain = x[:], et.asarray(x)
    x[0] = 9.0
    assert x.tolist() == [9.0, 2.0, 3.0]
    assert plain is x
    assert y.tolist() == view.tolist() == native.tolist() == [1.0, 2.0, 3.0]


def test_assignment_inside_of_transforms() -> None:
    def assigned(x: et.EmberTensor) -> et.EmberTensor:
        y = et.zeros((3,))
        y[0] = x[1] * 2.0
        y[et.asarray([1, 2])] = x
        return et.sum(y * y)

    x = et.asarray([1.0, 3.0])  # (2 b)^2 + a^2 + b^2
    assert nn.grad(assigned)(x).tolist() == [2.0, 30.0]
    assert nn.compile(assigned)(x).item() == 46.0
    assert nn.vmap(assigned)(et.stack([x, x * 2.0])).tolist() == [46.0, 184.0]
    assert x.tolist() == [1.0, 3.0]


def test_indices_that_depend_on_the_argument_have_no_gradient() -> None:
    def picked(x: et.EmberTensor) -> et.EmberTensor:
        return et.sum(et.take(x, et.astype(x, et.int64), axis=0) * et.asarray([1.0, 10.0]))

    assert nn.grad(picked)(et.asarray([1.0, 0.0])).tolist() == [10.0, 1.0]
