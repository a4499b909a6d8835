"""The same mistake raises the same exception, with the same text but for the engine's own words."""

from __future__ import annotations

import re

import pytest

from ember_ml.backend.errors import (
    ArgumentError,
    AxisError,
    DTypeError,
    EmberError,
    InterchangeError,
    InvalidValueError,
    ShapeError,
    TensorIndexError,
)
from ember_ml.backend.registry import use_backend
from ember_ml.nn import tensor as et

from ._engines import ENGINES
from ._tables import MISTAKES

#: More than the core's: of indices, Python's own functions, values, dtypes and named options.
MORE = {
    "a key of floats": (lambda: et.ones(3)[et.asarray([0.5])], TensorIndexError),
    "a key of text": (lambda: et.ones(3)["a"], TensorIndexError),
    "a float index": (lambda: et.ones(3)[1.0], TensorIndexError),
    "two ellipses": (lambda: et.ones((2, 2))[..., ...], TensorIndexError),
    "a mask of another shape": (lambda: et.ones(3)[et.asarray([True, False])], TensorIndexError),
    "an index tensor out of range": (lambda: et.ones(3)[et.asarray([0, 3])], TensorIndexError),
    "index tensors that do not broadcast": (
        lambda: et.ones((3, 3))[et.asarray([0, 1]), et.asarray([0, 1, 2])],
        TensorIndexError,
    ),
    "a step of zero": (lambda: et.ones(3)[::0], TensorIndexError),
    "an assignment that does not broadcast": (
        lambda: et.ones(3).__setitem__(slice(2), et.ones(3)),
        ShapeError,
    ),
    "an assignment out of range": (lambda: et.ones(3).__setitem__(5, 1.0), TensorIndexError),
    "an assignment of complex numbers": (lambda: et.ones(3).__setitem__(0, 1j), DTypeError),
    "an assignment out of the dtype's range": (
        lambda: et.ones(3, dtype=et.int8).__setitem__(0, 300),
        InvalidValueError,
    ),
    "the truth of several": (lambda: bool(et.ones(2)), ArgumentError),
    "int of several": (lambda: int(et.ones(2)), ArgumentError),
    "float of a complex number": (lambda: float(et.asarray(1j)), DTypeError),
    "an index of floats": (lambda: [1, 2][et.asarray(1.0)], DTypeError),
    "len of a number": (lambda: len(et.asarray(1)), ArgumentError),
    "iteration over a number": (lambda: iter(et.asarray(1)), ArgumentError),
    "item of several": (lambda: et.ones(2).item(), ShapeError),
    "T of three dimensions": (lambda: et.ones((1, 2, 3)).T, ShapeError),
    "a number out of range": (lambda: et.ones(2, dtype=et.uint8) + 256, InvalidValueError),
    "a negative number for unsigned": (lambda: et.ones(2, dtype=et.uint8) * -1, InvalidValueError),
    "asarray out of range": (lambda: et.asarray(300, dtype=et.int8), InvalidValueError),
    "asarray of None": (lambda: et.asarray(None), ArgumentError),
    "asarray of a list of text": (lambda: et.asarray(["a"]), ArgumentError),
    "asarray of complex as real": (lambda: et.asarray(1j, dtype=et.float32), DTypeError),
    "asarray without a copy": (lambda: et.asarray([1, 2], copy=False), InterchangeError),
    "NaN as an integer": (lambda: et.asarray(float("nan"), dtype=et.int32), InvalidValueError),
    "astype from complex": (lambda: et.ones(2, dtype=et.complex64).astype(et.float32), DTypeError),
    "astype to nonsense": (lambda: et.ones(2).astype("f"), DTypeError),
    "in place, dtype": (lambda: et.ones(2, dtype=et.int32).__iadd__(0.5), DTypeError),
    "in place, shape": (lambda: et.ones(2).__iadd__(et.ones((2, 2))), ShapeError),
    "reshape, two unknown sizes": (lambda: et.reshape(et.ones(4), (-1, -1)), ShapeError),
    "arange, step of zero": (lambda: et.arange(0, 3, 0), InvalidValueError),
    "linspace, negative number": (lambda: et.linspace(0, 1, -1), InvalidValueError),
    "full of text": (lambda: et.full(2, "a"), ArgumentError),
    "condition of floats": (lambda: et.where(et.ones(2), 1, 2), DTypeError),
    "take at floats": (lambda: et.take(et.ones(2), et.ones(1)), DTypeError),
    "take out of range": (lambda: et.take(et.ones(2), et.asarray([2])), TensorIndexError),
    "floor of complex": (lambda: et.floor(et.asarray(1j)), DTypeError),
    "sort of complex": (lambda: et.sort(et.asarray([1j])), DTypeError),
    "order of bools": (lambda: et.maximum(et.asarray([True]), et.asarray([False])), DTypeError),
    "and of numbers": (lambda: et.asarray([1]) & et.asarray([1.0]), DTypeError),
    "shift of floats": (lambda: et.ones(2) << 1, DTypeError),
    "integers by zero": (lambda: et.asarray([1, 2]) // et.asarray([0, 1]), InvalidValueError),
    "remainder of integers by zero": (lambda: et.asarray([1, 2]) % 0, InvalidValueError),
    "concat of one tensor": (lambda: et.concat(et.ones(2)), ArgumentError),
    "stack of nothing": (lambda: et.stack([]), ShapeError),
    "unstack, axis": (lambda: et.unstack(et.ones(2), axis=1), AxisError),
    "tile, negative": (lambda: et.tile(et.ones(2), (-1,)), ShapeError),
    "diff, negative": (lambda: et.diff(et.ones(2), n=-1), InvalidValueError),
    "searchsorted, side": (
        lambda: et.searchsorted(et.ones(2), et.ones(1), side="middle"),
        InvalidValueError,
    ),
    "isdtype, kind": (lambda: et.isdtype(et.int8, "whole"), ArgumentError),
    "finfo of integers": (lambda: et.finfo(et.int8), DTypeError),
    "iinfo of floats": (lambda: et.iinfo(et.float32), DTypeError),
    "qr, mode": (lambda: et.linalg.qr(et.eye(2), mode="half"), InvalidValueError),
    "matrix_power, exponent": (lambda: et.linalg.matrix_power(et.eye(2), 0.5), ArgumentError),
    "outer of matrices": (lambda: et.linalg.outer(et.eye(2), et.eye(2)), ShapeError),
    "solve, sizes": (lambda: et.linalg.solve(et.eye(3), et.ones((2, 2))), ShapeError),
    "fft of nothing": (lambda: et.fft.fft(et.zeros(0)), InvalidValueError),
    "fft, norm": (lambda: et.fft.fft(et.ones(2), norm="sideways"), InvalidValueError),
    "fft, length": (lambda: et.fft.fft(et.ones(2), n=0), InvalidValueError),
    "fftn, axes": (lambda: et.fft.fftn(et.ones((2, 2)), axes=(0, 5)), AxisError),
    "an operator with a list of text": (lambda: et.ones(2) * ["a", "b"], ArgumentError),
}


def mistake(call, engine):
    """The exception and its text, without the engine's name and what the engine itself said."""
    with use_backend(engine), pytest.raises(EmberError) as caught:
        call()
    text = str(caught.value).replace(f"'{engine}'", "'...'")
    text = re.sub(r"(failed on backend '\.\.\.': ).*", r"\1...", text, flags=re.DOTALL)
    text = re.sub(r"(x\[.*\] with shape [^:]*: ).*", r"\1...", text, flags=re.DOTALL)
    # the dtypes and devices that it has
    text = re.sub(r"(it has )(bool|'cpu').*", r"\1...", text)
    return type(caught.value), text


CALLS = {name: (call, kind) for name, (call, kind, *_) in MISTAKES.items()} | MORE


@pytest.mark.parametrize("name", CALLS)
def test_a_mistake_is_answered_alike(name):
    call, kind = CALLS[name]
    first, *others = (mistake(call, engine) for engine in ENGINES)
    assert first[0] is kind
    assert all(other == first for other in others), others
