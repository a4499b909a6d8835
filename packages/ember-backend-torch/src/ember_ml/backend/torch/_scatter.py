"""Rows put together by number."""

from __future__ import annotations

from typing import Literal

import torch
from ember_ml.backend.protocol import Native


def index_add(x: Native, indices: Native, values: Native, /) -> Native:
    return torch.index_add(x, 0, indices, values)


def _reduced(x: Native, indices: Native, values: Native, how: Literal["amax", "amin"]) -> Native:
    places = indices.reshape((-1,) + (1,) * (values.ndim - 1)).expand(values.shape)
    return torch.scatter_reduce(x, 0, places, values, how)


def index_max(x: Native, indices: Native, values: Native, /) -> Native:
    return _reduced(x, indices, values, "amax")


def index_min(x: Native, indices: Native, values: Native, /) -> Native:
    return _reduced(x, indices, values, "amin")
