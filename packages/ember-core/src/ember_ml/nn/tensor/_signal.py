"""Samples of functions: interpolation, convolution, the area under them."""

from __future__ import annotations

import math
from typing import Any, Literal

from ember_ml.backend.errors import InvalidValueError, ShapeError

from ._compare import isnan
from ._core import EmberTensor, TensorLike
from ._creation import _on, arange, ones_like
from ._linalg import matmul
from ._manipulation import flip, reshape
from ._operation import operation
from ._padding import pad_constant
from ._reduction import sum
from ._search import searchsorted, where
from ._shapes import as_axis

__all__ = ["convolve", "interp", "trapezoid"]


def _check_convolve(shapes: dict[str, Any], arguments: dict[str, Any]) -> str | None:
    a, b = shapes["x1"], shapes["x2"]
    if len(a) != 1 or len(b) != 1 or 0 in (*a, *b):
        return f"needs two vectors with elements, not shapes {a} and {b}"
    return None


@operation(accepts="numeric", result="same", check=_check_convolve)
def convolve(
    x1: TensorLike, x2: TensorLike, /, *, mode: Literal["full", "same", "valid"] = "full"
) -> EmberTensor:
    """The sums ``y[k] = sum_i x1[i] * x2[k - i]`` of two vectors of M and N elements.

    Args:
        mode: "full" for all M + N - 1 of them; "same" for the max(M, N) in the middle; "valid"
            for the max(M, N) - min(M, N) + 1 in which every product is of two elements.

    Raises:
        ShapeError: they are not vectors, or have no elements.
        InvalidValueError: the mode is another.

    >>> from ember_ml.nn import tensor as et
    >>> et.convolve([1, 2, 3], [0, 1]).tolist()
    [0, 1, 2, 3]
    """
    fault = _check_convolve({"x1": x1.shape, "x2": x2.shape}, {})
    if fault:
        raise ShapeError(f"convolve: {fault}")
    if mode not in ("full", "same", "valid"):
        raise InvalidValueError(f"convolve: mode is 'full', 'same' or 'valid', not {mode!r}")
    long, short = (x1, x2) if x1.shape[0] >= x2.shape[0] else (x2, x1)
    size, width = long.shape[0], short.shape[0]
    around = {"full": (width - 1, width - 1), "same": (width // 2, (width - 1) // 2)}
    before, after = around.get(mode, (0, 0))
    padded = pad_constant(long, ((before, after),), value=0)
    size += before + after - width + 1
    # Blocks of the result are products of stretches of the one with shifted copies of the other:
    # their length balances the memory of the two.
    block = math.isqrt(size - 1) + 1
    blocks = (size - 1) // block + 1
    stretch = block + width - 1
    shifted = pad_constant(flip(short), ((block - 1, block - 1),), value=0)
    padded = pad_constant(padded, ((0, block * blocks - size),), value=0)
    with _on(padded):
        starts = arange(0, block * blocks, block, device=padded.device)
        along = arange(stretch, device=padded.device)
        back = arange(block - 1, -1, -1, device=padded.device)
    product = matmul(padded[starts[:, None] + along], shifted[along[:, None] + back])
    return reshape(product, (block * blocks,))[:size]


def _check_interp(shapes: dict[str, Any], arguments: dict[str, Any]) -> str | None:
    xp, fp = shapes["xp"], shapes["fp"]
    if len(xp) != 1 or xp != fp or xp == (0,):
        return f"needs as many values as points, not shapes {xp} and {fp}"
    for name in ("left", "right"):
        if shapes.get(name):
            return f"{name} is one number, not of shape {shapes[name]}"
    return None


@operation(
    accepts="floating",
    result="same",
    promoted=("x", "xp", "fp", "left", "right"),
    check=_check_interp,
)
def interp(
    x: TensorLike,
    xp: TensorLike,
    fp: TensorLike,
    /,
    *,
    left: TensorLike | None = None,
    right: TensorLike | None = None,
) -> EmberTensor:
    """The values at ``x`` of the straight lines through the points ``(xp, fp)``.

    Args:
        xp: (N,), increasing.
        fp: (N,).
        left: the value below ``xp[0]``; None for ``fp[0]``.
        right: the value above ``xp[-1]``; None for ``fp[-1]``.

    Returns:
        The shape of ``x``. NaN stays NaN.

    Raises:
        ShapeError: ``xp`` and ``fp`` are not vectors of one length, or have no elements.

    >>> from ember_ml.nn import tensor as et
    >>> et.interp([0.5, 3.0], [0.0, 1.0, 2.0], [0.0, 10.0, 20.0]).tolist()
    [5.0, 20.0]
    """
    optional = {"left": left, "right": right}
    shapes = {"xp": xp.shape, "fp": fp.shape}
    shapes |= {name: value.shape for name, value in optional.items() if value is not None}
    fault = _check_interp(shapes, {})
    if fault:
        raise ShapeError(f"interp: {fault}")
    after = searchsorted(xp, x, side="right")
    low = (after - 1).clip(0, xp.shape[0] - 1)
    high = after.clip(0, xp.shape[0] - 1)
    x0, y0 = xp[low], fp[low]
    run, rise = xp[high] - x0, fp[high] - y0
    inside = run != 0
    slope = rise / where(inside, run, ones_like(run))
    y = where(inside, y0 + slope * (x - x0), y0)
    y = y if left is None else where(x < xp[0], left, y)
    y = y if right is None else where(x > xp[-1], right, y)
    return where(isnan(x), x, y)


@operation(accepts="inexact", result="same", promoted=("y", "x"))
def trapezoid(
    y: TensorLike, x: TensorLike | None = None, /, *, dx: float = 1.0, axis: int = -1
) -> EmberTensor:
    """The area under ``y`` along ``axis`` by the trapezoidal rule.

    Args:
        x: where the values are, as a vector or in the shape of ``y``; None for ``dx`` apart.

    Raises:
        ShapeError: ``x`` does not fit.

    >>> from ember_ml.nn import tensor as et
    >>> et.trapezoid([1.0, 2.0, 3.0]).item()
    4.0
    """
    a = as_axis(axis, y.ndim, "trapezoid")
    before = (slice(None),) * a
    later, earlier = (*before, slice(1, None)), (*before, slice(None, -1))
    middle = (y[later] + y[earlier]) / 2
    if x is None:
        return sum(middle, axis=a) * dx
    if x.shape not in (y.shape, (y.shape[a],)):
        raise ShapeError(f"trapezoid: x of shape {x.shape} for {y.shape} along axis {axis}")
    if x.ndim < y.ndim:
        step = (x[1:] - x[:-1])[(slice(None),) + (None,) * (y.ndim - 1 - a)]
    else:
        step = x[later] - x[earlier]
    return sum(middle * step, axis=a)
