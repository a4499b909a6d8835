"""Rows of a table by number. For ordinary arrays."""

from __future__ import annotations

import numpy as np

__all__ = ["embedding", "weight_product"]


def embedding(weight, indices, /, *, padding_idx=None):
    if weight.ndim != 2:
        raise ValueError("the weight is no matrix")
    if np.minimum.reduce(indices, None, initial=0) < 0:
        raise IndexError("an index is negative")
    return np.take(weight, indices, 0)


def weight_product(answer, weight, indices, *, padding_idx=None):
    """The gradient of the table: each row's own, added up."""

    def product(g):
        places, rows = indices.reshape(-1), g.reshape(-1, g.shape[-1])
        total = np.zeros_like(weight)
        if padding_idx is not None:
            kept = places != padding_idx
            places, rows = places[kept], rows[kept]
        if places.size:
            # The rows of one place are put together, and added up at once.
            order = np.argsort(places, kind="stable")
            places = places[order]
            first = np.flatnonzero(np.append(True, places[1:] != places[:-1]))
            total[places[first]] = np.add.reduceat(rows[order], first, 0)
        return total

    return product
