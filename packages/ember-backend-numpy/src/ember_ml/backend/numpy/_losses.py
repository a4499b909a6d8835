"""Losses in fewer passes over memory, with their products. They are for ordinary arrays."""

from __future__ import annotations

import numpy as np

from . import _fused as _loud
from ._quiet import quiet_module

_fused = quiet_module(_loud)
_add = np.add.reduce


def _rows(labels, ignore_index):
    """The labels in a row, those to ignore as zero, and which of them count; None for all."""
    labels = labels.reshape(-1)
    negative = np.minimum.reduce(labels, initial=0) < 0
    kept = None
    if ignore_index is not None and (negative or ignore_index >= 0):
        kept = labels != ignore_index
        labels = np.where(kept, labels, 0)
        negative = np.minimum.reduce(labels, initial=0) < 0
    if negative:
        raise IndexError("a label is negative")
    return labels, kept


def softmax_cross_entropy(x, labels, /, *, ignore_index=None, reduction="none"):
    if labels.shape != x.shape[:-1]:
        raise ValueError("the labels do not fit the logits")
    rows, kept = _rows(labels, ignore_index)
    y = _fused.log_softmax(x)
    losses = -y.reshape(-1, y.shape[-1])[np.arange(rows.size), rows]
    if kept is not None:
        losses = np.where(kept, losses, losses.dtype.type(0))
    if reduction == "none":
        return losses.reshape(labels.shape)
    total = _add(losses)
    if reduction == "mean":
        total = total / x.dtype.type(_count(rows, kept))
    return np.asarray(total)


def _count(rows, kept):
    return rows.size if kept is None else np.count_nonzero(kept)


def _cross_entropy_product(answer, x, labels, *, ignore_index=None, reduction="none"):
    def product(g):
        # softmax - one-hot, in C order so that the rows are views of it
        d = np.ascontiguousarray(_fused.softmax(x))
        rows, kept = _rows(labels, ignore_index)
        flat = d.reshape(-1, d.shape[-1])
        flat[np.arange(rows.size), rows] -= 1
        if kept is not None:
            flat[~kept] = 0
        if reduction == "mean":
            g = g / x.dtype.type(_count(rows, kept))
        d *= g[..., None] if reduction == "none" else g
        return d

    return product


PRODUCTS = {"softmax_cross_entropy": (softmax_cross_entropy, (_cross_entropy_product,))}
