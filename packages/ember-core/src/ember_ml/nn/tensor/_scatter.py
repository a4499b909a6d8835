"""Putting rows together by number: what functional updates and segment sums are made of.

They are composed by sorting and combining neighbours in doubling steps, so that no shape depends
on the elements. An engine with a scatter of its own overrides them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ember_ml.backend.dtypes import int64
from ember_ml.backend.protocol import Native

from ._careful import wrap_native
from ._core import EmberTensor, Shape, TensorLike
from ._elementwise import add, maximum, minimum, multiply
from ._manipulation import concat, reshape
from ._operation import operation
from ._search import argsort, take, where

__all__ = ["counting", "filled", "index_add", "index_max", "index_min", "index_multiply"]


def counting(n: int, like: EmberTensor) -> EmberTensor:
    """``0 ... n - 1`` as ``int64`` on the backend and device of ``like``."""
    bound = like._backend.by_dtype[int64]
    native: Native = bound.arange(0, n, 1, dtype=bound.native_dtype, device=like.device)  # type: ignore[attr-defined]
    return wrap_native(native, bound.backend)


def filled(shape: Shape, value: Any, like: EmberTensor) -> EmberTensor:
    """``value`` everywhere, in the dtype and on the backend and device of ``like``."""
    bound: Any = like._backend
    dtype, device = bound.native_dtype, like.device
    if value == 0:
        native = bound.zeros(shape, dtype=dtype, device=device)
    else:
        number = bound.backend.from_python(value, dtype=dtype, device=device)
        native = bound.broadcast_to(number, shape)
    return wrap_native(native, bound.backend)


def _combined(
    x: EmberTensor,
    indices: EmberTensor,
    values: EmberTensor,
    combine: Callable[[EmberTensor, EmberTensor], EmberTensor],
) -> EmberTensor:
    """Each row of ``x`` combined with all the rows of ``values`` that have its number."""
    n, k = x.shape[0], values.shape[0]
    numbers = concat([indices, counting(n, x)])
    order = argsort(numbers)  # stable: after the values for a row comes the row itself
    number = take(numbers, order, axis=0)
    rows = take(concat([values, x]), order, axis=0)
    step = 1
    while step <= k:
        same = number[:-step] == number[step:]
        same = reshape(same, (same.shape[0], *[1] * (x.ndim - 1)))
        joined = where(same, combine(rows[:-step], rows[step:]), rows[step:])
        rows = concat([rows[:step], joined])
        step *= 2
    return take(rows, argsort(order)[k:], axis=0)


@operation(accepts="numeric", result="same", promoted=("x", "values"), kinds={"indices": "integer"})
def index_add(x: TensorLike, indices: TensorLike, values: TensorLike, /) -> EmberTensor:
    """``x`` with each row of ``values`` added to the row of ``x`` that ``indices`` says.

    Args:
        x: (n, ...).
        indices: (k,), integers in [0, n): the caller has checked them.
        values: (k, ...).

    >>> from ember_ml.nn import tensor as et
    >>> et.zeros(3).at[[2, 0, 2]].add([1.0, 2.0, 4.0]).tolist()
    [2.0, 0.0, 5.0]
    """
    return _combined(x, indices, values, add)


@operation(accepts="numeric", result="same", promoted=("x", "values"), kinds={"indices": "integer"})
def index_multiply(x: TensorLike, indices: TensorLike, values: TensorLike, /) -> EmberTensor:
    """``x`` with rows multiplied by those of ``values``, as `index_add` adds them."""
    return _combined(x, indices, values, multiply)


@operation(accepts="real", result="same", promoted=("x", "values"), kinds={"indices": "integer"})
def index_max(x: TensorLike, indices: TensorLike, values: TensorLike, /) -> EmberTensor:
    """The greatest of ``x`` and the rows of ``values`` that `index_add` would add."""
    return _combined(x, indices, values, maximum)


@operation(accepts="real", result="same", promoted=("x", "values"), kinds={"indices": "integer"})
def index_min(x: TensorLike, indices: TensorLike, values: TensorLike, /) -> EmberTensor:
    """The least of ``x`` and the rows of ``values`` that `index_add` would add."""
    return _combined(x, indices, values, minimum)
