"""Factorisations of real matrices and Fourier transforms.

MLX runs LAPACK on the CPU whatever the default device is. A failure shows when the result is
computed, so it is computed at once where that is possible. Products with no elements never
reach LAPACK, which divides by their size.
"""

from __future__ import annotations

from typing import Any

import mlx.core as mx
from ember_ml.backend.errors import UnsupportedError

from ._streams import settle

fft_fft = mx.fft.fft
fft_ifft = mx.fft.ifft
fft_rfft = mx.fft.rfft
fft_irfft = mx.fft.irfft


def _t(x: Any) -> Any:
    return mx.swapaxes(x, -1, -2)


def _adjoint(x: Any) -> Any:
    return mx.conj(mx.swapaxes(x, -1, -2))


def _ratio(w: Any, same: Any) -> Any:
    """``1 / (w[j] - w[i])``, and 0 on the diagonal."""
    distance = w[..., None, :] - w[..., None]
    return mx.where(same, 0, 1 / mx.where(same, 1, distance))


def _square(x: Any) -> None:
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ValueError("needs square matrices")


def _matrix(x: Any) -> None:
    if x.ndim < 2:
        raise ValueError("needs matrices")


@mx.custom_function
def _inv(x: Any) -> Any:
    return mx.linalg.inv(x, stream=mx.cpu)


@_inv.vjp
def _inv_vjp(x: Any, cotangent: Any, output: Any) -> Any:
    return -_t(output) @ cotangent @ _t(output)


def linalg_inv(x: Any, /) -> Any:
    _square(x)
    if not x.size:
        return x
    result = _inv(x)
    settle(result)
    return result


def _solve(a: Any, b: Any) -> Any:
    # MLX's own inverts the triangles of LU too, with less exact results, and has no vmap.
    inverse = _inv(a)
    x = inverse @ b
    return x + inverse @ (b - a @ x)


def linalg_solve(x1: Any, x2: Any, /) -> Any:
    _square(x1)
    if x2.ndim == 1:
        return linalg_solve(x1, x2[:, None])[..., 0]
    if x1.shape[-1] != x2.shape[-2]:
        raise ValueError("the sizes differ")
    batch = mx.broadcast_shapes(x1.shape[:-2], x2.shape[:-2])
    x1 = mx.broadcast_to(x1, (*batch, *x1.shape[-2:]))
    x2 = mx.broadcast_to(x2, (*batch, *x2.shape[-2:]))
    if not x1.size or not x2.size:
        return mx.zeros(x2.shape, x2.dtype)
    result = _solve(x1, x2)
    settle(result)
    return result


@mx.custom_function
def _cholesky(x: Any) -> Any:
    return mx.tril(mx.linalg.cholesky(x, stream=mx.cpu))


@_cholesky.vjp
def _cholesky_vjp(x: Any, cotangent: Any, output: Any) -> Any:
    # Murray, "Differentiation of the Cholesky decomposition", 2016, equation 8.
    inner = mx.tril(_t(output) @ cotangent)
    size = output.shape[-1]
    inner = inner * (1 - 0.5 * mx.eye(size, dtype=output.dtype))
    inverse = _inv(output)
    outer = _t(inverse) @ inner @ inverse
    return 0.5 * (outer + _t(outer))


def linalg_cholesky(x: Any, /, *, upper: bool = False) -> Any:
    _square(x)
    if not x.size:
        return x
    lower = _cholesky(x)
    # LAPACK stops at a pivot that is not positive, and MLX does not say so.
    positive = mx.all(mx.diagonal(lower, 0, -2, -1) > 0)
    if settle(lower, positive) and not positive.item():
        raise ValueError("the matrix is not positive definite")
    return _t(lower) if upper else lower


def linalg_det(x: Any, /) -> Any:
    _square(x)
    return mx.linalg.det(x, stream=mx.cpu) if x.size else mx.ones(x.shape[:-2], x.dtype)


def linalg_slogdet(x: Any, /) -> tuple[Any, Any]:
    _square(x)
    if not x.size:
        return mx.ones(x.shape[:-2], x.dtype), mx.zeros(x.shape[:-2], x.dtype)
    sign, logarithm = mx.linalg.slogdet(x, stream=mx.cpu)
    return sign, logarithm


def _eye(x: Any, size: int) -> Any:
    return mx.broadcast_to(mx.eye(size, dtype=x.dtype), (*x.shape[:-2], size, size))


@mx.custom_function
def _qr(x: Any) -> Any:
    return mx.linalg.qr(x, stream=mx.cpu)


@_qr.vjp
def _qr_vjp(x: Any, cotangents: Any, outputs: Any) -> Any:
    (q, r), (gq, gr) = outputs, cotangents
    inner = r @ _t(gr) - _t(gq) @ q
    lower = mx.tril(inner, -1)
    symmetric = lower + _t(lower) + mx.tril(mx.triu(inner))
    return (gq + q @ symmetric) @ _t(_inv(r))


@mx.custom_function
def _complete_qr(x: Any) -> Any:
    # The factors of x with an identity beside it have all the columns of Q.
    q, r = mx.linalg.qr(mx.concatenate([x, _eye(x, x.shape[-2])], -1), stream=mx.cpu)
    return q, r[..., : x.shape[-1]]


@_complete_qr.vjp
def _complete_qr_vjp(x: Any, cotangents: Any, outputs: Any) -> Any:
    raise UnsupportedError(
        "qr with mode='complete' has no gradient for tall matrices, which leave the last columns "
        "of Q open; mode='reduced' has one"
    )


def linalg_qr(x: Any, /, *, mode: str = "reduced") -> tuple[Any, Any]:
    _matrix(x)
    rows, columns = x.shape[-2:]
    if mode not in ("reduced", "complete"):
        raise ValueError(f"mode is 'reduced' or 'complete', not {mode!r}")
    if not x.size:
        inner = rows if mode == "complete" else min(rows, columns)
        return _eye(x, rows)[..., :inner], mx.zeros((*x.shape[:-2], inner, columns), x.dtype)
    if rows > columns and mode == "complete":
        q, r = _complete_qr(x)
    elif rows < columns:
        # The first columns determine Q, which turns the others.
        q, r = _qr(x[..., :rows])
        r = mx.concatenate([r, _t(q) @ x[..., rows:]], -1)
    else:
        q, r = _qr(x)
    return q, r


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
    ratio = _ratio(s * s, same)
    left, right = _adjoint(u) @ gu, vh @ _adjoint(gvh)
    row, column = s[..., None, :], s[..., None]
    inner = ratio * (left - _adjoint(left)) * row + column * ratio * (right - _adjoint(right))
    scale = mx.where(s == 0, 0, 1 / mx.where(s == 0, 1, s))
    turned = mx.where(same, left - _adjoint(left), 0) * (0.5 * scale[..., None])
    inner = inner + mx.where(same, gs[..., None], 0) + turned
    gradient = u @ inner @ vh
    gradient = gradient + (gu - u @ left) * scale[..., None, :] @ vh
    return gradient + u @ (scale[..., None] * (gvh - _adjoint(right) @ vh))


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
    _matrix(x)
    inner = min(x.shape[-2:])
    if not x.size:
        u, vh = (_eye(x, n) for n in x.shape[-2:])
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
    inner = mx.where(same, gw[..., None], _ratio(w, same) * (_adjoint(v) @ gv))
    outer = v @ inner @ _adjoint(v)
    return 0.5 * (outer + _adjoint(outer))


def linalg_eigh(x: Any, /) -> tuple[Any, Any]:
    _square(x)
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
    inner = _adjoint(v) @ gv
    length = mx.real(mx.where(same, inner, 0)).astype(mx.complex64)
    inner = inner - _adjoint(v) @ (v @ length)
    inner = mx.where(same, gw[..., None], mx.conj(_ratio(w, same)) * inner)
    gradient = _complex_solve(_adjoint(v), inner @ _adjoint(v))
    return gradient if x.dtype == mx.complex64 else mx.real(gradient).astype(x.dtype)


def linalg_eig(x: Any, /) -> tuple[Any, Any]:
    _square(x)
    if not x.size:
        return mx.zeros(x.shape[:-1], mx.complex64), x.astype(mx.complex64)
    values, vectors = _eig(x)
    return values, vectors


def doubled(x: Any) -> Any:
    """The real matrices of twice the size that multiply as the complex ``x`` do."""
    a, b = mx.real(x), mx.imag(x)
    return mx.concatenate([mx.concatenate([a, -b], -1), mx.concatenate([b, a], -1)], -2)


def halved(x: Any) -> Any:
    """The complex matrices whose `doubled` ones are ``x``."""
    rows, columns = x.shape[-2] // 2, x.shape[-1] // 2
    return x[..., :rows, :columns] + 1j * x[..., rows:, :columns]


def _complex_solve(a: Any, b: Any) -> Any:
    return halved(_solve(doubled(a), doubled(b)))
