"""Creation, conversion and constants of a shape."""

from __future__ import annotations

from typing import Any

import numpy as np

from ember_ml.backend.dtypes import DTYPES, DType

from .._case import Call, case
from .._draw import Draw, rounded


def _shaped(draw: Draw, dtype: DType) -> Call:
    return (draw.shape(),), {"dtype": dtype}


def _zeros(shape: tuple[int, ...], *, dtype: DType, **_: Any) -> Any:
    return np.zeros(shape)


def _ones(shape: tuple[int, ...], *, dtype: DType, **_: Any) -> Any:
    return np.ones(shape)


def _any_values(result: Any, computed: DType, shape: Any, **_: Any) -> str | None:
    wanted = np.shape(shape) if isinstance(shape, np.ndarray) else shape
    return None if result.shape == wanted else f"its shape is {result.shape}, not {wanted}"


case("zeros", _shaped, reference=_zeros)
case("ones", _shaped, reference=_ones)
case("empty", _shaped, verify=_any_values)


def _like(draw: Draw, dtype: DType) -> Call:
    return (draw.array(dtype),), {}


def _filled_like(draw: Draw, dtype: DType) -> Call:
    return (draw.array(dtype), _fill(draw, dtype)), {}


def _fill(draw: Draw, dtype: DType) -> Any:
    number = draw.integer(0, 4)
    match dtype.kind:
        case "bool":
            return draw.flag()
        case "float":
            return number / 2
        case "complex":
            return complex(number, 1)
        case _:
            return number


def _filled(draw: Draw, dtype: DType) -> Call:
    return (draw.shape(), _fill(draw, dtype)), {"dtype": dtype}


case("zeros_like", _like, reference=np.zeros_like)
case("ones_like", _like, reference=np.ones_like)
case("empty_like", _like, verify=_any_values)
case("full", _filled, reference=lambda shape, value, *, dtype: np.full(shape, value))
case("full_like", _filled_like, reference=lambda x, value: np.full_like(x, value))
case("asarray", _like, reference=np.asarray)


def _eye(draw: Draw, dtype: DType) -> Call:
    n, m, k = draw.integer(0, 4), draw.one_of(None, 0, 1, 3), draw.integer(-5, 5)
    return (n, m), {"k": k, "dtype": dtype}


case("eye", _eye, reference=lambda n, m, *, k, dtype: np.eye(n, m, k))


def _numbers(dtype: DType) -> bool:
    return dtype.kind in ("signed", "unsigned", "float")


def _range(draw: Draw, dtype: DType) -> Call:
    start, step = draw.integer(0, 5), draw.one_of(1, 2, 3)
    stop = draw.integer(0, 20)
    if dtype.kind != "unsigned" and draw.flag():
        start, stop, step = -start, -stop, -step
    return (start, stop, step), {"dtype": dtype}


case("arange", _range, reference=lambda *a, dtype: np.arange(*a), accepts=_numbers)


def _spaced(draw: Draw, dtype: DType) -> Call:
    number = draw.integer(0, 6)
    if dtype.kind == "complex":
        ends: tuple[Any, ...] = (complex(draw.number(-3, 0), 1), complex(draw.number(0, 3), 2))
    else:
        ends = (draw.number(-3, 0), draw.number(0, 3))
    return (*ends, number), {"dtype": dtype, "endpoint": draw.flag()}


case(
    "linspace",
    _spaced,
    reference=lambda a, b, n, *, dtype, endpoint: np.linspace(a, b, n, endpoint=endpoint),
    accepts=lambda dtype: dtype.kind in ("float", "complex"),
)


def _triangle(draw: Draw, dtype: DType) -> Call:
    shape = draw.shape(2)
    return (draw.array(dtype, shape),), {"k": draw.integer(-3, 3)}


for _name in ("tril", "triu"):
    case(_name, _triangle, reference=getattr(np, _name), gradient=(0,))


def _conversion(draw: Draw, dtype: DType) -> Call:
    targets = {
        "bool": ("bool", "int8", "uint64", "float32", "complex64"),
        "unsigned": ("bool", "uint8", "int64", "float32"),
        "signed": ("bool", "int16", "int64", "float32", "complex64"),
        "float": ("bool", "int32", "int64", "float16", "float32", "complex64"),
        "complex": ("bool", "complex64"),
    }
    return (draw.array(dtype), DTYPES[draw.one_of(*targets[dtype.kind])]), {"copy": draw.flag()}


case(
    "astype",
    _conversion,
    reference=lambda x, dtype, *, copy: rounded(x, dtype),
    result=lambda dtype: None,
)


def _grids(draw: Draw, dtype: DType) -> Call:
    arrays = tuple(draw.array(dtype, draw.shape(1, 1)) for _ in range(draw.integer(0, 3)))
    return arrays, {"indexing": draw.one_of("xy", "ij")}


case("meshgrid", _grids, reference=lambda *a, indexing: tuple(np.meshgrid(*a, indexing=indexing)))
