"""Creation, shapes, searching and sorting, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from ember_ml.backend.errors import EmberError, ShapeError, TensorIndexError
from ember_ml.nn import tensor as et

X = np.arange(24, dtype="float32").reshape(2, 3, 4)
UNSIGNED = ["uint8", "uint16", "uint32", "uint64"]


def same(actual: et.EmberTensor, expected: np.ndarray) -> None:
    assert actual.dtype.name == str(expected.dtype)
    np.testing.assert_array_equal(actual.numpy(), expected)


def test_shapes() -> None:
    x = et.asarray(X)
    same(et.reshape(x, (4, -1)), X.reshape(4, -1))
    same(et.permute_dims(x, (2, 0, -2)), X.transpose(2, 0, 1))
    same(et.matrix_transpose(x), np.swapaxes(X, -1, -2))
    same(et.broadcast_to(x[:, :1], (5, 2, 3, 4)), np.broadcast_to(X[:, :1], (5, 2, 3, 4)))
    same(et.concat([x, x], axis=1), np.concatenate([X, X], 1))
    same(et.concat([x, x], axis=None), np.concatenate([X, X], None))
    same(et.stack([x, x], axis=-1), np.stack([X, X], -1))


def test_reshape_and_its_copies() -> None:
    x = et.asarray(X)
    address = x.native.data_ptr()
    assert et.reshape(x, (24,), copy=False).native.data_ptr() == address
    assert et.reshape(x, (24,), copy=True).native.data_ptr() != address
    same(et.reshape(x.mT, (24,), copy=True), np.swapaxes(X, 1, 2).reshape(24))
    with pytest.raises(EmberError):
        et.reshape(x.mT, (24,), copy=False)
    with pytest.raises(ShapeError, match="reshape"):
        et.reshape(x, (5, 5))


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2)])
def test_flip(axis: object) -> None:
    same(et.flip(et.asarray(X), axis=axis), np.flip(X, axis))


@pytest.mark.parametrize(
    ("shift", "axis"), [(1, None), (-2, 1), (1, (0, 2)), ((1, -1), (0, 2)), (5, -1)]
)
def test_roll(shift: object, axis: object) -> None:
    same(et.roll(et.asarray(X), shift, axis=axis), np.roll(X, shift, axis))


@pytest.mark.parametrize("arguments", [(5,), (2, 9, 3), (9, 2, -3), (5, 2), (0,), (2, 5, -1)])
@pytest.mark.parametrize("dtype", ["int64", "uint8", "uint32", "float32", "float64"])
def test_arange(arguments: tuple[int, ...], dtype: str) -> None:
    same(et.arange(*arguments, dtype=dtype), np.arange(*arguments, dtype=dtype))


def test_arange_by_fractions() -> None:
    np.testing.assert_allclose(et.arange(0.0, 1.0, 0.1).numpy(), np.arange(0, 1, 0.1), rtol=1e-6)
    with pytest.raises(EmberError):
        et.arange(0, 1, 0)


@pytest.mark.parametrize("endpoint", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "int32", "uint16"])
def test_linspace(dtype: str, endpoint: bool) -> None:
    expected = np.linspace(0, 10, 5, dtype=dtype, endpoint=endpoint)
    actual = et.linspace(0, 10, 5, dtype=dtype, endpoint=endpoint)
    assert actual.dtype.name == dtype
    np.testing.assert_allclose(actual.numpy(), expected, rtol=1e-6)
    assert et.linspace(0.0, 1.0, 1, endpoint=endpoint).tolist() == [0.0]
    assert et.linspace(0.0, 1.0, 0).shape == (0,)


@pytest.mark.parametrize("dtype", [*UNSIGNED, "int64", "bool"])
def test_making_every_dtype(dtype: str) -> None:
    for function in (et.zeros, et.ones):
        same(function((2, 2), dtype=dtype), getattr(np, function.__name__)((2, 2), dtype))
    assert et.empty((2, 0), dtype=dtype).shape == (2, 0)
    same(et.full((2,), 1, dtype=dtype), np.full(2, 1, dtype))
    same(et.tril(et.ones((3, 3), dtype=dtype), k=-1), np.tril(np.ones((3, 3), dtype), -1))
    same(et.triu(et.ones((2, 3, 3), dtype=dtype)), np.triu(np.ones((2, 3, 3), dtype)))


NAMES = ["bool", "int8", "int64", *UNSIGNED, "float16", "float32", "float64", "complex64"]


@pytest.mark.parametrize(
    ("source", "target"),
    [(a, b) for a in NAMES for b in NAMES if a != "complex64" or b in ("bool", "complex64")],
)
def test_astype(source: str, target: str) -> None:
    x = np.array([0, 1, 1, 0]).astype(source) if source == "bool" else np.arange(4).astype(source)
    if source in ("float32", "float64", "int8", "int64") and not target.startswith("u"):
        x = (x - 2).astype(source)
    same(et.astype(et.asarray(x), target), x.astype(target))


def test_astype_keeps_what_needs_no_copy() -> None:
    x = et.asarray(X)
    assert et.astype(x, et.float32, copy=False).native is x.native
    assert et.astype(x, et.float32).native.data_ptr() != x.native.data_ptr()
    big = np.array([2**63 + 2**40, 2**64 - 1], "uint64")
    same(et.astype(et.asarray(big), "float64"), big.astype("float64"))


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("dtype", ["int16", "float32", *UNSIGNED])
def test_sorting(dtype: str, descending: bool) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 5, (4, 50)).astype(dtype)
    if dtype in UNSIGNED:
        x[:, ::7] = np.iinfo(dtype).max
    key = -x.astype("float64") if descending else x
    order = np.argsort(key, axis=-1, kind="stable")
    same(et.argsort(et.asarray(x), descending=descending), order)
    same(et.sort(et.asarray(x), descending=descending), np.take_along_axis(x, order, -1))
    same(
        et.sort(et.asarray(x), axis=0, descending=descending),
        np.sort(x, 0)[::-1] if descending else np.sort(x, 0),
    )


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("dtype", ["int32", "float64", *UNSIGNED])
def test_searchsorted(dtype: str, side: str) -> None:
    x = np.array([5, 1, 3, 3, 200], dtype)
    if dtype in UNSIGNED:
        x[-1] = np.iinfo(dtype).max
    wanted = np.array([[0, 3], [4, 200]], dtype)
    sorter = np.argsort(x)
    expected = np.searchsorted(x, wanted, side=side, sorter=sorter)
    same(et.searchsorted(x, wanted, side=side, sorter=sorter), expected)
    same(
        et.searchsorted(np.sort(x), wanted.T, side=side),
        np.searchsorted(np.sort(x), wanted.T, side),
    )
    assert et.searchsorted(np.sort(x), wanted[1, 0], side=side).shape == ()


@pytest.mark.parametrize("dtype", ["bool", "float32", "complex64", *UNSIGNED])
def test_nonzero(dtype: str) -> None:
    x = (np.arange(12).reshape(3, 4) % 3).astype(dtype)
    for actual, expected in zip(et.nonzero(et.asarray(x)), np.nonzero(x), strict=True):
        same(actual, expected)
    with pytest.raises(EmberError, match="at least one dimension"):
        et.nonzero(et.asarray(1.0))


@pytest.mark.parametrize("dtype", ["float32", "int8", *UNSIGNED])
def test_take(dtype: str) -> None:
    x = np.arange(24).reshape(2, 3, 4).astype(dtype)
    for indices in ([2, 0, -1], [], [[0, 1], [2, -3]]):
        index = np.array(indices, "int64")
        same(et.take(x, index, axis=1), np.take(x, index, 1))
        same(et.take(x, index.astype("int8"), axis=-2), np.take(x, index, 1))
    same(et.take(x[0, 0], np.array([3, -4]), axis=None), x[0, 0][[3, -4]])
    # PyTorch alone would take these for a mask
    same(et.take(x, np.array([1, 0, 1], "uint8"), axis=1), np.take(x, [1, 0, 1], 1))


def test_take_out_of_range() -> None:
    for index in (3, -4):
        with pytest.raises(TensorIndexError):
            et.take(et.arange(3), et.asarray([index]), axis=0)
    with pytest.raises(ShapeError):
        et.take(et.ones((2, 2)), et.asarray([0]), axis=2)
    with pytest.raises(ShapeError, match="name the axis"):
        et.take(et.ones((2, 2)), et.asarray([0]))


@pytest.mark.parametrize("dtype", ["float32", *UNSIGNED])
def test_take_along_axis(dtype: str) -> None:
    x = np.arange(12).reshape(3, 4).astype(dtype)
    index = np.array([[3, 0], [1, -1], [2, 2]])
    same(et.take_along_axis(x, index, axis=1), np.take_along_axis(x, index, 1))
    one = np.array([[2]], "int32")  # broadcast along the other axis
    same(et.take_along_axis(x, one, axis=0), np.take_along_axis(x, one, 0))


@pytest.mark.parametrize("dtype", ["bool", "float32", "complex64", *UNSIGNED])
def test_where(dtype: str) -> None:
    a, b = np.arange(4).astype(dtype), np.arange(4)[::-1].astype(dtype)
    mask = np.array([[True], [False]])
    same(et.where(mask, a, b), np.where(mask, a, b))
