"""Fourier transforms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ember_ml.backend.dtypes import DType
from ember_ml.nn import tensor as et

from .._case import Call, case, complex_of, real_of
from .._draw import Draw

_NORMS = ("backward", "ortho", "forward")


def _precise(dtype: DType) -> bool:
    return dtype.name in ("float32", "float64", "complex64", "complex128")


def _along_one(draw: Draw, dtype: DType) -> Call:
    shape = list(draw.shape(1, empty=False))
    axis = draw.axis(len(shape))
    if -len(shape) <= axis < len(shape):
        shape[axis] = draw.integer(2, 6)
    return (draw.array(dtype, shape),), {
        "n": draw.one_of(None, 2, 5), "axis": axis, "norm": draw.one_of(*_NORMS)}  # fmt: skip


def _along_many(draw: Draw, dtype: DType) -> Call:
    shape = tuple(draw.integer(2, 4) for _ in range(draw.integer(2, 3)))
    s, axes = draw.one_of((None, None), (None, (0, 1)), ((3, 2), (-2, -1)))
    return (draw.array(dtype, shape),), {"s": s, "axes": axes, "norm": draw.one_of(*_NORMS)}


def _transform(
    name: str, arguments: Callable[..., Call], result: Callable[..., Any], **options: Any
) -> None:
    case(f"fft.{name}", arguments, reference=getattr(np.fft, name), result=result,
         tolerance=8, **options)  # fmt: skip


def _real(dtype: DType) -> bool:
    return _precise(dtype) and dtype.kind == "float"


def _halved(dtype: DType) -> bool:
    # float64 would go by way of complex128, which an engine may lack
    return _precise(dtype) and dtype.name != "float64"


def _parts(name: str) -> dict[str, Any]:
    """What differentiates a complex result by a real argument: both of its parts."""
    function = getattr(np.fft, name)

    def differences(x: Any, **options: Any) -> Any:
        result = function(x, **options)
        return result.real, result.imag

    return {
        "gradient": (0,),
        "pick": lambda result: (et.real(result), et.imag(result)),
        "differences": differences,
    }


for _suffix, _arguments in (("", _along_one), ("n", _along_many)):
    for _name in (f"fft{_suffix}", f"ifft{_suffix}"):
        _transform(_name, _arguments, complex_of, accepts=_precise, **_parts(_name))
    _transform(f"rfft{_suffix}", _arguments, complex_of, accepts=_real, **_parts(f"rfft{_suffix}"))
    _transform(f"irfft{_suffix}", _arguments, real_of, accepts=_halved, gradient=(0,))
_transform("hfft", _along_one, real_of, accepts=_halved, gradient=(0,))
_transform("ihfft", _along_one, complex_of, accepts=_real, **_parts("ihfft"))


def _frequencies(draw: Draw, dtype: DType) -> Call:
    return (draw.integer(1, 9),), {"d": draw.one_of(1.0, 0.5), "dtype": dtype}


case("fft.fftfreq", _frequencies, reference=lambda n, *, d, dtype: np.fft.fftfreq(n, d),
     accepts=_real)  # fmt: skip
case("fft.rfftfreq", _frequencies, reference=lambda n, *, d, dtype: np.fft.rfftfreq(n, d),
     accepts=_real)  # fmt: skip


def _shifted(draw: Draw, dtype: DType) -> Call:
    shape = draw.shape(1)
    return (draw.array(dtype, shape),), {"axes": draw.axis(len(shape), none=True)}


for _name in ("fftshift", "ifftshift"):
    case(f"fft.{_name}", _shifted, reference=getattr(np.fft, _name), accepts=_precise)
