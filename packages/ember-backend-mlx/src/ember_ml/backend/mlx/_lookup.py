"""Rows of a table by number."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from ._search import checked


def embedding(weight: Any, indices: Any, /, *, padding_idx: int | None = None) -> Any:
    if weight.ndim != 2:
        raise ValueError("the weight is no matrix")
    indices = checked(indices, weight.shape[0], 0, least=0)
    rows = mx.take(weight, indices, 0)
    if padding_idx is None:
        return rows
    return mx.where(indices[..., None] == padding_idx, mx.stop_gradient(rows), rows)
