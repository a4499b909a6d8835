"""Files: what is written is read back, others can read it, and damage is noticed."""

import json
import os
import stat

import numpy as np
import pytest
import safetensors
import safetensors.numpy
import safetensors.torch
import torch

from ember_ml import nn
from ember_ml.backend.errors import ArgumentError, CheckpointError, EmberError
from ember_ml.backend.registry import current_backend
from ember_ml.nn import tensor as et

pytestmark = pytest.mark.usefixtures("backend")

DTYPES = [
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float16", "bfloat16", "float32", "float64", "complex64",
]  # fmt: skip
SHAPES = [(), (3,), (0,), (2, 0, 3), (2, 3, 4)]


def sample(dtype, shape):
    count = int(np.prod(shape))
    values = (np.arange(count) * 7 % 5).reshape(shape).tolist()
    return et.asarray(values, dtype=dtype) if count else et.zeros(shape, dtype=dtype)


def has(dtype):
    return dtype in {d.name for d in current_backend().dtypes}


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_round_trip(tmp_path, dtype, shape):
    if not has(dtype):
        with pytest.raises(EmberError, match=dtype):
            sample(dtype, shape)
        return
    tensor = sample(dtype, shape)
    nn.save({"x": tensor}, tmp_path / "x.safetensors")
    found = nn.load_file(tmp_path / "x.safetensors")
    assert list(found) == ["x"]
    assert found["x"].dtype is tensor.dtype
    assert found["x"].shape == shape
    assert found["x"].tolist() == tensor.tolist()


def test_fractions_infinities_and_nan_survive(tmp_path):
    values = [0.1, -0.0, float("inf"), float("-inf"), float("nan"), 1e-45]
    nn.save({"x": et.asarray(values)}, tmp_path / "f")
    found = nn.load_file(tmp_path / "f")["x"].numpy()
    np.testing.assert_array_equal(found.view(np.uint32), np.float32(values).view(np.uint32))


def test_a_transposed_tensor_is_written_in_its_order(tmp_path):
    x = et.reshape(et.arange(6), (2, 3)).mT
    nn.save({"x": x}, tmp_path / "f")
    assert nn.load_file(tmp_path / "f")["x"].tolist() == [[0, 3], [1, 4], [2, 5]]


def test_what_is_loaded_has_memory_of_its_own(tmp_path):
    nn.save({"x": et.ones(2)}, tmp_path / "f")
    first = nn.load_file(tmp_path / "f")["x"]
    first[0] = 5.0
    assert nn.load_file(tmp_path / "f")["x"].tolist() == [1.0, 1.0]


@pytest.mark.parametrize("dtype", DTYPES)
def test_torch_reads_what_we_write_and_we_what_torch_writes(tmp_path, dtype):
    if not has(dtype):
        pytest.skip(f"the engine has no {dtype}: another test loads it widened")
    expected = torch.arange(6).reshape(2, 3).to(getattr(torch, dtype))
    nn.save({"x": sample_like(expected, dtype), "y": et.asarray(2.5)}, tmp_path / "ours")
    found = safetensors.torch.load_file(tmp_path / "ours")
    assert found["x"].dtype is expected.dtype
    assert torch.equal(found["x"], expected)
    assert found["y"].item() == 2.5

    safetensors.torch.save_file({"x": expected}, tmp_path / "theirs")
    ours = nn.load_file(tmp_path / "theirs")["x"]
    assert ours.dtype.name == dtype
    assert ours.tolist() == expected.tolist()


def sample_like(array, dtype):
    return et.asarray(array.tolist(), dtype=dtype)


@pytest.mark.parametrize("dtype", [d for d in DTYPES if d not in ("bfloat16", "complex64")])
def test_interchange_with_numpy(tmp_path, dtype):
    if not has(dtype):
        pytest.skip(f"the engine has no {dtype}")
    expected = {"x": np.arange(6).reshape(2, 3).astype(dtype), "empty": np.zeros((0, 2), dtype)}
    nn.save({name: sample_like(a, dtype) if a.size else et.zeros(a.shape, dtype=dtype)
             for name, a in expected.items()}, tmp_path / "ours")  # fmt: skip
    found = safetensors.numpy.load_file(tmp_path / "ours")
    safetensors.numpy.save_file(expected, tmp_path / "theirs")
    ours = nn.load_file(tmp_path / "theirs")
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
        assert ours[name].dtype.name == dtype
        np.testing.assert_array_equal(ours[name].numpy(), array)


def test_bfloat16_is_widened_where_the_engine_lacks_it(tmp_path):
    values = torch.tensor([1.0, -2.5, 3.140625, 1e-30, float("inf")], dtype=torch.bfloat16)
    safetensors.torch.save_file({"x": values}, tmp_path / "f")
    found = nn.load_file(tmp_path / "f")["x"]
    assert found.dtype.name == ("bfloat16" if has("bfloat16") else "float32")
    assert found.tolist() == values.tolist()
    model = nn.Module()
    model.x = nn.Parameter(et.zeros(5))
    nn.load(model, tmp_path / "f")
    assert model.x.dtype is et.float32
    assert model.x.tolist() == values.tolist()


def test_mixed_dtypes_are_aligned(tmp_path):
    state = {"a": et.asarray([True]), "b": et.asarray(1.5), "c": et.asarray([1, 2])}
    nn.save(state, tmp_path / "f")
    content = (tmp_path / "f").read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    assert size % 8 == 0
    for entry, itemsize in ((header["a"], 1), (header["b"], 4), (header["c"], 8)):
        assert entry["data_offsets"][0] % itemsize == 0
    assert {k: v.tolist() for k, v in nn.load_file(tmp_path / "f").items()} == {
        "a": [True], "b": 1.5, "c": [1, 2],
    }  # fmt: skip


def test_metadata(tmp_path):
    nn.save({"x": et.ones(1)}, tmp_path / "f", metadata={"epoch": "3", "näme": "ü"})
    with safetensors.safe_open(tmp_path / "f", framework="pt") as file:
        assert file.metadata() == {"epoch": "3", "näme": "ü"}
    assert list(nn.load_file(tmp_path / "f")) == ["x"]
    with pytest.raises(ArgumentError, match="not 3"):
        nn.save({"x": et.ones(1)}, tmp_path / "g", metadata={"epoch": 3})
    assert not (tmp_path / "g").exists()


def test_nothing_to_save(tmp_path):
    nn.save(nn.ReLU(), tmp_path / "f")
    assert nn.load_file(tmp_path / "f") == {}
    assert safetensors.torch.load_file(tmp_path / "f") == {}


def test_the_order_is_kept(tmp_path):
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    nn.save(model, tmp_path / "f")
    assert list(nn.load_file(tmp_path / "f")) == list(model.state_dict())


def test_numpy_arrays_and_lists_are_saved(tmp_path):
    nn.save({"a": np.arange(3), "b": [1.0, 2.0]}, tmp_path / "f")
    found = nn.load_file(tmp_path / "f")
    assert found["a"].tolist() == [0, 1, 2]
    assert found["b"].tolist() == [1.0, 2.0]


def test_a_dtype_that_the_format_lacks(tmp_path):
    if not has("complex128"):
        pytest.skip("the engine has no dtype that safetensors lacks")
    with pytest.raises(CheckpointError, match="'x': safetensors has no complex128"):
        nn.save({"x": et.zeros(2, dtype="complex128")}, tmp_path / "f")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["__metadata__", 3])
def test_a_name_that_cannot_be(tmp_path, name):
    with pytest.raises(EmberError, match=str(name)):
        nn.save({name: et.ones(1)}, tmp_path / "f")
    assert os.listdir(tmp_path) == []


def write(path):
    nn.save({"w": et.ones((4, 4)), "b": et.zeros(4)}, path, metadata={"a": "b"})
    return path.read_bytes()


@pytest.mark.parametrize("keep", [0, 1, 7, 8, 9, 20, -65, -64, -1])
def test_a_truncated_file(tmp_path, keep):
    content = write(tmp_path / "f")
    (tmp_path / "f").write_bytes(content[:keep])
    model = nn.Module()
    model.w, model.b = nn.Parameter(et.zeros((4, 4))), nn.Parameter(et.ones(4))
    with pytest.raises(CheckpointError, match=r"f' is not a whole safetensors file \(\d+ bytes\)"):
        nn.load(model, tmp_path / "f")
    assert model.w.tolist() == [[0.0] * 4] * 4
    assert model.b.tolist() == [1.0] * 4


@pytest.mark.parametrize(
    "content",
    [
        b"not a checkpoint at all, but a text of some length",
        b"\x80\x04\x95pickle",
        b"\xff" * 64,
        (10).to_bytes(8, "little") + b'{"x": [[[[',
        (2).to_bytes(8, "little") + b"[]",
    ],
)
def test_garbage(tmp_path, content):
    (tmp_path / "f").write_bytes(content)
    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        nn.load_file(tmp_path / "f")


def test_bytes_after_the_end(tmp_path):
    (tmp_path / "f").write_bytes(write(tmp_path / "f") + b"more")
    with pytest.raises(CheckpointError):
        nn.load_file(tmp_path / "f")


def test_a_dtype_that_ember_lacks(tmp_path):
    value = torch.ones(2).to(torch.float8_e4m3fn)
    safetensors.torch.save_file({"x": value}, tmp_path / "f")
    with pytest.raises(CheckpointError, match="entry 'x' has dtype F8_E4M3"):
        nn.load_file(tmp_path / "f")


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing-here"):
        nn.load_file(tmp_path / "nothing-here")


def test_a_failure_while_writing_leaves_the_old_file(tmp_path, monkeypatch):
    before = write(tmp_path / "f")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        nn.save({"x": et.ones(100)}, tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == before
    assert os.listdir(tmp_path) == ["f"]


def test_an_existing_file_is_replaced_through_a_link(tmp_path):
    write(tmp_path / "target")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    nn.save({"x": et.ones(1)}, tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert list(nn.load_file(tmp_path / "target")) == ["x"]
    assert sorted(os.listdir(tmp_path)) == ["link", "target"]


def test_the_file_has_ordinary_permissions(tmp_path):
    mask = os.umask(0o027)
    try:
        write(tmp_path / "f")
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o640


def test_a_directory_that_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError):
        write(tmp_path / "no" / "f")


def test_an_optimizer_is_saved_with_its_names(tmp_path):
    model = nn.Linear(2, 1)
    optimizer = nn.optimizers.Adam()
    optimizer.update(model, {"weight": et.ones((1, 2)), "bias": et.ones(1)})
    nn.save(optimizer.state_dict(), tmp_path / "f")
    again = nn.optimizers.Adam()
    again.load_state_dict(nn.load_file(tmp_path / "f"))
    assert again.step == 1
    assert again.state["weight"]["mean"].tolist() == optimizer.state["weight"]["mean"].tolist()
