"""Sums and products of unsigned integers: in ``uint64``, where PyTorch would take ``int64``."""

from __future__ import annotations

import torch
from ember_ml.backend.protocol import Native

from . import _reduce
from ._reduce import Axis


def _wide(x: Native, dtype: torch.dtype | None) -> tuple[Native, torch.dtype]:
    """``x`` in a dtype that PyTorch adds in, and the dtype of the result."""
    dtype = torch.uint64 if dtype is None else dtype
    adds = dtype.is_floating_point or dtype.is_complex
    return x.to(dtype if adds else torch.int64), dtype


def sum(
    x: Native, /, *, axis: Axis = None, dtype: torch.dtype | None = None, keepdims: bool = False
) -> Native:
    x, dtype = _wide(x, dtype)
    return _reduce.sum(x, axis=axis, keepdims=keepdims).to(dtype)


def prod(
    x: Native, /, *, axis: Axis = None, dtype: torch.dtype | None = None, keepdims: bool = False
) -> Native:
    x, dtype = _wide(x, dtype)
    return _reduce.prod(x, axis=axis, keepdims=keepdims).to(dtype)


def cumsum(x: Native, /, *, axis: int, dtype: torch.dtype | None = None) -> Native:
    x, dtype = _wide(x, dtype)
    return torch.cumsum(x, axis).to(dtype)


def cumprod(x: Native, /, *, axis: int, dtype: torch.dtype | None = None) -> Native:
    x, dtype = _wide(x, dtype)
    return torch.cumprod(x, axis).to(dtype)
