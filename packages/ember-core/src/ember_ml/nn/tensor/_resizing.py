"""Resizing of images and sequences, channels first."""

from __future__ import annotations

import functools
import math
import struct
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

from ember_ml.backend.errors import InvalidValueError, ShapeError, UnsupportedError

from ._adaptive import adaptive_mean
from ._core import EmberTensor, TensorLike
from ._creation import _on, asarray
from ._manipulation import broadcast_to, permute_dims, reshape
from ._operation import operation
from ._search import take
from ._windows import Row, mix, sizes_of

__all__ = ["Mode", "interpolate", "pixel_shuffle", "pixel_unshuffle"]

Mode: TypeAlias = Literal[
    "nearest", "nearest-exact", "linear", "bilinear", "trilinear", "bicubic", "area"
]

#: The modes by the number of axes that they are for, as the kinds of `resize`.
_KINDS = {
    "nearest": {1: "nearest", 2: "nearest", 3: "nearest"},
    "nearest-exact": {1: "nearest-exact", 2: "nearest-exact", 3: "nearest-exact"},
    "linear": {1: "linear"},
    "bilinear": {2: "linear"},
    "trilinear": {3: "linear"},
    "bicubic": {2: "cubic"},
    "area": {1: "area", 2: "area", 3: "area"},
}


def interpolate(
    x: TensorLike,
    /,
    *,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: Mode = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> EmberTensor:
    """``x`` with its axes from the third on resized, as ``torch.nn.functional.interpolate``.

    Args:
        x: (N, C, L), (N, C, H, W) or (N, C, D, H, W).
        size: of the result's axes, a number for all or one for each.
        scale_factor: of the sizes instead, likewise.
        mode: "linear" is for one axis, "bilinear" and "bicubic" for two, "trilinear" for three.
        align_corners: of the linear and cubic modes: whether the centres of the elements in the
            corners stay where they are; otherwise the outer edges do.
        recompute_scale_factor: whether ``scale_factor`` only serves to find the size.

    Raises:
        InvalidValueError: the mode, or a combination of arguments, makes no sense.
        ShapeError: the shape does not fit the mode.
        UnsupportedError: ``antialias``, which there is none of.

    >>> from ember_ml.nn import tensor as et
    >>> et.interpolate([[[1.0, 2.0]]], scale_factor=2).tolist()
    [[[1.0, 1.0, 2.0, 2.0]]]
    >>> et.interpolate([[[1.0, 3.0]]], size=3, mode="linear", align_corners=True).tolist()
    [[[1.0, 2.0, 3.0]]]
    """
    x = asarray(x)
    count = x.ndim - 2
    if mode not in _KINDS:
        raise InvalidValueError(f"interpolate: mode is one of {', '.join(_KINDS)}, not {mode!r}")
    kind = _KINDS[mode].get(count)
    if kind is None or 0 in x.shape[2:]:
        due = " or ".join(str(n + 2) for n in _KINDS[mode])
        raise ShapeError(
            f"interpolate: x of shape {x.shape} for mode {mode!r}, which takes {due} axes with "
            "elements"
        )
    if antialias:
        raise UnsupportedError(
            "interpolate has no antialias; blur x before, with et.avg_pool or a convolution"
        )
    if align_corners is not None and kind not in ("linear", "cubic"):
        raise InvalidValueError(
            f"interpolate: align_corners is an option of the linear and cubic modes, not of {mode!r}"
        )
    if (size is None) == (scale_factor is None):
        raise InvalidValueError("interpolate: give either size or scale_factor")
    scales: tuple[float | None, ...] = (None,) * count
    if scale_factor is None:
        sizes = sizes_of(size, count, "interpolate", "size")
        if recompute_scale_factor:
            raise InvalidValueError("interpolate: recompute_scale_factor is for a scale_factor")
    else:
        factors = _factors(scale_factor, count)
        sizes = tuple(math.floor(n * f) for n, f in zip(x.shape[2:], factors, strict=True))
        if min(sizes) < 1:
            raise ShapeError(
                f"interpolate: x of shape {x.shape} scaled by {scale_factor} has nothing left"
            )
        if not recompute_scale_factor:
            scales = factors
    if kind == "area":
        return adaptive_mean(x, sizes=sizes)
    return resize(x, sizes=sizes, scales=scales, kind=kind, align_corners=bool(align_corners))


def _factors(scale_factor: float | Sequence[float], count: int) -> tuple[float, ...]:
    given = scale_factor if isinstance(scale_factor, Sequence) else (scale_factor,) * count
    factors = tuple(map(float, given))
    if len(factors) != count or min(factors) <= 0:
        raise InvalidValueError(
            f"interpolate: scale_factor is a positive number or {count} of them, not "
            f"{scale_factor!r}"
        )
    return factors


@operation(accepts="floating", result="same")
def resize(
    x: TensorLike,
    /,
    *,
    sizes: tuple[int, ...],
    scales: tuple[float | None, ...],
    kind: str,
    align_corners: bool,
) -> EmberTensor:
    """What engines offer of `interpolate`, for (N, C, ...).

    Args:
        sizes: of the axes from the third on, in the result.
        scales: how many times larger they are, where that is not the ratio of the sizes.
        kind: "nearest", "nearest-exact", "linear" or "cubic".
    """
    if kind == "nearest" and (repeats := _repeats(x.shape[2:], sizes, scales)):
        return _repeated(x, repeats)
    for axis, (size, scale) in enumerate(zip(sizes, scales, strict=True), 2):
        n = x.shape[axis]
        if kind.startswith("nearest"):
            with _on(x):
                places = asarray(_nearest(n, size, scale, kind), dtype="int64", device=x.device)
            x = take(x, places, axis=axis)
        elif n != size or (scale not in (None, 1.0) and not align_corners):
            x = mix(x, axis, _weights(n, size, scale, kind, align_corners))
    return x


def _repeats(
    own: tuple[int, ...], sizes: tuple[int, ...], scales: tuple[float | None, ...]
) -> tuple[int, ...] | None:
    """How often each element comes, where all come equally often."""
    if any(size % n for n, size in zip(own, sizes, strict=True)):
        return None
    repeats = tuple(size // n for n, size in zip(own, sizes, strict=True))
    fits = all(s is None or s == r for s, r in zip(scales, repeats, strict=True))
    return repeats if fits else None


def _repeated(x: EmberTensor, repeats: tuple[int, ...]) -> EmberTensor:
    front, own = x.shape[:2], x.shape[2:]
    pairs = list(zip(own, repeats, strict=True))
    spread = reshape(x, (*front, *(part for n, _ in pairs for part in (n, 1))))
    whole = broadcast_to(spread, (*front, *(part for pair in pairs for part in pair)))
    return reshape(whole, (*front, *(n * r for n, r in pairs)))


def _single(x: float) -> float:
    """``x`` in single precision, in which engines find the nearest element."""
    found: float = struct.unpack("f", struct.pack("f", x))[0]
    return found


@functools.lru_cache(maxsize=64)
def _nearest(n: int, size: int, scale: float | None, kind: str) -> tuple[int, ...]:
    ratio = _single(n / size if scale is None else 1.0 / scale)
    start = 0.5 if kind == "nearest-exact" else 0.0
    return tuple(min(math.floor(_single((i + start) * ratio)), n - 1) for i in range(size))


@functools.lru_cache(maxsize=64)
def _weights(
    n: int, size: int, scale: float | None, kind: str, align_corners: bool
) -> tuple[Row, ...]:
    """What each element of the result is made of."""
    taps: Callable[[float, int], Row] = _linear if kind == "linear" else _cubic
    if align_corners:
        ratio = (n - 1) / (size - 1) if size > 1 else 0.0
        return tuple(taps(i * ratio, n) for i in range(size))
    ratio = n / size if scale is None else 1.0 / scale
    return tuple(taps((i + 0.5) * ratio - 0.5, n) for i in range(size))


def _linear(place: float, n: int) -> Row:
    place = max(place, 0.0)
    left = min(math.floor(place), n - 1)
    part = min(max(place - left, 0.0), 1.0)
    return ((left, 1.0 - part), (min(left + 1, n - 1), part))


def _cubic(place: float, n: int) -> Row:
    """The four neighbours, weighted by Keys' kernel (1981) with a = -0.75."""
    left = math.floor(place)
    part = place - left
    places = [min(max(left + k, 0), n - 1) for k in (-1, 0, 1, 2)]
    return tuple(
        (p, _keys(distance))
        for p, distance in zip(places, (part + 1.0, part, 1.0 - part, 2.0 - part), strict=True)
    )


def _keys(d: float, a: float = -0.75) -> float:
    if d <= 1.0:
        return ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0
    return ((a * d - 5.0 * a) * d + 8.0 * a) * d - 4.0 * a


# -- channels and pixels ------------------------------------------------------------------------


def pixel_shuffle(x: TensorLike, upscale_factor: int, /) -> EmberTensor:
    """Channels become pixels: (..., C * r**2, H, W) to (..., C, H * r, W * r) (Shi et al., 2016).

    Raises:
        InvalidValueError: ``upscale_factor`` is no positive integer.
        ShapeError: there are less than three axes, or the channels do not divide.

    >>> from ember_ml.nn import tensor as et
    >>> et.pixel_shuffle([[[1.0]], [[2.0]], [[3.0]], [[4.0]]], 2).tolist()
    [[[1.0, 2.0], [3.0, 4.0]]]
    """
    x = asarray(x)
    (r,) = sizes_of(upscale_factor, 1, "pixel_shuffle", "upscale_factor")
    if x.ndim < 3 or x.shape[-3] % (r * r):
        raise ShapeError(
            f"pixel_shuffle: x of shape {x.shape}, where (..., C * {r * r}, H, W) is due"
        )
    (*front, channels, rows, columns), n = x.shape, x.ndim - 3
    parts = reshape(x, (*front, channels // (r * r), r, r, rows, columns))
    order = (*range(n), n, n + 3, n + 1, n + 4, n + 2)
    return reshape(permute_dims(parts, order), (*front, channels // (r * r), rows * r, columns * r))


def pixel_unshuffle(x: TensorLike, downscale_factor: int, /) -> EmberTensor:
    """Undoes `pixel_shuffle`: (..., C, H * r, W * r) to (..., C * r**2, H, W).

    Raises:
        InvalidValueError: ``downscale_factor`` is no positive integer.
        ShapeError: there are less than three axes, or the pixels do not divide.

    >>> from ember_ml.nn import tensor as et
    >>> et.pixel_unshuffle([[[1.0, 2.0], [3.0, 4.0]]], 2).tolist()
    [[[1.0]], [[2.0]], [[3.0]], [[4.0]]]
    """
    x = asarray(x)
    (r,) = sizes_of(downscale_factor, 1, "pixel_unshuffle", "downscale_factor")
    if x.ndim < 3 or x.shape[-1] % r or x.shape[-2] % r:
        raise ShapeError(
            f"pixel_unshuffle: x of shape {x.shape}, where (..., C, H * {r}, W * {r}) is due"
        )
    (*front, channels, rows, columns), n = x.shape, x.ndim - 3
    parts = reshape(x, (*front, channels, rows // r, r, columns // r, r))
    order = (*range(n), n, n + 2, n + 4, n + 1, n + 3)
    return reshape(permute_dims(parts, order), (*front, channels * r * r, rows // r, columns // r))
