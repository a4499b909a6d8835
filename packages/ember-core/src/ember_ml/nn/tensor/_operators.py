"""Puts the operations in the place of EmberTensor's operators and methods.

A binary operator *is* the operation's function, so that ``x + y`` costs no more than
``add(x, y)``. In-place operators rebind the tensor's native array: every name for the tensor
sees the new value, on each engine, traced or not. Views of the old array do not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from ember_ml.backend.errors import ArgumentError, DTypeError, ShapeError

from . import _bitwise, _compare, _data, _elementwise, _linalg, _manipulation, _reduction, _search
from ._core import EmberTensor
from ._quiet import quiet

__all__ = ["install"]

_Function: TypeAlias = Callable[..., EmberTensor]

#: By the name of the operator: the operation, its key and its symbol.
_BINARY: dict[str, tuple[_Function, str, str]] = {
    "add": (_elementwise.add, "add", "+"),
    "sub": (_elementwise.subtract, "subtract", "-"),
    "mul": (_elementwise.multiply, "multiply", "*"),
    "truediv": (_elementwise.divide, "divide", "/"),
    "floordiv": (_elementwise.floor_divide, "floor_divide", "//"),
    "mod": (_elementwise.remainder, "remainder", "%"),
    "pow": (_elementwise.pow, "pow", "**"),
    "matmul": (_linalg.matmul, "matmul", "@"),
    "and": (_bitwise.bitwise_and, "bitwise_and", "&"),
    "or": (_bitwise.bitwise_or, "bitwise_or", "|"),
    "xor": (_bitwise.bitwise_xor, "bitwise_xor", "^"),
    "lshift": (_bitwise.bitwise_left_shift, "bitwise_left_shift", "<<"),
    "rshift": (_bitwise.bitwise_right_shift, "bitwise_right_shift", ">>"),
}

#: ``2 * x`` is ``x * 2``, and that one takes the scalar to the engine.
_COMMUTATIVE = frozenset({"add", "mul", "and", "or", "xor"})

_COMPARE: dict[str, _Function] = {
    "lt": _compare.less,
    "le": _compare.less_equal,
    "gt": _compare.greater,
    "ge": _compare.greater_equal,
}

_EQUALITY: dict[str, _Function] = {"eq": _compare.equal, "ne": _compare.not_equal}

_UNARY: dict[str, _Function] = {
    "neg": _elementwise.negative,
    "pos": _elementwise.positive,
    "abs": _elementwise.abs,
    "invert": _bitwise.bitwise_invert,
}

_METHODS: tuple[_Function, ...] = (
    _data.astype,
    _elementwise.clip,
    _manipulation.squeeze,
    _reduction.all,
    _reduction.any,
    _reduction.max,
    _reduction.mean,
    _reduction.min,
    _reduction.prod,
    _reduction.std,
    _reduction.sum,
    _reduction.var,
    _search.argmax,
    _search.argmin,
)


def _reflected(operation: _Function, key: str) -> _Function:
    def reflected(self: EmberTensor, other: Any, /) -> EmberTensor:
        b = self._backend
        scalar: Any = other if other.__class__ in b.scalars and key in b.scalar_left else None
        if scalar is not None and (b.inexact or b.low <= scalar <= b.high):
            try:
                v = getattr(b, key)(scalar, self._tensor)
            except Exception:
                return operation(other, self)
            if v.__class__ is not b.array_type:
                v = b.asnative(v)
            tensor = EmberTensor()
            tensor._tensor = v
            tensor._backend = b
            return tensor
        return operation(other, self)

    return quiet(reflected)


def _in_place(operation: _Function, symbol: str) -> _Function:
    def in_place(self: EmberTensor, other: Any, /) -> EmberTensor:
        result = operation(self, other)
        if result._tensor.shape != self._tensor.shape:
            raise ShapeError(
                f"x {symbol}= y cannot change the shape of x from {self.shape} to {result.shape}"
            )
        if result._backend is not self._backend and result.dtype is not self.dtype:
            raise DTypeError(
                f"x {symbol}= y cannot change the dtype of x from {self.dtype} to "
                f"{result.dtype}; write x = x {symbol} y"
            )
        self._tensor = result._tensor
        self._backend = result._backend
        return self

    return in_place


def _equality(operation: _Function) -> Callable[..., Any]:
    def compare(self: EmberTensor, other: Any, /) -> Any:
        try:
            return operation(self, other)
        except ArgumentError:
            return NotImplemented  # not a tensor-like: Python's own answer, x == None is False

    return compare


def install() -> None:
    """Fill in the operators and methods of EmberTensor."""
    for name, (operation, key, symbol) in _BINARY.items():
        setattr(EmberTensor, f"__{name}__", operation)
        reflected = operation if name in _COMMUTATIVE else _reflected(operation, key)
        setattr(EmberTensor, f"__r{name}__", reflected)
        setattr(EmberTensor, f"__i{name}__", _in_place(operation, symbol))
    for name, operation in (_COMPARE | _UNARY).items():
        setattr(EmberTensor, f"__{name}__", operation)
    for name, operation in _EQUALITY.items():
        setattr(EmberTensor, f"__{name}__", _equality(operation))
    for operation in _METHODS:
        setattr(EmberTensor, operation.__name__, operation)
