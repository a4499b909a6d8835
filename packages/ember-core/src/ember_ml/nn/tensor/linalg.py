"""Linear algebra: factorisations, solutions, norms. ``from ember_ml.nn.tensor import linalg``.

Matrices are the last two axes, (..., M, N); the leading axes are batches. Source: array API
standard 2025.12, extension "linalg".
"""

from __future__ import annotations

from typing import Any, Literal

from ember_ml.backend.errors import InvalidValueError, ShapeError

from ._analysis import exp
from ._core import EmberTensor, TensorLike
from ._creation import _on, asarray, eye
from ._elementwise import abs, conj
from ._linalg import matmul, tensordot, vecdot
from ._manipulation import broadcast_to, expand_dims, matrix_transpose, moveaxis, reshape
from ._operation import operation
from ._reduction import max, min, sum
from ._results import EighResult, EigResult, QRResult, SlogdetResult, SVDResult
from ._search import where
from ._shapes import as_axes, as_axis

__all__ = [
    "cholesky",
    "cross",
    "det",
    "diagonal",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "inv",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "matrix_transpose",
    "outer",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "svd",
    "svdvals",
    "tensordot",
    "trace",
    "vecdot",
    "vector_norm",
]


def _check_square(shapes: dict[str, Any], arguments: dict[str, Any]) -> str | None:
    shape = shapes[next(iter(shapes))]
    if len(shape) < 2 or shape[-1] != shape[-2]:
        return f"needs square matrices (..., M, M), not shape {shape}"
    return None


def _check_matrix(shapes: dict[str, Any], arguments: dict[str, Any]) -> str | None:
    shape = shapes["x"]
    return f"needs matrices (..., M, N), not shape {shape}" if len(shape) < 2 else None


@operation(accepts="inexact", result="same", check=_check_square, prefix="linalg")
def cholesky(x: TensorLike, /, *, upper: bool = False) -> EmberTensor:
    """The triangular L with ``L @ conj(L.mT) == x`` for a positive definite ``x``.

    Args:
        upper: give the upper factor, ``conj(L.mT)``.

    Raises:
        InvalidValueError: ``x`` is not positive definite.

    >>> from ember_ml.nn.tensor import linalg
    >>> linalg.cholesky([[4.0, 0.0], [0.0, 9.0]]).tolist()
    [[2.0, 0.0], [0.0, 3.0]]
    """
    ...


@operation(accepts="inexact", result="same", check=_check_square, prefix="linalg")
def det(x: TensorLike, /) -> EmberTensor:
    """Determinants of square matrices.

    >>> from ember_ml.nn.tensor import linalg
    >>> round(linalg.det([[2.0, 0.0], [0.0, 3.0]]).item(), 5)
    6.0
    """
    sign, logarithm = slogdet(x)
    return sign * exp(logarithm)


@operation(accepts="inexact", check=_check_square, prefix="linalg")
def slogdet(x: TensorLike, /) -> SlogdetResult:
    """Sign and logarithm of the absolute value of determinants."""
    ...


@operation(accepts="inexact", result="same", check=_check_square, prefix="linalg")
def inv(x: TensorLike, /) -> EmberTensor:
    """Inverses of square matrices.

    Raises:
        InvalidValueError: a matrix is singular.

    >>> from ember_ml.nn.tensor import linalg
    >>> linalg.inv([[2.0, 0.0], [0.0, 4.0]]).tolist()
    [[0.5, 0.0], [0.0, 0.25]]
    """
    with _on(x):
        unit = eye(x.shape[-1], dtype=x.dtype, device=x.device)
    return solve(x, broadcast_to(unit, x.shape))


def _check_solve(shapes: dict[str, Any], arguments: dict[str, Any]) -> str | None:
    fault = _check_square(shapes, arguments)
    a, b = shapes["x1"], shapes["x2"]
    if fault or not b:
        return fault or "the right side needs at least one dimension"
    size = b[-1] if len(b) == 1 else b[-2]
    return f"matrices {a} and a right side {b}: {a[-1]} rows are due" if a[-1] != size else None


@operation(accepts="inexact", result="same", check=_check_solve, prefix="linalg")
def solve(x1: TensorLike, x2: TensorLike, /) -> EmberTensor:
    """The solution of ``x1 @ x == x2``: (..., M, M) with a vector (M,) or (..., M, K).

    Raises:
        InvalidValueError: ``x1`` is singular.

    >>> from ember_ml.nn.tensor import linalg
    >>> linalg.solve([[2.0, 0.0], [0.0, 4.0]], [2.0, 4.0]).tolist()
    [1.0, 1.0]
    """
    ...


@operation(accepts="inexact", check=_check_matrix, prefix="linalg")
def qr(x: TensorLike, /, *, mode: Literal["reduced", "complete"] = "reduced") -> QRResult:
    """``x == Q @ R`` with orthonormal columns in Q and an upper triangular R."""
    ...


@operation(accepts="inexact", check=_check_matrix, prefix="linalg")
def svd(x: TensorLike, /, *, full_matrices: bool = True) -> SVDResult:
    """``x == U @ diag(S) @ Vh`` with singular values S in descending order."""
    ...


@operation(accepts="inexact", check=_check_matrix, prefix="linalg")
def svdvals(x: TensorLike, /) -> EmberTensor:
    """Singular values in descending order."""
    return svd(x, full_matrices=False).S


@operation(accepts="inexact", check=_check_square, prefix="linalg")
def eigh(x: TensorLike, /) -> EighResult:
    """Eigenvalues, ascending, and eigenvectors of symmetric or Hermitian matrices."""
    ...


@operation(accepts="inexact", check=_check_square, prefix="linalg")
def eigvalsh(x: TensorLike, /) -> EmberTensor:
    """Eigenvalues, ascending, of symmetric or Hermitian matrices."""
    return eigh(x).eigenvalues


@operation(accepts="inexact", check=_check_square, prefix="linalg")
def eig(x: TensorLike, /) -> EigResult:
    """Eigenvalues and eigenvectors of square matrices, complex."""
    ...


@operation(accepts="inexact", check=_check_square, prefix="linalg")
def eigvals(x: TensorLike, /) -> EmberTensor:
    """Eigenvalues of square matrices, complex."""
    return eig(x).eigenvalues


@operation(accepts="inexact", result="same", check=_check_matrix, prefix="linalg")
def pinv(x: TensorLike, /, *, rtol: float | TensorLike | None = None) -> EmberTensor:
    """Moore-Penrose inverses; singular values below ``rtol`` of the greatest count as zero.

    >>> from ember_ml.nn.tensor import linalg
    >>> linalg.pinv([[2.0, 0.0], [0.0, 0.0]]).tolist()
    [[0.5, 0.0], [0.0, 0.0]]
    """
    u, s, vh = svd(x, full_matrices=False)
    small = s <= _cutoff(x, s, rtol)
    inverse = where(small, 0.0, 1.0 / where(small, 1.0, s))
    scaled = conj(matrix_transpose(vh)) * inverse[..., None, :]
    return matmul(scaled, conj(matrix_transpose(u)))


def _cutoff(x: EmberTensor, s: EmberTensor, rtol: float | TensorLike | None) -> EmberTensor:
    from builtins import max as larger

    from ._data import finfo

    if rtol is None:
        rtol = larger(x.shape[-2:]) * finfo(x.dtype).eps
    if not isinstance(rtol, float | int):
        with _on(x):
            rtol = expand_dims(asarray(rtol), axis=-1)
    return s[..., :1] * rtol


@operation(accepts="inexact", check=_check_matrix, prefix="linalg")
def matrix_rank(x: TensorLike, /, *, rtol: float | TensorLike | None = None) -> EmberTensor:
    """Number of singular values above ``rtol`` of the greatest.

    >>> from ember_ml.nn.tensor import linalg
    >>> linalg.matrix_rank([[1.0, 0.0], [0.0, 0.0]]).item()
    1
    """
    s = svdvals(x)
    return sum(s > _cutoff(x, s, rtol), axis=-1, dtype="int64")


@operation(accepts="numeric", result="same", check=_check_square, prefix="linalg")
def matrix_power(x: TensorLike, n: int, /) -> EmberTensor:
    """Square matrices multiplied ``n`` times; by their inverses for a negative ``n``.

    >>> from ember_ml.nn.tensor import linalg
    >>> linalg.matrix_power([[1, 1], [0, 1]], 3).tolist()
    [[1, 3], [0, 1]]
    """
    fault = _check_square({"x": x.shape}, {})
    if fault:
        raise ShapeError(f"matrix_power: {fault}")
    if n < 0:
        x, n = inv(x), -n
    with _on(x):
        result = broadcast_to(eye(x.shape[-1], dtype=x.dtype, device=x.device), x.shape)
    while n:
        if n & 1:
            result = matmul(result, x)
        x = matmul(x, x) if n > 1 else x
        n >>= 1
    return result


def outer(x1: TensorLike, x2: TensorLike, /) -> EmberTensor:
    """Products of all pairs of elements of two vectors, (M, N).

    >>> from ember_ml.nn.tensor import linalg
    >>> linalg.outer([1, 2], [3, 4]).tolist()
    [[3, 4], [6, 8]]
    """
    x1, x2 = asarray(x1), asarray(x2)
    if x1.ndim != 1 or x2.ndim != 1:
        raise ShapeError(f"outer needs two vectors, not shapes {x1.shape} and {x2.shape}")
    return x1[:, None] * x2[None, :]


@operation(accepts="numeric", result="same", prefix="linalg")
def cross(x1: TensorLike, x2: TensorLike, /, *, axis: int = -1) -> EmberTensor:
    """Cross product of vectors of three elements along ``axis``.

    >>> from ember_ml.nn.tensor import linalg
    >>> linalg.cross([1, 0, 0], [0, 1, 0]).tolist()
    [0, 0, 1]
    """
    from ._manipulation import stack

    for x in (x1, x2):
        if x.shape[as_axis(axis, x.ndim, "cross")] != 3:
            raise ShapeError(f"cross: axis {axis} must have size 3, in shape {x.shape}")
    a, b = moveaxis(x1, axis, -1), moveaxis(x2, axis, -1)
    a0, a1, a2 = (a[..., i] for i in range(3))
    b0, b1, b2 = (b[..., i] for i in range(3))
    parts = [a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0]
    return moveaxis(stack(parts, axis=-1), -1, axis)


@operation(result="same", prefix="linalg")
def diagonal(x: TensorLike, /, *, offset: int = 0) -> EmberTensor:
    """Diagonals of matrices, the one ``offset`` above the main one.

    >>> from ember_ml.nn.tensor import linalg
    >>> linalg.diagonal([[1, 2], [3, 4]]).tolist()
    [1, 4]
    """
    if x.ndim < 2:
        raise ShapeError(f"diagonal needs matrices (..., M, N), not shape {x.shape}")
    rows, columns = x.shape[-2:]
    row, column = (0, offset) if offset >= 0 else (-offset, 0)
    from builtins import max as larger
    from builtins import min as smaller

    length = larger(0, smaller(rows - row, columns - column))
    with _on(x):
        from ._creation import arange

        flat = arange(length, device=x.device) * (columns + 1) + (row * columns + column)
    from ._search import take

    return take(reshape(x, (*x.shape[:-2], rows * columns)), flat, axis=-1)


@operation(accepts="numeric", prefix="linalg")
def trace(x: TensorLike, /, *, offset: int = 0, dtype: Any | None = None) -> EmberTensor:
    """Sum of a diagonal.

    >>> from ember_ml.nn.tensor import linalg
    >>> linalg.trace([[1, 2], [3, 4]]).item()
    5
    """
    return sum(diagonal(x, offset=offset), axis=-1, dtype=dtype)


@operation(accepts="inexact", prefix="linalg")
def vector_norm(
    x: TensorLike,
    /,
    *,
    axis: int | tuple[int, ...] | None = None,
    keepdims: bool = False,
    ord: float = 2,
) -> EmberTensor:
    """The ``ord``-norm of vectors along ``axis`` (None: of all elements), real.

    >>> from ember_ml.nn.tensor import linalg
    >>> linalg.vector_norm([3.0, 4.0]).item()
    5.0
    """
    size = abs(x)
    axes = as_axes(axis, x.ndim, "vector_norm")
    if ord == float("inf"):
        return max(size, axis=axes, keepdims=keepdims)
    if ord == -float("inf"):
        return min(size, axis=axes, keepdims=keepdims)
    if ord == 0:
        return sum((size != 0).astype(size.dtype), axis=axes, keepdims=keepdims)
    if ord == 1:
        return sum(size, axis=axes, keepdims=keepdims)
    if ord == 2:
        return sum(size * size, axis=axes, keepdims=keepdims) ** 0.5
    return sum(size**ord, axis=axes, keepdims=keepdims) ** (1.0 / ord)


@operation(accepts="inexact", check=_check_matrix, prefix="linalg")
def matrix_norm(
    x: TensorLike,
    /,
    *,
    keepdims: bool = False,
    ord: float | Literal["fro", "nuc"] | None = "fro",
) -> EmberTensor:
    """Norms of matrices: Frobenius, nuclear, or induced by the vector norm 1, 2 or inf.

    Raises:
        InvalidValueError: another ``ord``.

    >>> from ember_ml.nn.tensor import linalg
    >>> linalg.matrix_norm([[3.0, 0.0], [0.0, 4.0]]).item()
    5.0
    """
    size = abs(x)
    if ord is None or ord == "fro":
        result = sum(size * size, axis=(-2, -1)) ** 0.5
    elif ord == "nuc":
        result = sum(svdvals(x), axis=-1)
    elif ord in (1, -1):
        result = (max if ord > 0 else min)(sum(size, axis=-2), axis=-1)
    elif ord in (2, -2):
        result = (max if ord > 0 else min)(svdvals(x), axis=-1)
    elif ord in (float("inf"), -float("inf")):
        result = (max if ord > 0 else min)(sum(size, axis=-1), axis=-1)
    else:
        raise InvalidValueError(
            f"matrix_norm: ord is 'fro', 'nuc', 1, -1, 2, -2, inf or -inf, not {ord!r}"
        )
    return result[..., None, None] if keepdims else result
