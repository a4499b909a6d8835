"""Conversions: what is shared and what is copied."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import torch

from ember_ml.backend.errors import DeviceError, EmberError, InterchangeError, UnsupportedError
from ember_ml.backend.registry import get_backend
from ember_ml.nn import tensor as et

DTYPES = ["bool", "int8", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32",
          "complex64"]  # fmt: skip


def address(x: np.ndarray) -> int:
    return x.__array_interface__["data"][0]


@pytest.mark.parametrize("dtype", DTYPES)
def test_numpy_shares_memory(dtype: str) -> None:
    x = np.arange(6).reshape(2, 3).astype(dtype)
    tensor = et.asarray(x)
    assert tensor.dtype.name == dtype
    assert tensor.native.data_ptr() == address(x)
    assert address(tensor.numpy()) == address(x)
    np.testing.assert_array_equal(tensor.numpy(), x)
    assert et.asarray(x, copy=True).native.data_ptr() != address(x)
    assert et.from_dlpack(x, copy=False).native.data_ptr() == address(x)


def test_read_only_memory_is_copied() -> None:
    x = np.arange(3.0)
    x.flags.writeable = False
    for tensor in (et.asarray(x), et.from_dlpack(x), et.from_dlpack(x, copy=True)):
        tensor[0] = 7.0
        assert tensor.tolist() == [7.0, 1.0, 2.0]
    assert x[0] == 0.0
    with pytest.raises(InterchangeError, match="read-only"):
        et.from_dlpack(x, copy=False)


def test_memory_read_backwards_is_copied() -> None:
    x = np.arange(6, dtype="int16").reshape(2, 3)[:, ::-1]
    for tensor in (et.asarray(x), et.from_dlpack(x)):
        assert tensor.tolist() == [[2, 1, 0], [5, 4, 3]]
    with pytest.raises(InterchangeError, match="backwards"):
        et.from_dlpack(x, copy=False)


def test_strided_memory_is_shared() -> None:
    x = np.arange(12.0).reshape(3, 4)[::2, 1:3].T
    tensor = et.from_dlpack(x)
    assert tensor.native.data_ptr() == address(x)
    np.testing.assert_array_equal(tensor.numpy(), x)


def test_from_numpy_backend_and_back() -> None:
    x = np.arange(4.0)
    here = et.from_native(torch.arange(4.0))
    there = here.to_backend("numpy")
    assert there.backend == "numpy"
    assert address(there.numpy()) == here.native.data_ptr()
    back = there.to_backend("torch")
    assert back.native.data_ptr() == here.native.data_ptr()
    np.testing.assert_array_equal(np.from_dlpack(back), x)


@pytest.mark.parametrize("dtype", [*DTYPES, "bfloat16"])
def test_bytes_there_and_back(dtype: str) -> None:
    backend = get_backend("torch")
    x = et.astype(et.asarray([[0, 1], [2, 3]]), dtype)
    for tensor in (x, x.mT, x[:, 1:], et.broadcast_to(x[0], (3, 2))):
        data = bytes(backend.to_buffer(tensor.native))
        assert len(data) == tensor.nbytes
        again = backend.from_buffer(
            data, dtype=tensor.native.dtype, shape=tensor.shape, device=None
        )
        assert again.tolist() == tensor.tolist()
        again.zero_()  # writable, and not the caller's memory


def test_bytes_are_in_c_order() -> None:
    x = et.asarray([[1, 2], [3, 4]], dtype="int32").mT
    assert bytes(get_backend("torch").to_buffer(x.native)) == struct.pack("=4i", 1, 3, 2, 4)


def test_bfloat16_bytes() -> None:
    x = et.asarray([1.0, -2.5], dtype=et.bfloat16)
    data = bytes(get_backend("torch").to_buffer(x.native))
    assert struct.unpack("=2H", data) == (0x3F80, 0xC020)
    with pytest.raises(UnsupportedError, match="bfloat16"):
        x.numpy()


def test_empty_and_scalar_buffers() -> None:
    backend = get_backend("torch")
    assert bytes(backend.to_buffer(et.zeros((0, 3)).native)) == b""
    made = backend.from_buffer(b"", dtype=torch.int8, shape=(2, 0), device=None)
    assert made.shape == (2, 0)
    assert backend.from_buffer(b"\x05", dtype=torch.int8, shape=(), device=None).item() == 5


def test_a_buffer_outlives_its_tensor() -> None:
    view = get_backend("torch").to_buffer(torch.arange(1000))
    torch.ones(1000, dtype=torch.int64)
    assert view.cast("q")[999] == 999


def test_to_numpy_shows_values_under_marks() -> None:
    x = torch.tensor([1 + 2j]).conj()
    assert x.is_conj()
    assert et.from_native(x).numpy()[0] == 1 - 2j
    assert bytes(get_backend("torch").to_buffer(x)) == np.array([1 - 2j], "complex64").tobytes()


def test_tensors_that_require_grad() -> None:
    parameter = torch.nn.Parameter(torch.ones(2))
    tensor = et.from_native(parameter)
    assert tensor.numpy().tolist() == [1.0, 1.0]
    assert (tensor * 2).native.requires_grad  # PyTorch's own graphs go through


def test_python_numbers() -> None:
    assert et.asarray([[1, 2], [3, 4]]).dtype is et.int64
    assert et.asarray(1.5).native.dtype is torch.float32
    assert et.asarray(2**64 - 1, dtype="uint64").tolist() == 2**64 - 1
    for value, dtype in ((300, "int8"), (2**70, "int64"), (-1, "uint8"), ([0, -1], "uint32")):
        with pytest.raises(EmberError):
            et.asarray(value, dtype=dtype)


def test_devices() -> None:
    backend = get_backend("torch")
    assert backend.devices()[0] == "cpu"
    x = et.ones(2, device="cpu")
    assert x.device == "cpu"
    assert x.to_device("cpu").native is x.native
    with pytest.raises(DeviceError, match="no device 'tpu'; it has 'cpu'"):
        et.ones(2, device="tpu")
    with pytest.raises(DeviceError):
        x.to_device("cuda:99")


def test_facts() -> None:
    backend = get_backend("torch")
    assert backend.engine_version() == torch.__version__
    assert backend.advice() is None or isinstance(backend.advice(), str)
    backend.synchronize(torch.ones(1))
