"""Into MLX and out of it: bytes, DLPack, NumPy, Python numbers."""

from __future__ import annotations

import subprocess
import sys

import mlx.core as mx
import numpy as np
import pytest
import torch

from ember_ml.backend.errors import EmberError, UnsupportedError
from ember_ml.backend.registry import current_backend
from ember_ml.nn import tensor as et

DTYPES = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
          "float16", "float32", "float64", "complex64"]  # fmt: skip


def address(x: np.ndarray) -> int:
    return int(x.__array_interface__["data"][0])


def test_arrays_go_out_without_a_copy() -> None:
    x = et.asarray([[1.0, 2.0], [3.0, 4.0]]) * 2.0
    native = address(np.array(x.native, copy=False))
    assert address(x.numpy()) == address(np.asarray(x)) == native
    assert address(np.from_dlpack(x)) == torch.from_dlpack(x).data_ptr() == native
    assert address(x.to_backend("numpy").numpy()) == x.to_backend("torch").native.data_ptr()


def test_memory_lent_to_numpy_is_read_only() -> None:
    x = et.ones((3,))
    with pytest.raises(ValueError, match="read-only"):
        x.numpy()[0] = 2.0
    with pytest.raises(TypeError):
        current_backend().to_buffer(x.native)[0] = 1


def test_a_copy_has_memory_of_its_own() -> None:
    x = et.asarray([1.0, 2.0])
    shared = np.array(x.native, copy=False)
    y, z = et.copy(x), et.asarray(x, copy=True)
    y.tolist(), z.tolist()
    shared[0] = 9.0
    assert y.tolist() == z.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 3)])
def test_round_trips(dtype: str, shape: tuple[int, ...]) -> None:
    data = np.asarray(np.random.default_rng(0).integers(0, 2, shape)).astype(dtype)
    backend = current_backend()
    x = et.asarray(data)
    assert (x.dtype.name, x.shape) == (dtype, shape)
    np.testing.assert_array_equal(x.numpy(), data)
    assert x.tolist() == data.tolist()
    assert bytes(backend.to_buffer(x.native)) == data.tobytes()
    native = backend.from_buffer(data, dtype=x.native.dtype, shape=shape, device=None)
    np.testing.assert_array_equal(np.array(native), data)


def test_bytes_are_in_c_order() -> None:
    x = et.asarray([[1, 2, 3], [4, 5, 6]], dtype="int16").mT[:, ::-1]
    assert bytes(current_backend().to_buffer(x.native)) == x.numpy().tobytes()


def test_what_comes_in_is_a_copy() -> None:
    data = np.ones(3, "float32")
    x, y = et.asarray(data), et.from_dlpack(data)
    data[0] = 9.0
    assert x.tolist() == y.tolist() == [1.0, 1.0, 1.0]
    with pytest.raises(EmberError, match="without a copy"):
        et.asarray(data, copy=False)
    data.flags.writeable = False
    assert et.asarray(data).tolist() == [9.0, 1.0, 1.0]
    assert et.asarray(np.arange(4.0)[::-2]).tolist() == [3.0, 1.0]


def test_float64_comes_in_exactly_and_complex128_not_at_all() -> None:
    assert et.from_dlpack(np.array([0.1])).tolist() == [0.1]
    assert et.asarray(torch.tensor([0.1], dtype=torch.float64)).tolist() == [0.1]
    for wide in (np.array([0.1 + 1j]), torch.tensor([0.1 + 1j], dtype=torch.complex128)):
        with pytest.raises(UnsupportedError, match="complex128"):
            et.asarray(wide)


def test_bfloat16() -> None:
    x = et.asarray([1.5, -2.0], dtype=et.bfloat16)
    there = x.to_backend("torch")
    assert there.dtype is et.bfloat16
    assert there.to_backend("mlx").tolist() == x.tolist() == [1.5, -2.0]
    assert bytes(current_backend().to_buffer(x.native)) == b"\xc0\x3f\x00\xc0"
    with pytest.raises(UnsupportedError, match="astype"):
        x.numpy()


def test_python_integers() -> None:
    assert et.asarray([2**63 - 1, -(2**63)]).tolist() == [2**63 - 1, -(2**63)]
    assert et.asarray([[2**64 - 1, 0]], dtype="uint64").tolist() == [[2**64 - 1, 0]]
    assert et.asarray(2**64 - 1, dtype="uint64").item() == 2**64 - 1
    assert et.asarray([2**70], dtype="float32").item() == 2.0**70
    assert et.asarray([range(3), range(3)]).tolist() == [[0, 1, 2], [0, 1, 2]]
    for number, dtype in ((300, "int8"), (-1, "uint8"), (2**63, "int64")):
        with pytest.raises(ValueError, match="does not fit"):
            et.asarray(number, dtype=dtype)


def test_native_arrays_are_kept() -> None:
    native = mx.array([1, 2])
    x = et.from_native(native)
    assert x.native is native
    assert x.dtype is et.int32


def test_devices() -> None:
    backend = current_backend()
    default = "cpu" if mx.default_device() == mx.Device(mx.cpu) else "gpu"
    assert backend.devices()[0] == default
    x = et.ones((2,), device="cpu")
    assert x.device == default
    assert x.to_device("cpu").tolist() == [1.0, 1.0]
    with pytest.raises(EmberError, match="tpu"):
        x.to_device("tpu")


def test_neither_numpy_nor_torch_is_imported() -> None:
    program = (
        "import sys\n"
        "from ember_ml.backend.registry import set_backend\n"
        "from ember_ml.nn import tensor as et\n"
        "set_backend('mlx')\n"
        "x = et.asarray([[1.0, 2.0]]) @ et.ones((2, 2))\n"
        "assert x.tolist() == [[3.0, 3.0]]\n"
        "print(sorted({'numpy', 'torch'} & set(sys.modules)))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"


def test_without_numpy_there_is_no_array_of_it() -> None:
    program = (
        "import sys\n"
        "sys.modules['numpy'] = None\n"
        "from ember_ml.backend.registry import set_backend\n"
        "from ember_ml.nn import tensor as et\n"
        "set_backend('mlx')\n"
        "try: et.ones(3).numpy()\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.startswith("UnsupportedError x.numpy() needs NumPy: pip install numpy")
