"""What integers need: no care of infinities, no silent answer where there is none."""

from __future__ import annotations

import torch
from ember_ml.backend.protocol import Native

from ._state import TRACING, is_functional

floor_divide = torch.floor_divide
remainder = torch.remainder


def pow(x1: Native, x2: Native, /) -> Native:
    # PyTorch has 0 for 2 to the power of a tensor of -1, and refuses that of the number -1.
    known = x2.__class__ is torch.Tensor and not TRACING.get() and not is_functional()
    if known and x2.dtype.is_signed and bool((x2 < 0).any()):
        raise ValueError("integers have no negative powers; x.astype(et.float32) has")
    return torch.pow(x1, x2)


def matmul(x1: Native, x2: Native, /) -> Native:
    if x1.device.type == "cpu":
        return torch.matmul(x1, x2)
    if x2.ndim == 1:
        return torch.sum(x1 * x2, -1, dtype=x1.dtype)
    if x1.ndim == 1:
        return torch.sum(x1[:, None] * x2, -2, dtype=x1.dtype)
    return torch.sum(x1[..., :, :, None] * x2[..., None, :, :], -2, dtype=x1.dtype)
