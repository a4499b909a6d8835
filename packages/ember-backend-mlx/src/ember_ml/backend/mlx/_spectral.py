"""Singular values and eigenvalues, of real and complex matrices."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
from ember_ml.backend.errors import UnsupportedError

from ._inverse import complex_solve
from ._matrices import adjoint, check_matrix, check_square, identity, ratio


@mx.custom_function
def _svd(x: Any) -> Any:
    inner = min(x.shape[-2:])
    u, s, vh = mx.linalg.svd(x, stream=mx.cpu)
    return u[..., :inner], s, vh[..., :inner, :]


@_svd.vjp
def _svd_vjp(x: Any, cotangents: Any, outputs: Any) -> Any:
    # Townsend, "Differentiating the singular value decomposition", 2016
    (u, s, vh), (gu, gs, gvh) = outputs, cotangents
    same = mx.eye(s.shape[-1], dtype=mx.bool_)
    spread = ratio(s * s, same)
    left, right = adjoint(u) @ gu, vh @ adjoint(gvh)
    row, column = s[..., None, :], s[..., None]
    inner = spread * (left - adjoint(left)) * row + column * spread * (right - adjoint(right))
    scale = mx.where(s == 0, 0, 1 / mx.where(s == 0, 1, s))
    turned = mx.where(same, left - adjoint(left), 0) * (0.5 * scale[..., None])
    inner = inner + mx.where(same, gs[..., None], 0) + turned
    gradient = u @ inner @ vh
    gradient = gradient + (gu - u @ left) * scale[..., None, :] @ vh
    return gradient + u @ (scale[..., None] * (gvh - adjoint(right) @ vh))


@mx.custom_function
def _full_svd(x: Any) -> Any:
    return mx.linalg.svd(x, stream=mx.cpu)


@_full_svd.vjp
def _full_svd_vjp(x: Any, cotangents: Any, outputs: Any) -> Any:
    raise UnsupportedError(
        "svd has no gradient for matrices that are not square, which leave some of the vectors "
        "open; full_matrices=False has one"
    )


def linalg_svd(x: Any, /, *, full_matrices: bool = True) -> tuple[Any, Any, Any]:
    check_matrix(x)
    inner = min(x.shape[-2:])
    if not x.size:
        u, vh = (identity(x, n) for n in x.shape[-2:])
        s = mx.real(mx.zeros((*x.shape[:-2], inner), x.dtype))
    elif not full_matrices or x.shape[-2] == x.shape[-1]:
        u, s, vh = _svd(x)
    else:
        u, s, vh = _full_svd(x)
    return (u, s, vh) if full_matrices else (u[..., :inner], s, vh[..., :inner, :])


@mx.custom_function
def _eigh(x: Any) -> Any:
    return mx.linalg.eigh(x, stream=mx.cpu)


@_eigh.vjp
def _eigh_vjp(x: Any, cotangents: Any, outputs: Any) -> Any:
    (w, v), (gw, gv) = outputs, cotangents
    same = mx.eye(w.shape[-1], dtype=mx.bool_)
    inner = mx.where(same, gw[..., None], ratio(w, same) * (adjoint(v) @ gv))
    outer = v @ inner @ adjoint(v)
    return 0.5 * (outer + adjoint(outer))


def linalg_eigh(x: Any, /) -> tuple[Any, Any]:
    check_square(x)
    if not x.size:
        return mx.real(mx.zeros(x.shape[:-1], x.dtype)), x
    values, vectors = _eigh(x)
    return values, vectors


@mx.custom_function
def _eig(x: Any) -> Any:
    values, vectors = mx.linalg.eig(x, stream=mx.cpu)
    if x.dtype == mx.complex64:
        # MLX 0.32 gives the conjugate vectors of complex matrices: take those that fit.
        other = mx.conj(vectors)
        right, wrong = (
            mx.sum(mx.abs(x @ v - v * values[..., None, :]), (-2, -1), True)
            for v in (vectors, other)
        )
        vectors = mx.where(right <= wrong, vectors, other)
    return values, vectors


@_eig.vjp
def _eig_vjp(x: Any, cotangents: Any, outputs: Any) -> Any:
    (w, v), (gw, gv) = outputs, cotangents
    same = mx.eye(w.shape[-1], dtype=mx.bool_)
    inner = adjoint(v) @ gv
    length = mx.real(mx.where(same, inner, 0)).astype(mx.complex64)
    inner = inner - adjoint(v) @ (v @ length)
    inner = mx.where(same, gw[..., None], mx.conj(ratio(w, same)) * inner)
    gradient = complex_solve(adjoint(v), inner @ adjoint(v))
    return gradient if x.dtype == mx.complex64 else mx.real(gradient).astype(x.dtype)


def linalg_eig(x: Any, /) -> tuple[Any, Any]:
    check_square(x)
    if not x.size:
        return mx.zeros(x.shape[:-1], mx.complex64), x.astype(mx.complex64)
    values, vectors = _eig(x)
    return values, vectors
