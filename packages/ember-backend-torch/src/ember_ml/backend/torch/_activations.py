"""Activations that PyTorch has one kernel for."""

from __future__ import annotations

import torch
from ember_ml.backend.protocol import Native
from torch.nn import functional

celu = torch.celu
elu = functional.elu
gelu = functional.gelu
hardswish = functional.hardswish
hardtanh = functional.hardtanh
leaky_relu = functional.leaky_relu
logsigmoid = functional.logsigmoid
mish = functional.mish
prelu = torch.prelu
relu = torch.relu
selu = torch.selu
sigmoid = torch.sigmoid
silu = functional.silu
softplus = functional.softplus


def glu(x: Native, /, *, axis: int = -1) -> Native:
    return functional.glu(x, axis)
