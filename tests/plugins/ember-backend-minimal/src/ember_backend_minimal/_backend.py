"""Facts, conversions and indexing."""

from __future__ import annotations

from typing import Any

import array_api_strict as xp
import numpy as np

from ember_ml.backend.dtypes import DTYPES
from ember_ml.backend.protocol import Backend

from . import _adapted, _standard

__all__ = ["MinimalBackend"]


class MinimalBackend(Backend):
    """Ember on array-api-strict: primitives only."""

    name = "minimal"
    capabilities = frozenset({"float64", "complex128"})
    array_type = type(xp.asarray(0))
    array_types = (array_type,)
    dtypes = {d: getattr(xp, d.name) for d in DTYPES.values() if hasattr(xp, d.name)}
    modules = (_standard, _adapted)

    def engine_version(self):
        return xp.__version__

    # -- conversions: NumPy carries what the standard has no function for -------------------

    def from_python(self, data, /, *, dtype, device=None):
        return xp.asarray(data, dtype=dtype)

    def to_python(self, x, /):
        return np.asarray(x).tolist()

    def from_buffer(self, data, /, *, dtype, shape, device=None):
        flat = np.frombuffer(data, str(dtype).rpartition(".")[2])
        return xp.asarray(flat.reshape(shape), copy=True)

    def to_buffer(self, x, /):
        return np.ascontiguousarray(x).reshape(-1).view(np.uint8).data

    def to_numpy(self, x, /):
        return np.asarray(x)

    def from_dlpack(self, x, /, *, device=None, copy=None):
        return xp.from_dlpack(x, copy=copy)

    # -- indexing: the standard has no slices beside arrays, nor assignment to arrays of indices

    def getitem(self, x, key, /):
        return xp.asarray(np.asarray(x)[_plain(key)])

    def setitem(self, x, key, value, /):
        changed = np.array(x)
        changed[_plain(key)] = np.asarray(value)
        return xp.asarray(changed)


def _plain(key: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(np.asarray(k) if isinstance(k, MinimalBackend.array_type) else k for k in key)
