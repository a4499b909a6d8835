"""Fourier transforms in the tracer. The matrix of a transform is symmetric."""

from __future__ import annotations

import autograd.numpy as anp

import numpy as np

from . import _linalg
from ._tape import plain, primitive

_ADJOINT = {"backward": "forward", "ortho": "ortho", "forward": "backward"}


def _fitted(g, x, axis):
    """``g`` cut or filled with zeros to the size of ``x`` along ``axis``; real where that is."""
    if plain(x).dtype.kind == "f" and plain(g).dtype.kind == "c":
        g = anp.real(g)
    axis %= g.ndim
    size, missing = x.shape[axis], x.shape[axis] - g.shape[axis]
    if missing <= 0:
        return g[(*(slice(None),) * axis, slice(size))]
    zeros = np.zeros((*x.shape[:axis], missing, *x.shape[axis + 1 :]), plain(g).dtype)
    return anp.concatenate([g, zeros], axis)


def _fft_product(answer, x, *, n=None, axis=-1, norm="backward"):
    return lambda g: _fitted(fft_fft(g, axis=axis, norm=norm), x, axis)


def _ifft_product(answer, x, *, n=None, axis=-1, norm="backward"):
    return lambda g: _fitted(fft_ifft(g, axis=axis, norm=norm), x, axis)


def _rfft_product(answer, x, *, n=None, axis=-1, norm="backward"):
    size = x.shape[axis] if n is None else n
    return lambda g: _fitted(fft_fft(g, n=size, axis=axis, norm=norm), x, axis)


def _irfft_product(answer, x, *, n=None, axis=-1, norm="backward"):
    size = answer.shape[axis]
    # all but the first and the middle stand for their conjugates too
    times = np.full(size // 2 + 1, 2.0, plain(answer).dtype)
    times[0] = 1
    if size % 2 == 0:
        times[-1] = 1
    times = times.reshape(-1, *(1,) * (answer.ndim - 1 - axis % answer.ndim))

    def product(g):
        return _fitted(times * anp.conj(fft_rfft(g, axis=axis, norm=_ADJOINT[norm])), x, axis)

    return product


fft_fft = primitive(_linalg.fft_fft, _fft_product)
fft_ifft = primitive(_linalg.fft_ifft, _ifft_product)
fft_rfft = primitive(_linalg.fft_rfft, _rfft_product)
fft_irfft = primitive(_linalg.fft_irfft, _irfft_product)
