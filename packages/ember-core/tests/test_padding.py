"""Padding against NumPy."""

import numpy as np
import pytest

from ember_ml import nn
from ember_ml.backend.errors import (
    ArgumentError,
    AxisError,
    DTypeError,
    InvalidValueError,
    ShapeError,
)
from ember_ml.nn import tensor as et

from ._values import same

X = np.arange(12, dtype=np.float32).reshape(3, 4)
MODES = ["constant", "edge", "reflect", "symmetric", "wrap"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "width",
    [0, 2, (1, 2), (3,), ((1, 2),), ((1, 2), (0, 3)), ((2, 0), (0, 0)), {0: 1}, {-1: (2, 1)}, {}],
)
def test_widths(backend, mode, width):
    expected = np.pad(X, width, mode=mode)
    same(et.pad(et.asarray(X), width, mode=mode), expected)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [1, 2, 3])
def test_more_than_there_is(backend, mode, size):
    x = np.arange(size)
    same(et.pad(et.asarray(x), (7, 9), mode=mode), np.pad(x, (7, 9), mode=mode))


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "float16", "complex64"])
@pytest.mark.parametrize("mode", MODES)
def test_dtypes(backend, dtype, mode):
    x = np.array([[0, 1, 1], [1, 0, 1]]).astype(dtype)
    same(et.pad(et.asarray(x), 1, mode=mode), np.pad(x, 1, mode=mode))


def test_value(backend):
    same(et.pad(et.asarray(X), 1, value=-1.5), np.pad(X, 1, constant_values=-1.5))
    assert et.pad([1, 2], 1, value=7).dtype is et.int64
    assert et.pad([1.0], 1, value=et.inf).tolist() == [et.inf, 1.0, et.inf]


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        ("bool", True),
        ("int8", -128),
        ("uint8", 255),
        ("int64", 2**53 + 1),  # which double precision does not hold
        ("uint64", 2**64 - 1),
        ("complex64", 1 + 2j),
        ("float16", 0.5),
    ],
)
def test_value_of_each_kind(backend, dtype, value):
    x = np.array([[0, 1, 1]]).astype(dtype)
    result = et.pad(et.asarray(x), ((0, 1), (1, 0)), value=value)
    assert result.dtype.name == dtype
    assert result.tolist() == [[value, *x[0].tolist()], [value] * 4]


def test_in_vmap_and_compile(backend):
    expected = np.pad(X, ((0, 0), (1, 2)), constant_values=3)
    same(nn.vmap(lambda x: et.pad(x, (1, 2), value=3.0))(et.asarray(X)), expected)
    same(nn.compile(lambda x: et.pad(x, ((0, 0), (1, 2)), value=3.0))(et.asarray(X)), expected)
    expected = np.pad(X, ((0, 0), (1, 2)), mode="reflect")
    same(nn.vmap(lambda x: et.pad(x, (1, 2), mode="reflect"))(et.asarray(X)), expected)


def test_of_nothing(backend):
    same(et.pad(et.zeros((0, 2)), ((1, 2), (0, 0))), np.zeros((3, 2), np.float32))
    assert et.pad(3.0, 2).item() == 3.0
    with pytest.raises(ShapeError, match="no element to repeat"):
        et.pad(et.zeros((2, 0)), 1, mode="edge")
    assert et.pad(et.zeros((2, 0)), ((1, 1), (0, 0)), mode="edge").shape == (4, 0)


@pytest.mark.parametrize(
    ("error", "width", "options"),
    [
        (InvalidValueError, -1, {}),
        (InvalidValueError, ((1, -1),), {}),
        (InvalidValueError, 1, {"mode": "mirror"}),
        (ShapeError, ((1, 1), (1, 1), (1, 1)), {}),
        (ShapeError, (1, 2, 3), {}),
        (ArgumentError, 1.5, {}),
        (ArgumentError, None, {}),
        (AxisError, {2: 1}, {}),
        (DTypeError, 1, {"value": 1j}),
    ],
)
def test_what_does_not_fit(backend, error, width, options):
    with pytest.raises(error):
        et.pad(et.asarray(X), width, **options)
