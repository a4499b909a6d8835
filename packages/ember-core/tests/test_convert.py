"""What becomes a tensor, and what does not."""

import array
import enum

import numpy as np
import pytest

from ember_ml.backend.errors import (
    ArgumentError,
    DeviceError,
    DTypeError,
    InterchangeError,
    InvalidValueError,
    ShapeError,
    UnsupportedError,
)
from ember_ml.backend.registry import get_backend
from ember_ml.nn import tensor as et


def test_scalars(backend):
    for value, dtype in [(True, et.bool), (3, et.int64), (2.5, et.float32), (1 + 2j, et.complex64)]:
        x = et.asarray(value)
        assert (x.shape, x.dtype, x.item(), x.backend) == ((), dtype, value, backend)
    assert et.asarray(2**63 - 1).item() == 2**63 - 1
    assert et.asarray(-(2**63)).item() == -(2**63)


def test_subclasses_of_scalars(backend):
    class Colour(enum.IntEnum):
        RED = 3

    class Metres(float):
        pass

    assert (et.asarray(Colour.RED).item(), et.asarray(Colour.RED).dtype) == (3, et.int64)
    assert (et.asarray(Metres(2.5)).item(), et.asarray(Metres(2.5)).dtype) == (2.5, et.float32)
    assert et.asarray([Colour.RED, Colour.RED]).tolist() == [3, 3]


@pytest.mark.parametrize(
    "data, dtype, shape",
    [
        ([1, 2], "int64", (2,)), ([[1], [2]], "int64", (2, 1)), ((1, 2.5), "float32", (2,)),
        ([True, False], "bool", (2,)), ([True, 2], "int64", (2,)), ([1, 2j], "complex64", (2,)),
        ([True, 0.5], "float32", (2,)), (range(3), "int64", (3,)), ([range(2)], "int64", (1, 2)),
        ([], "float32", (0,)), ([[], []], "float32", (2, 0)), ([[[]]], "float32", (1, 1, 0)),
        (((1, 2), [3, 4]), "int64", (2, 2)),
    ],
)  # fmt: skip
def test_nested_lists(backend, data, dtype, shape):
    x = et.asarray(data)
    assert (x.dtype.name, x.shape) == (dtype, shape)
    assert x.tolist() == np.array(data if data != range(3) else list(data)).tolist()


@pytest.mark.parametrize(
    "data, message",
    [
        ([[1, 2], [3]], r"a ragged list: item \[0\] has shape \(2,\) and item \[1\] .*\(1,\)"),
        ([1, [2]], r"item \[0\] has shape \(\) and item \[1\] has shape \(1,\)"),
        ([[1], 2], r"item \[0\] has shape \(1,\) and item \[1\] has shape \(\)"),
        ([[[1, 2], [3, 4]], [[5, 6], [7]]], r"item \[1\]\[0\] .* item \[1\]\[1\] has shape \(1,\)"),
        ([[], [1]], r"item \[0\] has shape \(0,\)"),
        ([np.ones(2), np.ones(3)], r"item \[0\] has shape \(2,\) and item \[1\] has shape \(3,\)"),
    ],
)
def test_ragged_lists_name_the_place(backend, data, message):
    with pytest.raises(ShapeError, match=message):
        et.asarray(data)
    with pytest.raises(ShapeError, match=f"add: x2: .*{message}"):
        et.add(1, data)


def test_lists_of_tensors_and_arrays(backend):
    x = et.asarray([1.0, 2.0])
    assert et.asarray([x, x]).tolist() == [[1.0, 2.0], [1.0, 2.0]]
    assert et.asarray([et.asarray(1), 2.5]).dtype is et.float32
    assert et.asarray([[et.asarray(1), 2], [3, et.asarray(4)]]).tolist() == [[1, 2], [3, 4]]
    assert et.asarray([np.float32(1), np.float32(2)]).dtype is et.float32
    assert et.asarray([np.int8(1), np.int8(2)]).dtype is et.int8
    assert et.asarray([np.array([1, 2], np.int16), [3, 4]]).tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    "data, dtype, expected",
    [
        ([1.7, -1.7], "int32", [1, -1]), ([0, 2], "bool", [False, True]),
        ([1, 2], "float32", [1.0, 2.0]), ([True, False], "int8", [1, 0]),
        ([1, 2], "complex64", [1 + 0j, 2 + 0j]), (3, "float16", 3.0), (2.9, "uint8", 2),
        ([0.0, float("nan")], "bool", [False, True]), ([2**53 + 1], "int64", [2**53 + 1]),
        ([16777217.0], "int32", [16777217]), ([255, 0], "uint8", [255, 0]),
        ([True, 2.5], "float64", [1.0, 2.5]), ([1j, 0], "bool", [True, False]),
        (range(3), "float32", [0.0, 1.0, 2.0]), ([], "int8", []),
    ],
)  # fmt: skip
def test_the_dtype_asked_for(backend, data, dtype, expected):
    x = et.asarray(data, dtype=dtype)
    assert x.dtype.name == dtype
    assert x.tolist() == expected


@pytest.mark.parametrize(
    "data, dtype",
    [
        (256, "uint8"), ([1, -1], "uint8"), ([[128]], "int8"), (2**63, None), ([-(2**63) - 1], None),
        (float("nan"), "int32"), ([float("inf")], "int64"), (1e30, "int32"), (10**400, "float32"),
    ],
)  # fmt: skip
def test_numbers_out_of_range(backend, data, dtype):
    with pytest.raises(InvalidValueError, match=f"does not fit the dtype {dtype or 'int64'}"):
        et.asarray(data, dtype=dtype)


def test_a_complex_number_is_no_real_one(backend):
    with pytest.raises(DTypeError, match="complex number .* does not fit the dtype float32"):
        et.asarray([1j], dtype="float32")


NUMPY = {
    "contiguous": np.arange(6, dtype=np.float32).reshape(2, 3),
    "transposed": np.arange(6, dtype=np.float32).reshape(2, 3).T,
    "backwards": np.arange(6, dtype=np.int64)[::-1],
    "strided": np.arange(12, dtype=np.int32)[::3],
    "of no dimensions": np.array(2.5, np.float32),
    "of no elements": np.zeros((2, 0, 3), np.float32),
    "bool": np.array([True, False]),
    "complex": np.array([1 + 2j], np.complex64),
    "half": np.array([1.5], np.float16),
    "int8": np.array([-1], np.int8),
    "uint8": np.array([255], np.uint8),
    "uint16": np.array([65535], np.uint16),
    "uint32": np.array([2**32 - 1], np.uint32),
    "uint64": np.array([2**64 - 1], np.uint64),
    "broadcast": np.broadcast_to(np.float32(3), (2, 2)),
    "fortran": np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)),
    "scalar": np.float32(1.5),
    "bool scalar": np.True_,
    "matrix": np.arange(4).reshape(2, 2).view(np.matrix),
}


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
@pytest.mark.parametrize("source", NUMPY.values(), ids=NUMPY)
def test_numpy_arrays(backend, source):
    x = et.asarray(source)
    assert (x.dtype.name, x.shape, x.backend) == (source.dtype.name, source.shape, backend)
    assert x.tolist() == source.tolist()
    assert (x == x).tolist() == np.ones_like(source, bool).tolist()


@pytest.mark.parametrize("source", NUMPY.values(), ids=NUMPY)
def test_a_copy_is_independent(backend, source):
    if not isinstance(source, np.ndarray) or not source.size:
        return
    source = source.copy()
    x = et.asarray(source, copy=True)
    before = x.tolist()
    source[...] = 0
    assert x.tolist() == before


def test_read_only_arrays_are_not_written_to(backend):
    source = np.arange(3, dtype=np.float32)
    source.flags.writeable = False
    x = et.asarray(source)
    x[0] = 9.0
    assert x.tolist() == [9.0, 1.0, 2.0]
    assert source.tolist() == [0.0, 1.0, 2.0]


def test_float64_arrays(backend):
    source = np.array([1.5, 2.5])
    if et.float64 in get_backend(backend).dtypes:
        assert et.asarray(source).dtype is et.float64
    else:
        with pytest.raises(UnsupportedError, match="no dtype float64"):
            et.asarray(source)
    narrow = et.asarray(source, dtype="float32")
    assert (narrow.dtype, narrow.tolist()) == (et.float32, [1.5, 2.5])


@pytest.mark.parametrize(
    "source",
    [
        np.array(["a", "b"]),
        np.array([None, 1], object),
        np.array(["2020-01-01"], "datetime64[D]"),
        np.array([1.0], ">f4"),
        np.array([1.0], np.longdouble),
        np.array([(1, 2)], [("a", "i4"), ("b", "i4")]),
    ],
    ids=["text", "objects", "dates", "foreign byte order", "long double", "records"],
)
def test_arrays_of_something_else(backend, source):
    with pytest.raises(DTypeError, match="no Ember dtype"):
        et.asarray(source)


def test_native_arrays_of_every_engine(backend, engines):
    for other in engines:
        with et.use_backend(other):
            native = et.asarray([[1, 2], [3, 4]], dtype="int32").native
        x = et.asarray(native)
        assert (x.backend, x.dtype, x.tolist()) == (backend, et.int32, [[1, 2], [3, 4]])
        y = et.from_native(native)
        assert (y.backend, y.tolist()) == (other, [[1, 2], [3, 4]])
        assert y.native is native
    with pytest.raises(ArgumentError, match=r"builtins\.list is not a native array of a loaded"):
        et.from_native([1, 2])


def test_tensors_stay_on_their_backend(backend, engines):
    x = et.ones(2)
    for other in engines:
        with et.use_backend(other):
            assert et.asarray(x).backend == backend
    assert et.asarray(x) is x
    assert et.asarray(x, dtype="float32", copy=False) is x
    assert et.asarray(x, copy=True) is not x
    assert et.asarray(x, dtype="int64").dtype is et.int64


@pytest.mark.parametrize(
    "data, dtype, values",
    [
        (b"ab", "uint8", [97, 98]),
        (bytearray([1, 2]), "uint8", [1, 2]),
        (memoryview(bytes([7, 8])), "uint8", [7, 8]),
        (array.array("f", [1.5, 2.5]), "float32", [1.5, 2.5]),
        (array.array("q", [-1, 2]), "int64", [-1, 2]),
        (array.array("l", [3]), "int64", [3]),
        (array.array("h", []), "int16", []),
        (memoryview(array.array("i", range(6))).cast("B").cast("i", (2, 3)), "int32",
         [[0, 1, 2], [3, 4, 5]]),
        (memoryview(array.array("i", range(6)))[::2], "int32", [0, 2, 4]),
        (memoryview(b"ab").cast("c"), "uint8", [97, 98]),
        (memoryview(b"\x01\x00").cast("?"), "bool", [True, False]),
    ],
)  # fmt: skip
def test_buffers(backend, data, dtype, values):
    x = et.asarray(data)
    assert (x.dtype.name, x.tolist()) == (dtype, values)


def test_a_buffer_is_copied(backend):
    source = bytearray([1, 2])
    x = et.asarray(source)
    source[0] = 9
    x[1] = 7
    assert (x.tolist(), source) == ([1, 7], bytearray([9, 2]))


def test_a_buffer_of_no_dtype(backend):
    with pytest.raises(DTypeError, match="'P' has no Ember dtype; cast it to one of bool"):
        et.asarray(memoryview(bytes(8)).cast("P"))


class Exporter:
    """An array library of someone else's."""

    def __init__(self, source, *protocols):
        self.source, self.protocols = source, protocols
        for protocol in protocols:
            setattr(type(self), protocol, lambda self, *a, _p=protocol, **k: (
                getattr(self.source, _p)(*a, **k)))  # fmt: skip


@pytest.mark.parametrize("protocols", [("__dlpack__", "__dlpack_device__"), ("__array__",)])
def test_protocols(backend, protocols):
    kind = type("Kind", (Exporter,), {})
    source = np.arange(4, dtype=np.float32).reshape(2, 2)
    x = et.asarray(kind(source, *protocols))
    assert (x.tolist(), x.backend) == (source.tolist(), backend)


def test_a_protocol_that_fails(backend):
    class Broken:
        def __array__(self):
            raise RuntimeError("on fire")

    with pytest.raises(ArgumentError, match="Broken: its __array__ failed: on fire"):
        et.asarray(Broken())


@pytest.mark.parametrize(
    "wrong", [None, "text", {}, {1, 2}, object(), (i for i in range(2)), len, et]
)
def test_what_is_no_tensor(backend, wrong):
    with pytest.raises(ArgumentError, match=f"cannot make a tensor of {type(wrong).__name__}"):
        et.asarray(wrong)


@pytest.mark.parametrize("wrong", [[None], [1, "a"], [["a"]], [{}], [object()]])
def test_lists_of_what_is_no_number(backend, wrong):
    with pytest.raises(ArgumentError, match="a list of numbers holds"):
        et.asarray(wrong)


def test_without_a_copy(backend):
    x = et.ones(2)
    for wrong in (1, [1, 2], range(3), b"ab"):
        with pytest.raises(InterchangeError, match="without a copy"):
            et.asarray(wrong, copy=False)
    with pytest.raises(InterchangeError, match="without a copy"):
        et.asarray(x, dtype="int64", copy=False)


def test_devices(backend):
    device = et.__array_namespace_info__().default_device()
    assert et.asarray([1], device=device).device == device
    for call in (
        lambda: et.asarray([1], device="nowhere"),
        lambda: et.zeros(1, device="nowhere"),
        lambda: et.arange(1, device="nowhere"),
        lambda: et.ones(1).to_device("nowhere"),
        lambda: et.zeros_like(et.ones(1), device="nowhere"),
        lambda: et.ones(1).astype("int64", device="nowhere"),
    ):
        with pytest.raises(DeviceError, match=rf"'{backend}' has no device 'nowhere'; it has"):
            call()
