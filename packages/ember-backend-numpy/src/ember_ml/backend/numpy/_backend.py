"""The NumPy backend: facts, conversions, indexing and transforms."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from ember_ml.backend import dtypes
from ember_ml.backend.dtypes import DType, complex64, complex128
from ember_ml.backend.errors import DeviceError
from ember_ml.backend.protocol import Backend

from . import (
    _activations,
    _attention,
    _complex,
    _convolution,
    _creation,
    _elementwise,
    _fused,
    _linalg,
    _lookup,
    _losses,
    _normalization,
    _pooling,
    _random,
    _recurrent,
    _reduce,
    _scatter,
    _shape,
    _updates,
)
from ._quiet import quiet, quiet_module

if TYPE_CHECKING:
    from ._tracer import Tracer

__all__ = ["NumpyBackend"]

#: Ufuncs, and functions made of them, take a Python scalar on either side.
_SCALAR = frozenset(
    name for name, value in vars(_elementwise).items()
    if isinstance(value, np.ufunc) and value.nin == 2
) | {"floor_divide", "remainder", "where"}  # fmt: skip


#: Since NumPy 2.3 a reduction gives an array, and not a scalar to be converted, if it is told to.
_AS_ARRAY = {"out": ...} if np.lib.NumpyVersion(np.__version__) >= "2.3.0" else {}


class NumpyBackend(Backend):
    """Ember on NumPy. Gradients are autograd's; ``vmap`` loops; ``compile`` does nothing."""

    name = "numpy"
    capabilities = frozenset({"grad", "vmap", "float64", "complex128"})
    array_type = np.ndarray
    array_types = (np.ndarray, np.generic)
    dtypes = {d: np.dtype(d.name) for d in dtypes.DTYPES.values() if d.name != "bfloat16"}
    modules: tuple[Any, ...] = tuple(
        map(
            quiet_module,
            (
                _normalization,
                _pooling,
                _attention,
                _activations,
                _convolution,
                _fused,
                _losses,
                _elementwise,
                _creation,
                _shape,
                _lookup,
                _scatter,
                _reduce,
                _linalg,
                _random,
                _recurrent,
                _updates,
            ),
        )
    )
    variants: Mapping[DType, tuple[Any, ...]] = dict.fromkeys(
        (complex64, complex128), (quiet_module(_complex),)
    )
    scalar_left = scalar_right = _SCALAR
    whole = {"sum": functools.partial(np.add.reduce, axis=None, **_AS_ARRAY)}

    def __init__(self) -> None:
        self._tracers: dict[Backend, Tracer] = {}

    # -- facts ----------------------------------------------------------------------------

    def engine_version(self):
        return np.__version__

    def devices(self):
        return ["cpu"]

    def device_of(self, x, /):
        return "cpu"

    # -- conversions ----------------------------------------------------------------------

    asnative = staticmethod(np.asarray)

    @quiet
    def from_python(self, data, /, *, dtype, device=None):
        return np.array(data, dtype)

    def to_python(self, x, /):
        return x.tolist()

    def from_buffer(self, data, /, *, dtype, shape, device=None):
        # The copy makes it writable, and the caller's memory his own.
        return np.frombuffer(data, dtype).reshape(shape).copy()

    def to_buffer(self, x, /):
        return np.ascontiguousarray(x).reshape(-1).view(np.uint8).data

    def to_numpy(self, x, /):
        return x

    def from_dlpack(self, x, /, *, device=None, copy=None):
        if isinstance(x, np.ndarray | np.generic):
            return np.array(x) if copy else np.asarray(x)
        return np.from_dlpack(x, copy=copy)

    def to_device(self, x, device, /):
        if device != "cpu":
            raise DeviceError(f"NumPy has one device, 'cpu', not {device!r}")
        return x

    # -- indexing -------------------------------------------------------------------------

    def getitem(self, x, key, /):
        return x[key]

    def setitem(self, x, key, value, /):
        if not x.flags.writeable:
            x = np.array(x)
        x[key] = value
        return x

    # -- random numbers -------------------------------------------------------------------

    def native_generator(self, seed, device, /):
        return np.random.Generator(np.random.Philox(seed))

    def random_bits(self, state, shape, /, *, dtype, device=None):
        return state.integers(0, 2**32, shape, dtype)

    def random_uniform(self, state, shape, /, *, dtype, device=None):
        return self._floats(state.random, shape, dtype)

    def random_normal(self, state, shape, /, *, dtype, device=None):
        return self._floats(state.standard_normal, shape, dtype)

    @staticmethod
    def _floats(draw, shape, dtype):
        direct = dtype in (np.float32, np.float64)
        return np.asarray(draw(shape, dtype) if direct else draw(shape, np.float32).astype(dtype))

    def generator_state(self, state, /):
        return json.dumps(state.bit_generator.state, default=np.ndarray.tolist)

    def restored_generator(self, text, /):
        bits = np.random.Philox()
        bits.state = json.loads(text)
        return np.random.Generator(bits)

    # -- transforms -----------------------------------------------------------------------

    def tracer(self, base: Backend) -> Tracer:
        """The backend of tensors of ``base`` while their gradient is taken."""
        from ._tracer import Tracer

        if base not in self._tracers:
            self._tracers.setdefault(base, Tracer(base, self))
        return self._tracers[base]

    def value_and_grad(self, function, /):
        from ._tracer import differentiate

        return differentiate(function, self.tracer(self))

    def vmap(self, function, /, *, in_axes, out_axes, take=_shape.take, stack=np.stack):
        def mapped(*arrays):
            (size,) = {
                a.shape[axis] for a, axis in zip(arrays, in_axes, strict=True) if axis is not None
            }
            rows = [
                function(*[
                    a if axis is None else take(a, i, axis=axis)
                    for a, axis in zip(arrays, in_axes, strict=True)
                ])
                for i in range(size)
            ]  # fmt: skip
            return [stack(column, out_axes) for column in zip(*rows, strict=True)]

        return mapped
