"""The MLX backend: facts, conversions and transforms."""

from __future__ import annotations

import array
import contextlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from types import ModuleType
from typing import Any

import mlx.core as mx
from ember_ml.backend.dtypes import DTYPES, DType
from ember_ml.backend.errors import DeviceError, EmberError, UnsupportedError
from ember_ml.backend.protocol import Backend, Native

from . import (
    _activations,
    _advice,
    _attention,
    _complex,
    _complex_linalg,
    _convolution,
    _creation,
    _double,
    _elementwise,
    _fused,
    _guard,
    _integers,
    _linalg,
    _lookup,
    _losses,
    _memory,
    _normalization,
    _pooling,
    _random,
    _recurrent,
    _reduce,
    _scatter,
    _search,
    _shape,
    _signed,
    _updates,
)
from ._mapping import mapping
from ._streams import DEVICES, enter, evaluate

__all__ = ["MLXBackend"]

# Only the CPU has float64.
_MISSING = {"complex128"} if DEVICES[0] == "cpu" else {"complex128", "float64"}

#: Type codes of `array.array` for the dtypes that hold Python numbers exactly.
_CODES = {
    "int8": "b", "int16": "h", "int32": "i", "int64": "q", "uint8": "B", "uint16": "H",
    "uint32": "I", "uint64": "Q",
}  # fmt: skip


def _variants() -> dict[DType, tuple[ModuleType, ...]]:
    found: dict[DType, tuple[ModuleType, ...]] = {}
    for dtype in DTYPES.values():
        if dtype.kind == "signed":
            found[dtype] = (_signed, _integers)
        elif dtype.kind in ("bool", "unsigned"):
            found[dtype] = (_integers.UINT64, _integers) if dtype.bits == 64 else (_integers,)
        elif dtype.kind == "complex":
            found[dtype] = (_complex, _complex_linalg)
        else:
            found[dtype] = (
                (_double,)
                if dtype.bits == 64
                else (
                    _normalization,
                    _activations,
                    _attention,
                    _convolution,
                    _fused,
                    _losses,
                    _recurrent,
                    _updates,
                )
            )
    return found


class MLXBackend(Backend):
    """Ember on MLX, with its gradients, vmap and compiler.

    MLX's memory is unified: an array is on no device, and tensors report the default one.
    Assignment to elements makes a new array, so that no other tensor and no native array that
    the tensor was made of changes with it.

    >>> from ember_ml.backend.registry import use_backend
    >>> from ember_ml.nn import tensor as et
    >>> with use_backend("mlx"):
    ...     (et.asarray([1.0, 2.0]) * 2.0).native
    array([2, 4], dtype=float32)
    """

    name = "mlx"
    capabilities = frozenset({"grad", "vmap", "compile", "bfloat16"}) | (
        frozenset() if "float64" in _MISSING else frozenset({"float64"})
    )
    array_type = mx.array
    array_types = (mx.array,)
    dtypes: Mapping[DType, Any] = {
        d: mx.bool_ if d.name == "bool" else getattr(mx, d.name)
        for d in DTYPES.values()
        if d.name not in _MISSING
    }
    modules: tuple[ModuleType, ...] = (
        _pooling, _elementwise, _creation, _shape, _search, _lookup, _scatter, _guard, _reduce, _linalg,
        _random,
    )  # fmt: skip
    variants: Mapping[DType, tuple[ModuleType, ...]] = {
        d: places for d, places in _variants().items() if d.name not in _MISSING
    }
    scalar_left = scalar_right = _elementwise.SCALAR
    whole = {"sum": _reduce.sum_all}

    advice = staticmethod(_advice.advice)
    getitem = staticmethod(_search.getitem)
    setitem = staticmethod(_search.setitem)
    random_bits = staticmethod(_random.random_bits)
    random_uniform = staticmethod(_random.random_uniform)
    random_normal = staticmethod(_random.random_normal)
    synchronize = staticmethod(evaluate)

    # -- facts ----------------------------------------------------------------------------

    def engine_version(self) -> str:
        return version("mlx")

    def devices(self) -> list[str]:
        return list(DEVICES)

    def device_of(self, x: Native, /) -> str:
        return DEVICES[0]

    # -- conversions ----------------------------------------------------------------------

    def from_python(self, data: Any, /, *, dtype: Any, device: str | None = None) -> Native:
        enter()
        try:
            return mx.array(data, dtype)
        except (RuntimeError, ValueError):  # an integer of more than 63 bits, or a range
            leaves = _leaves(data)
            name = str(dtype).rpartition(".")[2]
            flat = mx.array(memoryview(array.array(_CODES.get(name, "d"), leaves)))
            return mx.reshape(flat.astype(dtype), _shape_of(data))

    def to_python(self, x: Native, /) -> Any:
        evaluate(x)
        return x.tolist()

    from_buffer = staticmethod(_memory.from_buffer)
    to_buffer = staticmethod(_memory.to_buffer)
    to_numpy = staticmethod(_memory.to_numpy)

    def from_dlpack(
        self, x: Any, /, *, device: str | None = None, copy: bool | None = None
    ) -> Native:
        return _memory.from_dlpack(x, self.dtypes, copy=copy)

    def to_device(self, x: Native, device: str, /) -> Native:
        if device not in DEVICES:
            raise DeviceError(f"MLX has no device {device!r} here, but {', '.join(DEVICES)}")
        return x

    # -- random numbers -------------------------------------------------------------------

    def native_generator(self, seed: int, device: str | None, /) -> _random.State:
        return _random.State(seed)

    def generator_state(self, state: _random.State, /) -> str:
        return json.dumps(self.to_python(state.key))

    def restored_generator(self, text: str, /) -> _random.State:
        state = _random.State(0)
        state.key = mx.array(json.loads(text), mx.uint32)
        return state

    # -- transforms -----------------------------------------------------------------------

    def value_and_grad(
        self, function: Callable[[list[Native], Backend], tuple[Native, Any]], /
    ) -> Callable[[list[Native]], tuple[Native, list[Native], Any]]:
        def run(arrays: list[Native]) -> tuple[Native, list[Native], Any]:
            enter()
            if not arrays:
                value, extra = function([], self)
                return value, [], extra

            def traced(arrays: list[Native]) -> tuple[Native, list[Native]]:
                value, extra = function(arrays, self)
                return value, list(extra)

            with _explained("gradient"):
                (value, extra), gradients = mx.value_and_grad(traced)(list(arrays))
            return value, gradients, extra

        return run

    def vmap(
        self,
        function: Callable[..., list[Native]],
        /,
        *,
        in_axes: Sequence[int | None],
        out_axes: int,
    ) -> Callable[..., list[Native]]:
        mapped = mx.vmap(function, tuple(in_axes), out_axes)

        def run(*arrays: Native) -> list[Native]:
            enter()
            with _explained("vmap"), mapping():
                return list(mapped(*arrays))

        return run

    def compile(
        self, function: Callable[..., list[Native]], /, *, donate: Sequence[int] = ()
    ) -> Callable[..., list[Native]]:
        # MLX reuses the memory of an argument that nobody else holds by itself.
        compiled = mx.compile(function)

        def run(*arrays: Native) -> list[Native]:
            enter()
            return list(compiled(*arrays))

        return run

    def checkpoint(self, function: Callable[..., list[Native]], /) -> Callable[..., list[Native]]:
        def constant(*arrays: Native) -> list[Native]:
            # MLX differentiates by every argument, and not all it does to integers has a gradient.
            return function(
                *[x if mx.issubdtype(x.dtype, mx.inexact) else mx.stop_gradient(x) for x in arrays]
            )

        def run(*arrays: Native) -> list[Native]:
            enter()
            return list(mx.checkpoint(constant)(*arrays))

        return run


@contextlib.contextmanager
def _explained(what: str) -> Iterator[None]:
    """Say in Ember's words what MLX has no transform of."""
    try:
        yield
    except ValueError as error:
        found = re.search(r"Not implemented for (\w+)", str(error))
        if not found or isinstance(error, EmberError):
            raise
        raise UnsupportedError(f"MLX has no {what} of {found[1]}") from error


def _leaves(data: Any) -> list[Any]:
    if not isinstance(data, list | tuple | range):
        return [data]
    return [leaf for item in data for leaf in _leaves(item)]


def _shape_of(data: Any) -> tuple[int, ...]:
    return (len(data), *_shape_of(data[0])) if isinstance(data, list | tuple | range) else ()
