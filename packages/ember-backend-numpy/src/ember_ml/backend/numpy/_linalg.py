"""Factorisations and Fourier transforms: NumPy has them under these names."""

from __future__ import annotations

import numpy as np

# NumPy calls its loops from functions of its own here, which warn
_silent = np.errstate(all="ignore")


def linalg_cholesky(x, /, *, upper=False):
    lower = np.linalg.cholesky(x)
    return np.conj(np.swapaxes(lower, -1, -2)) if upper else lower


@_silent
def linalg_det(x, /):
    return np.linalg.det(x)


@_silent
def linalg_slogdet(x, /):
    return tuple(np.linalg.slogdet(x))


def linalg_inv(x, /):
    return np.linalg.inv(x)


def linalg_solve(x1, x2, /):
    # The standard's vector is one of exactly one dimension; NumPy 2 says the same.
    if x2.ndim == 1:
        return np.linalg.solve(x1, np.expand_dims(x2, -1))[..., 0]
    return np.linalg.solve(x1, x2)


def linalg_qr(x, /, *, mode="reduced"):
    return tuple(np.linalg.qr(x, mode=mode))


def linalg_svd(x, /, *, full_matrices=True):
    return tuple(np.linalg.svd(x, full_matrices=full_matrices))


def linalg_eigh(x, /):
    return tuple(np.linalg.eigh(x))


def linalg_eig(x, /):
    values, vectors = np.linalg.eig(x)
    wanted = np.result_type(x.dtype, np.complex64)
    return values.astype(wanted), vectors.astype(wanted)


@_silent
def fft_fft(x, /, *, n=None, axis=-1, norm="backward"):
    return np.fft.fft(x, n=n, axis=axis, norm=norm)


@_silent
def fft_ifft(x, /, *, n=None, axis=-1, norm="backward"):
    return np.fft.ifft(x, n=n, axis=axis, norm=norm)


@_silent
def fft_rfft(x, /, *, n=None, axis=-1, norm="backward"):
    return np.fft.rfft(x, n=n, axis=axis, norm=norm)


@_silent
def fft_irfft(x, /, *, n=None, axis=-1, norm="backward"):
    if n and not x.shape[axis]:  # NumPy transforms memory then that nobody has written
        shape = list(x.shape)
        shape[axis] = 1
        x = np.zeros(shape, x.dtype)
    return np.fft.irfft(x, n=n, axis=axis, norm=norm)
