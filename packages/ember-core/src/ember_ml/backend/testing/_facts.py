"""The part of the suite about what a backend says of itself, and about conversions."""

from __future__ import annotations

import array
from typing import Any

import numpy as np
import pytest

from ember_ml.backend.dtypes import DTYPES, DType
from ember_ml.backend.errors import DeviceError, EmberError
from ember_ml.backend.protocol import API_VERSION, CAPABILITIES, Backend
from ember_ml.backend.registry import get_backend, list_backends
from ember_ml.nn import tensor as et
from ember_ml.nn.tensor import EmberTensor

from ._base import Base, name_of
from ._draw import Array, Draw
from ._drawing import examples
from ._run import native_dtype, numpy_of, tensor_of

__all__ = ["Facts"]

#: What every engine must have; the rest is optional.
_REQUIRED = [
    d.name for d in DTYPES.values()
    if d.name not in ("float16", "bfloat16", "float64", "complex128")
]  # fmt: skip

_VALUES: dict[str, Any] = {
    "bool": [[True, False], [False, True]],
    "signed": [[0, -1], [100, -128]],
    "unsigned": [[0, 1], [100, 255]],
    "float": [[0.0, -1.5], [float("inf"), 0.25]],
    "complex": [[0j, -1.5 + 2j], [1j, 0.25 - 4j]],
}


class Facts(Base):
    """Registration, dtypes, devices, conversions."""

    def test_loads(self, request: pytest.FixtureRequest) -> None:
        """It is installed, loads, and owes nothing."""
        name = name_of(type(self), request.config)
        try:
            backend = get_backend(name)
        except EmberError as error:
            pytest.fail(str(error), pytrace=False)
        assert backend.name == name
        assert backend.api_version == API_VERSION
        (info,) = [i for i in list_backends() if i.name == name]
        assert info.distribution != "?", "its distribution has no name"

    def test_capabilities(self, engine: Backend) -> None:
        """They are known ones, and agree with the dtypes."""
        unknown = set(engine.capabilities) - set(CAPABILITIES)
        assert not unknown, f"unknown capabilities {sorted(unknown)}; known: {[*CAPABILITIES]}"
        for name in ("float64", "complex128", "bfloat16"):
            has = DTYPES[name] in engine.dtypes
            assert has == (name in engine.capabilities), (
                f"`dtypes` {'has' if has else 'lacks'} {name}, and `capabilities` says otherwise"
            )

    def test_dtypes(self, engine: Backend) -> None:
        """Each of Ember's has one native dtype of its own, and the required ones are there."""
        missing = [name for name in _REQUIRED if DTYPES[name] not in engine.dtypes]
        assert not missing, f"`dtypes` lacks {', '.join(missing)}"
        natives = list(engine.dtypes.values())
        assert len(set(natives)) == len(natives), "two dtypes have one native dtype"

    def test_engine_version(self, engine: Backend) -> None:
        """It is text that starts with a number."""
        version = engine.engine_version()
        assert isinstance(version, str)
        assert version[:1].isdigit(), f"{version!r} is no version"

    @pytest.mark.parametrize("name", list(DTYPES))
    def test_python_values(self, engine: Backend, name: str) -> None:
        """Lists go in and come back."""
        dtype = DTYPES[name]
        self.need(engine, dtype)
        values = _VALUES[dtype.kind]
        x = et.asarray(values, dtype=dtype)
        assert isinstance(x._tensor, engine.array_type), "from_python gave no native array"
        assert native_dtype(x) == engine.dtypes[dtype]
        assert (x.shape, x.tolist()) == ((2, 2), values)
        scalar = et.asarray(values[0][1], dtype=dtype)
        assert (scalar.shape, scalar.tolist()) == ((), values[0][1])
        assert type(scalar.tolist()) is type(values[0][1]), "a 0-d tensor gives a Python scalar"
        assert et.zeros((0, 3), dtype=dtype).tolist() == []

    @pytest.mark.parametrize("name", [n for n in DTYPES if n != "bfloat16"])
    @pytest.mark.parametrize("shape", [(), (3,), (2, 0), (2, 3, 2)], ids=str)
    def test_arrays(self, engine: Backend, name: str, shape: tuple[int, ...]) -> None:
        """Arrays of NumPy go in and come back: by DLPack, by the buffer protocol, contiguous or not."""
        dtype = DTYPES[name]
        self.need(engine, dtype)

        def check(draw: Draw) -> None:
            drawn = draw.array(dtype, shape)
            source = drawn.values.astype(name)
            for view in (source, source.T, source[::-1] if shape else source):
                x = et.asarray(view)
                assert x.dtype is dtype
                assert isinstance(x._tensor, engine.array_type)
                back = np.asarray(x)
                assert back.dtype == source.dtype
                assert np.array_equal(back, view), f"{view.tolist()} came back as {back.tolist()}"
            frozen = source.copy()
            frozen.flags.writeable = False
            assert np.array_equal(np.asarray(et.asarray(frozen)), source)
            copied = et.asarray(source, copy=True)
            kept = source.copy()
            source[...] = 0
            assert np.array_equal(np.asarray(copied), kept), "copy=True shares memory"

        examples(check, 3)

    def test_buffers(self, engine: Backend) -> None:
        """Bytes in native order go in, and come out in C order."""
        x = et.asarray(memoryview(array.array("i", range(6))).cast("B").cast("i", (2, 3)))
        assert x.tolist() == [[0, 1, 2], [3, 4, 5]]
        data = bytes(memoryview(engine.to_buffer(x.T._tensor)).cast("B"))
        assert data == np.arange(6, dtype=np.int32).reshape(2, 3).T.tobytes()

    def test_copy_is_independent(self, engine: Backend) -> None:
        """A copy does not change with its source, nor an operation's result with its operand."""
        for name in ("float32", "int64", "bool"):
            x = et.asarray([1, 1, 1], dtype=name)
            others = {
                "copy": et.copy(x),
                "asarray(copy=True)": et.asarray(x, copy=True),
                "astype": et.astype(x, name),
                "reshape(copy=True)": et.reshape(x, (3,), copy=True),
            }
            if name != "bool":
                others |= {"add": x + 0, "multiply": x * 1}
            x[...] = 0
            for operation, other in others.items():
                assert other.tolist() == [1, 1, 1], f"{operation} of {name} shares its memory"

    def test_devices(self, engine: Backend) -> None:
        """Tensors can be put on each device, and moved; an unknown one is refused."""
        devices = engine.devices()
        assert devices, "there is no device"
        assert all(isinstance(d, str) for d in devices)
        assert et.ones((2,)).device == devices[0], "the first device is the default one"
        for device in devices:
            x = _placed("zeros", et.zeros((2,), device=device), device)
            _placed("asarray", et.asarray([1.0], device=device), device)
            _placed("add", x + 1.0, device)
            home = _placed("to_device", x.to_device(devices[0]), devices[0])
            _placed("to_device", home.to_device(device), device)
            assert home.tolist() == [0.0, 0.0]
        with pytest.raises(DeviceError):
            et.zeros((2,), device="abacus")

    def test_laziness(self, engine: Backend) -> None:
        """`synchronize` waits for any number of arrays."""
        engine.synchronize()
        engine.synchronize(et.ones((2,))._tensor, et.zeros((2,))._tensor)

    def test_indexing(self, engine: Backend) -> None:
        """Reading: integers, slices, None, Ellipsis, integer arrays and masks."""

        def check(draw: Draw) -> None:
            held, key, native = _indexed(draw)
            x = tensor_of(held)
            found, right = x[key], held.values[native]
            assert np.array_equal(numpy_of(found), right), f"{held}[{native}] is {found.tolist()}"
            assert found.shape == right.shape
            assert found.dtype is held.dtype

        examples(check, 10 * self.examples)

    def test_assignment(self, engine: Backend) -> None:
        """Writing, with values that broadcast; other tensors over the same numbers keep theirs."""

        def check(draw: Draw) -> None:
            held, key, native = _indexed(draw)
            x = tensor_of(held)
            kept = et.copy(x)
            right = held.values.copy()
            size = right[native].shape
            value = draw.array(held.dtype, size if draw.flag() else size[1:])
            right[native] = value.values
            x[key] = tensor_of(value)
            assert np.array_equal(numpy_of(x), right), (
                f"{held} with [{native}] = {value} became {x.tolist()}"
            )
            assert np.array_equal(numpy_of(kept), held.values)

        examples(check, 10 * self.examples)


def _placed(by: str, x: EmberTensor, device: str) -> EmberTensor:
    assert x.device == device, f"{by} for {device!r} is on {x.device!r}"
    return x


def _indexed(draw: Draw) -> tuple[Array, Any, Any]:
    """An array and a key that fits it: for Ember, and for NumPy."""
    dtype: DType = DTYPES[draw.one_of("float32", "int64", "bool")]
    shape = draw.shape(1, empty=False)
    held = draw.array(dtype, shape)
    kind = draw.integer(0, 3)
    if kind == 0:
        mask = draw.random.uniform(size=shape[: draw.integer(1, len(shape))]) < 0.5
        return held, tensor_of(Array(mask, DTYPES["bool"])), mask
    key: list[Any] = []
    native: list[Any] = []
    count = draw.integer(0, len(shape))
    arrays = kind == 1
    picked = draw.shapes(count, 0, 2) if arrays and count else []
    sizes, place, extra = shape[:count], 0, []
    if not arrays and draw.flag():
        place, extra = draw.integer(0, count), [draw.one_of(None, Ellipsis)]
        if extra == [Ellipsis]:  # what follows it is about the last axes
            sizes = (*shape[:place], *shape[len(shape) - count + place :])
    for size, places in zip(sizes, picked or [()] * count, strict=True):
        if arrays:
            part = draw.indices(size, places)
            key.append(tensor_of(part))
            native.append(part.values)
            continue
        item = draw.one_of(
            draw.integer(-size, size - 1),
            slice(draw.one_of(None, 0, 1, -1), draw.one_of(None, 2, -1), draw.one_of(None, 2, -1)),
        )
        key.append(item)
        native.append(item)
    key[place:place] = extra
    native[place:place] = extra
    return held, tuple(key), tuple(native)
