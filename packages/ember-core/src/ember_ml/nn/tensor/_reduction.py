"""Reductions: sums, extremes, moments and truth over axes; cumulative forms and differences.

``axis=None`` reduces over all axes. Source: array API standard 2025.12, "Statistical functions"
and "Utility functions".
"""

from __future__ import annotations

from ember_ml.backend.dtypes import DTypeLike, int64
from ember_ml.backend.errors import InvalidValueError, ShapeError

from ._core import EmberTensor, TensorLike
from ._elementwise import subtract
from ._manipulation import concat
from ._operation import operation
from ._shapes import as_axes, as_axis, empty_fault

__all__ = [
    "all",
    "any",
    "count_nonzero",
    "cumulative_prod",
    "cumulative_sum",
    "diff",
    "max",
    "mean",
    "min",
    "prod",
    "std",
    "sum",
    "var",
]


@operation(result="sum")
def sum(
    x: TensorLike,
    /,
    *,
    axis: int | tuple[int, ...] | None = None,
    dtype: DTypeLike | None = None,
    keepdims: bool = False,
) -> EmberTensor:
    """Sum over ``axis``; integers and bool are added in ``int64``, unsigned ones in ``uint64``.

    >>> from ember_ml.nn import tensor as et
    >>> et.sum([[1, 2], [3, 4]], axis=0).tolist()
    [4, 6]
    """
    ...


@operation(result="sum")
def prod(
    x: TensorLike,
    /,
    *,
    axis: int | tuple[int, ...] | None = None,
    dtype: DTypeLike | None = None,
    keepdims: bool = False,
) -> EmberTensor:
    """Product over ``axis``; integers are multiplied in ``int64``, unsigned ones in ``uint64``.

    >>> from ember_ml.nn import tensor as et
    >>> et.prod([[1, 2], [3, 4]], axis=1).tolist()
    [2, 12]
    """
    ...


@operation(accepts="inexact", result="same")
def mean(
    x: TensorLike, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False
) -> EmberTensor:
    """Arithmetic mean over ``axis``.

    >>> from ember_ml.nn import tensor as et
    >>> et.mean([1.0, 2.0, 6.0]).item()
    3.0
    """
    ...


@operation(accepts="inexact", result="read")
def var(
    x: TensorLike,
    /,
    *,
    axis: int | tuple[int, ...] | None = None,
    correction: float = 0.0,
    keepdims: bool = False,
) -> EmberTensor:
    """Variance over ``axis``: squared distances from the mean over ``N - correction``.

    That of complex numbers is real.

    >>> from ember_ml.nn import tensor as et
    >>> et.var([1.0, 3.0]).item(), et.var([1.0, 3.0], correction=1).item()
    (1.0, 2.0)
    """
    axes = as_axes(axis, x.ndim, "var")
    count = 1
    for a in axes:
        count *= x.shape[a]
    distance = x - mean(x, axis=axes, keepdims=True)
    square = abs(distance) ** 2 if x.dtype.kind == "complex" else distance * distance
    total = sum(square, axis=axes, keepdims=keepdims)
    free = count - correction
    return total / free if free > 0 else total * float("nan")


@operation(accepts="inexact", result="read")
def std(
    x: TensorLike,
    /,
    *,
    axis: int | tuple[int, ...] | None = None,
    correction: float = 0.0,
    keepdims: bool = False,
) -> EmberTensor:
    """Standard deviation over ``axis``, the square root of `var`.

    >>> from ember_ml.nn import tensor as et
    >>> et.std([1.0, 3.0]).item()
    1.0
    """
    return var(x, axis=axis, correction=correction, keepdims=keepdims) ** 0.5


@operation(accepts="real", result="same", check=empty_fault)
def max(
    x: TensorLike, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False
) -> EmberTensor:
    """The greatest element over ``axis``; NaN if there is one.

    >>> from ember_ml.nn import tensor as et
    >>> et.max([[1, 9], [3, 4]], axis=0).tolist()
    [3, 9]
    """
    ...


@operation(accepts="real", result="same", check=empty_fault)
def min(
    x: TensorLike, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False
) -> EmberTensor:
    """The smallest element over ``axis``; NaN if there is one.

    >>> from ember_ml.nn import tensor as et
    >>> et.min([[1, 9], [3, 4]], axis=0).tolist()
    [1, 4]
    """
    ...


@operation(result="bool")
def any(
    x: TensorLike, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False
) -> EmberTensor:
    """Whether an element is true (not zero) over ``axis``.

    >>> from ember_ml.nn import tensor as et
    >>> et.any([[0, 0], [0, 1]], axis=0).tolist()
    [False, True]
    """
    ...


@operation(result="bool")
def all(
    x: TensorLike, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False
) -> EmberTensor:
    """Whether all elements are true (not zero) over ``axis``.

    >>> from ember_ml.nn import tensor as et
    >>> et.all([[1, 0], [1, 1]], axis=0).tolist()
    [True, False]
    """
    ...


@operation
def count_nonzero(
    x: TensorLike, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False
) -> EmberTensor:
    """Number of elements that are not zero over ``axis``, ``int64``.

    >>> from ember_ml.nn import tensor as et
    >>> et.count_nonzero([0, 3, 4]).item()
    2
    """
    return sum(x != _zero(x), axis=axis, dtype=int64, keepdims=keepdims)


def _zero(x: EmberTensor) -> bool | int:
    return False if x.dtype.kind == "bool" else 0


def _one_axis(x: EmberTensor, axis: int | None, what: str) -> int:
    if axis is None:
        if x.ndim > 1:
            raise ShapeError(f"{what}: name the axis of a tensor of shape {x.shape}")
        axis = 0
    if x.ndim == 0:
        raise ShapeError(f"{what} needs at least one dimension")
    return as_axis(axis, x.ndim, what)


def _with_initial(x: EmberTensor, result: EmberTensor, axis: int, value: int) -> EmberTensor:
    from ._creation import full_like

    before = tuple(1 if i == axis else n for i, n in enumerate(x.shape))
    first = full_like(result[tuple(slice(0, 1) if i == axis else slice(None)
                                   for i in range(x.ndim))], value)  # fmt: skip
    if first.shape != before:  # an empty axis has no first slice
        from ._creation import _on, full

        with _on(x):
            first = full(before, value, dtype=result.dtype, device=result.device)
    return concat([first, result], axis=axis)


@operation(accepts="numeric", result="sum")
def cumulative_sum(
    x: TensorLike,
    /,
    *,
    axis: int | None = None,
    dtype: DTypeLike | None = None,
    include_initial: bool = False,
) -> EmberTensor:
    """Sums of the elements so far along ``axis``; ``include_initial`` puts a zero in front.

    >>> from ember_ml.nn import tensor as et
    >>> et.cumulative_sum([1, 2, 3]).tolist()
    [1, 3, 6]
    """
    a = _one_axis(x, axis, "cumulative_sum")
    result = cumsum(x, axis=a, dtype=dtype)
    return _with_initial(x, result, a, 0) if include_initial else result


@operation(accepts="numeric", result="sum")
def cumulative_prod(
    x: TensorLike,
    /,
    *,
    axis: int | None = None,
    dtype: DTypeLike | None = None,
    include_initial: bool = False,
) -> EmberTensor:
    """Products of the elements so far along ``axis``; ``include_initial`` puts a one in front.

    >>> from ember_ml.nn import tensor as et
    >>> et.cumulative_prod([1, 2, 3]).tolist()
    [1, 2, 6]
    """
    a = _one_axis(x, axis, "cumulative_prod")
    result = cumprod(x, axis=a, dtype=dtype)
    return _with_initial(x, result, a, 1) if include_initial else result


@operation(accepts="numeric", result="sum")
def cumsum(x: TensorLike, /, *, axis: int, dtype: DTypeLike | None = None) -> EmberTensor:
    """What engines offer of `cumulative_sum`: one axis, no initial value, dtypes as in `sum`."""
    ...


@operation(accepts="numeric", result="sum")
def cumprod(x: TensorLike, /, *, axis: int, dtype: DTypeLike | None = None) -> EmberTensor:
    """What engines offer of `cumulative_prod`: one axis, no initial value, dtypes as in `sum`."""
    ...


def diff(
    x: TensorLike,
    /,
    *,
    axis: int = -1,
    n: int = 1,
    prepend: TensorLike | None = None,
    append: TensorLike | None = None,
) -> EmberTensor:
    """Differences of neighbours along ``axis``, taken ``n`` times.

    >>> from ember_ml.nn import tensor as et
    >>> et.diff([1, 4, 9]).tolist()
    [3, 5]
    """
    from ._creation import asarray

    if n < 0:
        raise InvalidValueError(f"diff: n must not be negative, and is {n}")
    x = asarray(x)
    a = _one_axis(x, axis, "diff")
    if prepend is not None or append is not None:
        parts = [p for p in (prepend, x, append) if p is not None]
        x = concat(parts, axis=a)
    before = (slice(None),) * a
    for _ in range(n):
        later, earlier = x[(*before, slice(1, None))], x[(*before, slice(None, -1))]
        x = later != earlier if x.dtype.kind == "bool" else subtract(later, earlier)
    return x
