"""Rows of a table by number."""

from __future__ import annotations

from typing import Any

import numpy as np

from ember_ml.backend.dtypes import DType

from .._case import Call, case
from .._draw import Draw


def _table(draw: Draw, dtype: DType) -> Call:
    count, width = draw.integer(1, 5), draw.integer(1, 4)
    shape = (count, width, 1) if draw.amiss() else (count, width)
    indices = draw.indices(count, draw.shape(0, 2), negative=draw.amiss())
    return (draw.array(dtype, shape), indices), {}


def _rows(weight: Any, indices: Any) -> Any:
    rows = [weight[int(i)] for i in indices.reshape(-1)]
    return np.asarray(rows, weight.dtype).reshape(*indices.shape, weight.shape[1])


case("embedding", _table, reference=_rows, gradient=(0,))
