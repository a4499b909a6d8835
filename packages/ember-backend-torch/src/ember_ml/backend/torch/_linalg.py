"""Factorisations and Fourier transforms: PyTorch's own, under its array API names."""

from __future__ import annotations

import torch
from ember_ml.backend.protocol import Native

fft_fft = torch.fft.fft
fft_ifft = torch.fft.ifft
fft_irfft = torch.fft.irfft
fft_rfft = torch.fft.rfft
linalg_cholesky = torch.linalg.cholesky
linalg_det = torch.linalg.det
linalg_eig = torch.linalg.eig
linalg_eigh = torch.linalg.eigh
linalg_eigvals = torch.linalg.eigvals
linalg_eigvalsh = torch.linalg.eigvalsh
linalg_inv = torch.linalg.inv
linalg_qr = torch.linalg.qr
linalg_slogdet = torch.linalg.slogdet
linalg_svd = torch.linalg.svd
linalg_svdvals = torch.linalg.svdvals


def linalg_solve(x1: Native, x2: Native, /) -> Native:
    if x2.ndim == 1:
        return torch.linalg.solve(x1, x2.unsqueeze(-1)).squeeze(-1)
    # PyTorch may take a matrix for a batch of vectors where it has fewer dimensions.
    return torch.linalg.solve(x1, x2.expand(*x1.shape[: max(x1.ndim - x2.ndim, 0)], *x2.shape))
