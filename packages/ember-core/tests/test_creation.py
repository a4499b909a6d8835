"""Creation of tensors against NumPy."""

import math

import numpy as np
import pytest

from ember_ml.backend.errors import InvalidValueError
from ember_ml.backend.registry import get_backend
from ember_ml.nn import tensor as et

from ._values import close, same

DTYPES = ["bool", "int8", "int64", "uint8", "uint64", "float16", "float32", "complex64"]


@pytest.mark.parametrize("name", ["zeros", "ones", "empty"])
@pytest.mark.parametrize("shape", [(), 3, (2,), (2, 3), (0, 2), [2, 2]])
def test_filled(backend, name, shape):
    for dtype in (None, *DTYPES):
        x = getattr(et, name)(shape, dtype=dtype)
        expected = getattr(np, name)(shape, dtype=dtype or "float32")
        assert (x.shape, x.dtype.name, x.backend) == (expected.shape, dtype or "float32", backend)
        if name != "empty":
            same(x, expected)


@pytest.mark.parametrize(
    "value, dtype, expected",
    [
        (7, None, "int64"), (7.5, None, "float32"), (True, None, "bool"), (1j, None, "complex64"),
        (7, "float32", "float32"), (7, "uint8", "uint8"), (2.9, "int64", "int64"),
    ],
)  # fmt: skip
def test_full(backend, value, dtype, expected):
    same(et.full((2, 3), value, dtype=dtype), np.full((2, 3), value, dtype=expected))
    same(et.full((), value, dtype=dtype), np.full((), value, dtype=expected))
    same(et.full_like(et.zeros((2, 3), dtype=expected), value), np.full((2, 3), value, expected))
    x = et.full(3, value, dtype=dtype)
    x[0] = 0
    assert x.tolist()[1:] == np.full(2, value, expected).tolist()


def test_full_of_a_tensor(backend):
    same(et.full((2, 2), et.asarray(3)), np.full((2, 2), 3))
    same(et.full((2, 2), et.asarray([1.0, 2.0])), np.full((2, 2), np.float32([1, 2])))


@pytest.mark.parametrize("name", ["zeros_like", "ones_like", "empty_like"])
def test_like(backend, name):
    x = et.asarray([[1, 2, 3]], dtype="int8")
    y = getattr(et, name)(x)
    assert (y.shape, y.dtype, y.backend) == ((1, 3), et.int8, backend)
    assert getattr(et, name)(x, dtype="float32").dtype is et.float32
    assert getattr(et, name)([[1.0]]).dtype is et.float32
    if name != "empty_like":
        assert y.tolist() == [[int(name == "ones_like")] * 3]


@pytest.mark.parametrize(
    "arguments",
    [(5,), (0,), (2, 7), (7, 2), (7, 2, -2), (0, 10, 3), (-3, 3), (5, None, 1), (2.5,), (0, 1, 0.25),
     (1, 0, -0.1), (0.0, 3), (-1.5, 2.0, 0.5), (0, 0), (3, 3, -1)],
)  # fmt: skip
def test_arange(backend, arguments):
    expected = np.arange(*(a for a in arguments if a is not None))
    if len(arguments) == 3 and arguments[1] is None:
        expected = np.arange(arguments[0])
    expected = expected.astype("float32" if expected.dtype.kind == "f" else "int64")
    close(et.arange(*arguments), expected)
    close(et.arange(*arguments, dtype="float32"), expected.astype("float32"))


@pytest.mark.parametrize("dtype", ["int8", "int32", "uint8", "float16", "float32"])
def test_arange_of_a_dtype(backend, dtype):
    same(et.arange(5, dtype=dtype), np.arange(5, dtype=dtype))
    same(et.arange(1, 10, 4, dtype=dtype), np.arange(1, 10, 4, dtype=dtype))


@pytest.mark.parametrize("num", [0, 1, 2, 5])
@pytest.mark.parametrize("endpoint", [True, False])
@pytest.mark.parametrize("ends", [(0.0, 1.0), (5, -5), (2, 2), (-1.5, 0.25)])
def test_linspace(backend, num, endpoint, ends):
    expected = np.linspace(*ends, num, endpoint=endpoint)
    close(et.linspace(*ends, num, endpoint=endpoint), expected.astype("f4"))


def test_linspace_ends_exactly(backend):
    x = et.linspace(0.1, 0.7, 7).tolist()
    assert (x[0], x[-1]) == (float(np.float32(0.1)), float(np.float32(0.7)))
    close(et.linspace(0, 1j, 3), np.complex64([0, 0.5j, 1j]))
    close(et.linspace(0, 10, 5, dtype="float16"), np.linspace(0, 10, 5).astype("f2"))


@pytest.mark.parametrize("shape", [(3, None), (2, 4), (4, 2), (0, 2), (3, 0)])
@pytest.mark.parametrize("k", [-5, -1, 0, 1, 2**70])
def test_eye(backend, shape, k):
    for dtype in ("float32", "int64", "bool", "complex64"):
        rows, columns = shape
        width = rows if columns is None else columns
        expected = np.eye(rows, width, max(-100, min(100, k)), dtype)
        same(et.eye(rows, columns, k=k, dtype=dtype), expected)
    assert et.eye(2).dtype is et.float32


def test_negative_sizes(backend):
    for call in (
        lambda: et.zeros(-1), lambda: et.ones((2, -3)), lambda: et.empty((-1,)),
        lambda: et.full((2, -1), 1), lambda: et.eye(2, -1),
    ):  # fmt: skip
        with pytest.raises(InvalidValueError, match="sizes cannot be negative"):
            call()


def test_finfo():
    for name in ("float16", "float32", "float64", "complex64"):
        ours, numpys = et.finfo(name), np.finfo(name)
        assert (ours.bits, ours.eps, ours.max, ours.min, ours.smallest_normal) == (
            numpys.bits, float(numpys.eps), float(numpys.max), float(numpys.min),
            float(numpys.smallest_normal),
        )  # fmt: skip
    assert et.finfo("complex64").dtype is et.float32
    assert et.finfo(et.bfloat16).eps == 2.0**-7
    assert et.finfo(et.bfloat16).max == 3.3895313892515355e38  # (2 - 2**-7) * 2**127
    with pytest.raises(TypeError, match="finfo is for floating dtypes, not int64; use iinfo"):
        et.finfo("int64")


@pytest.mark.parametrize("name", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint64"])
def test_iinfo(name):
    ours, numpys = et.iinfo(name), np.iinfo(name)
    assert (ours.bits, ours.max, ours.min) == (numpys.bits, numpys.max, numpys.min)
    assert ours.dtype.name == name
    with pytest.raises(TypeError, match="iinfo is for integer dtypes, not float32; use finfo"):
        et.iinfo("float32")


def test_info_of_tensors(backend):
    assert et.finfo(et.ones(1)).bits == 32
    assert et.iinfo(et.asarray([1])).bits == 64


@pytest.mark.parametrize("source", DTYPES)
@pytest.mark.parametrize("target", DTYPES)
def test_astype(backend, source, target):
    x = np.array([0, 1, 3]).astype(source)
    if source == "complex64" and target not in ("bool", "complex64"):
        return  # refused: test_dispatch
    same(et.astype(et.asarray(x), target), x.astype(target))


def test_astype_truncates_and_copies(backend):
    same(et.astype(et.asarray(np.float32([1.9, -1.9, -0.5])), "int32"), np.int32([1, -1, 0]))
    x = et.ones(2)
    y = et.astype(x, et.float32)
    y[0] = 5.0
    assert x.tolist() == [1.0, 1.0]
    assert et.astype(x, et.float32, copy=False).tolist() == [1.0, 1.0]


def test_result_type_and_can_cast(backend):
    assert et.result_type(et.int8, "uint8") is et.int16
    assert et.result_type(et.ones(1), et.int64) is et.float32
    assert et.result_type(et.asarray([1], dtype="int8"), 5) is et.int8
    assert et.result_type(et.asarray([1]), 5.0, True) is et.float32
    assert et.result_type(1, 2.0) is et.float32
    assert et.result_type(np.zeros(1, "int16").dtype, et.int8) is et.int16
    with pytest.raises(TypeError, match="at least one"):
        et.result_type()
    assert et.can_cast(et.int8, et.int16)
    assert not et.can_cast(et.int16, et.int8)
    assert et.can_cast(et.ones(1), "float64")
    assert not et.can_cast(et.float32, et.int64)
    assert et.can_cast("bool", "int8")


@pytest.mark.parametrize(
    "dtype, kind, expected",
    [
        ("float32", "real floating", True), ("float32", "complex floating", False),
        ("complex64", "complex floating", True), ("int8", "signed integer", True),
        ("uint8", "signed integer", False), ("uint8", "unsigned integer", True),
        ("uint8", "integral", True), ("bool", "bool", True), ("bool", "numeric", False),
        ("int8", "numeric", True), ("float32", ("integral", "real floating"), True),
        ("float32", "float32", True), ("float32", ("float64", "int8"), False),
    ],
)  # fmt: skip
def test_isdtype(dtype, kind, expected):
    assert et.isdtype(dtype, kind) is expected


def test_isdtype_of_nothing_known():
    with pytest.raises(TypeError, match="'floating' is neither a dtype nor one of bool, signed"):
        et.isdtype("float32", "floating")


def test_the_namespace_describes_itself(backend):
    info = et.__array_namespace_info__()
    have = {d.name for d in get_backend(backend).dtypes}
    assert info.default_dtypes() == {
        "real floating": et.float32, "complex floating": et.complex64, "integral": et.int64,
        "indexing": et.int64,
    }  # fmt: skip
    assert set(info.dtypes()) == have - {"float16", "bfloat16"}
    assert set(info.dtypes(kind="unsigned integer")) == {n for n in have if n[0] == "u"}
    assert set(info.dtypes(kind=("bool", "signed integer"))) == {
        n for n in have if n[0] in "bi" and n != "bfloat16"
    }
    assert info.default_device() in info.devices()
    assert info.capabilities()["data-dependent shapes"] is True
    assert (et.pi, et.e, et.inf, et.newaxis) == (math.pi, math.e, math.inf, None)
    assert math.isnan(et.nan)
    for name in et.__all__:
        assert hasattr(et, name)
