"""Rows put together by number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlx.core as mx


def index_add(x: Any, indices: Any, values: Any, /) -> Any:
    # Of no elements it would end the process.
    return x.at[indices].add(values) if values.size else x


def _sharing(update: Callable[[Any, Any, Any], Any]) -> Callable[[Any, Any, Any], Any]:
    """``update``, equal elements of which share the gradient: MLX gives each of them all of it."""
    found = mx.custom_function(update)

    @found.vjp
    def _(primals: Any, cotangent: Any, output: Any) -> Any:
        x, indices, values = primals
        here, there = x == output, values == output[indices]
        ones = here.astype(x.dtype)
        share = cotangent / ones.at[indices].add(there.astype(x.dtype))
        return mx.where(here, share, 0), mx.zeros_like(indices), mx.where(there, share[indices], 0)

    return found


_max = _sharing(lambda x, indices, values: x.at[indices].maximum(values))
_min = _sharing(lambda x, indices, values: x.at[indices].minimum(values))


def index_max(x: Any, indices: Any, values: Any, /) -> Any:
    return _max(x, indices, values) if values.size else x


def index_min(x: Any, indices: Any, values: Any, /) -> Any:
    return _min(x, indices, values) if values.size else x
