"""Sums and products of unsigned integers: in ``uint64``, where PyTorch would take ``int64``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from ember_ml.backend.protocol import Native

from . import _reduce


def _unsigned(function: Callable[..., Any]) -> Callable[..., Any]:
    def apply(x: Native, /, *, dtype: torch.dtype | None = None, **options: Any) -> Native:
        dtype = dtype or torch.uint64
        adds = dtype.is_floating_point or dtype.is_complex
        return function(x.to(dtype if adds else torch.int64), **options).to(dtype)

    return apply


cumprod = _unsigned(_reduce.cumprod)
cumsum = _unsigned(_reduce.cumsum)
prod = _unsigned(_reduce.prod)
sum = _unsigned(_reduce.sum)
