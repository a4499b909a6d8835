"""Creation of tensors.

New tensors are on the current backend (`use_backend`); those made ``like`` another are on its
backend and device. The default dtypes are ``float32``, ``int64`` and ``complex64``. Source:
array API standard 2025.12, "Creation functions".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ember_ml.backend.dtypes import DType, DTypeLike, float32, promote, scalar_dtype
from ember_ml.backend.errors import (
    ArgumentError,
    InterchangeError,
    InvalidValueError,
    ShapeError,
)
from ember_ml.backend.registry import current_backend

from . import _data
from ._careful import as_dtype, bound_for, check_device, common_backend, wrap_native
from ._convert import SCALARS, import_dlpack, lift
from ._core import Device, EmberTensor, Shape, TensorLike
from ._manipulation import broadcast_to, reshape, stack
from ._operation import operation
from ._search import where
from ._shapes import checked_shape

__all__ = [
    "arange",
    "asarray",
    "empty",
    "empty_like",
    "eye",
    "from_dlpack",
    "from_native",
    "full",
    "full_like",
    "linspace",
    "meshgrid",
    "ones",
    "ones_like",
    "tril",
    "triu",
    "zeros",
    "zeros_like",
]


def asarray(
    obj: TensorLike,
    /,
    *,
    dtype: DTypeLike | None = None,
    device: Device | None = None,
    copy: bool | None = None,
) -> EmberTensor:
    """``obj`` as a tensor.

    An EmberTensor stays on its backend; anything else comes to the current one. Python numbers
    get the default dtypes, arrays keep theirs.

    Args:
        obj: a tensor, a number, nested lists of these, a native array of any engine, or an
            object with ``__dlpack__``, ``__array__`` or the buffer protocol. Python's own buffers
            (``bytes``, ``memoryview``) are copied, arrays share their memory where the engines can.
        dtype: the dtype wanted; None for that of ``obj``.
        device: the device wanted; None for where it is, or the default one.
        copy: True for a copy always, False for an error where one would be needed, None for a
            copy where one is needed.

    Raises:
        ShapeError: a ragged list; the message says where.
        ArgumentError: ``obj`` cannot be made into a tensor.
        InterchangeError: it cannot without a copy, and ``copy`` is False.

    >>> from ember_ml.nn import tensor as et
    >>> et.asarray([[1, 2], [3, 4]]).shape
    (2, 2)
    """
    if isinstance(obj, EmberTensor):
        return _as_tensor(obj, dtype, device, copy)
    if isinstance(obj, list | tuple) and _holds_tensors(obj):
        items = [asarray(item) for item in obj]
        return _as_tensor(stack(items), dtype, device, None)
    backend = current_backend()
    check_device(device, backend)
    wanted = None if dtype is None else bound_for(backend, as_dtype(dtype, backend)).dtype
    numbers = obj.__class__ in SCALARS or isinstance(obj, list | tuple | range)
    # An engine may share memory in conversion, so the copy is made here, if it is wanted.
    sharing = False if copy is False else None
    native = lift(obj, backend, dtype=wanted, device=device, copy=sharing)
    return _as_tensor(wrap_native(native, backend), wanted, device, None if numbers else copy)


def _holds_tensors(items: Sequence[Any]) -> bool:
    return any(
        isinstance(item, EmberTensor) or (isinstance(item, list | tuple) and _holds_tensors(item))
        for item in items
    )


def _as_tensor(
    x: EmberTensor, dtype: DTypeLike | None, device: Device | None, copy: bool | None
) -> EmberTensor:
    backend = x._backend.backend
    wanted = x.dtype if dtype is None else as_dtype(dtype, backend)
    check_device(device, backend)
    moves = device is not None and device != x.device
    if copy is False and (moves or wanted is not x.dtype):
        raise InterchangeError(
            f"a {x.dtype} tensor on {x.device} cannot become {wanted} on {device or x.device} "
            "without a copy; pass copy=None"
        )
    if wanted is not x.dtype:
        x = _data.astype(x, wanted)
    elif copy and not moves:
        x = _data.copy(x)
    return _data.to_device(x, device) if moves and device is not None else x


def from_native(array: Any, /) -> EmberTensor:
    """A tensor around a native array, on the array's own backend; nothing is copied.

    Only loaded backends and the current one are asked, so that no engine is imported.

    Raises:
        ArgumentError: ``array`` is not a native array of one of them.
    """
    from ember_ml.backend.registry import loaded_backends

    for backend in (current_backend(), *loaded_backends()):
        if isinstance(array, backend.array_types):
            return wrap_native(array, backend)
    names = ", ".join(sorted(b.name for b in loaded_backends()))
    raise ArgumentError(
        f"{type(array).__module__}.{type(array).__name__} is not a native array of a loaded "
        f"backend ({names}); load its backend first, et.get_backend(name), or use asarray"
    )


def from_dlpack(
    x: Any, /, *, device: Device | None = None, copy: bool | None = None
) -> EmberTensor:
    """A tensor of the current backend from an object with ``__dlpack__``.

    Args:
        x: an EmberTensor, a native array of any engine, or any other such object.
        device: the device wanted; None for where it is.
        copy: True for a copy always, False for an error where one would be needed, None for
            memory that is shared where the engines can. Into MLX everything is copied.

    Raises:
        ArgumentError: ``x`` has no ``__dlpack__``.
        InterchangeError: it cannot be exported or imported, or not without a copy.
        UnsupportedError: the engine lacks its dtype.

    >>> from ember_ml.nn import tensor as et
    >>> et.from_dlpack(et.arange(3)).tolist()
    [0, 1, 2]
    """
    if not hasattr(x, "__dlpack__"):
        raise ArgumentError(f"from_dlpack needs an object with __dlpack__, not {type(x).__name__}")
    if isinstance(x, EmberTensor):
        x = x._tensor
    backend = current_backend()
    check_device(device, backend)
    return wrap_native(import_dlpack(x, backend, device=device, copy=copy), backend)


# -- filled with one value ------------------------------------------------------------------


@operation(default_dtype=float32)
def empty(
    shape: Shape, *, dtype: DTypeLike | None = None, device: Device | None = None
) -> EmberTensor:
    """A tensor of ``shape`` whose elements are not set to anything in particular."""
    return zeros(shape, dtype=dtype, device=device)


@operation(default_dtype=float32)
def zeros(
    shape: Shape, *, dtype: DTypeLike | None = None, device: Device | None = None
) -> EmberTensor:
    """A tensor of zeros.

    >>> from ember_ml.nn import tensor as et
    >>> et.zeros((2, 2), dtype=et.int64).tolist()
    [[0, 0], [0, 0]]
    """
    ...


@operation(default_dtype=float32)
def ones(
    shape: Shape, *, dtype: DTypeLike | None = None, device: Device | None = None
) -> EmberTensor:
    """A tensor of ones.

    >>> from ember_ml.nn import tensor as et
    >>> et.ones(3).tolist()
    [1.0, 1.0, 1.0]
    """
    ...


def full(
    shape: Shape,
    fill_value: complex | EmberTensor,
    *,
    dtype: DTypeLike | None = None,
    device: Device | None = None,
) -> EmberTensor:
    """A tensor of ``shape`` that holds ``fill_value`` everywhere.

    >>> from ember_ml.nn import tensor as et
    >>> et.full(2, 7).tolist()
    [7, 7]
    """
    value = asarray(fill_value, dtype=dtype, device=device)
    return _data.copy(broadcast_to(value, checked_shape(shape)))


def _like(
    x: TensorLike, dtype: DTypeLike | None, device: Device | None
) -> tuple[EmberTensor, DType, Device]:
    x = asarray(x)
    backend = x._backend.backend
    wanted = x.dtype if dtype is None else as_dtype(dtype, backend)
    check_device(device, backend)
    return x, wanted, device or x.device


def _made(name: str, x: EmberTensor, dtype: DType, device: Device) -> EmberTensor:
    """The creation function ``name`` on the backend of ``x``, in its shape."""
    bound = bound_for(x._backend.backend, dtype)
    create = getattr(bound, name)
    return wrap_native(create(x.shape, dtype=bound.native_dtype, device=device), bound.backend)


def empty_like(
    x: TensorLike, /, *, dtype: DTypeLike | None = None, device: Device | None = None
) -> EmberTensor:
    """`empty` in the shape, dtype, device and backend of ``x``."""
    return _made("empty", *_like(x, dtype, device))


def zeros_like(
    x: TensorLike, /, *, dtype: DTypeLike | None = None, device: Device | None = None
) -> EmberTensor:
    """`zeros` in the shape, dtype, device and backend of ``x``."""
    return _made("zeros", *_like(x, dtype, device))


def ones_like(
    x: TensorLike, /, *, dtype: DTypeLike | None = None, device: Device | None = None
) -> EmberTensor:
    """`ones` in the shape, dtype, device and backend of ``x``."""
    return _made("ones", *_like(x, dtype, device))


def full_like(
    x: TensorLike,
    /,
    fill_value: complex,
    *,
    dtype: DTypeLike | None = None,
    device: Device | None = None,
) -> EmberTensor:
    """`full` in the shape, dtype, device and backend of ``x``."""
    x, wanted, place = _like(x, dtype, device)
    backend = x._backend.backend
    native = lift(fill_value, backend, dtype=wanted, device=place)
    value = _as_tensor(wrap_native(native, backend), wanted, place, None)
    return _data.copy(broadcast_to(value, x.shape))


# -- ranges ---------------------------------------------------------------------------------


def _range_dtype(arguments: dict[str, Any]) -> DType:
    values = [arguments[n] for n in ("start", "stop", "step") if arguments[n] is not None]
    return promote(*map(scalar_dtype, values))


@operation(default_dtype=_range_dtype)
def arange(
    start: float,
    /,
    stop: float | None = None,
    step: float = 1,
    *,
    dtype: DTypeLike | None = None,
    device: Device | None = None,
) -> EmberTensor:
    """Evenly spaced values in ``[start, stop)``; ``arange(n)`` counts from 0 to n - 1.

    >>> from ember_ml.nn import tensor as et
    >>> et.arange(3).tolist(), et.arange(0.0, 1.0, 0.5).tolist()
    ([0, 1, 2], [0.0, 0.5])
    """
    ...


def _linspace_dtype(arguments: dict[str, Any]) -> DType:
    return promote(float32, *(scalar_dtype(arguments[n]) for n in ("start", "stop")))


@operation(default_dtype=_linspace_dtype)
def linspace(
    start: complex,
    stop: complex,
    /,
    num: int,
    *,
    dtype: DTypeLike | None = None,
    device: Device | None = None,
    endpoint: bool = True,
) -> EmberTensor:
    """``num`` evenly spaced values from ``start`` to ``stop``, which ``endpoint`` includes.

    >>> from ember_ml.nn import tensor as et
    >>> et.linspace(0.0, 1.0, 3).tolist()
    [0.0, 0.5, 1.0]
    """
    ...


@operation(default_dtype=float32)
def eye(
    n_rows: int,
    n_cols: int | None = None,
    /,
    *,
    k: int = 0,
    dtype: DTypeLike | None = None,
    device: Device | None = None,
) -> EmberTensor:
    """A matrix with ones on diagonal ``k`` and zeros elsewhere.

    >>> from ember_ml.nn import tensor as et
    >>> et.eye(2).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    rows, columns = n_rows, n_rows if n_cols is None else n_cols
    if rows < 0 or columns < 0:
        raise InvalidValueError(f"eye: sizes cannot be negative, in ({rows}, {columns})")
    k = max(-rows, min(columns, k))  # further off there is no diagonal
    below = arange(rows, device=device)[:, None] + k
    return _data.astype(
        arange(columns, device=device) == below, float32 if dtype is None else dtype
    )


def _check_matrix(shapes: dict[str, Any], arguments: dict[str, Any]) -> str | None:
    shape = shapes["x"]
    return f"needs matrices (..., M, N), not shape {shape}" if len(shape) < 2 else None


def _triangle(x: EmberTensor, k: int, *, lower: bool) -> EmberTensor:
    if x.ndim < 2:
        name = "tril" if lower else "triu"
        raise ShapeError(f"{name}: needs matrices (..., M, N), not shape {x.shape}")
    rows, columns = x.shape[-2:]
    k = max(-rows - 1, min(columns + 1, k))  # further off there is no diagonal
    with _on(x):
        distance = arange(columns, device=x.device) - arange(rows, device=x.device)[:, None]
    return where(distance <= k if lower else distance >= k, x, zeros_like(x))


def _on(x: EmberTensor) -> Any:
    from ember_ml.backend.registry import use_backend

    return use_backend(x.backend)


@operation(result="same", check=_check_matrix)
def tril(x: TensorLike, /, *, k: int = 0) -> EmberTensor:
    """The lower triangles of matrices (..., M, N), zeros above diagonal ``k``.

    >>> from ember_ml.nn import tensor as et
    >>> et.tril([[1, 2], [3, 4]]).tolist()
    [[1, 0], [3, 4]]
    """
    return _triangle(x, k, lower=True)


@operation(result="same", check=_check_matrix)
def triu(x: TensorLike, /, *, k: int = 0) -> EmberTensor:
    """The upper triangles of matrices (..., M, N), zeros below diagonal ``k``.

    >>> from ember_ml.nn import tensor as et
    >>> et.triu([[1, 2], [3, 4]]).tolist()
    [[1, 2], [0, 4]]
    """
    return _triangle(x, k, lower=False)


def meshgrid(*arrays: TensorLike, indexing: str = "xy") -> tuple[EmberTensor, ...]:
    """Coordinate tensors from coordinate vectors.

    Raises:
        InvalidValueError: ``indexing`` is neither "xy" (Cartesian) nor "ij" (matrix).

    >>> from ember_ml.nn import tensor as et
    >>> [g.tolist() for g in et.meshgrid([1, 2], [3, 4])]
    [[[1, 2], [1, 2]], [[3, 3], [4, 4]]]
    """
    if indexing not in ("xy", "ij"):
        raise InvalidValueError(f"meshgrid: indexing is 'xy' or 'ij', not {indexing!r}")
    vectors = [asarray(x) for x in arrays]
    common_backend(vectors, "meshgrid")
    order = list(range(len(vectors)))
    if indexing == "xy" and len(order) > 1:
        order[:2] = [1, 0]
    shape = tuple(vectors[i].size for i in order)
    grids = []
    for i, vector in enumerate(vectors):
        view = [1] * len(shape)
        view[order.index(i)] = vector.size
        grids.append(_data.copy(broadcast_to(reshape(vector, tuple(view)), shape)))
    return tuple(grids)
