"""Factorisations of complex matrices that MLX has for real ones only."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from . import _linalg
from ._matrices import adjoint, check_matrix, check_square, doubled, halved, identity
from ._streams import settle


def linalg_inv(x: Any, /) -> Any:
    check_square(x)
    return halved(_linalg.linalg_inv(doubled(x)))


def linalg_solve(x1: Any, x2: Any, /) -> Any:
    check_square(x1)
    if x2.ndim == 1:
        return linalg_solve(x1, x2[:, None])[..., 0]
    return halved(_linalg.linalg_solve(doubled(x1), doubled(x2)))


def _greatest(x: Any, axes: Any) -> Any:
    """The greatest part of any element: the modulus could be out of range."""
    return mx.max(mx.maximum(mx.abs(mx.real(x)), mx.abs(mx.imag(x))), axes, True)


def linalg_qr(x: Any, /, *, mode: str = "reduced") -> tuple[Any, Any]:
    check_matrix(x)
    if mode not in ("reduced", "complete"):
        raise ValueError(f"mode is 'reduced' or 'complete', not {mode!r}")
    rows, columns = x.shape[-2:]
    inner = rows if mode == "complete" else min(rows, columns)
    # Sums of products must be within range.
    most = _greatest(x, (-2, -1)) if x.size else mx.ones(())
    scale = mx.where(most > 1e15, most, 1)
    # Householder: reflect the columns, one after the other, onto the diagonal.
    q, r = identity(x, rows), x * (1 / scale)
    for k in range(min(rows - 1, columns) if x.size else 0):
        column = mx.where((mx.arange(rows) >= k)[:, None], r[..., :, k : k + 1], 0)
        most = _greatest(column, -2)
        column = column / mx.where(most == 0, 1, most)
        pivot = column[..., k : k + 1, :]
        phase = mx.where(pivot == 0, 1, mx.sign(pivot))
        length = mx.sqrt(mx.sum(mx.square(mx.abs(column)), -2, True))
        unit = (mx.arange(rows) == k)[:, None]
        v = column + mx.where(unit, phase * length, 0)
        norm = mx.sum(mx.square(mx.abs(v)), -2, True)
        v2 = v * mx.where(norm == 0, 0, 2 / mx.where(norm == 0, 1, norm))
        r = r - v2 @ (adjoint(v) @ r)
        q = q - (q @ v2) @ adjoint(v)
    return q[..., :inner], scale * mx.triu(r)[..., :inner, :]


def linalg_cholesky(x: Any, /, *, upper: bool = False) -> Any:
    values, vectors = _linalg.linalg_eigh(x)
    if not x.size:
        return x
    if settle(values) and not mx.all(values > 0).item():
        raise ValueError("the matrix is not positive definite")
    # x = (V sqrt(W)) (V sqrt(W))^H = R^H R, with R the triangle of (V sqrt(W))^H
    root = adjoint(vectors) * mx.sqrt(values)[..., None]
    r = linalg_qr(root)[1]
    r = mx.conj(mx.sign(mx.diagonal(r, 0, -2, -1)))[..., None] * r
    return r if upper else adjoint(r)
