"""Overrides of pooling and resizing, by PyTorch's kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ember_ml.backend.protocol import Native
from torch.nn import functional

_MAX: dict[int, Callable[..., Native]] = {
    1: functional.max_pool1d, 2: functional.max_pool2d, 3: functional.max_pool3d,
}  # fmt: skip
_ADAPTIVE_MEAN: dict[int, Callable[..., Native]] = {
    1: functional.adaptive_avg_pool1d,
    2: functional.adaptive_avg_pool2d,
    3: functional.adaptive_avg_pool3d,
}
_ADAPTIVE_MAX: dict[int, Callable[..., Native]] = {
    1: functional.adaptive_max_pool1d,
    2: functional.adaptive_max_pool2d,
    3: functional.adaptive_max_pool3d,
}
_LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}


def _reaches(
    x: Native, sizes: tuple[int, ...], kernel: Any, stride: Any, padding: Any, dilation: Any
) -> bool:
    """Whether there are more windows than have room within the padding: the `ceil_mode`."""
    own = x.shape[x.ndim - len(sizes) :]
    options = zip(own, sizes, kernel, stride, padding, dilation, strict=True)
    return any(size > (n + 2 * p - (k - 1) * d - 1) // s + 1 for n, size, k, s, p, d in options)


def max_windows(
    x: Native,
    /,
    *,
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
    sizes: tuple[int, ...],
) -> Native:
    beyond = _reaches(x, sizes, kernel, stride, padding, dilation)
    return _MAX[len(sizes)](x, kernel, stride, padding, dilation, beyond)


def mean_windows(
    x: Native,
    /,
    *,
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    sizes: tuple[int, ...],
    count_padding: bool,
    divisor: int | None,
) -> Native:
    beyond = _reaches(x, sizes, kernel, stride, padding, (1,) * len(sizes))
    if len(sizes) == 3:
        # There is no kernel for half precision on a CPU.
        half = x.element_size() == 2 and x.device.type == "cpu"
        found = functional.avg_pool3d(
            x.float() if half else x, kernel, stride, padding, beyond, count_padding, divisor
        )
        return found.to(x.dtype) if half else found
    if len(sizes) == 2:
        return functional.avg_pool2d(x, kernel, stride, padding, beyond, count_padding, divisor)
    if divisor is None:
        return functional.avg_pool1d(x, kernel, stride, padding, beyond, count_padding)
    found = functional.avg_pool2d(
        x[..., None, :], (1, *kernel), (1, *stride), (0, *padding), beyond, count_padding, divisor
    )
    return found[..., 0, :]


def adaptive_mean(x: Native, /, *, sizes: tuple[int, ...]) -> Native:
    return _ADAPTIVE_MEAN[len(sizes)](x, sizes)


def adaptive_max(x: Native, /, *, sizes: tuple[int, ...]) -> Native:
    return _ADAPTIVE_MAX[len(sizes)](x, sizes)


def resize(
    x: Native,
    /,
    *,
    sizes: tuple[int, ...],
    scales: tuple[float | None, ...],
    kind: str,
    align_corners: bool,
) -> Native:
    mode = {"linear": _LINEAR[len(sizes)], "cubic": "bicubic"}.get(kind, kind)
    aligned = align_corners if kind in ("linear", "cubic") else None
    if None in scales:
        return functional.interpolate(x, sizes, mode=mode, align_corners=aligned)
    given: Any = scales
    return functional.interpolate(x, scale_factor=given, mode=mode, align_corners=aligned)
