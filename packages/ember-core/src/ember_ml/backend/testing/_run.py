"""Running a case on a backend, and comparing what it gave with what is right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ember_ml.backend.dtypes import DType
from ember_ml.backend.protocol import Backend
from ember_ml.backend.registry import use_backend
from ember_ml.nn import tensor as et
from ember_ml.nn.tensor import EmberTensor

from ._case import Call, Case
from ._draw import Array, carrier, rounded

__all__ = [
    "arrays_of",
    "difference",
    "fault",
    "map_arrays",
    "native_dtype",
    "numpy_of",
    "run",
    "show",
    "tensor_of",
]


def map_arrays(function: Callable[[Array], Any], value: Any) -> Any:
    """``value`` with each `Array` in it, in lists and tuples too, replaced."""
    if isinstance(value, Array):
        return function(value)
    if isinstance(value, list | tuple):
        return type(value)(map_arrays(function, v) for v in value)
    return value


def tensor_of(array: Array) -> EmberTensor:
    """``array`` on the current backend, through Python numbers."""
    flat = et.asarray(array.values.reshape(-1).tolist(), dtype=array.dtype)
    return et.reshape(flat, array.values.shape)


def run(function: Callable[..., Any], call: Call, backend: Backend, *, keeps: bool = False) -> Any:
    """What ``function`` gives for ``call`` on ``backend``.

    Raises:
        AssertionError: it ``keeps`` its arguments, and one of them has changed.
    """
    args, kwargs = call
    lifted: list[tuple[Array, EmberTensor]] = []

    def lift(array: Array) -> EmberTensor:
        lifted.append((array, tensor_of(array)))
        return lifted[-1][1]

    with use_backend(backend.name):
        given = [map_arrays(lift, a) for a in args]
        result = function(*given, **{k: map_arrays(lift, v) for k, v in kwargs.items()})
    for array, tensor in lifted if keeps else []:
        kept = np.array_equal(numpy_of(tensor), array.values, equal_nan=True)
        assert kept, f"{function.__name__} changed its argument {array} to {tensor.tolist()}"
    return result


def show(case: Case, call: Call) -> str:
    """The call as text."""
    args, kwargs = call
    parts = [repr(a) for a in args] + [f"{k}={v!r}" for k, v in kwargs.items()]
    return f"{case.name}({', '.join(parts)})"


def _refer(function: Callable[..., Any], call: Call, *first: Any) -> Any:
    args, kwargs = call
    values = [map_arrays(lambda a: a.values, v) for v in args]
    options = {k: map_arrays(lambda a: a.values, v) for k, v in kwargs.items()}
    with np.errstate(all="ignore"):
        return function(*first, *values, **options)


def arrays_of(result: Any) -> list[EmberTensor]:
    """The tensors of a result: one, or those of a tuple."""
    if isinstance(result, EmberTensor):
        return [result]
    assert isinstance(result, tuple), f"the result is a {type(result).__name__}, not a tensor"
    return list(result)


def native_dtype(tensor: EmberTensor) -> Any:
    """The engine's dtype of the native array."""
    native: Any = tensor._tensor
    return native.dtype


def numpy_of(tensor: EmberTensor) -> np.ndarray[Any, Any]:
    """The values of ``tensor``, in the carrier of its dtype, through Python numbers."""
    return np.asarray(tensor.tolist(), dtype=carrier(tensor.dtype)).reshape(tensor.shape)


_BITS = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53, "complex64": 24, "complex128": 53}  # fmt: skip


def difference(
    found: np.ndarray[Any, Any], right: Any, dtype: DType, tolerance: float = 1.0
) -> str | None:
    """How ``found`` differs from ``right``, rounded to ``dtype``, or None.

    Numbers must agree to 32 units in the last place of the largest of them, times
    ``tolerance``; integers, infinities and nan exactly.
    """
    right = rounded(right, dtype)
    if found.shape != right.shape:
        return f"its shape is {found.shape}, not {right.shape}"
    if dtype.kind not in ("float", "complex"):
        return None if np.array_equal(found, right) else f"{found.tolist()} is not {right.tolist()}"
    with np.errstate(all="ignore"):
        finite = np.abs(right[np.isfinite(right)])
        scale = max(1.0, float(finite.max())) if finite.size else 1.0
        margin = 32 * tolerance * 2.0 ** -_BITS[dtype.name]
        close = np.isclose(found, right, rtol=margin, atol=margin * scale, equal_nan=True)
    if bool(np.all(close)):
        return None
    return f"{found.tolist()} is not {right.tolist()} within {margin:.1e} of their size"


def fault(case: Case, dtype: DType, call: Call, result: Any, backend: Backend) -> str | None:
    """What is wrong with ``result``, or None."""
    tensors = arrays_of(result)
    for tensor in tensors:
        if not isinstance(tensor, EmberTensor):
            return f"the result holds a {type(tensor).__name__}, not a tensor"
        if not isinstance(tensor._tensor, backend.array_types):
            kinds = " or ".join(t.__name__ for t in backend.array_types)
            return f"the backend returned a {type(tensor._tensor).__name__}, not {kinds}"
        native, due = native_dtype(tensor), backend.dtypes[tensor.dtype]
        if native != due:
            return f"the native result is {native}, and {tensor.dtype} ({due}) is due"
    wanted = case.expected(dtype)
    if tensors and wanted is not None and tensors[0].dtype is not wanted:
        return f"its dtype is {tensors[0].dtype}, not {wanted}"
    found = [numpy_of(t) for t in tensors]
    whole = isinstance(result, EmberTensor)
    if case.verify is not None:
        return _refer(case.verify, call, found[0] if whole else tuple(found), case.computes(dtype))
    assert case.reference is not None, f"the case {case.name!r} has nothing to compare with"
    right = _refer(case.reference, call)
    rights = [right] if whole else list(right)
    if len(rights) != len(found):
        return f"it has {len(found)} parts, not {len(rights)}"
    for tensor, value, target in zip(tensors, found, rights, strict=True):
        said = difference(value, target, tensor.dtype, case.tolerance)
        if said:
            return said
    return None
