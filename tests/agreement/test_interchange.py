"""Memory shared between engines: by DLPack, the buffer protocol and ``__array__``, over all pairs.

That it is shared shows by writing through one and reading through the other, and by address. The
addresses and strides are those that NumPy's ``__array_interface__`` and PyTorch's ``data_ptr`` tell.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from ember_ml.backend.dtypes import DTYPES
from ember_ml.backend.errors import (
    ArgumentError,
    DeviceError,
    InterchangeError,
    UnsupportedError,
)
from ember_ml.backend.registry import get_backend, use_backend
from ember_ml.nn import tensor as et

from ._engines import ENGINES

PAIRS = list(itertools.permutations(ENGINES, 2))
SHARING = [(a, b) for a, b in PAIRS if b != "mlx"]
COPYING = [(a, b) for a, b in PAIRS if b == "mlx"]

sharing = pytest.mark.parametrize("source, target", SHARING)
copying = pytest.mark.parametrize("source, target", COPYING)
everyone = pytest.mark.parametrize("source, target", PAIRS)
dtypes = pytest.mark.parametrize("dtype", DTYPES)

#: Parts of (2, 3, 4) that engines describe as a place to start and strides.
VIEWS = {
    "whole": lambda x: x,
    "a row": lambda x: x[1],
    "transposed": lambda x: x.mT,
    "strided": lambda x: x[:, ::2, 1:3],
    "a column": lambda x: x[:, 1, 2],
    "an element": lambda x: x[1, 2, 3],
    "one element": lambda x: x[1:, 2:, 3:],
}

#: The ways from a tensor of one backend to a tensor of another.
WAYS = {
    "to_backend": lambda x, name: x.to_backend(name),
    "from_dlpack": lambda x, name: et.from_dlpack(x),
    "from_dlpack of the native array": lambda x, name: et.from_dlpack(x.native),
    "from_dlpack without a copy": lambda x, name: et.from_dlpack(x, copy=False),
    "asarray of the native array": lambda x, name: et.asarray(x.native),
    "asarray without a copy": lambda x, name: et.asarray(x.native, copy=False),
}
ways = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


def has(name, dtype):
    return DTYPES[dtype] in get_backend(name).dtypes


def made(name, dtype, shape=(2, 3, 4)):
    """Noughts and ones, which every dtype holds, in memory of their own."""
    with use_backend(name):
        data = np.arange(int(np.prod(shape))).reshape(shape) % 2
        x = et.copy(et.asarray(data).astype(dtype))
    get_backend(name).synchronize(x.native)
    return x


def address(x):
    """Where the elements of a tensor begin, told by its own engine."""
    native = x.native
    get_backend(x.backend).synchronize(native)
    if x.backend == "torch":
        return native.data_ptr()
    if x.backend == "mlx" and x.dtype is et.bfloat16:
        import mlx.core as mx

        native = mx.view(native, mx.uint16)
    return np.array(native, copy=False).__array_interface__["data"][0]


def flip(x):
    """Make the first element of a tensor a one of a nought, or a nought of a one, in its memory."""
    native, place = x.native, (0,) * x.ndim
    one = 1
    if x.backend == "mlx":  # whose buffer alone may be written to
        import mlx.core as mx

        if x.dtype is et.bfloat16:
            native, one = mx.view(native, mx.uint16), 0x3F80
            mx.eval(native)
        native = np.asarray(memoryview(native))
    native[place] = 0 if native[place] else one


# -- shared ------------------------------------------------------------------------------------------


@sharing
@dtypes
@ways
@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_memory_is_shared(source, target, dtype, way, view):
    if not (has(source, dtype) and has(target, dtype)):
        pytest.skip(f"one of them has no {dtype}")
    x = view(made(source, dtype))
    with use_backend(target):
        y = way(x, target)
    assert (y.backend, y.dtype, y.shape) == (target, x.dtype, x.shape)
    assert y.tolist() == x.tolist()
    assert address(y) == address(x)


@sharing
@ways
@pytest.mark.parametrize("dtype", ["bool", "int8", "uint32", "int64", "float32", "complex64"])
@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_what_is_written_to_one_is_read_from_the_other(source, target, way, dtype, view):
    x = view(made(source, dtype))
    with use_backend(target):
        y = way(x, target)
    before = x.tolist()
    flip(x)
    assert x.tolist() != before
    assert y.tolist() == x.tolist()
    if y.native.__class__.__module__ == "torch":  # NumPy takes MLX's memory to be read-only
        flip(y)
        assert x.tolist() == y.tolist() == before


@sharing
def test_there_and_back_again(source, target):
    x = made(source, "float32")
    with use_backend(target):
        there = x.to_backend(target)
    assert address(there) == address(x)
    back = there.to_backend(source)
    assert back.tolist() == x.tolist()
    assert source == "mlx" or address(back) == address(x)


@sharing
def test_memory_outlives_the_tensor_it_was_lent_by(source, target):
    with use_backend(target):
        y = made(source, "int64", (50_000,)).to_backend(target)
    others = [made(source, "float64", (50_000,)) for _ in range(3)]
    assert y.tolist() == [0, 1] * 25_000
    assert len(others) == 3


@everyone
@dtypes
@pytest.mark.parametrize("shape", [(0,), (2, 0, 3), (0, 4)])
def test_no_elements(source, target, dtype, shape):
    if not (has(source, dtype) and has(target, dtype)):
        pytest.skip(f"one of them has no {dtype}")
    x = made(source, dtype, shape)
    for way in list(WAYS.values()) if target != "mlx" else list(WAYS.values())[:3]:
        with use_backend(target):
            y = way(x, target)
        assert (y.backend, y.dtype, y.shape, y.tolist()) == (target, x.dtype, shape, x.tolist())


@everyone
@dtypes
def test_a_dtype_that_the_other_has_not(source, target, dtype):
    if not has(source, dtype) or has(target, dtype):
        pytest.skip("they both have it, or the first has not")
    x = made(source, dtype)
    with use_backend(target):
        for way in WAYS.values():
            with pytest.raises(UnsupportedError, match=f"'{target}' has no dtype {dtype}"):
                way(x, target)


# -- copied -------------------------------------------------------------------------------------------


@copying
@dtypes
@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_what_comes_into_mlx_is_a_copy(source, target, dtype, view):
    if not (has(source, dtype) and has(target, dtype)):
        pytest.skip(f"one of them has no {dtype}")
    x = view(made(source, dtype))
    with use_backend(target):
        found = [way(x, target) for way in list(WAYS.values())[:3]]
        found += [et.asarray(x.native), et.asarray(x.native, copy=True)]
    before = x.tolist()
    flip(x)
    for y in found:
        assert (y.backend, y.dtype, y.tolist()) == (target, x.dtype, before)
        assert address(y) != address(x)


@copying
def test_nothing_comes_into_mlx_without_a_copy(source, target):
    x = made(source, "float32")
    with use_backend(target):
        for way in ("from_dlpack without a copy", "asarray without a copy"):
            with pytest.raises(InterchangeError, match="without a copy") as caught:
                WAYS[way](x, target)
            assert isinstance(caught.value, ValueError)  # the standard's, for asarray
            assert isinstance(caught.value, BufferError)  # and for DLPack


@everyone
@dtypes
@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_a_copy_that_is_asked_for(source, target, dtype, view):
    if not (has(source, dtype) and has(target, dtype)):
        pytest.skip(f"one of them has no {dtype}")
    x = view(made(source, dtype))
    before = x.tolist()
    with use_backend(target):
        found = [
            et.from_dlpack(x, copy=True),
            et.from_dlpack(x.native, copy=True),
            et.asarray(x.native, copy=True),
        ]
    assert all(address(y) != address(x) for y in found)
    flip(x)
    for y in found:
        assert y.tolist() == before
        y[(0,) * y.ndim] = 1  # it can be written to
    assert found[0].dtype is DTYPES[dtype]


def test_within_one_engine(backend):
    x = made(backend, "float32")
    for y in (et.from_dlpack(x), et.from_dlpack(x, copy=False), et.asarray(x.native, copy=False)):
        assert address(y) == address(x)
    assert et.asarray(x, copy=False) is et.asarray(x) is x.to_backend(backend) is x
    for y in (et.from_dlpack(x, copy=True), et.asarray(x, copy=True), et.copy(x)):
        assert address(y) != address(x)
        assert y.tolist() == x.tolist()


# -- read-only and backward memory ---------------------------------------------------------------------


def read_only(dtype):
    x = np.arange(6).reshape(2, 3).astype(dtype)
    x.flags.writeable = False
    return x


@pytest.mark.parametrize("dtype", ["bool", "int16", "uint64", "float16", "float32", "complex64"])
@pytest.mark.parametrize("shape", [(2, 3), (3,), ()])
def test_read_only_memory_is_not_written_to(backend, dtype, shape):
    data = read_only(dtype)[{2: (), 1: (0,), 0: (0, 1)}[len(shape)]].view()
    data = np.asarray(data)
    data.flags.writeable = False
    before = data.tolist()
    with use_backend("numpy"):
        x = et.from_native(data)
    found = [x.to_backend(backend), et.from_dlpack(x), et.from_dlpack(data), et.asarray(data)]
    for y in found:
        assert (y.backend, y.shape, y.tolist()) == (backend, shape, before)
        y[(0,) * y.ndim] = True
    assert data.tolist() == before


def test_read_only_memory_that_must_be_shared(backend):
    data = read_only("float32")
    if backend == "numpy":
        assert et.from_dlpack(data, copy=False).native.__array_interface__ == (
            data.__array_interface__
        )
    else:
        for call in (et.from_dlpack, et.asarray):
            with pytest.raises(InterchangeError, match="pass copy=None"):
                call(data, copy=False)


@pytest.mark.skipif("mlx" not in ENGINES, reason="about MLX")
def test_numpy_holds_memory_of_mlx_to_be_read_only():
    x = made("mlx", "float32")
    before = x.tolist()
    y = x.to_backend("numpy")
    for array in (y.native, x.numpy(), np.asarray(x), np.from_dlpack(x)):
        assert array.__array_interface__["data"][0] == address(x)
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0, 0] = 7.0
    y[0, 0, 0] = 7.0  # assignment makes an array of its own first
    assert y[0, 0, 0].item() == 7.0
    assert x.tolist() == before


@everyone
def test_memory_read_backwards(source, target):
    x = made(source, "int32")
    for view in (x[::-1], x[:, :, ::-1], x[1, 2, ::-2]):
        with use_backend(target):
            for y in (
                view.to_backend(target), et.from_dlpack(view), et.from_dlpack(view, copy=True),
                et.asarray(view.native),
            ):  # fmt: skip
                assert y.tolist() == view.tolist()


@everyone
def test_an_element_for_all(source, target):
    x = et.broadcast_to(made(source, "int16", (3,)), (4, 3))
    with use_backend(target):
        for y in (x.to_backend(target), et.from_dlpack(x), et.asarray(x.native)):
            assert y.tolist() == [[0, 1, 0]] * 4


# -- devices and DLPack's other options ------------------------------------------------------------------


@everyone
def test_devices(source, target):
    x = made(source, "float32")
    with use_backend(target):
        here = get_backend(target).devices()[0]
        for y in (et.from_dlpack(x, device=here), et.asarray(x.native, device=here)):
            assert (y.device, y.tolist()) == (here, x.tolist())
        for call in (et.from_dlpack, lambda x, **o: et.asarray(x.native, **o)):
            with pytest.raises(DeviceError, match=f"'{target}' has no device 'nowhere'"):
                call(x, device="nowhere")


def test_dlpack_device(backend):
    x = made(backend, "float32")
    kind, index = x.__dlpack_device__()
    assert (int(kind), index) == (1, 0) or backend != "numpy"  # kDLCPU
    assert (kind, index) == x.native.__dlpack_device__()


def test_options_of_the_capsule(backend):
    x = made(backend, "float32")
    device = x.__dlpack_device__()
    for options in (
        {}, {"stream": None}, {"max_version": (1, 0)}, {"copy": None}, {"dl_device": device},
        {"copy": True}, {"copy": False}, {"max_version": (1, 1), "copy": True, "stream": None},
    ):  # fmt: skip
        capsule = x.__dlpack__(**options)
        assert type(capsule).__name__ == "PyCapsule"
        assert "dltensor" in repr(capsule)


def test_a_capsule_for_another_device(backend):
    with pytest.raises(InterchangeError, match=f"'{backend}' does not export this float32 tensor"):
        made(backend, "float32").__dlpack__(dl_device=(7, 0))  # kDLVulkan


def test_a_capsule_of_a_copy(backend):
    class Copies:
        """Asks for a copy, whatever its consumer wants."""

        def __dlpack__(self, **options):
            return x.__dlpack__(**{**options, "copy": True})

        def __dlpack_device__(self):
            return x.__dlpack_device__()

    x = made(backend, "int64", (4,))
    there = np.from_dlpack(Copies())
    assert there.tolist() == x.tolist()
    assert there.__array_interface__["data"][0] != address(x)


@pytest.mark.skipif("torch" not in ENGINES, reason="about PyTorch")
def test_what_pytorch_does_not_export():
    import torch

    wanting = torch.ones(2, requires_grad=True)
    marked = torch.tensor([1 + 2j]).conj()
    with use_backend("numpy"):
        for native in (wanting, marked):
            with pytest.raises(InterchangeError, match="does not come to backend 'numpy'"):
                et.from_dlpack(native)
            with pytest.raises(InterchangeError, match="'torch' does not export this"):
                et.from_native(native).__dlpack__()
    # to_backend and asarray go by bytes then
    assert et.from_native(wanting).to_backend("numpy").tolist() == [1.0, 1.0]
    assert et.from_native(marked).to_backend("numpy").tolist() == [1 - 2j]


def test_without_dlpack(backend):
    for wrong in ([1, 2], 3.0, "text", None):
        with pytest.raises(ArgumentError, match="from_dlpack needs an object with __dlpack__"):
            et.from_dlpack(wrong)


def test_an_exporter_that_refuses(backend):
    class Refuses:
        def __dlpack__(self, **options):
            raise BufferError("not today")

        def __dlpack_device__(self):
            return (1, 0)

    with pytest.raises(InterchangeError, match="Refuses does not come to backend"):
        et.from_dlpack(Refuses())
    with pytest.raises(InterchangeError, match="without a copy"):
        et.from_dlpack(Refuses(), copy=False)


# -- NumPy's protocols ------------------------------------------------------------------------------------


@dtypes
@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_numpy_takes_tensors_without_a_copy(backend, dtype, view):
    if not has(backend, dtype) or dtype == "bfloat16":
        pytest.skip(f"NumPy or the engine has no {dtype}")
    x = view(made(backend, dtype))
    for array in (
        np.asarray(x), np.array(x, copy=False), np.asarray(x, dtype=dtype), x.numpy(),
        x.__array__(), np.from_dlpack(x),
    ):  # fmt: skip
        assert (array.dtype, array.shape) == (np.dtype(dtype), x.shape)
        assert array.__array_interface__["data"][0] == address(x)
        assert array.tolist() == x.tolist()


def test_numpy_takes_a_copy_where_one_is_asked_for(backend):
    x = made(backend, "float32")
    before = x.tolist()
    for array in (
        np.array(x),
        np.array(x, copy=True),
        np.asarray(x, np.float64),
        x.__array__(copy=True),
    ):
        array[...] = 5
    assert x.tolist() == before
    wide = np.asarray(x, dtype="float64")
    assert (wide.dtype, wide.tolist()) == (np.float64, before)
    with pytest.raises(ValueError, match="without a copy"):
        np.asarray(x, dtype="float64", copy=False)


def test_numpy_has_no_bfloat16(backend):
    if not has(backend, "bfloat16"):
        pytest.skip("the engine has none either")
    x = made(backend, "bfloat16")
    for call in (np.asarray, lambda x: x.numpy()):
        with pytest.raises(UnsupportedError, match="NumPy has no bfloat16"):
            call(x)


# -- the buffer protocol -----------------------------------------------------------------------------------


@dtypes
def test_bytes_without_a_copy(backend, dtype):
    """`Backend.to_buffer`, which pickling and files go through."""
    if not has(backend, dtype):
        pytest.skip(f"no {dtype}")
    x = made(backend, dtype)
    view = memoryview(get_backend(backend).to_buffer(x.native))
    assert (view.nbytes, view.contiguous) == (x.nbytes, True)
    assert np.frombuffer(view, np.uint8).__array_interface__["data"][0] == address(x)
    if dtype != "bfloat16":
        expected = (np.arange(24) % 2).astype(dtype)
        assert bytes(view) == expected.tobytes()


def test_bytes_of_rearranged_memory(backend):
    x = made(backend, "int32")
    whole = (np.arange(24, dtype=np.int32) % 2).reshape(2, 3, 4)
    for name, view in VIEWS.items():
        expected = np.ascontiguousarray(
            view(whole) if name != "transposed" else whole.swapaxes(1, 2)
        )
        assert bytes(get_backend(backend).to_buffer(view(x).native)) == expected.tobytes()


@pytest.mark.parametrize("source", [n for n in ENGINES if n != "torch"])
def test_natives_that_export_a_buffer(backend, source):
    x = made(source, "float32")
    view = memoryview(x.native)
    assert (view.format, view.shape) == ("f", (2, 3, 4))
    y = et.asarray(view)
    assert (y.backend, y.dtype, y.tolist()) == (backend, et.float32, x.tolist())
