"""Factorisations and Fourier transforms: PyTorch's own, under its array API names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from ember_ml.backend.protocol import Native


def _of_any_size(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` of one axis, for tensors without elements along others too."""

    def transform(x: Native, /, *, n: int | None = None, axis: int = -1,
                  norm: str = "backward") -> Native:  # fmt: skip
        if x.numel():
            return function(x, n, axis, norm)
        x.size(axis)
        empty = [a for a, size in enumerate(x.shape) if not size and a != axis % x.ndim]
        sizes = [1 if a in empty else size for a, size in enumerate(x.shape)]
        found = function(x.new_zeros(sizes), n, axis, norm)
        for a in empty:
            found = found.narrow(a, 0, 0)
        return found

    return transform


fft_fft = _of_any_size(torch.fft.fft)
fft_ifft = _of_any_size(torch.fft.ifft)
fft_irfft = _of_any_size(torch.fft.irfft)
fft_rfft = _of_any_size(torch.fft.rfft)
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
        return linalg_solve(x1, x2.unsqueeze(-1)).squeeze(-1)
    # PyTorch may take a matrix for a batch of vectors where it has fewer dimensions.
    return torch.linalg.solve(x1, x2.expand(*x1.shape[: max(x1.ndim - x2.ndim, 0)], *x2.shape))
