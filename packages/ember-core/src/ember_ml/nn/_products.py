"""``vjp`` and ``jvp``: products of the Jacobian with vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ember_ml.backend.errors import ArgumentError, ShapeError
from ember_ml.nn.tensor import EmberTensor, asarray, sum, zeros_like

from . import _trees
from ._gradients import value_and_grad

__all__ = ["jvp", "vjp"]


def vjp(
    function: Callable[..., Any], primals: Sequence[Any], cotangents: Any, /
) -> tuple[Any, tuple[Any, ...]]:
    """The value of ``function``, and the product of a vector with its Jacobian (reverse mode).

    Args:
        function: of tensors, containers and Modules, to a tensor or a container of tensors.
        primals: its arguments.
        cotangents: what the value is multiplied by: tensors in its structure and shapes.

    Returns:
        ``(value, products)``, with a product for each argument, as `value_and_grad` gives them.

    Raises:
        ShapeError: a cotangent has another shape than the value.
        ArgumentError: there are more or fewer cotangents than values.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> value, (product,) = nn.vjp(lambda x: x * x, [et.asarray([1.0, 2.0])], et.asarray([1.0, 10.0]))
    >>> value.tolist(), product.tolist()
    ([1.0, 4.0], [2.0, 40.0])
    """

    def weighted(*arguments: Any) -> tuple[EmberTensor, Any]:
        value = function(*arguments)
        return _inner(value, cotangents), value

    both = value_and_grad(weighted, argnums=tuple(range(len(primals))), has_aux=True)
    (_, value), products = both(*primals)
    return value, products


def jvp(
    function: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], /
) -> tuple[Any, Any]:
    """The value of ``function``, and the product of its Jacobian with a vector (forward mode).

    It is worked out by two passes in reverse (the product with the transposed of `vjp`, which is
    linear in the cotangents), so that an engine needs no more than gradients of gradients.

    Args:
        function: of tensors and containers, to a tensor or a container of tensors.
        primals: its arguments.
        tangents: a direction for each argument: tensors in its structure and shapes.

    Returns:
        ``(value, tangent)``: the tangent in the structure and shapes of the value.

    Raises:
        ShapeError: a tangent has another shape than its argument.
        ArgumentError: there are more or fewer tangents than arguments.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> value, tangent = nn.jvp(lambda x: x * x, [et.asarray([1.0, 2.0])], [et.asarray([1.0, 10.0])])
    >>> value.tolist(), tangent.tolist()
    ([1.0, 4.0], [2.0, 40.0])
    """
    value = function(*primals)
    leaves = _trees.Leaves(value)
    zeros = leaves.rebuild([zeros_like(_tensor(leaf)) for leaf in leaves.values])

    def along(cotangents: Any) -> EmberTensor:
        _, products = vjp(function, primals, cotangents)
        return _inner(products, tuple(tangents))

    _, tangent = value_and_grad(along)(zeros)
    return value, tangent


def _tensor(leaf: Any) -> EmberTensor:
    if not isinstance(leaf, EmberTensor):
        raise ArgumentError(f"the function returns tensors, not {type(leaf).__name__}")
    return leaf


def _inner(value: Any, vector: Any) -> EmberTensor:
    """The sum of the products of all elements."""
    ours, theirs = _trees.Leaves(value).values, _trees.Leaves(vector).values
    if len(ours) != len(theirs):
        raise ArgumentError(f"{len(ours)} tensors go with {len(ours)} vectors, not {len(theirs)}")
    total: EmberTensor | None = None
    for x, v in zip(ours, theirs, strict=True):
        v = v if isinstance(v, EmberTensor) else asarray(v)
        if v.shape != _tensor(x).shape:
            raise ShapeError(f"a vector of shape {v.shape} for a tensor of shape {x.shape}")
        term = sum(x * v)
        total = term if total is None else total + term
    if total is None:
        raise ArgumentError("there is no tensor to multiply")
    return total
