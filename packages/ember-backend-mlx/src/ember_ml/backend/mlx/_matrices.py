"""Matrices: shapes, transposes, and complex ones as real ones."""

from __future__ import annotations

from typing import Any

import mlx.core as mx


def transposed(x: Any) -> Any:
    return mx.swapaxes(x, -1, -2)


def adjoint(x: Any) -> Any:
    return mx.conj(mx.swapaxes(x, -1, -2))


def ratio(w: Any, same: Any) -> Any:
    """``1 / (w[j] - w[i])``, and 0 on the diagonal."""
    distance = w[..., None, :] - w[..., None]
    return mx.where(same, 0, 1 / mx.where(same, 1, distance))


def check_square(x: Any) -> None:
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ValueError("needs square matrices")


def check_matrix(x: Any) -> None:
    if x.ndim < 2:
        raise ValueError("needs matrices")


def identity(x: Any, size: int) -> Any:
    return mx.broadcast_to(mx.eye(size, dtype=x.dtype), (*x.shape[:-2], size, size))


def doubled(x: Any) -> Any:
    """The real matrices of twice the size that multiply as the complex ``x`` do."""
    a, b = mx.real(x), mx.imag(x)
    return mx.concatenate([mx.concatenate([a, -b], -1), mx.concatenate([b, a], -1)], -2)


def halved(x: Any) -> Any:
    """The complex matrices whose `doubled` ones are ``x``."""
    rows, columns = x.shape[-2] // 2, x.shape[-1] // 2
    return x[..., :rows, :columns] + 1j * x[..., rows:, :columns]
