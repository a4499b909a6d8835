"""What integers need: no care of infinities, a matrix product on devices without one."""

from __future__ import annotations

import torch
from ember_ml.backend.protocol import Native

floor_divide = torch.floor_divide
pow = torch.pow
remainder = torch.remainder


def matmul(x1: Native, x2: Native, /) -> Native:
    if x1.device.type == "cpu":
        return torch.matmul(x1, x2)
    if x2.ndim == 1:
        return torch.sum(x1 * x2, -1, dtype=x1.dtype)
    if x1.ndim == 1:
        return torch.sum(x1[:, None] * x2, -2, dtype=x1.dtype)
    return torch.sum(x1[..., :, :, None] * x2[..., None, :, :], -2, dtype=x1.dtype)
