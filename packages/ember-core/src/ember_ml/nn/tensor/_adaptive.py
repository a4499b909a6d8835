"""Pooling in windows whose sizes are such that there is a given number of them."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from ember_ml.backend.errors import InvalidValueError, ShapeError

from ._core import EmberTensor, TensorLike
from ._creation import _on, asarray
from ._manipulation import reshape
from ._operation import operation
from ._pooling import greatest, max_windows, mean_windows
from ._search import take
from ._windows import Row, mix, remembered, sizes_of, spatial_count

__all__ = ["adaptive_avg_pool", "adaptive_max_pool"]


def adaptive_avg_pool(
    x: TensorLike, /, *, output_size: int | Sequence[int | None] | None
) -> EmberTensor:
    """The mean of windows whose size is such that there are ``output_size``.

    Args:
        x: (N, C, ...) or (C, ...) with one to three more axes.
        output_size: a number for all axes, or one for each; None where an axis stays as it is.

    Raises:
        InvalidValueError: a size is not positive.
        ShapeError: the shape does not fit.

    >>> from ember_ml.nn import tensor as et
    >>> et.adaptive_avg_pool([[[1.0, 5.0, 2.0, 3.0]]], output_size=2).tolist()
    [[[3.0, 2.5]]]
    """
    if x.__class__ is not EmberTensor:
        x = asarray(x)
    return adaptive_mean(x, sizes=_adapted(x.shape, output_size, "adaptive_avg_pool"))


def adaptive_max_pool(
    x: TensorLike, /, *, output_size: int | Sequence[int | None] | None
) -> EmberTensor:
    """The greatest element of windows whose size is such that there are ``output_size``.

    Args:
        x: (N, C, ...) or (C, ...) with one to three more axes.
        output_size: a number for all axes, or one for each; None where an axis stays as it is.

    Raises:
        InvalidValueError: a size is not positive.
        ShapeError: the shape does not fit.

    >>> from ember_ml.nn import tensor as et
    >>> et.adaptive_max_pool([[[1.0, 5.0, 2.0, 3.0]]], output_size=2).tolist()
    [[[5.0, 3.0]]]
    """
    if x.__class__ is not EmberTensor:
        x = asarray(x)
    return adaptive_max(x, sizes=_adapted(x.shape, output_size, "adaptive_max_pool"))


@remembered
def _adapted(
    shape: tuple[int, ...], output_size: int | Sequence[int | None] | None, what: str
) -> tuple[int, ...]:
    count = spatial_count(shape, what, output_size)
    own = shape[len(shape) - count :]
    if 0 in own:
        raise ShapeError(f"{what}: x of shape {shape} has nothing to pool")
    parts = output_size if isinstance(output_size, Sequence) else (output_size,) * count
    if len(parts) != count:
        raise InvalidValueError(f"{what}: output_size has {count} sizes here, not {output_size!r}")
    filled = [n if part is None else part for n, part in zip(own, parts, strict=True)]
    return sizes_of(filled, count, what, "output_size")


def _evenly(x: EmberTensor, sizes: tuple[int, ...]) -> tuple[int, ...] | None:
    """The size of all windows, where it is the same for all."""
    own = x.shape[x.ndim - len(sizes) :]
    if any(n % size for n, size in zip(own, sizes, strict=True)):
        return None
    return tuple(n // size for n, size in zip(own, sizes, strict=True))


def _ends(n: int, size: int) -> list[tuple[int, int]]:
    """Where each of ``size`` windows over ``n`` elements starts and ends."""
    return [(i * n // size, -(-(i + 1) * n // size)) for i in range(size)]


@operation(accepts="floating", result="same")
def adaptive_mean(x: TensorLike, /, *, sizes: tuple[int, ...]) -> EmberTensor:
    """What engines offer of `adaptive_avg_pool`: a size for each axis."""
    kernel, count = _evenly(x, sizes), len(sizes)
    if kernel is not None:
        return mean_windows(
            x, kernel=kernel, stride=kernel, padding=(0,) * count, sizes=sizes,
            count_padding=True, divisor=None,
        )  # fmt: skip
    for axis, size in enumerate(sizes, x.ndim - count):
        if size != x.shape[axis]:
            x = mix(x, axis, _averages(x.shape[axis], size))
    return x


@functools.lru_cache(maxsize=64)
def _averages(n: int, size: int) -> tuple[Row, ...]:
    return tuple(
        tuple((i, 1.0 / (end - start)) for i in range(start, end)) for start, end in _ends(n, size)
    )


@operation(accepts="floating", result="same")
def adaptive_max(x: TensorLike, /, *, sizes: tuple[int, ...]) -> EmberTensor:
    """What engines offer of `adaptive_max_pool`: a size for each axis."""
    kernel, count = _evenly(x, sizes), len(sizes)
    if kernel is not None:
        return max_windows(
            x, kernel=kernel, stride=kernel, padding=(0,) * count, dilation=(1,) * count,
            sizes=sizes,
        )  # fmt: skip
    for axis, size in enumerate(sizes, x.ndim - count):
        ends = _ends(x.shape[axis], size)
        longest = max(end - start for start, end in ends)
        # a short window has its last element more than once
        places = [min(start + i, end - 1) for start, end in ends for i in range(longest)]
        with _on(x):
            indices = asarray(places, dtype="int64", device=x.device)
        shape = (*x.shape[:axis], size, longest, *x.shape[axis + 1 :])
        x = greatest(reshape(take(x, indices, axis=axis), shape), axis=axis + 1, keepdims=False)
    return x
