"""Linear algebra of the main namespace: products and sums of products.

The rest is in `tensor.linalg`. Source: array API standard 2025.12, "Linear algebra functions".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ember_ml.backend.errors import ShapeError

from ._core import EmberTensor, TensorLike
from ._elementwise import conj
from ._manipulation import permute_dims, reshape
from ._operation import operation
from ._shapes import as_axes, as_axis

__all__ = ["kron", "matmul", "tensordot", "vecdot"]


def _check_matmul(shapes: dict[str, Any], arguments: dict[str, Any]) -> str | None:
    a, b = shapes.get("x1", ()), shapes.get("x2", ())
    if not a or not b:
        return f"shapes {a} and {b}: both need at least one dimension"
    inner = b[-2] if len(b) > 1 else b[0]
    if a[-1] != inner:
        return f"shapes {a} and {b}: the inner sizes {a[-1]} and {inner} differ"
    return f"shapes {a} and {b}: the leading axes do not broadcast"


@operation(accepts="numeric", result="same", check=_check_matmul)
def matmul(x1: TensorLike, x2: TensorLike, /) -> EmberTensor:
    """Matrix product of (..., M, K) and (..., K, N); a vector loses its axis in the result.

    Raises:
        ShapeError: the inner sizes differ, or the leading axes do not broadcast.

    >>> from ember_ml.nn import tensor as et
    >>> et.matmul([[1, 2], [3, 4]], [1, 1]).tolist()
    [3, 7]
    """
    ...


@operation(accepts="numeric", result="same")
def vecdot(x1: TensorLike, x2: TensorLike, /, *, axis: int = -1) -> EmberTensor:
    """Sum of ``conj(x1) * x2`` along ``axis``.

    >>> from ember_ml.nn import tensor as et
    >>> et.vecdot([1, 2, 3], [4, 5, 6]).item()
    32
    """
    from ._reduction import sum

    for x in (x1, x2):
        as_axis(axis, x.ndim, "vecdot")
    if x1.shape[axis] != x2.shape[axis]:
        raise ShapeError(
            f"vecdot: sizes {x1.shape[axis]} and {x2.shape[axis]} of axis {axis} differ, in shapes "
            f"{x1.shape} and {x2.shape}"
        )
    return sum(conj(x1) * x2, axis=axis, dtype=x1.dtype)


@operation(accepts="numeric", result="same")
def tensordot(
    x1: TensorLike, x2: TensorLike, /, *, axes: int | tuple[Sequence[int], Sequence[int]] = 2
) -> EmberTensor:
    """Sums of products over pairs of axes: the last ``axes`` of ``x1`` with the first of ``x2``.

    Args:
        axes: how many, or the two lists of axes.

    Raises:
        ShapeError: paired axes differ in size.

    >>> from ember_ml.nn import tensor as et
    >>> et.tensordot([[1, 2], [3, 4]], [1, 1], axes=1).tolist()
    [3, 7]
    """
    if isinstance(axes, int):
        left = tuple(range(x1.ndim - axes, x1.ndim))
        right = tuple(range(axes))
    else:
        left, right = (tuple(a) for a in axes)
    left = as_axes(left, x1.ndim, "tensordot")
    right = as_axes(right, x2.ndim, "tensordot")
    paired = [x1.shape[i] for i in left], [x2.shape[j] for j in right]
    if paired[0] != paired[1]:
        raise ShapeError(
            f"tensordot: axes {left} of shape {x1.shape} and {right} of shape {x2.shape} differ"
        )
    free1 = tuple(i for i in range(x1.ndim) if i not in left)
    free2 = tuple(j for j in range(x2.ndim) if j not in right)
    inner = 1
    for size in paired[0]:
        inner *= size
    rows = _product(x1, free1)
    columns = _product(x2, free2)
    a = reshape(permute_dims(x1, (*free1, *left)), (rows, inner))
    b = reshape(permute_dims(x2, (*right, *free2)), (inner, columns))
    shape = (*(x1.shape[i] for i in free1), *(x2.shape[j] for j in free2))
    return reshape(matmul(a, b), shape)


@operation(accepts="numeric", result="same")
def kron(x1: TensorLike, x2: TensorLike, /) -> EmberTensor:
    """Kronecker product: ``x2`` in the place of each element of ``x1``, times the element.

    >>> from ember_ml.nn import tensor as et
    >>> et.kron([1, 10], [1, 2, 3]).tolist()
    [1, 2, 3, 10, 20, 30]
    """
    ndim = max(x1.ndim, x2.ndim)
    shape1 = (1,) * (ndim - x1.ndim) + x1.shape
    shape2 = (1,) * (ndim - x2.ndim) + x2.shape
    tall = reshape(x1, tuple(n for size in shape1 for n in (size, 1)))
    wide = reshape(x2, tuple(n for size in shape2 for n in (1, size)))
    return reshape(tall * wide, tuple(m * n for m, n in zip(shape1, shape2, strict=True)))


def _product(x: EmberTensor, axes: tuple[int, ...]) -> int:
    count = 1
    for axis in axes:
        count *= x.shape[axis]
    return count
