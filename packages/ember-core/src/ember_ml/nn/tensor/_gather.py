"""Elements picked and put along an axis, and indices as vectors of ones and zeros."""

from __future__ import annotations

from typing import Any, Literal

from ember_ml.backend.dtypes import DTypeLike, float32, int64
from ember_ml.backend.errors import DTypeError, InvalidValueError, ShapeError

from ._core import EmberTensor, TensorLike
from ._creation import asarray
from ._data import astype
from ._manipulation import expand_dims, reshape
from ._operation import operation
from ._scatter import counting
from ._search import take_along_axis
from ._shapes import as_axis

__all__ = ["gather", "one_hot", "scatter"]

_WAYS = ("set", "add", "multiply", "max", "min")


def _check_places(what: str, shape: tuple[int, ...], indices: tuple[int, ...], axis: int) -> None:
    if len(indices) != len(shape):
        raise ShapeError(
            f"{what}: indices of shape {indices} for a tensor of shape {shape}: as many axes are due"
        )
    for d, (mine, whole) in enumerate(zip(indices, shape, strict=True)):
        if d != axis and mine > whole:
            raise ShapeError(
                f"{what}: indices of shape {indices} reach beyond shape {shape} in axis {d}"
            )


@operation(result="same", kinds={"indices": "integer"})
def gather(x: TensorLike, indices: TensorLike, /, *, axis: int) -> EmberTensor:
    """Elements of ``x`` along ``axis``: one for each of ``indices``, from its own row.

    In two dimensions, with ``axis=1``, ``result[i, j] = x[i, indices[i, j]]``. The result has the
    shape of ``indices``, which may be smaller than ``x`` in the other axes: then the front of
    ``x`` is meant, as with PyTorch's function of this name. `take_along_axis` is the same where the
    other axes agree in size, and broadcasts them where they do not; `take` takes whole slices, the
    same ones for every row. The opposite is `scatter`.

    Args:
        x: (..., n, ...).
        indices: as many axes, integers in [-n, n); negative ones count from the end.

    Raises:
        ShapeError: the number of axes differs, or ``indices`` reach beyond ``x`` in another axis.
        TensorIndexError: an index is out of range.

    >>> from ember_ml.nn import tensor as et
    >>> et.gather([[1, 2, 3], [4, 5, 6]], [[2, 0], [1, 1]], axis=1).tolist()
    [[3, 1], [5, 5]]
    """
    a = as_axis(axis, x.ndim, "gather")
    _check_places("gather", x.shape, indices.shape, a)
    front = tuple(slice(None) if d == a else slice(n) for d, n in enumerate(indices.shape))
    return take_along_axis(x[front], indices, axis=a)


def scatter(
    x: TensorLike,
    indices: TensorLike,
    values: TensorLike,
    /,
    *,
    axis: int,
    reduce: Literal["set", "add", "multiply", "max", "min"] = "set",
) -> EmberTensor:
    """``x`` with ``values`` put where `gather` with the same ``indices`` takes elements from.

    In two dimensions, with ``axis=1``, ``result[i, indices[i, j]] = values[i, j]``; with another
    ``reduce`` values are combined with what is there and with each other, as by the methods of
    ``x.at[...]``, which takes all other forms of indices. (PyTorch: ``scatter``, ``scatter_add``
    and ``scatter_reduce``, whose ``"sum"``, ``"prod"``, ``"amax"``, ``"amin"`` are these.)

    Args:
        x: (..., n, ...).
        indices: as many axes, integers in [-n, n), in no other axis larger than ``x``.
        values: broadcast to the shape of ``indices``, and converted to the dtype of ``x``.

    Returns:
        A new tensor of the shape and dtype of ``x``.

    Raises:
        ShapeError: the number of axes differs, ``indices`` reach beyond ``x`` in another axis, or
            ``values`` do not broadcast to them.
        DTypeError: the indices are not integers.
        TensorIndexError: an index is out of range.
        InvalidValueError: another ``reduce``.

    >>> from ember_ml.nn import tensor as et
    >>> et.scatter(et.zeros((2, 3)), [[2], [0]], 5.0, axis=1).tolist()
    [[0.0, 0.0, 5.0], [5.0, 0.0, 0.0]]
    >>> et.scatter(et.zeros(3), [2, 0, 2], [1.0, 2.0, 4.0], axis=0, reduce="add").tolist()
    [2.0, 0.0, 5.0]
    """
    if reduce not in _WAYS:
        raise InvalidValueError(f"scatter: reduce is one of {', '.join(_WAYS)}, not {reduce!r}")
    x = asarray(x)
    if not isinstance(indices, EmberTensor):
        indices = asarray(indices, device=x.device)
    if indices.dtype.kind not in ("signed", "unsigned"):
        raise DTypeError(
            f"scatter: indices must be integers, not {indices.dtype}: indices.astype(et.int64)"
        )
    a = as_axis(axis, x.ndim, "scatter")
    _check_places("scatter", x.shape, indices.shape, a)
    grid: list[Any] = [
        reshape(counting(n, x), [-1 if d == i else 1 for i in range(x.ndim)])
        for d, n in enumerate(indices.shape)
    ]
    grid[a] = indices
    place = x.at[tuple(grid)]
    return {
        "set": place.set,
        "add": place.add,
        "multiply": place.multiply,
        "max": place.max,
        "min": place.min,
    }[reduce](values)


@operation(kinds={"indices": "integer"})
def one_hot(
    indices: TensorLike, num_classes: int, /, *, dtype: DTypeLike | None = None, axis: int = -1
) -> EmberTensor:
    """Vectors with a one in the place that each index names, and zeros elsewhere.

    An index outside of [0, num_classes), as -1 for padding often is, gives zeros alone.

    Args:
        indices: (...), integers.
        num_classes: the length of each vector.
        dtype: of the result; float32 by default.
        axis: where in the result the new axis is.

    Returns:
        (..., num_classes) for the last ``axis``.

    >>> from ember_ml.nn import tensor as et
    >>> et.one_hot([1, 0, -1], 3, dtype=et.int64).tolist()
    [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
    """
    if num_classes < 0:
        raise InvalidValueError(f"one_hot: num_classes is a size, not {num_classes}")
    a = as_axis(axis, indices.ndim + 1, "one_hot")
    classes = reshape(
        counting(num_classes, indices), [-1 if d == a else 1 for d in range(indices.ndim + 1)]
    )
    found = expand_dims(astype(indices, int64), axis=a) == classes
    return astype(found, float32 if dtype is None else dtype)
