"""Indexing and assignment against NumPy, which has the meaning that Ember gives them."""

import numpy as np
import pytest

from ember_ml.backend.errors import BackendMismatchError, ShapeError, TensorIndexError
from ember_ml.nn import tensor as et

X = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
MASK = X % 3 == 0
ROWS = np.array([True, False])

PLAIN = {
    "integer": 1,
    "negative integer": -1,
    "integers": (1, 2, 3),
    "slice": slice(0, 1),
    "empty slice": slice(2, 1),
    "slice beyond the end": slice(1, 100),
    "slice before the start": slice(-100, 1),
    "step": (slice(None), slice(None, None, 2)),
    "negative step": slice(None, None, -1),
    "negative step of two": (slice(None), slice(None), slice(None, None, -2)),
    "negative step with bounds": (slice(None), slice(None), slice(3, 0, -1)),
    "negative step, empty": (slice(None), slice(0, 3, -1)),
    "all negative steps": (slice(None, None, -1),) * 3,
    "ellipsis": ...,
    "ellipsis and integer": (..., 2),
    "integer, ellipsis, slice": (0, ..., slice(1, 3)),
    "ellipsis of no axes": (0, 1, ..., 2),
    "new axis": None,
    "new axes": (None, slice(None), None, 1, None),
    "new axis after ellipsis": (..., None),
    "integer and negative step": (1, slice(None, None, -1), None),
    "nothing": (),
    "numpy integer": np.int64(1),
}

ADVANCED = {
    "list": [1, 0, 1],
    "vector": np.array([1, 0, 0]),
    "negative": np.array([-1, -2]),
    "matrix": np.array([[0, 1], [1, 0]]),
    "no indices": [],
    "of no dimensions": np.array(1),
    "second axis": (slice(None), np.array([2, 0])),
    "last axis": (..., np.array([3, 3, 0])),
    "two": (np.array([0, 1]), np.array([2, 1])),
    "three": (np.array([0, 1]), np.array([2, 1]), np.array([0, 3])),
    "broadcast": (np.array([[0], [1]]), np.array([2, 1, 0])),
    "apart": (np.array([0, 1]), slice(None), np.array([2, 1])),
    "with integer": (1, np.array([2, 0])),
    "integer apart": (0, slice(None), np.array([2, 0])),
    "with negative integer": (np.array([1, 0]), -1),
    "with slice": (np.array([1, 0]), slice(1, None)),
    "with negative step": (np.array([1, 0]), slice(None, None, -1)),
    "with new axis": (None, np.array([1, 0])),
    "with new axis between": (np.array([1, 0]), None, np.array([1, 2])),
    "with ellipsis": (np.array([1, 0]), ..., np.array([1, 2])),
    "narrow indices": np.array([1, 0], np.int8),
    "unsigned indices": np.array([1, 0], np.uint8),
}

MASKS = {
    "full": MASK,
    "nothing": np.zeros_like(MASK),
    "everything": np.ones_like(MASK),
    "first axis": ROWS,
    "two axes": MASK[..., 0],
    "second axis": (slice(None), np.array([True, False, True])),
    "last axis": (..., np.array([True, False, True, True])),
    "after integer": (1, np.array([True, False, True])),
    "with slice": (ROWS, slice(1, None)),
    "list": [True, False],
    "true": True,
    "false": False,
}


def ours(key):
    """The key with its arrays made tensors of the current backend."""
    if isinstance(key, tuple):
        return tuple(map(ours, key))
    return et.asarray(key) if isinstance(key, np.ndarray) else key


def same(result, expected):
    assert result.shape == np.shape(expected)
    assert result.tolist() == np.asarray(expected).tolist()


CASES = {
    f"{family}: {name}": key
    for family, keys in {"plain": PLAIN, "advanced": ADVANCED, "mask": MASKS}.items()
    for name, key in keys.items()
}


@pytest.mark.parametrize("key", CASES.values(), ids=CASES)
def test_getitem(backend, key):
    x = et.asarray(X)
    result = x[ours(key)]
    same(result, X[key])
    assert (result.backend, result.dtype) == (backend, et.float32)


@pytest.mark.parametrize("key", CASES.values(), ids=CASES)
def test_getitem_takes_native_keys_of_numpy(backend, key):
    same(et.asarray(X)[key], X[key])


@pytest.mark.parametrize("key", CASES.values(), ids=CASES)
def test_setitem_of_a_scalar(backend, key):
    x, expected = et.asarray(X, copy=True), X.copy()
    x[ours(key)] = -5
    expected[key] = -5
    same(x, expected)
    assert x.dtype is et.float32


@pytest.mark.parametrize("key", CASES.values(), ids=CASES)
def test_setitem_of_a_tensor(backend, key):
    # no place twice, so that there is one right answer
    if key is CASES["advanced: list"] or key is CASES["advanced: vector"]:
        key = [1, 0]
    elif key is CASES["advanced: last axis"]:
        key = (..., np.array([3, 1, 0]))
    elif key is CASES["advanced: matrix"]:
        key = np.array([[0], [1]])
    x, expected = et.asarray(X, copy=True), X.copy()
    value = -np.arange(1, expected[key].size + 1, dtype=np.float32).reshape(expected[key].shape)
    x[ours(key)] = et.asarray(value)
    expected[key] = value
    same(x, expected)


def test_setitem_broadcasts_and_converts(backend):
    x = et.asarray(X, copy=True)
    x[0] = [1, 2, 3, 4]
    x[1] = et.asarray([[1.5], [2.5], [3.5]])
    expected = X.copy()
    expected[0] = [1, 2, 3, 4]
    expected[1] = [[1.5], [2.5], [3.5]]
    same(x, expected)
    n = et.asarray([1, 2, 3])
    n[0] = 7.9
    n[1:] = et.asarray([5.5, -5.5])
    assert (n.tolist(), n.dtype) == ([7, 5, -5], et.int64)
    b = et.asarray([False, False])
    b[1] = 3
    assert b.tolist() == [False, True]


def test_setitem_through_an_own_part(backend):
    x = et.arange(6)
    x[1:] = x[:-1]
    assert x.tolist() == [0, 0, 1, 2, 3, 4]
    x = et.arange(4)
    x[::-1] = x
    assert x.tolist() == [3, 2, 1, 0]


def test_setitem_on_a_broadcast_tensor(backend):
    x = et.broadcast_to(et.asarray([1.0, 2.0]), (2, 2))
    x[0, 0] = 9.0
    assert x.tolist() == [[9.0, 2.0], [1.0, 2.0]]


def test_of_no_dimensions(backend):
    x = et.asarray(3.0)
    assert x[()].item() == 3.0
    assert x[...].shape == ()
    assert x[None].shape == (1,)
    x[()] = 4.0
    assert x.item() == 4.0
    x[...] = 5.0
    assert x.item() == 5.0
    same(x[et.asarray(True)], [5.0])
    same(x[False], np.zeros(0))


def test_of_no_elements(backend):
    x = et.zeros((0, 3))
    assert x[:, 1].shape == (0,)
    assert x[::-1].shape == (0, 3)
    assert x[x > 0].shape == (0,)
    assert x[et.zeros((0,), dtype=et.int64)].shape == (0, 3)
    x[:, 0] = 1.0
    assert x.shape == (0, 3)


def test_a_mask_of_no_elements_selects_nothing(backend):
    x = et.ones((2, 3))
    assert x[et.zeros((0,), dtype="bool")].shape == (0, 3)
    assert x[et.zeros((2, 0), dtype="bool")].shape == (0,)
    assert et.ones((0, 1))[et.zeros((0, 0), dtype="bool")].shape == (0,)
    x[et.zeros((0, 3), dtype="bool")] = 5.0
    assert x.tolist() == [[1.0] * 3] * 2


@pytest.mark.parametrize(
    "key, message",
    [
        (2, r"index 2 is out of range for axis 0 of shape \(2, 3\)"),
        (-3, r"index -3 is out of range for axis 0 of shape \(2, 3\)"),
        ((0, 3), r"index 3 is out of range for axis 1 of shape \(2, 3\)"),
        ((..., -4), r"index -4 is out of range for axis 1"),
        ((0, 0, 0), r"3 indices for a tensor of shape \(2, 3\)"),
        ((..., 0, ...), "only one ellipsis"),
        (1.0, "cannot index|float32 tensor cannot index"),
        ("a", "'a' cannot index a tensor: integers, slices, None"),
        ([0.5], "float32 tensor cannot index"),
        (slice("a", None), "must be integers or None"),
        (slice(0, 1.5), "must be integers or None"),
        (slice(None, None, 0), "step of a slice cannot be zero"),
        (np.array([True, False, True]), r"a mask of shape \(3,\) does not fit axes 0 to 0"),
        ((0, np.array([True, False])), r"a mask of shape \(2,\) does not fit axes 1 to 1"),
        ((0, True), "a bool can index alone"),
        ((np.array([0, 1]), np.array([0, 1, 2])), r"x\[.*\] with shape \(2, 3\)"),
    ],
)
def test_wrong_keys(backend, key, message):
    x = et.ones((2, 3))
    with pytest.raises(TensorIndexError, match=message):
        x[ours(key)]
    with pytest.raises(IndexError):
        x[ours(key)] = 1.0


def test_a_value_that_does_not_fit(backend):
    x = et.ones((2, 3))
    with pytest.raises(
        ShapeError, match=r"shape \(2,\) does not broadcast to x\[0\] of shape \(3,\)"
    ):
        x[0] = et.ones(2)
    with pytest.raises(ShapeError, match=r"shape \(4,\) does not broadcast"):
        x[x > 0] = et.ones(4)
    with pytest.raises(TypeError, match="complex"):
        x[0] = 1j
    with pytest.raises(TypeError, match="complex64 tensor cannot become float32"):
        x[0] = et.asarray([1j, 2j, 3j])


def test_keys_of_another_backend(backend, engines):
    x = et.ones(3)
    for other in set(engines) - {backend}:
        with et.use_backend(other):
            index = et.asarray([0, 1])
        with pytest.raises(BackendMismatchError, match="indexing: tensors of backends"):
            x[index]
        with pytest.raises(BackendMismatchError, match="assignment: tensors of backends"):
            x[0] = index[0]
