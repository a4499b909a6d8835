"""Pooling and resizing."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ember_ml.backend.dtypes import DType

from .._case import Call, case
from .._draw import Array, Draw


def _floats(dtype: DType) -> bool:
    return dtype.kind == "float"


def _images(draw: Draw, dtype: DType, count: int, low: int = 2) -> Array:
    """(N, C, ...) or (C, ...), no two elements of which are equal or close to it."""
    front = tuple(draw.integer(1, 2) for _ in range(draw.integer(1, 2)))
    shape = (*front, *(draw.integer(low, 5) for _ in range(count)))
    drawn = draw.array(dtype, shape)
    if drawn.dtype.kind != "float":
        return drawn
    ranks = draw.random.permutation(math.prod(shape)).reshape(shape)
    return draw.exact(ranks / 8 - 4, drawn.dtype)


def _windows(
    x: Any,
    combine: Callable[[Any, tuple[int, ...]], Any],
    sizes: Any,
    kernel: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
) -> Any:
    """``combine`` of what there is in each window, and of how much it would be with the padding."""
    x = np.asarray(x, float)
    count = len(kernel)
    own = x.shape[-count:]
    result = np.empty((*x.shape[:-count], *sizes))
    for place in np.ndindex(*sizes):
        axes, whole = [], []
        for i, n, k, s, p, d in zip(place, own, kernel, stride, padding, dilation, strict=True):
            found = range(i * s - p, i * s - p + k * d, d)
            axes.append([j for j in found if 0 <= j < n])
            whole.append(sum(1 for j in found if j < n + p))
        part = x
        for axis, rows in enumerate(axes, x.ndim - count):
            part = np.take(part, rows, axis=axis)
        result[(..., *place)] = combine(part, tuple(whole))
    return result


def _greatest(count: int) -> Callable[[Any, Any], Any]:
    return lambda part, whole: part.max(axis=tuple(range(-count, 0)), initial=-np.inf)


def _mean(count: int, count_padding: bool, divisor: int | None) -> Callable[[Any, Any], Any]:
    def mean(part: Any, whole: Any) -> Any:
        number = math.prod(whole) if count_padding else math.prod(part.shape[-count:])
        return part.sum(axis=tuple(range(-count, 0))) / (divisor or number)

    return mean


def _sizes(ceil: bool, own: Any, kernel: Any, stride: Any, padding: Any, dilation: Any) -> Any:
    """As PyTorch states them, in the pages of its layers."""
    found = []
    for n, k, s, p, d in zip(own, kernel, stride, padding, dilation, strict=True):
        exact = (n + 2 * p - d * (k - 1) - 1) / s + 1
        size = math.ceil(exact) if ceil else math.floor(exact)
        found.append(size - 1 if ceil and (size - 1) * s >= n + p else size)
    return tuple(found)


def _pooled(draw: Draw, dtype: DType, *, dilated: bool) -> tuple[Array, dict[str, Any]]:
    count = draw.integer(1, 3)
    kernel = tuple(draw.integer(1, 3) for _ in range(count))
    dilation = tuple(draw.integer(1, 2) if dilated else 1 for _ in range(count))
    span = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    images = _images(draw, dtype, count, low=max(span))
    return images, {
        "kernel": kernel,
        "stride": tuple(draw.integer(1, 3) for _ in range(count)),
        # with a gap in it a window could lie in the padding alone
        "padding": tuple(draw.integer(0, k // 2) for k in kernel),
        "dilation": dilation,
    }


def _public(options: dict[str, Any]) -> dict[str, Any]:
    options = dict(options)
    kernel = options.pop("kernel")
    return {"kernel_size": kernel[0] if len(set(kernel)) == 1 else kernel, **options}


def _full(options: dict[str, Any], x: Any) -> list[tuple[int, ...]]:
    """The sizes for each axis."""
    kernel = options["kernel_size"]
    others = [options[name] for name in ("stride", "padding")] + [options.get("dilation", 1)]
    count = next((len(o) for o in (kernel, *others) if isinstance(o, tuple)), x.ndim - 2)
    return [o if isinstance(o, tuple) else (o,) * count for o in (kernel, *others)]


def _max_call(draw: Draw, dtype: DType) -> Call:
    images, options = _pooled(draw, dtype, dilated=True)
    options = _public(options)
    if draw.amiss():
        options["padding"] = 9
    return (images,), {**options, "ceil_mode": draw.flag()}


def _max_reference(x: Any, *, ceil_mode: bool, **options: Any) -> Any:
    full = _full(options, x)
    count = len(full[0])
    sizes = _sizes(ceil_mode, x.shape[-count:], *full)
    return _windows(x, _greatest(count), sizes, *full)


def _avg_call(draw: Draw, dtype: DType) -> Call:
    images, options = _pooled(draw, dtype, dilated=False)
    options = _public(options)
    del options["dilation"]
    if draw.amiss():
        options["kernel_size"] = 9
    return (images,), {**options, "ceil_mode": draw.flag(), "count_include_pad": draw.flag(),
        "divisor_override": draw.one_of(None, 3)}  # fmt: skip


def _avg_reference(
    x: Any, *, ceil_mode: bool, count_include_pad: bool, divisor_override: Any, **options: Any
) -> Any:
    full = _full(options, x)
    count = len(full[0])
    sizes = _sizes(ceil_mode, x.shape[-count:], *full)
    return _windows(x, _mean(count, count_include_pad, divisor_override), sizes, *full)


case("max_pool", _max_call, reference=_max_reference, gradient=(0,), accepts=_floats)
case("avg_pool", _avg_call, reference=_avg_reference, gradient=(0,), accepts=_floats, tolerance=4)


def _own(options: dict[str, Any], x: Array, ceil: bool) -> tuple[int, ...]:
    own = x.values.shape[-len(options["kernel"]) :]
    return tuple(_sizes(ceil, own, *options.values()))


def _max_windows(draw: Draw, dtype: DType) -> Call:
    images, options = _pooled(draw, dtype, dilated=True)
    return (images,), {**options, "sizes": _own(options, images, draw.flag())}


def _mean_windows(draw: Draw, dtype: DType) -> Call:
    images, options = _pooled(draw, dtype, dilated=False)
    sizes = _own(options, images, draw.flag())
    del options["dilation"]
    return (images,), {**options, "sizes": sizes, "count_padding": draw.flag(),
        "divisor": draw.one_of(None, 3)}  # fmt: skip


case("max_windows", _max_windows, gradient=(0,),
     reference=lambda x, **options: _windows(
         x, _greatest(len(options["kernel"])), **options))  # fmt: skip
case("mean_windows", _mean_windows, gradient=(0,), tolerance=4,
     reference=lambda x, *, count_padding, divisor, kernel, **options: _windows(
         x, _mean(len(kernel), count_padding, divisor), kernel=kernel,
         dilation=(1,) * len(kernel), **options))  # fmt: skip


def _adapted(draw: Draw, dtype: DType) -> tuple[Array, tuple[int, ...]]:
    count = draw.integer(1, 3)
    images = _images(draw, dtype, count)
    return images, tuple(draw.integer(1, n) for n in images.values.shape[-count:])


def _adaptive(combine: Callable[..., Any]) -> Callable[..., Any]:
    """Windows from ``floor(i * n / size)`` to ``ceil((i + 1) * n / size)``."""

    def reference(x: Any, *, sizes: Any) -> Any:
        result = np.empty((*x.shape[: x.ndim - len(sizes)], *sizes))
        own = x.shape[x.ndim - len(sizes) :]
        for place in np.ndindex(*sizes):
            key = [
                slice(math.floor(i * n / size), math.ceil((i + 1) * n / size))
                for i, n, size in zip(place, own, sizes, strict=True)
            ]
            part = x[(..., *key)]
            result[(..., *place)] = combine(part, axis=tuple(range(-len(sizes), 0)))
        return result

    return reference


def _adaptive_op(draw: Draw, dtype: DType) -> Call:
    images, sizes = _adapted(draw, dtype)
    return (images,), {"sizes": sizes}


def _adaptive_call(draw: Draw, dtype: DType) -> Call:
    images, sizes = _adapted(draw, dtype)
    if len(sizes) == 2 and images.values.ndim == 4:
        return (images,), {"output_size": draw.one_of(0, 1) if draw.amiss() else 1}
    return (images,), {"output_size": sizes}


def _adaptive_public(combine: Callable[..., Any]) -> Callable[..., Any]:
    def reference(x: Any, *, output_size: Any) -> Any:
        sizes = output_size if isinstance(output_size, tuple) else (output_size,) * (x.ndim - 2)
        return _adaptive(combine)(x, sizes=sizes)

    return reference


def _spread(draw: Draw, dtype: DType) -> Call:
    """(N, C, L), of as many windows as a single number says."""
    shape = (draw.integer(1, 2), draw.integer(1, 2), draw.integer(1, 5))
    return (draw.array(dtype, shape),), {"output_size": draw.integer(0 if draw.amiss() else 1, 6)}


case("adaptive_mean", _adaptive_op, reference=_adaptive(np.mean), gradient=(0,), tolerance=4)
case("adaptive_max", _adaptive_op, reference=_adaptive(np.max), gradient=(0,))
case("adaptive_avg_pool", _spread, reference=_adaptive_public(np.mean), gradient=(0,),
     accepts=_floats, tolerance=4)  # fmt: skip
case("adaptive_max_pool", _adaptive_call, reference=_adaptive_public(np.max), gradient=(0,),
     accepts=lambda dtype: dtype.kind == "float")  # fmt: skip


# -- resizing -------------------------------------------------------------------------------------


def _keys(d: float) -> float:
    """Keys 1981, a = -0.75."""
    d, a = abs(d), -0.75
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * (d**3 - 5 * d**2 + 8 * d - 4) if d < 2 else 0.0


def _axis_matrix(n: int, size: int, scale: Any, kind: str, align: bool) -> Any:
    """(size, n): what each element of the result is made of."""
    matrix = np.zeros((size, n))
    ratio = n / size if scale is None else 1 / scale
    for i in range(size):
        if kind.startswith("nearest"):
            place = math.floor((i + (0.5 if kind == "nearest-exact" else 0.0)) * ratio + 1e-6)
            matrix[i, min(place, n - 1)] = 1
            continue
        at = i * (n - 1) / max(size - 1, 1) if align else (i + 0.5) * ratio - 0.5
        if kind == "linear":
            at = min(max(at, 0.0), n - 1.0)
        left = math.floor(at)
        for j in range(left - 1, left + 3):
            weight = _keys(at - j) if kind == "cubic" else max(1 - abs(at - j), 0)
            matrix[i, min(max(j, 0), n - 1)] += weight
    return matrix


def _resized(x: Any, *, sizes: Any, scales: Any, kind: str, align_corners: bool) -> Any:
    for axis, (size, scale) in enumerate(zip(sizes, scales, strict=True), 2):
        matrix = _axis_matrix(x.shape[axis], size, scale, kind, align_corners)
        x = np.moveaxis(np.tensordot(matrix, x, (1, axis)), 0, axis)
    return x


def _resize(draw: Draw, dtype: DType) -> Call:
    kind = draw.one_of("nearest", "nearest-exact", "linear", "cubic")
    count = 2 if kind == "cubic" else draw.integer(1, 3)
    shape = (draw.integer(1, 2), draw.integer(1, 2), *(draw.integer(1, 4) for _ in range(count)))
    sizes = tuple(draw.integer(1, 7) for _ in range(count))
    scales: tuple[Any, ...] = (None,) * count
    if draw.flag():
        scales = tuple(draw.one_of(0.5, 1.5, 2.0, 2.25) for _ in range(count))
        sizes = tuple(math.floor(n * s) for n, s in zip(shape[2:], scales, strict=True))
        if 0 in sizes:
            scales, sizes = (2.0,) * count, tuple(2 * n for n in shape[2:])
    return (draw.array(dtype, shape),), {"sizes": sizes, "scales": scales, "kind": kind,
        "align_corners": kind in ("linear", "cubic") and draw.flag()}  # fmt: skip


case("resize", _resize, reference=_resized, gradient=(0,), tolerance=8)


def _interpolate(draw: Draw, dtype: DType) -> Call:
    count = draw.integer(1, 3)
    shape = (draw.integer(1, 2), draw.integer(1, 2), *(draw.integer(2, 4) for _ in range(count)))
    modes = ["nearest", "nearest-exact", "area", ("linear", "bilinear", "trilinear")[count - 1]]
    mode = draw.one_of(*modes, *(["bicubic"] if count == 2 or draw.amiss() else []))
    options: dict[str, Any] = {"mode": mode}
    if mode.endswith(("linear", "cubic")) or draw.amiss():
        options["align_corners"] = draw.flag()
    if draw.flag():
        options["size"] = tuple(draw.integer(1, 6) for _ in range(count))
    else:
        options["scale_factor"] = draw.one_of(0.5, 1.5, 2.0)
    if draw.amiss():
        options["antialias"] = True
    return (draw.array(dtype, shape),), options


def _interpolated(x: Any, *, mode: str, align_corners: bool = False, size: Any = None,
                  scale_factor: Any = None, **_: Any) -> Any:  # fmt: skip
    count = x.ndim - 2
    sizes = size or tuple(math.floor(n * scale_factor) for n in x.shape[2:])
    if mode == "area":
        return _adaptive(np.mean)(x, sizes=sizes)
    kind = "cubic" if mode == "bicubic" else "linear" if mode.endswith("linear") else mode
    return _resized(x, sizes=sizes, scales=(scale_factor,) * count, kind=kind,
                    align_corners=align_corners)  # fmt: skip


case("interpolate", _interpolate, reference=_interpolated, gradient=(0,), accepts=_floats,
     tolerance=8)  # fmt: skip


def _shuffled(draw: Draw, dtype: DType) -> Call:
    r = draw.integer(1, 3)
    channels = draw.integer(1, 2) * r * r + (1 if draw.amiss() else 0)
    shape = (*draw.shape(0, 2, empty=False), channels, draw.integer(1, 3), draw.integer(1, 3))
    return (draw.array(dtype, shape), r), {}


def _shuffle(x: Any, r: int) -> Any:
    *front, channels, h, w = x.shape
    result = np.empty((*front, channels // (r * r), h * r, w * r), x.dtype)
    for c, i, j in itertools.product(range(channels), range(h), range(w)):
        block, place = divmod(c, r * r)
        result[..., block, i * r + place // r, j * r + place % r] = x[..., c, i, j]
    return result


case("pixel_shuffle", _shuffled, reference=_shuffle, gradient=(0,))


def _unshuffled(draw: Draw, dtype: DType) -> Call:
    r = draw.integer(1, 3)
    h, w = (draw.integer(1, 2) * r for _ in range(2))
    shape = (*draw.shape(0, 2, empty=False), draw.integer(1, 2), h + (r > 1 and draw.amiss()), w)
    return (draw.array(dtype, shape), r), {}


def _unshuffle(x: Any, r: int) -> Any:
    parts = [x[..., i::r, j::r] for i, j in itertools.product(range(r), range(r))]
    stacked = np.stack(parts, axis=-3)  # (..., C, r * r, H, W)
    return stacked.reshape(*x.shape[:-3], -1, *parts[0].shape[-2:])


case("pixel_unshuffle", _unshuffled, reference=_unshuffle, gradient=(0,))
