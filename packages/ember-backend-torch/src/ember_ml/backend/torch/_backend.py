"""The PyTorch backend: facts, conversions and transforms."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

import torch
from ember_ml.backend.dtypes import DTYPES, DType
from ember_ml.backend.protocol import Backend, Native

from . import (
    _activations,
    _attention,
    _complex,
    _convolution,
    _creation,
    _elementwise,
    _files,
    _fused,
    _index,
    _integers,
    _linalg,
    _lookup,
    _losses,
    _memory,
    _normalization,
    _pooling,
    _random,
    _recurrent,
    _reduce,
    _scatter,
    _shape,
    _sums,
    _transforms,
    _unsigned,
    _updates,
)
from ._state import needs_values

__all__ = ["TorchBackend"]


def _variants() -> dict[DType, tuple[ModuleType, ...]]:
    found: dict[DType, tuple[ModuleType, ...]] = {}
    for dtype in DTYPES.values():
        if dtype.kind == "complex":
            found[dtype] = (_complex,)
        elif dtype.kind == "unsigned":
            found[dtype] = (_sums, _integers) if dtype.bits == 8 else (_sums, _unsigned)
        elif dtype.kind == "signed":
            found[dtype] = (_integers,)
    return found


class TorchBackend(Backend):
    """Ember on PyTorch: autograd's gradients, ``torch.func``'s vmap, inductor's compiler."""

    name = "torch"
    capabilities = frozenset({"grad", "vmap", "compile", "float64", "complex128", "bfloat16"})
    array_type = torch.Tensor
    array_types = (torch.Tensor,)
    dtypes: Mapping[DType, Any] = {d: getattr(torch, d.name) for d in DTYPES.values()}
    modules: tuple[ModuleType, ...] = (
        _normalization, _pooling, _activations, _attention, _convolution, _fused, _losses, _elementwise, _creation, _shape, _lookup, _scatter, _reduce, _linalg, _random,
        _recurrent,
        _updates,
    )  # fmt: skip
    variants: Mapping[DType, tuple[ModuleType, ...]] = _variants()
    whole = {"sum": torch.sum, "prod": torch.prod}
    scalar_left = _elementwise.SCALAR_LEFT
    scalar_right = _elementwise.SCALAR_RIGHT

    # -- facts ----------------------------------------------------------------------------

    def engine_version(self) -> str:
        return torch.__version__

    def devices(self) -> list[str]:
        found = [str(torch.get_default_device()), "cpu"]
        if torch.cuda.is_available():
            found += ["cuda", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
        if torch.backends.mps.is_available():
            found += ["mps", "mps:0"]
        return list(dict.fromkeys(found))

    def device_of(self, x: Native, /) -> str:
        return str(x.device)

    def advice(self) -> str | None:
        if torch.version.cuda is None and shutil.which("nvidia-smi"):
            return (
                "this PyTorch is built without CUDA, and the machine has an NVIDIA GPU: install "
                "the CUDA build, https://pytorch.org/get-started/locally"
            )
        if not torch.backends.mkldnn.is_available() and not torch.cuda.is_available():
            return "this PyTorch is built without oneDNN: the wheels from PyPI are faster on a CPU"
        if not any(map(shutil.which, ("g++", "clang++", "cl"))):
            return "there is no C++ compiler: nn.compile runs functions uncompiled until one is installed"
        return None

    # -- conversions ----------------------------------------------------------------------

    from_buffer = staticmethod(_memory.from_buffer)
    from_dlpack = staticmethod(_memory.from_dlpack)
    to_buffer = staticmethod(_memory.to_buffer)
    to_numpy = staticmethod(_memory.to_numpy)

    def asnative(self, x: Any, /) -> Native:
        return x if isinstance(x, torch.Tensor) else torch.as_tensor(x)

    def from_python(self, data: Any, /, *, dtype: Any, device: str | None) -> Native:
        return torch.tensor(data, dtype=dtype, device=device)

    def to_python(self, x: Native, /) -> Any:
        needs_values(x, "reading an element (item(), bool, `if x > 0`)")
        return x.tolist()

    def to_device(self, x: Native, device: str, /) -> Native:
        return x.to(device)

    def synchronize(self, *arrays: Native) -> None:
        for device in {x.device for x in arrays}:
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            elif device.type == "mps":
                torch.mps.synchronize()

    # -- indexing -------------------------------------------------------------------------

    getitem = staticmethod(_index.getitem)
    setitem = staticmethod(_index.setitem)

    # -- random numbers -------------------------------------------------------------------

    def native_generator(self, seed: int, device: str | None, /) -> Any:
        return _random.Streams(seed)

    def random_bits(
        self, state: Any, shape: tuple[int, ...], /, *, dtype: Any, device: str | None
    ) -> Native:
        generator = state.on(device)
        return torch.randint(0, 1 << 32, shape, generator=generator, device=device).to(dtype)

    def random_uniform(
        self, state: Any, shape: tuple[int, ...], /, *, dtype: Any, device: str | None
    ) -> Native:
        return torch.rand(shape, generator=state.on(device), dtype=dtype, device=device)

    def random_normal(
        self, state: Any, shape: tuple[int, ...], /, *, dtype: Any, device: str | None
    ) -> Native:
        return torch.randn(shape, generator=state.on(device), dtype=dtype, device=device)

    def generator_state(self, state: Any, /) -> str:
        return _random.saved(state)

    def restored_generator(self, text: str, /) -> Any:
        return _random.restored(text)

    # -- files ----------------------------------------------------------------------------

    read_file = staticmethod(_files.read_file)

    # -- transforms -----------------------------------------------------------------------

    def value_and_grad(
        self, function: Callable[[list[Native], Backend], tuple[Native, Any]], /
    ) -> Callable[[list[Native]], tuple[Native, list[Native], Any]]:
        return _transforms.value_and_grad(function, self)

    def vmap(
        self,
        function: Callable[..., list[Native]],
        /,
        *,
        in_axes: Sequence[int | None],
        out_axes: int,
    ) -> Callable[..., list[Native]]:
        return _transforms.vmap(function, in_axes, out_axes)

    def compile(
        self, function: Callable[..., list[Native]], /, *, donate: Sequence[int] = ()
    ) -> Callable[..., list[Native]]:
        from ._compile import Program

        return Program(function, donate)

    checkpoint = staticmethod(_transforms.checkpoint)
