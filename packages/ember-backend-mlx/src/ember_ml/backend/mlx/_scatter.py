"""Rows put together by number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlx.core as mx


def index_add(x: Any, indices: Any, values: Any, /) -> Any:
    # Of no elements it would end the process.
    return x.at[indices].add(values) if values.size else x


def _choice(name: str) -> Callable[[Any, Any, Any], Any]:
    """The update of that name, equal elements of which share the gradient.

    MLX gives all of it to each of them, and loses NaN or keeps it by the order.
    """

    def update(x: Any, indices: Any, values: Any) -> Any:
        found = getattr(x.at[indices], name)(values)
        if not mx.issubdtype(x.dtype, mx.floating):
            return found
        lost = mx.isnan(x).at[indices].maximum(mx.isnan(values))
        return mx.where(lost, float("nan"), found)

    function = mx.custom_function(update)

    @function.vjp
    def _(primals: Any, cotangent: Any, output: Any) -> Any:
        x, indices, values = primals
        here, there = x == output, values == output[indices]
        share = cotangent / here.astype(x.dtype).at[indices].add(there.astype(x.dtype))
        return mx.where(here, share, 0), mx.zeros_like(indices), mx.where(there, share[indices], 0)

    @function.vmap
    def _(inputs: Any, axes: Any) -> Any:
        # The mapped axis and the rows become one, and the gradient stays what it is.
        size = next(x.shape[a] for x, a in zip(inputs, axes, strict=True) if a is not None)
        x, indices, values = (
            mx.broadcast_to(x, (size, *x.shape)) if a is None else mx.moveaxis(x, a, 0)
            for x, a in zip(inputs, axes, strict=True)
        )
        rows = x.shape[1]
        indices = indices + rows * mx.arange(size, dtype=indices.dtype)[:, None]
        found = function(mx.flatten(x, 0, 1), mx.flatten(indices), mx.flatten(values, 0, 1))
        return mx.unflatten(found, 0, (size, rows)), 0

    return lambda x, indices, values, /: function(x, indices, values) if values.size else x


index_max = _choice("maximum")
index_min = _choice("minimum")
