"""Inverses, systems of equations and Cholesky factors of real matrices.

MLX runs LAPACK on the CPU whatever the default device is. A failure shows when the result is
computed, so it is computed at once where that is possible. Products with no elements never
reach LAPACK, which divides by their size.
"""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from ._matrices import check_square, doubled, halved, transposed
from ._streams import settle


@mx.custom_function
def inverse(x: Any) -> Any:
    return mx.linalg.inv(x, stream=mx.cpu)


@inverse.vjp
def _inverse_vjp(x: Any, cotangent: Any, output: Any) -> Any:
    return -transposed(output) @ cotangent @ transposed(output)


def linalg_inv(x: Any, /) -> Any:
    check_square(x)
    if not x.size:
        return x
    result = inverse(x)
    settle(result)
    return result


def _solve(a: Any, b: Any) -> Any:
    # MLX's own inverts the triangles of LU too, with less exact results, and has no vmap.
    inverted = inverse(a)
    x = inverted @ b
    return x + inverted @ (b - a @ x)


def linalg_solve(x1: Any, x2: Any, /) -> Any:
    check_square(x1)
    if x2.ndim == 1:
        return linalg_solve(x1, x2[:, None])[..., 0]
    if x1.shape[-1] != x2.shape[-2]:
        raise ValueError("the sizes differ")
    batch = mx.broadcast_shapes(x1.shape[:-2], x2.shape[:-2])
    x1 = mx.broadcast_to(x1, (*batch, *x1.shape[-2:]))
    x2 = mx.broadcast_to(x2, (*batch, *x2.shape[-2:]))
    if not x1.size or not x2.size:
        return mx.zeros(x2.shape, x2.dtype)
    result = _solve(x1, x2)
    settle(result)
    return result


@mx.custom_function
def _cholesky(x: Any) -> Any:
    return mx.tril(mx.linalg.cholesky(x, stream=mx.cpu))


@_cholesky.vjp
def _cholesky_vjp(x: Any, cotangent: Any, output: Any) -> Any:
    # Murray, "Differentiation of the Cholesky decomposition", 2016, equation 8.
    inner = mx.tril(transposed(output) @ cotangent)
    size = output.shape[-1]
    inner = inner * (1 - 0.5 * mx.eye(size, dtype=output.dtype))
    inverted = inverse(output)
    outer = transposed(inverted) @ inner @ inverted
    return 0.5 * (outer + transposed(outer))


def linalg_cholesky(x: Any, /, *, upper: bool = False) -> Any:
    check_square(x)
    if not x.size:
        return x
    lower = _cholesky(x)
    # LAPACK stops at a pivot that is not positive, and MLX does not say so.
    positive = mx.all(mx.diagonal(lower, 0, -2, -1) > 0)
    if settle(lower, positive) and not positive.item():
        raise ValueError("the matrix is not positive definite")
    return transposed(lower) if upper else lower


def complex_solve(a: Any, b: Any) -> Any:
    return halved(_solve(doubled(a), doubled(b)))
