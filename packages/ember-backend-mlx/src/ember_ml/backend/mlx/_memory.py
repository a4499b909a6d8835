"""Memory lent to, and copied from, what is not an array of MLX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import mlx.core as mx
from ember_ml.backend.dtypes import DTYPES, DType
from ember_ml.backend.errors import InterchangeError, UnsupportedError
from ember_ml.backend.protocol import Native

from ._creation import copy as copied
from ._streams import enter, evaluate

__all__ = ["from_buffer", "from_dlpack", "to_buffer", "to_numpy"]


def from_buffer(
    data: Any, /, *, dtype: Any, shape: Sequence[int], device: str | None = None
) -> Native:
    enter()
    if 0 in shape:
        return mx.zeros(shape, dtype)
    view = memoryview(data)
    try:
        view = view.cast("B")
    except TypeError:  # of a format that Python does not cast, as complex numbers have
        view = memoryview(view.tobytes())
    return mx.reshape(mx.view(mx.array(view), dtype), shape)


def to_buffer(x: Native, /) -> Any:
    if not x.size:
        return b""
    evaluate(x)
    try:
        return memoryview(x).cast("B").toreadonly()
    except TypeError:  # not in C order, or of a format that Python does not cast
        pass
    words = mx.view(mx.reshape(mx.contiguous(x), (-1,)), mx.uint8)
    evaluate(words)
    return memoryview(words).toreadonly()


def to_numpy(x: Native, /) -> Any:
    if x.dtype == mx.bfloat16:
        raise UnsupportedError("NumPy has no bfloat16; x.astype(et.float32).numpy() has")
    evaluate(x)
    try:
        found = x.__array__()
    except TypeError as error:
        raise UnsupportedError(
            "x.numpy() needs NumPy: pip install numpy; x.tolist() does without"
        ) from error
    # The memory is the tensor's, which takes no notice of writing.
    found.flags.writeable = False
    return found


def from_dlpack(x: Any, /, dtypes: Mapping[DType, Any], *, copy: bool | None) -> Native:
    enter()
    if isinstance(x, mx.array):
        return copied(x) if copy else x
    if copy is False:
        raise InterchangeError("nothing comes into MLX without a copy; pass copy=None")
    # MLX would round float64 in silence, did it not know the dtype.
    ours = DTYPES.get(str(getattr(x, "dtype", None)).rpartition(".")[2])
    if ours is None:
        found = mx.from_dlpack(x)
    elif ours in dtypes:
        found = _taken(x, dtypes[ours])
    else:
        raise UnsupportedError(f"backend 'mlx' has no dtype {ours}")
    evaluate(found)
    return found


def _taken(x: Any, dtype: Any) -> Native:
    try:
        return mx.array(x, dtype)
    except ValueError:  # MLX does not read memory backwards
        view = memoryview(x)
        return from_buffer(view.tobytes(), dtype=dtype, shape=view.shape or ())
