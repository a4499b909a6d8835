"""QR factors of real matrices, Fourier transforms, and the names of linear algebra."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
from ember_ml.backend.errors import UnsupportedError

from ._determinants import linalg_det, linalg_slogdet
from ._inverse import inverse, linalg_cholesky, linalg_inv, linalg_solve
from ._matrices import check_matrix, identity, transposed
from ._spectral import linalg_eig, linalg_eigh, linalg_svd

__all__ = [
    "fft_fft",
    "fft_ifft",
    "fft_irfft",
    "fft_rfft",
    "linalg_cholesky",
    "linalg_det",
    "linalg_eig",
    "linalg_eigh",
    "linalg_inv",
    "linalg_qr",
    "linalg_slogdet",
    "linalg_solve",
    "linalg_svd",
]

fft_fft = mx.fft.fft
fft_ifft = mx.fft.ifft
fft_rfft = mx.fft.rfft
fft_irfft = mx.fft.irfft


@mx.custom_function
def _qr(x: Any) -> Any:
    return mx.linalg.qr(x, stream=mx.cpu)


@_qr.vjp
def _qr_vjp(x: Any, cotangents: Any, outputs: Any) -> Any:
    (q, r), (gq, gr) = outputs, cotangents
    inner = r @ transposed(gr) - transposed(gq) @ q
    lower = mx.tril(inner, -1)
    symmetric = lower + transposed(lower) + mx.tril(mx.triu(inner))
    return (gq + q @ symmetric) @ transposed(inverse(r))


@mx.custom_function
def _complete_qr(x: Any) -> Any:
    # The factors of x with an identity beside it have all the columns of Q.
    q, r = mx.linalg.qr(mx.concatenate([x, identity(x, x.shape[-2])], -1), stream=mx.cpu)
    return q, r[..., : x.shape[-1]]


@_complete_qr.vjp
def _complete_qr_vjp(x: Any, cotangents: Any, outputs: Any) -> Any:
    raise UnsupportedError(
        "qr with mode='complete' has no gradient for tall matrices, which leave the last columns "
        "of Q open; mode='reduced' has one"
    )


def linalg_qr(x: Any, /, *, mode: str = "reduced") -> tuple[Any, Any]:
    check_matrix(x)
    rows, columns = x.shape[-2:]
    if mode not in ("reduced", "complete"):
        raise ValueError(f"mode is 'reduced' or 'complete', not {mode!r}")
    if not x.size:
        inner = rows if mode == "complete" else min(rows, columns)
        return identity(x, rows)[..., :inner], mx.zeros((*x.shape[:-2], inner, columns), x.dtype)
    if rows > columns and mode == "complete":
        q, r = _complete_qr(x)
    elif rows < columns:
        # The first columns determine Q, which turns the others.
        q, r = _qr(x[..., :rows])
        r = mx.concatenate([r, transposed(q) @ x[..., rows:]], -1)
    else:
        q, r = _qr(x)
    return q, r
