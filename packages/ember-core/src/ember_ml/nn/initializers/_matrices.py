"""Initial values of matrices as wholes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ember_ml.backend.dtypes import DTypeLike, float32, float64, int64
from ember_ml.backend.errors import InvalidValueError, ShapeError
from ember_ml.backend.registry import current_backend
from ember_ml.nn.tensor import (
    EmberTensor,
    argsort,
    astype,
    linalg,
    reshape,
    where,
)
from ember_ml.nn.tensor.random import Generator, default_generator

from ._distributions import normal

__all__ = ["orthogonal", "sparse"]


def orthogonal(
    shape: Sequence[int],
    *,
    gain: float = 1.0,
    dtype: DTypeLike = float32,
    device: str | None = None,
    generator: Generator | None = None,
) -> EmberTensor:
    """Orthogonal rows, or columns if there are fewer of those (Saxe et al., 2014).

    All such matrices are equally likely. Axes beyond the first are one here. Engines factorise
    a matrix in ways of their own: their results differ by some units in the last place.

    Args:
        gain: the length of the rows.

    Raises:
        ShapeError: there are fewer than two dimensions.

    >>> from ember_ml import nn
    >>> x = nn.initializers.orthogonal((2, 3))
    >>> [[round(abs(v), 4) for v in row] for row in (x @ x.mT).tolist()]
    [[1.0, 0.0], [0.0, 1.0]]
    """
    shape = tuple(shape)
    if len(shape) < 2:
        raise ShapeError(f"orthogonal: a matrix has at least two dimensions, not shape {shape}")
    rows, columns = shape[0], math.prod(shape[1:])
    if not rows * columns:
        return normal(shape, dtype=dtype, device=device, generator=generator)
    work = float64 if "float64" in current_backend().capabilities else float32
    tall = (max(rows, columns), min(rows, columns))
    x = astype(normal(tall, device=device, generator=generator), work)
    q, r = linalg.qr(x)
    # With the signs of a unique factorisation all directions are alike (Mezzadri, 2007).
    q = q * where(linalg.diagonal(r) < 0, -gain, gain)
    return astype(reshape(q if rows >= columns else q.mT, shape), dtype)


def sparse(
    shape: Sequence[int],
    sparsity: float,
    *,
    std: float = 0.01,
    dtype: DTypeLike = float32,
    device: str | None = None,
    generator: Generator | None = None,
) -> EmberTensor:
    """Normal, with as many zeros in each column (Martens, 2010).

    Args:
        shape: (rows, columns).
        sparsity: the share of zeros in a column, rounded up to whole rows.

    Raises:
        ShapeError: ``shape`` has not two dimensions.
        InvalidValueError: ``sparsity`` is outside of [0, 1].

    >>> from ember_ml import nn
    >>> nn.initializers.sparse((10, 4), 0.75).astype(bool).sum(axis=0).tolist()
    [2, 2, 2, 2]
    """
    if len(shape) != 2:
        raise ShapeError(f"sparse: a matrix has two dimensions, not shape {tuple(shape)}")
    if not 0 <= sparsity <= 1:
        raise InvalidValueError(f"sparse: sparsity is in [0, 1], not {sparsity}")
    source = generator or default_generator()
    x = normal(shape, std=std, dtype=dtype, device=device, generator=source)
    words = astype(source.bits(tuple(shape), device=device), int64)
    places = argsort(argsort(words, axis=0), axis=0)
    return where(places < math.ceil(sparsity * shape[0]), 0.0, x)
