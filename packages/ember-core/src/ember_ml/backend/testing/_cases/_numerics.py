"""Sums of products, padding, statistics, and reductions without NaN."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ember_ml.backend.dtypes import DType

from .._case import Call, case, int64
from .._draw import Array, Draw
from ._reduction import _reduce, _total


def _numeric(dtype: DType) -> bool:
    return dtype.kind != "bool"


def _real(dtype: DType) -> bool:
    return dtype.kind in ("signed", "unsigned", "float")


_SUBSCRIPTS = (
    "ij,jk->ik", "ij,kj->ik", "i,i->", "i,j->ij", "bij,bjk->bik", "ij,ij->ij",
    "ij,j->i", "abc,cd->dab", "ij,jk->k",
)  # fmt: skip


def _operands(draw: Draw, dtype: DType, subscripts: str) -> list[Array]:
    sizes = {letter: draw.integer(1, 3) for letter in "abcdijk"}
    terms = subscripts.partition("->")[0].split(",")
    return [draw.array(dtype, [sizes[letter] for letter in term]) for term in terms]


def _contracted(draw: Draw, dtype: DType) -> Call:
    subscripts = draw.one_of(*_SUBSCRIPTS)
    return tuple(_operands(draw, dtype, subscripts)), {"subscripts": subscripts}


def _summed(draw: Draw, dtype: DType) -> Call:
    subscripts = draw.one_of(
        *_SUBSCRIPTS, "ii", "ii->i", "ij->", "ij,jk,kd->id", "i,ij,j", "ij->ji"
    )
    return (subscripts, *_operands(draw, dtype, subscripts)), {}


case("contract", _contracted, gradient=(0, 1), tolerance=4,
     reference=lambda a, b, *, subscripts: np.einsum(subscripts, a, b))  # fmt: skip
case("einsum", _summed, reference=np.einsum, gradient=(1, 2, 3), accepts=_numeric,
     tolerance=16)  # fmt: skip


def _blocks(draw: Draw, dtype: DType) -> Call:
    return (draw.array(dtype, draw.shape(0, 2)), draw.array(dtype, draw.shape(0, 2))), {}


case("kron", _blocks, reference=np.kron, gradient=(0, 1))


def _widths(draw: Draw, dims: int, most: int) -> tuple[tuple[int, int], ...]:
    return tuple((draw.integer(0, most), draw.integer(0, most)) for _ in range(dims))


def _constant(draw: Draw, dtype: DType) -> Call:
    shape = draw.shape(0, 2)
    value = draw.flag() if dtype.kind == "bool" else draw.integer(0, 3)
    return (draw.array(dtype, shape), _widths(draw, len(shape), 2)), {"value": value}


def _padded(draw: Draw, dtype: DType) -> Call:
    shape = tuple(draw.integer(2, 4) for _ in range(draw.integer(1, 2)))
    x = draw.array(dtype, shape)
    mode = draw.one_of("constant", "edge", "reflect", "symmetric", "wrap")
    return (x, _widths(draw, len(shape), 5)), {"mode": mode}


case("pad_constant", _constant, gradient=(0,),
     reference=lambda x, w, *, value: np.pad(x, w, constant_values=value) if x.ndim else x)  # fmt: skip
case("pad", _padded, gradient=(0,), reference=lambda x, w, *, mode: np.pad(x, w, mode=mode))


# -- without NaN ----------------------------------------------------------------------------


def _holed(name: str, function: Callable[..., Any], **options: Any) -> None:
    """Reductions of arrays with some NaN."""

    def arguments(draw: Draw, dtype: DType) -> Call:
        shape = draw.shape(0, empty=False)
        x = draw.array(dtype, shape, low=-2, high=2)
        if dtype.kind == "float" and draw.flag() and not draw.smooth:
            holes = draw.random.uniform(size=shape) < 0.3
            x = Array(np.where(holes, np.nan, x.values), dtype)
        return (x,), {"axis": draw.axes(len(shape)), "keepdims": draw.flag()}

    case(name, arguments, reference=_silent(function), gradient=(0,), tolerance=8, **options)


def _silent(function: Callable[..., Any]) -> Callable[..., Any]:
    """NumPy warns of slices that are all NaN."""

    def reference(*args: Any, **kwargs: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            return function(*args, **kwargs)

    return reference


_holed("nansum", _total(np.nansum))
_holed("nanprod", _total(np.nanprod))
_holed("nanmean", np.nanmean, accepts=lambda d: d.kind != "complex")
_holed("nanmax", np.nanmax)
_holed("nanmin", np.nanmin)
_holed("nanvar", np.nanvar)
_holed("nanmedian", np.nanmedian)


def _first_or_not(function: Callable[..., Any]) -> Callable[..., Any]:
    """-1 where all is NaN, and NumPy raises."""

    def reference(x: Any, *, axis: int | None, keepdims: bool) -> Any:
        filled = np.where(np.isnan(x), -np.inf if function is np.argmax else np.inf, x)
        found = function(filled, axis=axis, keepdims=keepdims)
        return np.where(np.all(np.isnan(x), axis=axis, keepdims=keepdims), -1, found)

    return reference


def _holes(draw: Draw, dtype: DType) -> Call:
    shape = draw.shape(1, empty=False)
    x = draw.array(dtype, shape, specials=draw.flag())
    return (x,), {"axis": draw.axis(len(shape), none=True), "keepdims": draw.flag()}


for _name in ("argmax", "argmin"):
    case(f"nan{_name}", _holes, reference=_first_or_not(getattr(np, _name)),
         result=lambda dtype: int64)  # fmt: skip


def _enough(draw: Draw, dtype: DType) -> Call:
    shape = (draw.integer(2, 4), draw.integer(2, 4))
    return (draw.array(dtype, shape),), {"axis": draw.axis(2), "keepdims": draw.flag()}


case("nanstd", _enough, reference=np.nanstd, gradient=(0,), tolerance=8)


def _odd(draw: Draw, dtype: DType) -> Call:
    return (draw.array(dtype, specials=True),), {"nan": 0.5, "posinf": 9.0, "neginf": -9.0}


case("nan_to_num", _odd, reference=np.nan_to_num, accepts=lambda d: d.kind == "float",
     gradient=(0,))  # fmt: skip


# -- order and distribution -------------------------------------------------------------------

_reduce("median", np.median, empty=False, tolerance=4)


def _ranks(draw: Draw, dtype: DType) -> Call:
    shape = (*draw.shape(0, 2), draw.integer(1, 5))
    ranks = tuple(sorted({draw.integer(0, shape[-1] - 1) for _ in range(2)}))
    return (draw.array(dtype, shape),), {"ranks": ranks}


case("order_statistics", _ranks, gradient=(0,),
     reference=lambda x, *, ranks: np.take(np.sort(x), ranks, axis=-1))  # fmt: skip

_METHODS = ("linear", "lower", "higher", "midpoint", "nearest")


def _levels(draw: Draw, dtype: DType) -> Call:
    shape = draw.shape(1, empty=False)
    q: Any = draw.one_of(0.25, 0.5, 1.0, [0.0, 0.75])
    return (draw.array(dtype, shape), q), {
        "axis": draw.axis(len(shape), none=True), "keepdims": draw.flag(),
        "method": draw.one_of(*_METHODS)}  # fmt: skip


case("quantile", _levels, reference=np.quantile, gradient=(0,), tolerance=8)
case("nanquantile", _levels, reference=np.nanquantile, gradient=(0,), tolerance=8)


def _variables(draw: Draw, dtype: DType) -> Call:
    return (draw.array(dtype, (draw.integer(2, 3), draw.integer(3, 5))),), {}


case("cov", _variables, reference=np.cov, gradient=(0,), tolerance=8)
case("corrcoef", _variables, reference=np.corrcoef, gradient=(0,), tolerance=16)


def _counted(draw: Draw, dtype: DType) -> Call:
    x = draw.array(dtype, (draw.integer(1, 8),))
    if draw.flag():
        return (x,), {
            "bins": [-2.0, 0.0, 1.0, 3.0] if dtype.kind != "unsigned" else [0.0, 1.5, 3.0]
        }
    return (x,), {"bins": draw.integer(1, 4), "range": (-4.25, 4.5)}


case("histogram", _counted, reference=np.histogram, accepts=_real, result=lambda dtype: int64)


# -- signals ------------------------------------------------------------------------------------


def _signals(draw: Draw, dtype: DType) -> Call:
    n, m = draw.integer(1, 5), draw.integer(1, 4)
    modes = ("full", "same", "valid")
    return (draw.array(dtype, (n,), high=2, low=-2), draw.array(dtype, (m,), high=2, low=-2)), {
        "mode": draw.one_of(*modes)}  # fmt: skip


case("convolve", _signals, reference=np.convolve, gradient=(0, 1), tolerance=4)


def _points(draw: Draw, dtype: DType) -> Call:
    n = draw.integer(2, 5)
    xp = draw.exact(np.cumsum(draw.random.integers(1, 3, n)), dtype)
    x = draw.array(dtype, draw.shape(0, 2), low=0.1, high=8.9)
    return (x, xp, draw.array(dtype, (n,))), {}


def _sorted_only(dtype: DType) -> bool:
    return dtype.name in ("int32", "float32", "float64")


case("interp", _points, reference=np.interp, gradient=(0, 2), accepts=_sorted_only,
     tolerance=8)  # fmt: skip


def _area(draw: Draw, dtype: DType) -> Call:
    shape = draw.shape(1, empty=False)
    return (draw.array(dtype, shape),), {"dx": draw.one_of(1.0, 0.5), "axis": draw.axis(len(shape))}


case("trapezoid", _area, gradient=(0,), tolerance=4,
     reference=lambda y, *, dx, axis: np.trapezoid(y, dx=dx, axis=axis))  # fmt: skip
