"""Named tuples of the operations that return several tensors, as the standard names them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ._core import EmberTensor

__all__ = [
    "RESULTS",
    "EighResult",
    "EigResult",
    "HistogramResult",
    "QRResult",
    "SVDResult",
    "SlogdetResult",
    "TopKResult",
    "UniqueAllResult",
    "UniqueCountsResult",
    "UniqueInverseResult",
]


class UniqueAllResult(NamedTuple):
    """Result of `unique_all`."""

    values: EmberTensor
    indices: EmberTensor
    inverse_indices: EmberTensor
    counts: EmberTensor


class UniqueCountsResult(NamedTuple):
    """Result of `unique_counts`."""

    values: EmberTensor
    counts: EmberTensor


class UniqueInverseResult(NamedTuple):
    """Result of `unique_inverse`."""

    values: EmberTensor
    inverse_indices: EmberTensor


class TopKResult(NamedTuple):
    """Result of `top_k`."""

    values: EmberTensor
    indices: EmberTensor


class HistogramResult(NamedTuple):
    """Result of `histogram`."""

    hist: EmberTensor
    bin_edges: EmberTensor


class QRResult(NamedTuple):
    """Result of `linalg.qr`."""

    Q: EmberTensor
    R: EmberTensor


class SVDResult(NamedTuple):
    """Result of `linalg.svd`."""

    U: EmberTensor
    S: EmberTensor
    Vh: EmberTensor


class EighResult(NamedTuple):
    """Result of `linalg.eigh`."""

    eigenvalues: EmberTensor
    eigenvectors: EmberTensor


class EigResult(NamedTuple):
    """Result of `linalg.eig`."""

    eigenvalues: EmberTensor
    eigenvectors: EmberTensor


class SlogdetResult(NamedTuple):
    """Result of `linalg.slogdet`."""

    sign: EmberTensor
    logabsdet: EmberTensor


RESULTS: dict[str, Callable[..., Any]] = {
    cls.__name__: cls
    for cls in (
        UniqueAllResult,
        UniqueCountsResult,
        UniqueInverseResult,
        TopKResult,
        HistogramResult,
        QRResult,
        SVDResult,
        EighResult,
        EigResult,
        SlogdetResult,
    )
}
