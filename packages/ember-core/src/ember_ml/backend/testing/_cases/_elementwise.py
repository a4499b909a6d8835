"""Functions of each element."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ember_ml.backend.dtypes import DType

from .._case import Call, case, real_of
from .._draw import Draw

_erf = np.vectorize(math.erf, otypes=[np.float64])


def _unary(
    name: str,
    reference: Callable[..., Any],
    *,
    low: float = -4,
    high: float = 4,
    specials: bool = True,
    extremes: bool = False,
    gradient: bool = True,
    **options: Any,
) -> None:
    def arguments(draw: Draw, dtype: DType) -> Call:
        x = draw.array(dtype, low=low, high=high, specials=specials, extremes=extremes)
        return (x,), {}

    case(name, arguments, reference=reference, gradient=(0,) if gradient else (), **options)


for _name in ("cos", "cosh", "exp", "sin", "sinh", "tanh", "atan", "asinh", "expm1"):
    _unary(_name, getattr(np, {"atan": "arctan", "asinh": "arcsinh"}.get(_name, _name)))
_unary("square", np.square, extremes=True)
_unary("negative", np.negative, extremes=True)
_unary("positive", np.positive, extremes=True)
_unary("tan", np.tan, low=-1.4, high=1.4)
_unary("acos", np.arccos, low=-0.9, high=0.9)
_unary("asin", np.arcsin, low=-0.9, high=0.9)
_unary("atanh", np.arctanh, low=-0.9, high=0.9)
_unary("acosh", np.arccosh, low=1.1, high=6)
_unary("sqrt", np.sqrt, low=0.1, high=9)
_unary("log", np.log, low=0.1, high=9)
_unary("log2", np.log2, low=0.1, high=9)
_unary("log10", np.log10, low=0.1, high=9)
_unary("log1p", np.log1p, low=-0.8, high=9)
_unary("reciprocal", lambda x: 1 / x, low=0.2, high=9)
_unary("erf", _erf)


def _between(draw: Draw, dtype: DType) -> Call:
    """Off the steps, where finite differences are none."""
    if not draw.smooth:
        return (draw.array(dtype, specials=True, extremes=True),), {}
    shape = draw.shape()
    part = draw.array(dtype, shape, low=0.1, high=0.4).values
    return (draw.exact(draw.random.integers(-8, 8, shape) / 2 + part, dtype),), {}


for _name in ("ceil", "floor", "round", "trunc"):
    case(_name, _between, reference=getattr(np, _name), gradient=(0,))
_unary("sign", lambda x: np.sign(x) if x.dtype.kind != "b" else x, extremes=True)
_unary("abs", np.abs, result=real_of, extremes=True)
_unary("conj", np.conj, extremes=True)
_unary("real", np.real, result=real_of, extremes=True)
_unary("imag", np.imag, gradient=False, result=real_of)
_unary("isfinite", np.isfinite, gradient=False, extremes=True)
_unary("isinf", np.isinf, gradient=False, extremes=True)
_unary("isnan", np.isnan, gradient=False, extremes=True)
_unary("signbit", np.signbit, gradient=False)
_unary("logical_not", np.logical_not, gradient=False)
_unary("bitwise_invert", np.invert, gradient=False, extremes=True)
_unary("stop_gradient", lambda x: x, gradient=False, extremes=True)
_unary("copy", np.copy, extremes=True)


def _clip(draw: Draw, dtype: DType) -> Call:
    bounds: list[tuple[Any, Any]] = [(-1, 2), (None, 1), (0, None), (None, None)]
    low, high = draw.one_of(*bounds)
    if dtype.kind == "unsigned" and low == -1:
        low = 1
    shape, other = draw.shapes(2)
    if draw.flag() and low is not None and high is not None:
        low = draw.array(dtype, other, low=-3, high=0)
        high = draw.array(dtype, other, low=0, high=3)
    return (draw.array(dtype, shape), low, high), {}


def _clipped(x: Any, low: Any, high: Any) -> Any:
    shape = np.broadcast_shapes(np.shape(x), *(np.shape(b) for b in (low, high) if b is not None))
    x = x if low is None else np.maximum(x, np.asarray(low, dtype=x.dtype))
    x = x if high is None else np.minimum(x, np.asarray(high, dtype=x.dtype))
    return np.broadcast_to(x, shape)


case("clip", _clip, reference=_clipped, gradient=(0,))
