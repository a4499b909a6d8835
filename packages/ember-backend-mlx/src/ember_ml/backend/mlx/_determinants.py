"""Determinants, of real and complex matrices."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from ._inverse import inverse
from ._matrices import adjoint, check_square, doubled, halved
from ._spectral import linalg_eig, linalg_svd
from ._streams import settle


def _inverted(x: Any) -> Any:
    return halved(inverse(doubled(x))) if x.dtype == mx.complex64 else inverse(x)


@mx.custom_function
def _det(x: Any) -> Any:
    if x.dtype == mx.complex64:
        return mx.prod(linalg_eig(x)[0], -1)
    if x.shape[-1] <= 3:
        return mx.linalg.det(x, stream=mx.cpu)
    # MLX's own takes the exponential of a logarithm, in single precision.
    lu, pivots = mx.linalg.lu_factor(x, stream=mx.cpu)
    swaps = mx.sum(pivots != mx.arange(x.shape[-1], dtype=pivots.dtype), -1)
    product = mx.prod(mx.diagonal(lu, 0, -2, -1), -1)
    return mx.where(swaps % 2 == 1, -product, product)


@_det.vjp
def _det_vjp(x: Any, cotangent: Any, output: Any) -> Any:
    if settle(output) and not mx.all(output != 0).item():
        # A singular matrix has no inverse, but cofactors.
        u, s, vh = linalg_svd(x, full_matrices=False)
        same = mx.eye(s.shape[-1], dtype=mx.bool_)
        others = mx.prod(mx.where(same, 1, s[..., None, :]), -1)
        factor = cotangent * mx.conj(_det(u) * _det(vh))
        return factor[..., None, None] * ((u * others[..., None, :]) @ vh)
    return (cotangent * mx.conj(output))[..., None, None] * adjoint(_inverted(x))


def linalg_det(x: Any, /) -> Any:
    check_square(x)
    return _det(x) if x.size else mx.ones(x.shape[:-2], x.dtype)


@mx.custom_function
def _slogdet(x: Any) -> tuple[Any, Any]:
    if x.dtype == mx.complex64:
        values = linalg_eig(x)[0]
        return mx.prod(mx.sign(values), -1), mx.sum(mx.log(mx.abs(values)), -1)
    sign, logarithm = mx.linalg.slogdet(x, stream=mx.cpu)
    return sign, logarithm


@_slogdet.vjp
def _slogdet_vjp(x: Any, cotangents: Any, outputs: Any) -> Any:
    factor = cotangents[1]
    if x.dtype == mx.complex64:
        factor = factor + 1j * mx.imag(cotangents[0] * mx.conj(outputs[0]))
    return factor[..., None, None] * adjoint(_inverted(x))


def linalg_slogdet(x: Any, /) -> tuple[Any, Any]:
    check_square(x)
    if not x.size:
        ones = mx.ones(x.shape[:-2], x.dtype)
        return ones, mx.real(mx.zeros_like(ones))
    sign, logarithm = _slogdet(x)
    return sign, logarithm
