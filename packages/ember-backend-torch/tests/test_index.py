"""Indexing and assignment, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from ember_ml.backend.errors import ShapeError, TensorIndexError
from ember_ml.nn import tensor as et

KEYS = [
    1,
    -1,
    (0, 2),
    slice(None),
    slice(None, None, -1),
    slice(4, 0, -2),
    slice(0, 4, -1),
    (slice(None), slice(None, None, -1)),
    (Ellipsis, slice(3, None, -2)),
    (0, slice(None, None, -1), slice(None, None, -3)),
    (None, 1, None, slice(None, None, -1)),
    (slice(None, None, 2), Ellipsis, 0),
    np.array([2, 0, -1]),
    np.array([2, 0], "uint8"),
    np.array([2, 0], "int16"),
    (slice(None, None, -1), np.array([[0, 1], [2, -1]])),
    (np.array([0, 1]), slice(None, None, -1), np.array([3, 0])),
    (np.array([0, 1]), np.array([3, 0]), slice(None, None, -1)),
    (slice(None), 1, np.array([0, 3])),
    (np.arange(60).reshape(5, 4, 3) % 2 == 0),
    (np.array([True, False, True, False, True]), slice(None, None, -1)),
    (slice(3, 3, -1), 0),
]
DTYPES = ["float32", "bool", "uint16", "uint64", "complex64"]


def sample(dtype: str) -> np.ndarray:
    return (np.arange(60).reshape(5, 4, 3) % 61).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("key", KEYS, ids=str)
def test_getitem(key: object, dtype: str) -> None:
    x = sample(dtype)
    try:
        expected = x[key]
    except IndexError:
        with pytest.raises(TensorIndexError):
            et.asarray(x)[key]
        return
    actual = et.asarray(x)[key]
    assert actual.dtype.name == dtype
    np.testing.assert_array_equal(actual.numpy(), expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("key", KEYS, ids=str)
@pytest.mark.parametrize("spread", [False, True], ids=["own", "broadcast"])
def test_setitem(key: object, dtype: str, spread: bool) -> None:
    expected = np.array(np.broadcast_to(sample(dtype)[:1], (5, 4, 3))) if spread else sample(dtype)
    x = et.asarray(sample(dtype), copy=True)
    if spread:
        x = et.broadcast_to(x[:1], (5, 4, 3))
    try:
        place = expected[key]
    except IndexError:
        with pytest.raises(TensorIndexError):
            x[key] = 0
        return
    value = (np.arange(place.size).reshape(place.shape) + 7).astype(dtype)
    expected[key] = value
    x[key] = value
    np.testing.assert_array_equal(x.numpy(), expected)
    expected[key] = value.dtype.type(1)
    x[key] = True if dtype == "bool" else 1
    np.testing.assert_array_equal(x.numpy(), expected)


def test_assignment_is_in_place_where_it_can_be() -> None:
    x = et.zeros(4)
    address = x.native.data_ptr()
    x[1:3] = 5.0
    assert x.native.data_ptr() == address
    assert x.tolist() == [0.0, 5.0, 5.0, 0.0]


def test_a_value_that_does_not_fit() -> None:
    x = et.zeros((2, 3))
    for key in (slice(None), slice(None, None, -1)):
        with pytest.raises(ShapeError, match="does not broadcast"):
            x[key] = et.ones(4)


def test_indices_out_of_range() -> None:
    x = et.zeros(3)
    for key in (3, -4, et.asarray([3]), et.asarray([-4])):
        with pytest.raises(TensorIndexError):
            x[key]
    with pytest.raises(TensorIndexError):
        x[et.asarray([3])] = 1.0
