"""Functional updates: ``x.at[key].set(value)`` and the like, after JAX's vocabulary."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ember_ml.backend.errors import DTypeError, ShapeError

from ._careful import common_backend
from ._core import EmberTensor, TensorLike
from ._data import copy
from ._elementwise import add, maximum, minimum, multiply
from ._functions import stop_gradient
from ._index import (
    axes_taken,
    describe,
    getitem,
    is_scalar_mask,
    parts_of,
    setitem,
    value_for,
    wrap_mask,
)
from ._manipulation import broadcast_to, reshape
from ._scatter import counting, filled, index_add, index_max, index_min, index_multiply
from ._search import take, where
from ._shapes import broadcast

__all__ = ["At", "Place"]

Combine = Callable[[EmberTensor, EmberTensor], EmberTensor]
Scatter = Callable[[EmberTensor, EmberTensor, EmberTensor], EmberTensor]


def _mask_of(x: EmberTensor, parts: list[Any]) -> EmberTensor | None:
    """A key that is one mask, with axes for the rest of ``x``; None for other keys.

    With it a scalar needs no indices, whose number depends on the elements.
    """
    if len(parts) != 1 or not isinstance(parts[0], EmberTensor):
        return None
    (mask,) = parts
    if mask.dtype.kind != "bool" or mask.shape != x.shape[: mask.ndim]:
        return None
    return reshape(mask, (*mask.shape, *[1] * (x.ndim - mask.ndim)))


def _numbers(x: EmberTensor, parts: list[Any], shape: tuple[int, ...]) -> EmberTensor:
    """What ``parts`` pick of axes of ``shape``, by number in C order."""
    tensors = [part for part in parts if isinstance(part, EmberTensor)]
    sliced = any(part is None or part is Ellipsis or isinstance(part, slice) for part in parts)
    masked = any(part.dtype.kind == "bool" for part in tensors)
    if sliced or masked or broadcast([part.shape for part in tensors]) is None:
        return reshape(counting(math.prod(shape), x), shape)[tuple(parts)]
    each = [counting(n, x)[part] for n, part in zip(shape, parts, strict=True)]
    numbers = each[0]
    for n, number in zip(shape[1:], each[1:], strict=True):
        numbers = numbers * n + number
    return numbers


def _replaced(x: EmberTensor, numbers: EmberTensor, values: EmberTensor) -> EmberTensor:
    """Rows of ``x`` replaced by the last of the ``values`` that are for them.

    The others become what the last one is, without its gradient, so that it makes no difference
    which of them the engine writes last.
    """
    turns = counting(numbers.size, x)
    nobody = filled(x.shape[:1], -1, turns)
    last = take(index_max(nobody, numbers, turns), numbers, axis=0)
    stays = reshape(last == turns, (numbers.size, *[1] * (x.ndim - 1)))
    values = where(stays, values, stop_gradient(take(values, last, axis=0)))
    result = copy(x)
    setitem(result, numbers, values)
    return result


class At:
    """What `EmberTensor.at` gives: index it to say which elements are meant."""

    __slots__ = ("_x",)

    def __init__(self, x: EmberTensor) -> None:
        self._x = x

    def __getitem__(self, key: Any, /) -> Place:
        return Place(self._x, key)

    def __repr__(self) -> str:
        return f"<at of a tensor of shape {self._x.shape}>"


class Place:
    """Some elements of a tensor. Each method gives a new tensor and leaves this one as it is.

    A value is converted to the dtype of the tensor and broadcast to the place. Where an index
    comes several times all its values count; of those that are `set` the last one stays.
    Gradients flow through the tensor and through the value; equal ones share that of `max` and
    `min`.

    Every method raises:
        TensorIndexError: an index is out of range, or of a kind that cannot index.
        ShapeError: the value does not broadcast to the place.
        DTypeError: the value is complex and the tensor is not; numbers are due and it is bool.

    >>> from ember_ml.nn import tensor as et
    >>> x = et.asarray([1.0, 2.0, 3.0])
    >>> x.at[[0, 0]].add([10.0, 5.0]).tolist(), x.at[x > 1].set(0.0).tolist(), x.tolist()
    ([16.0, 2.0, 3.0], [1.0, 0.0, 0.0], [1.0, 2.0, 3.0])
    """

    __slots__ = ("_key", "_x")

    def __init__(self, x: EmberTensor, key: Any) -> None:
        self._x = x
        self._key = key

    def get(self) -> EmberTensor:
        """The elements: ``x[key]``.

        >>> from ember_ml.nn import tensor as et
        >>> et.asarray([1, 2, 3]).at[1:].get().tolist()
        [2, 3]
        """
        return getitem(self._x, self._key)

    def set(self, value: TensorLike, /) -> EmberTensor:
        """The tensor with ``value`` in the place.

        >>> from ember_ml.nn import tensor as et
        >>> et.asarray([[1, 2], [3, 4]]).at[:, 0].set(0).tolist()
        [[0, 2], [0, 4]]
        """
        x, key = self._x, self._key
        if not is_scalar_mask(key):
            parts = parts_of(x, key)
            mask = _mask_of(x, parts)
            if mask is not None:
                value = self._value(value)
                if not value.ndim:
                    return where(mask, value, x)
            elif any(isinstance(part, EmberTensor) for part in parts):
                return self._scattered(parts, self._value(value), _replaced)
        result = copy(x)
        setitem(result, key, value)
        return result

    def add(self, value: TensorLike, /) -> EmberTensor:
        """The tensor with ``value`` added in the place.

        >>> from ember_ml.nn import tensor as et
        >>> et.zeros(3, dtype=et.int64).at[[0, 2, 0]].add(1).tolist()
        [2, 0, 1]
        """
        return self._updated(value, add, index_add)

    def multiply(self, value: TensorLike, /) -> EmberTensor:
        """The tensor multiplied by ``value`` in the place.

        >>> from ember_ml.nn import tensor as et
        >>> et.ones(3).at[[0, 2, 0]].multiply(3.0).tolist()
        [9.0, 1.0, 3.0]
        """
        return self._updated(value, multiply, index_multiply)

    def max(self, value: TensorLike, /) -> EmberTensor:
        """The tensor with the greater of element and ``value`` in the place.

        >>> from ember_ml.nn import tensor as et
        >>> et.zeros(2).at[[0, 0, 1]].max([2.0, 1.0, -1.0]).tolist()
        [2.0, 0.0]
        """
        return self._updated(value, maximum, index_max)

    def min(self, value: TensorLike, /) -> EmberTensor:
        """The tensor with the smaller of element and ``value`` in the place.

        >>> from ember_ml.nn import tensor as et
        >>> et.zeros(2).at[[0, 0, 1]].min([2.0, -1.0, 1.0]).tolist()
        [-1.0, 0.0]
        """
        return self._updated(value, minimum, index_min)

    def __repr__(self) -> str:
        return f"<at[{describe(self._key)}] of a tensor of shape {self._x.shape}>"

    # -- how --------------------------------------------------------------------------------

    def _value(self, value: TensorLike) -> EmberTensor:
        return value_for(self._x, value, common_backend([self._x, value], "x.at"))

    def _updated(self, value: TensorLike, combine: Combine, scatter: Scatter) -> EmberTensor:
        x, key = self._x, self._key
        if x.dtype.kind == "bool":
            raise DTypeError(f"x.at[...].{combine.__name__}: x is bool; x.astype(et.int64) is not")
        if is_scalar_mask(key):
            return Place(x[None], (wrap_mask(key, x),))._updated(value, combine, scatter)[0]
        parts = parts_of(x, key)
        value = self._value(value)
        mask = _mask_of(x, parts)
        if mask is not None and not value.ndim:
            # `value` stands in for what is not meant, so that no gradient is 0 * inf there.
            return where(mask, combine(where(mask, x, value), value), x)
        if not any(isinstance(part, EmberTensor) for part in parts):
            part = x[key]
            return self.set(combine(part, self._fitted(value, part.shape)))
        return self._scattered(parts, value, scatter)

    def _scattered(self, parts: list[Any], value: EmberTensor, scatter: Scatter) -> EmberTensor:
        """By row numbers: the axes that the key is for become one."""
        x, shape = self._x, self._x.shape
        whole = any(part is None or part is Ellipsis for part in parts)
        depth = x.ndim if whole else sum(map(axes_taken, parts))
        taken, rest = shape[:depth], shape[depth:]
        numbers = _numbers(x, parts, taken)
        value = self._fitted(value, (*numbers.shape, *rest))
        rows = reshape(x, (math.prod(taken), *rest))
        values = reshape(value, (numbers.size, *rest))
        return reshape(scatter(rows, reshape(numbers, (numbers.size,)), values), shape)

    def _fitted(self, value: EmberTensor, place: tuple[int, ...]) -> EmberTensor:
        if broadcast([place, value.shape]) != place:
            raise ShapeError(
                f"a value of shape {value.shape} does not broadcast to "
                f"x.at[{describe(self._key)}] of shape {place}"
            )
        return broadcast_to(value, place)
