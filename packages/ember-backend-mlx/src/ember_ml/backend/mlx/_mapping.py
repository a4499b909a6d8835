"""Operations of bits, ``not_equal`` and assignment inside of ``vmap``.

MLX mistakes them where it maps one operand and not the other: it reads beyond the end of an
array, puts the mapped axis where it is not, or leaves elements as they were.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import mlx.core as mx

#: How many maps are being traced. All threads see one: what is done inside is right outside too.
_depth = 0
_lock = threading.Lock()


def _deeper(by: int) -> None:
    global _depth
    with _lock:
        _depth += by


@contextlib.contextmanager
def mapping() -> Iterator[None]:
    """While ``vmap`` calls its function."""
    _deeper(1)
    try:
        yield
    finally:
        _deeper(-1)


def is_mapping() -> bool:
    """Whether a map is being traced."""
    return _depth > 0


def mapped_alike(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """``function`` of two operands that ``vmap`` maps both, or neither."""

    def call(x1: Any, x2: Any, /) -> Any:
        if _depth and isinstance(x1, mx.array) and isinstance(x2, mx.array):
            both = mx.equal(x1, x2)
            return function(mx.where(both, x1, x1), mx.where(both, x2, x2))
        return function(x1, x2)

    return call


def mapped_as(value: Any, x: Any) -> Any:
    """``value``, mapped too where ``vmap`` maps ``x``: MLX would write it to the first."""
    if not _depth:
        return value
    return mx.where(mx.isnan(mx.sum(x)), value, value)
