"""Memory shared with, or copied from and to, what is not a tensor. NumPy is not needed."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence
from typing import Any

import torch
from ember_ml.backend.errors import InterchangeError, UnsupportedError
from ember_ml.backend.protocol import Native

from ._state import needs_values

__all__ = ["from_buffer", "from_dlpack", "to_buffer", "to_numpy"]


def _plain(x: Native) -> Native:
    """``x`` on the CPU, without gradients and without marks that its memory does not show."""
    return x.detach().cpu().resolve_conj().resolve_neg()


def _view(x: Native) -> memoryview:
    """The bytes of a contiguous tensor on the CPU; the view keeps the tensor alive."""
    array = (ctypes.c_ubyte * (x.numel() * x.element_size())).from_address(x.data_ptr())
    array.tensor = x
    return memoryview(array).cast("B")


def from_buffer(
    data: Any, /, *, dtype: torch.dtype, shape: Sequence[int], device: str | None
) -> Native:
    x = torch.empty(tuple(shape), dtype=dtype, device="cpu")
    if math.prod(shape):
        _view(x)[:] = memoryview(data).cast("B")
    return x if device is None else x.to(device)


def to_buffer(x: Native, /) -> Any:
    return _view(_plain(x).contiguous()) if x.numel() else b""


def to_numpy(x: Native, /) -> Any:
    try:
        return _plain(x).numpy()
    except TypeError as error:
        raise UnsupportedError(
            f"NumPy has no {str(x.dtype).removeprefix('torch.')}; convert the tensor first, "
            "x.astype(et.float32)"
        ) from error
    except RuntimeError as error:
        needs_values(x, "an array of NumPy")
        raise UnsupportedError(
            f"NumPy is not installed, or not for this PyTorch ({error}); x.tolist() needs none"
        ) from error


def from_dlpack(x: Any, /, *, device: str | None, copy: bool | None) -> Native:
    if isinstance(x, torch.Tensor):
        native = x
    else:
        fault, native = _taken(x)
        if fault and copy is False:
            raise InterchangeError(f"PyTorch cannot share {fault}; pass copy=None")
        copy = copy and not fault
    moved = native if device is None else native.to(device)
    if copy is False and moved.device != native.device:
        raise InterchangeError(
            f"a tensor on {native.device} cannot come to {device} without a copy; pass copy=None"
        )
    return moved.clone() if copy and moved is native else moved


#: Struct format characters by kind; the size tells them apart further.
_KINDS = {"?": "bool", **dict.fromkeys("bhilq", "int"), **dict.fromkeys("BHILQ", "uint"),
          **dict.fromkeys("efd", "float"), "Zf": "complex", "Zd": "complex",
          "bfloat16": "bfloat"}  # fmt: skip


def _taken(x: Any) -> tuple[str | None, Native]:
    """A tensor of what ``x`` exports, and why its memory could not be shared, if it could not.

    PyTorch would write to read-only memory, ends the process for memory read backwards, and takes
    an array of no dimensions by DLPack only from where the memory begins.
    """
    try:
        view = memoryview(x)
    except (TypeError, ValueError, BufferError):
        return None, torch.utils.dlpack.from_dlpack(x)
    with view:
        backward = min(view.strides or (), default=0) < 0
        if view.ndim and not (view.readonly or backward):
            # What has a buffer is on the CPU: PyTorch need not ask for the device.
            return None, torch.utils.dlpack.from_dlpack(x.__dlpack__())
        kind = _KINDS.get(view.format.lstrip("@="), "?")
        dtype = getattr(torch, kind if kind == "bool" else f"{kind}{view.itemsize * 8}", None)
        if dtype is None:
            raise BufferError(f"a buffer of format {view.format!r} has no dtype in PyTorch")
        if not (view.readonly or view.ndim):
            return None, torch.frombuffer(x, dtype=dtype).reshape(())
        copied = from_buffer(view.tobytes(), dtype=dtype, shape=view.shape or (), device=None)
        return "memory read backwards" if backward else "read-only memory", copied
