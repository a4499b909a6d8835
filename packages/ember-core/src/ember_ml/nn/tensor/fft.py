"""Discrete Fourier transforms. ``from ember_ml.nn.tensor import fft``.

Source: array API standard 2025.12, extension "fft". ``norm`` is "backward" (the inverse is
divided by n), "ortho" (both by its root) or "forward" (the transform is).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

from ember_ml.backend.dtypes import DTypeLike
from ember_ml.backend.errors import InvalidValueError

from ._core import Device, EmberTensor, TensorLike
from ._creation import arange, asarray
from ._data import astype, result_type
from ._elementwise import conj
from ._manipulation import concat, roll
from ._operation import operation
from ._shapes import as_axes

__all__ = [
    "fft",
    "fftfreq",
    "fftn",
    "fftshift",
    "hfft",
    "ifft",
    "ifftn",
    "ifftshift",
    "ihfft",
    "irfft",
    "irfftn",
    "rfft",
    "rfftfreq",
    "rfftn",
]

Norm: TypeAlias = Literal["backward", "ortho", "forward"]


def _complex(x: TensorLike) -> EmberTensor:
    x = asarray(x)
    return x if x.dtype.kind == "complex" else astype(x, result_type(x.dtype, "complex64"))


@operation(accepts="complex", result="same", prefix="fft")
def fft(x: TensorLike, /, *, n: int | None = None, axis: int = -1,
        norm: Norm = "backward") -> EmberTensor:  # fmt: skip
    """Discrete Fourier transform along ``axis``, zero-padded or cut to ``n`` first.

    >>> from ember_ml.nn.tensor import fft
    >>> fft.fft([1 + 0j, 0j]).tolist()
    [(1+0j), (1+0j)]
    """
    ...


@operation(accepts="complex", result="same", prefix="fft")
def ifft(x: TensorLike, /, *, n: int | None = None, axis: int = -1,
         norm: Norm = "backward") -> EmberTensor:  # fmt: skip
    """Inverse of `fft`.

    >>> from ember_ml.nn.tensor import fft
    >>> fft.ifft([1 + 0j, 1 + 0j]).tolist()
    [(1+0j), 0j]
    """
    ...


@operation(accepts="floating", prefix="fft")
def rfft(x: TensorLike, /, *, n: int | None = None, axis: int = -1,
         norm: Norm = "backward") -> EmberTensor:  # fmt: skip
    """The non-negative frequencies of `fft` of a real tensor: n // 2 + 1 of them.

    >>> from ember_ml.nn.tensor import fft
    >>> fft.rfft([1.0, 0.0]).tolist()
    [(1+0j), (1+0j)]
    """
    ...


@operation(accepts="complex", prefix="fft")
def irfft(x: TensorLike, /, *, n: int | None = None, axis: int = -1,
          norm: Norm = "backward") -> EmberTensor:  # fmt: skip
    """Inverse of `rfft`: real, of ``n`` elements (default: 2 * (size - 1)).

    >>> from ember_ml.nn.tensor import fft
    >>> fft.irfft([1 + 0j, 1 + 0j]).tolist()
    [1.0, 0.0]
    """
    ...


def _plan(x: EmberTensor, s: Sequence[int] | None, axes: Sequence[int] | None,
          what: str) -> tuple[list[int | None], tuple[int, ...]]:  # fmt: skip
    if axes is None:
        axes = range(x.ndim) if s is None else range(x.ndim - len(s), x.ndim)
    found = as_axes(tuple(axes), x.ndim, what)
    sizes: list[int | None] = [None] * len(found) if s is None else list(s)
    if len(sizes) != len(found):
        raise InvalidValueError(f"{what}: {len(sizes)} sizes for {len(found)} axes")
    return sizes, found


def fftn(x: TensorLike, /, *, s: Sequence[int] | None = None,
         axes: Sequence[int] | None = None, norm: Norm = "backward") -> EmberTensor:  # fmt: skip
    """`fft` along several axes (None: all)."""
    x = _complex(x)
    sizes, axes = _plan(x, s, axes, "fftn")
    for n, axis in zip(sizes, axes, strict=True):
        x = fft(x, n=n, axis=axis, norm=norm)
    return x


def ifftn(x: TensorLike, /, *, s: Sequence[int] | None = None,
          axes: Sequence[int] | None = None, norm: Norm = "backward") -> EmberTensor:  # fmt: skip
    """Inverse of `fftn`."""
    x = _complex(x)
    sizes, axes = _plan(x, s, axes, "ifftn")
    for n, axis in zip(sizes, axes, strict=True):
        x = ifft(x, n=n, axis=axis, norm=norm)
    return x


def rfftn(x: TensorLike, /, *, s: Sequence[int] | None = None,
          axes: Sequence[int] | None = None, norm: Norm = "backward") -> EmberTensor:  # fmt: skip
    """`rfft` along the last of ``axes``, `fft` along the others."""
    x = asarray(x)
    sizes, axes = _plan(x, s, axes, "rfftn")
    x = rfft(x, n=sizes[-1], axis=axes[-1], norm=norm)
    for n, axis in zip(sizes[:-1], axes[:-1], strict=True):
        x = fft(x, n=n, axis=axis, norm=norm)
    return x


def irfftn(x: TensorLike, /, *, s: Sequence[int] | None = None,
           axes: Sequence[int] | None = None, norm: Norm = "backward") -> EmberTensor:  # fmt: skip
    """Inverse of `rfftn`."""
    x = _complex(x)
    sizes, axes = _plan(x, s, axes, "irfftn")
    for n, axis in zip(sizes[:-1], axes[:-1], strict=True):
        x = ifft(x, n=n, axis=axis, norm=norm)
    return irfft(x, n=sizes[-1], axis=axes[-1], norm=norm)


_SWAPPED: dict[str, Norm] = {"backward": "forward", "ortho": "ortho", "forward": "backward"}


def hfft(x: TensorLike, /, *, n: int | None = None, axis: int = -1,
         norm: Norm = "backward") -> EmberTensor:  # fmt: skip
    """Transform of a signal with Hermitian symmetry, given by its first half: real."""
    return irfft(conj(_complex(x)), n=n, axis=axis, norm=_SWAPPED[norm])


def ihfft(x: TensorLike, /, *, n: int | None = None, axis: int = -1,
          norm: Norm = "backward") -> EmberTensor:  # fmt: skip
    """Inverse of `hfft`."""
    return conj(rfft(x, n=n, axis=axis, norm=_SWAPPED[norm]))


def fftfreq(n: int, /, *, d: float = 1.0, dtype: DTypeLike | None = None,
            device: Device | None = None) -> EmberTensor:  # fmt: skip
    """The frequencies of `fft`, in cycles per unit of the sample spacing ``d``.

    >>> from ember_ml.nn.tensor import fft
    >>> fft.fftfreq(4).tolist()
    [0.0, 0.25, -0.5, -0.25]
    """
    half = (n - 1) // 2 + 1
    ranges = [arange(half, device=device), arange(-(n // 2), 0, device=device)]
    return _frequencies(concat(ranges), n, d, dtype)


def rfftfreq(n: int, /, *, d: float = 1.0, dtype: DTypeLike | None = None,
             device: Device | None = None) -> EmberTensor:  # fmt: skip
    """The frequencies of `rfft`, in cycles per unit of the sample spacing ``d``.

    >>> from ember_ml.nn.tensor import fft
    >>> fft.rfftfreq(4).tolist()
    [0.0, 0.25, 0.5]
    """
    return _frequencies(arange(n // 2 + 1, device=device), n, d, dtype)


def _frequencies(index: EmberTensor, n: int, d: float, dtype: Any) -> EmberTensor:
    return astype(index, "float32" if dtype is None else dtype) / (n * d)


def fftshift(x: TensorLike, /, *, axes: int | Sequence[int] | None = None) -> EmberTensor:
    """The zero frequency moved to the middle of ``axes`` (None: all).

    >>> from ember_ml.nn.tensor import fft
    >>> fft.fftshift([0, 1, -1]).tolist()
    [-1, 0, 1]
    """
    x = asarray(x)
    found = as_axes(axes, x.ndim, "fftshift")
    return roll(x, tuple(x.shape[a] // 2 for a in found), axis=found)


def ifftshift(x: TensorLike, /, *, axes: int | Sequence[int] | None = None) -> EmberTensor:
    """Inverse of `fftshift`."""
    x = asarray(x)
    found = as_axes(axes, x.ndim, "ifftshift")
    return roll(x, tuple(-(x.shape[a] // 2) for a in found), axis=found)
