"""Rows of a table by number."""

from __future__ import annotations

from typing import Any

from ember_ml.backend.dtypes import int64
from ember_ml.backend.errors import ShapeError

from ._core import EmberTensor, TensorLike
from ._data import astype
from ._functions import stop_gradient
from ._manipulation import expand_dims, reshape
from ._operation import operation
from ._search import take, where

__all__ = ["embedding"]


def _check_table(shapes: dict[str, Any], arguments: dict[str, Any]) -> str | None:
    weight = shapes["weight"]
    if len(weight) == 2:
        return None
    return f"a weight of shape {weight}, where (num_embeddings, embedding_dim) is due"


@operation(
    accepts="floating",
    result="same",
    promoted=("weight",),
    kinds={"indices": "integer"},
    check=_check_table,
)
def embedding(
    weight: TensorLike, indices: TensorLike, /, *, padding_idx: int | None = None
) -> EmberTensor:
    """The rows of ``weight`` that ``indices`` name.

    Args:
        weight: (num_embeddings, embedding_dim).
        indices: (...), integers in [0, num_embeddings).
        padding_idx: a row that gets no gradient.

    Returns:
        (..., embedding_dim).

    Raises:
        ShapeError: ``weight`` is no matrix.
        TensorIndexError: an index is negative, or too large.

    >>> from ember_ml import nn
    >>> nn.embedding([[1.0, 2.0], [3.0, 4.0]], [1, 0, 1]).tolist()
    [[3.0, 4.0], [1.0, 2.0], [3.0, 4.0]]
    """
    fault = _check_table({"weight": weight.shape}, {})
    if fault:
        raise ShapeError(f"embedding: {fault}")
    count, width = weight.shape
    indices = astype(indices, int64)
    # `take` would count a negative one from the end.
    places = reshape(where(indices < 0, count, indices), (-1,))
    rows = reshape(take(weight, places, axis=0), (*indices.shape, width))
    if padding_idx is None:
        return rows
    return where(expand_dims(indices == padding_idx, axis=-1), stop_gradient(rows), rows)
