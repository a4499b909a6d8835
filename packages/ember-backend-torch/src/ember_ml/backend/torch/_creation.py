"""Creation, conversion and copies."""

from __future__ import annotations

from typing import Any

import torch
from ember_ml.backend.protocol import Native

copy = torch.clone
empty = torch.empty
ones = torch.ones
stop_gradient = torch.detach
zeros = torch.zeros

#: The unsigned dtypes that few of PyTorch's functions know, and the signed ones of their size.
SIGNED = {torch.uint16: torch.int16, torch.uint32: torch.int32, torch.uint64: torch.int64}


def arange(
    start: float,
    /,
    stop: float | None = None,
    step: float = 1,
    *,
    dtype: torch.dtype,
    device: str | None = None,
) -> Native:
    if stop is None:
        start, stop = 0, start
    if step and (stop - start) / step <= 0:
        return torch.empty(0, dtype=dtype, device=device)
    made = torch.int64 if dtype in SIGNED else dtype
    return torch.arange(start, stop, step, dtype=made, device=device).to(dtype)


def linspace(
    start: complex,
    stop: complex,
    /,
    num: int,
    *,
    dtype: torch.dtype,
    device: str | None = None,
    endpoint: bool = True,
) -> Native:
    made = dtype if dtype.is_floating_point or dtype.is_complex else torch.float64
    points: Any = torch.linspace(
        start, stop, num if endpoint else num + 1, dtype=made, device=device
    )
    return points[:num].to(dtype)


def astype(
    x: Native, dtype: torch.dtype, /, *, copy: bool = True, device: str | None = None
) -> Native:
    return x.to(device, dtype, copy=copy)
