"""Rows of a table by number."""

from __future__ import annotations

import torch
from ember_ml.backend.protocol import Native


def embedding(weight: Native, indices: Native, /, *, padding_idx: int | None = None) -> Native:
    if indices.dtype is not torch.int64 and indices.dtype is not torch.int32:
        indices = indices.long()
    return torch.embedding(weight, indices, -1 if padding_idx is None else padding_idx)
