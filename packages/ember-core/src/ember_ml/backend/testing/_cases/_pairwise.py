"""Functions of each pair of elements: arithmetic, comparisons, logic and bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ember_ml.backend.dtypes import DType

from .._case import Call, case
from .._draw import Array, Draw


def _pair(
    name: str,
    reference: Callable[..., Any],
    *,
    low: float = -4,
    high: float = 4,
    specials: bool = False,
    extremes: bool = True,
    gradient: bool = True,
    second: Callable[[Draw, DType, tuple[int, ...]], Array] | None = None,
    scalars: bool = True,
    **options: Any,
) -> None:
    def arguments(draw: Draw, dtype: DType) -> Call:
        shape1, shape2 = draw.shapes(2)
        odd = {"specials": specials, "extremes": extremes}
        x1: Any = draw.array(dtype, shape1, low=low, high=high, **odd)
        if second is not None:
            x2: Any = second(draw, dtype, shape2)
        else:
            x2 = draw.array(dtype, shape2, low=low, high=high, **odd)
        # A Python scalar stays one all the way to some engines, on either side.
        scalar = scalars and not draw.smooth and dtype.kind != "bool" and draw.integer(0, 3)
        if scalar == 1:
            x2 = _scalar(draw, x2)
        elif scalar == 2:
            x1 = _scalar(draw, x1)
        return (x1, x2), {}

    case(name, arguments, reference=reference, gradient=(0, 1) if gradient else (), **options)


def _scalar(draw: Draw, like: Array) -> Any:
    """A Python scalar from among the values of an array."""
    flat = like.values.reshape(-1)
    finite = flat[np.isfinite(flat)]
    return finite[0].item() if finite.size else 2


def _nonzero(draw: Draw, dtype: DType, shape: tuple[int, ...]) -> Array:
    sign = -1 if dtype.kind in ("signed", "float") and draw.flag() else 1
    x = draw.array(dtype, shape, low=1, high=5)
    return Array(x.values * x.values.dtype.type(sign) if sign < 0 else x.values, x.dtype)


def _power(draw: Draw, dtype: DType, shape: tuple[int, ...]) -> Array:
    return draw.array(dtype, shape, low=0, high=3)


def _shift(draw: Draw, dtype: DType, shape: tuple[int, ...]) -> Array:
    return draw.array(dtype, shape, low=0, high=dtype.bits - 1)


_pair("add", np.add, specials=True)
_pair("subtract", np.subtract, specials=True)
_pair("multiply", np.multiply, specials=True)
_pair("divide", np.divide, second=_nonzero, extremes=False, specials=True)
_pair("floor_divide", np.floor_divide, second=_nonzero)
_pair("remainder", np.remainder, second=_nonzero)
_pair("pow", np.power, low=0.3, high=4, second=_power, extremes=False)
_pair("maximum", np.maximum, specials=True)
_pair("minimum", np.minimum, specials=True)
_pair("atan2", np.arctan2, low=0.2, extremes=False)
_pair("copysign", np.copysign, extremes=False)
_pair("hypot", np.hypot, low=0.3, extremes=False, specials=True)
_pair("logaddexp", np.logaddexp, extremes=False, specials=True)


def _neighbours(draw: Draw, dtype: DType) -> Call:
    shape1, shape2 = draw.shapes(2)
    return (draw.array(dtype, shape1, low=0.5), draw.array(dtype, shape2, low=0.5)), {}


def _not_next(result: Any, dtype: DType, x1: Any, x2: Any) -> str | None:
    """The result is the neighbour, in the dtype, of ``x1`` towards ``x2``."""
    bits = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}[dtype.name]
    x1, x2 = np.broadcast_arrays(x1, x2)
    _, exponent = np.frexp(x1)
    step = np.ldexp(1.0, exponent - bits)
    # below a power of two the numbers lie twice as dense
    down = np.where(np.abs(x1) == np.ldexp(0.5, exponent), step / 2, step)
    right = np.where(x2 > x1, x1 + step, np.where(x2 < x1, x1 - down, x1))
    if np.array_equal(result, right):
        return None
    return f"{result.tolist()} is not {right.tolist()}"


case("nextafter", _neighbours, verify=_not_next)

for _name in ("equal", "not_equal", "greater", "greater_equal", "less", "less_equal"):
    _pair(_name, getattr(np, _name), specials=True, gradient=False)
for _name in ("logical_and", "logical_or", "logical_xor"):
    _pair(_name, getattr(np, _name), gradient=False)
for _name in ("bitwise_and", "bitwise_or", "bitwise_xor"):
    _pair(_name, getattr(np, _name), gradient=False)
_pair("bitwise_left_shift", np.left_shift, low=0, high=3, second=_shift, gradient=False)
_pair("bitwise_right_shift", np.right_shift, second=_shift, gradient=False)
