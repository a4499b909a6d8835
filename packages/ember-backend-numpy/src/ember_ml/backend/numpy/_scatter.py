"""Rows put together by number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def _at(ufunc: Any) -> Callable[[Any, Any, Any], Any]:
    def update(x, indices, values, /):
        result = np.array(x, order="C")
        flat = result.reshape(-1)
        if x.ndim > 1:  # ufunc.at is slow but for vectors
            width = flat.size // max(x.shape[0], 1)
            indices = (indices[:, None] * width + np.arange(width)).reshape(-1)
        ufunc.at(flat, indices, values.reshape(-1))
        return result

    return update


index_add = _at(np.add)
index_max = _at(np.maximum)
index_min = _at(np.minimum)
index_multiply = _at(np.multiply)
