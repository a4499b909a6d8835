"""Puts the operations in the place of EmberTensor's operators.

A binary operator *is* the operation's function, so that ``x + y`` costs no more than
``add(x, y)``. In-place operators rebind the tensor's native array: every name for the tensor
sees the new value, on each engine, traced or not. Views of the old array do not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ember_ml.backend.errors import ArgumentError, DTypeError, ShapeError

from . import _bitwise, _compare, _elementwise, _linalg
from ._core import EmberTensor

__all__ = ["install"]

_BINARY: dict[str, Callable[..., EmberTensor]] = {
    "add": _elementwise.add,
    "sub": _elementwise.subtract,
    "mul": _elementwise.multiply,
    "truediv": _elementwise.divide,
    "floordiv": _elementwise.floor_divide,
    "mod": _elementwise.remainder,
    "pow": _elementwise.pow,
    "matmul": _linalg.matmul,
    "and": _bitwise.bitwise_and,
    "or": _bitwise.bitwise_or,
    "xor": _bitwise.bitwise_xor,
    "lshift": _bitwise.bitwise_left_shift,
    "rshift": _bitwise.bitwise_right_shift,
}

_COMPARE: dict[str, Callable[..., EmberTensor]] = {
    "eq": _compare.equal,
    "ne": _compare.not_equal,
    "lt": _compare.less,
    "le": _compare.less_equal,
    "gt": _compare.greater,
    "ge": _compare.greater_equal,
}

_UNARY: dict[str, Callable[..., EmberTensor]] = {
    "neg": _elementwise.negative,
    "pos": _elementwise.positive,
    "abs": _elementwise.abs,
    "invert": _bitwise.bitwise_invert,
}


def _reflected(operation: Callable[..., EmberTensor]) -> Callable[..., EmberTensor]:
    def reflected(self: EmberTensor, other: Any, /) -> EmberTensor:
        return operation(other, self)

    return reflected


def _in_place(operation: Callable[..., EmberTensor], name: str) -> Callable[..., EmberTensor]:
    def in_place(self: EmberTensor, other: Any, /) -> EmberTensor:
        result = operation(self, other)
        if result._tensor.shape != self._tensor.shape:
            raise ShapeError(
                f"x {name}= y cannot change the shape of x from {self.shape} to {result.shape}"
            )
        if result._backend is not self._backend and result.dtype is not self.dtype:
            raise DTypeError(
                f"x {name}= y cannot change the dtype of x from {self.dtype} to {result.dtype}; "
                f"write x = x {name} y"
            )
        self._tensor = result._tensor
        self._backend = result._backend
        return self

    return in_place


def _comparison(operation: Callable[..., EmberTensor]) -> Callable[..., Any]:
    def compare(self: EmberTensor, other: Any, /) -> Any:
        try:
            return operation(self, other)
        except ArgumentError:
            return NotImplemented  # not a tensor-like: Python's own answer, x == None is False

    return compare


def install() -> None:
    """Fill in the operators of EmberTensor."""
    symbols = {
        "add": "+", "sub": "-", "mul": "*", "truediv": "/", "floordiv": "//", "mod": "%",
        "pow": "**", "matmul": "@", "and": "&", "or": "|", "xor": "^", "lshift": "<<",
        "rshift": ">>",
    }  # fmt: skip
    for name, operation in _BINARY.items():
        setattr(EmberTensor, f"__{name}__", operation)
        setattr(EmberTensor, f"__r{name}__", _reflected(operation))
        setattr(EmberTensor, f"__i{name}__", _in_place(operation, symbols[name]))
    for name, operation in _COMPARE.items():
        equality = name in ("eq", "ne")
        setattr(
            EmberTensor,
            f"__{name}__",
            _comparison(operation) if equality else operation,
        )
    for name, operation in _UNARY.items():
        setattr(EmberTensor, f"__{name}__", operation)
