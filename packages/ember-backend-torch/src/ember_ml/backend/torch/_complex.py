"""What complex numbers need."""

from __future__ import annotations

import torch
from ember_ml.backend.protocol import Native


def round(x: Native, /) -> Native:
    return torch.complex(torch.round(x.real), torch.round(x.imag))
