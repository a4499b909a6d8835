"""Softmax, affine maps and fused losses."""

from __future__ import annotations

from typing import Any

import numpy as np

from ember_ml.backend.dtypes import DType

from .._case import Call, case
from .._draw import Draw


def _along(draw: Draw, dtype: DType) -> Call:
    shape = draw.shape(1, empty=False)
    return (draw.array(dtype, shape),), {"axis": draw.axis(len(shape))}


def softmax(x: Any, *, axis: int) -> Any:
    e = np.exp(x)
    return e / np.sum(e, axis=axis, keepdims=True)


case("softmax", _along, reference=softmax, gradient=(0,), tolerance=4)
case("log_softmax", _along, reference=lambda x, *, axis: np.log(softmax(x, axis=axis)),
     gradient=(0,), tolerance=4)  # fmt: skip


def _reduced(draw: Draw, dtype: DType) -> Call:
    shape = draw.shape(1, empty=False)
    return (draw.array(dtype, shape),), {"axis": draw.axes(len(shape)), "keepdims": draw.flag()}


case("logsumexp", _reduced, gradient=(0,), tolerance=4,
     reference=lambda x, **options: np.log(np.sum(np.exp(x), **options)))  # fmt: skip


def _affine(draw: Draw, dtype: DType) -> Call:
    n, m = draw.integer(1, 4), draw.integer(1, 4)
    x = draw.array(dtype, (*draw.shape(0, 2), n + 1 if draw.amiss() else n))
    return (x, draw.array(dtype, (m, n)), draw.array(dtype, (m,))), {}


case("linear", _affine, reference=lambda x, w, b: x @ w.T + b, gradient=(0, 1, 2), tolerance=4)
