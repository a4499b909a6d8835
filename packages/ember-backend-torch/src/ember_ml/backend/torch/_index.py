"""Indexing. PyTorch refuses backward slices, and takes ``uint8`` indices for masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from ember_ml.backend.protocol import Native

from ._creation import SIGNED
from ._state import is_transformed

__all__ = ["flipped", "getitem", "setitem"]

Key = tuple[Any, ...]


def getitem(x: Native, key: Key, /) -> Native:
    key = tuple(part.long() if isinstance(part, torch.Tensor) else part for part in key)
    if any(isinstance(part, slice) and (part.step or 1) < 0 for part in key):
        x, key = _turned(x, key)
    return x[key]


def setitem(x: Native, key: Key, value: Native, /) -> Native:
    backward = any(isinstance(part, slice) and (part.step or 1) < 0 for part in key)
    if backward or 0 in x.stride() or is_transformed(x, value):
        return _assigned(x, key, value)
    if value.untyped_storage().data_ptr() == x.untyped_storage().data_ptr():
        value = value.clone()  # x[1:] = x[:-1]
    key = tuple(part.long() if isinstance(part, torch.Tensor) else part for part in key)
    if x.dtype in SIGNED:
        x.view(SIGNED[x.dtype])[key] = value.view(SIGNED[x.dtype])
    else:
        x[key] = value
    return x


def flipped(x: Native, axes: Sequence[int]) -> Native:
    """``x`` turned round along ``axes``."""
    signed = SIGNED.get(x.dtype)
    return x.flip(axes) if signed is None else x.view(signed).flip(axes).view(x.dtype)


def _turned(x: Native, key: Key) -> tuple[Native, Key]:
    """``x`` with the axes of backward slices cut and turned round, and the rest of the key."""
    cuts = [slice(None)] * x.ndim
    backward = []
    rest = list(key)
    taken = sum(part is not None and part is not Ellipsis for part in key)
    axis = 0
    for i, part in enumerate(key):
        if part is Ellipsis:
            axis += x.ndim - taken
            continue
        if part is None:
            continue
        if isinstance(part, slice) and (part.step or 1) < 0:
            places = range(x.shape[axis])[part]
            cuts[axis] = slice(places[-1], places[0] + 1, -places.step) if places else slice(0)
            backward.append(axis)
            rest[i] = slice(None)
        axis += 1
    return flipped(x[tuple(cuts)], backward), tuple(rest)


def _assigned(x: Native, key: Key, value: Native) -> Native:
    """A new array: ``x`` with ``value`` at ``key``, for gradients to flow through both."""
    places = getitem(torch.arange(x.numel(), device=x.device).reshape(x.shape), key)
    flat = x.reshape(-1)
    signed = SIGNED.get(x.dtype)
    if signed is None:
        return torch.index_put(flat, (places,), value).reshape(x.shape)
    flat = torch.index_put(flat.view(signed), (places,), value.view(signed))
    return flat.view(x.dtype).reshape(x.shape)
