"""Control flow as functions: loops that carry a state, branches, and functions of some elements."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ember_ml.backend.errors import ArgumentError, DTypeError, ShapeError, UnsupportedError

from ._compare import logical_not
from ._core import EmberTensor, TensorLike
from ._creation import asarray
from ._data import astype
from ._functions import stop_gradient
from ._manipulation import broadcast_arrays, broadcast_to, reshape, stack
from ._operation import operation
from ._scatter import filled
from ._search import argmax, take, where

if TYPE_CHECKING:
    from ember_ml.nn._trees import Leaves

__all__ = ["apply_where", "cond", "scan"]


@operation(result="same", kinds={"condition": "bool"})
def constant_unless(x: TensorLike, condition: TensorLike, /) -> EmberTensor:
    """``x``, whose elements are constants of gradients unless ``condition``, of its shape, is true.

    The gradient of a branch that was not taken is 0 times that of its function, which is NaN where
    that is infinite. It ends here.
    """
    return where(condition, x, stop_gradient(x))


# -- loops --------------------------------------------------------------------------------------


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    /,
    *,
    length: int | None = None,
    reverse: bool = False,
) -> tuple[Any, Any]:
    """Apply ``f`` to one element of ``xs`` after the other, carrying a state along.

    The meaning is that of ``jax.lax.scan``::

        carry, ys = init, []
        for x in xs:
            carry, y = f(carry, x)
            ys.append(y)
        return carry, stack(ys)

    It is a loop in Python on every engine: `nn.compile` writes all its turns into the program,
    and gradients flow through all of them.

    Args:
        f: ``(carry, x)`` to ``(new carry, y)``; ``y`` a tensor, a container of tensors, or None.
        init: the first carry: a tensor, or a container of tensors.
        xs: a tensor, or a container of tensors, whose first axis is gone through; None for
            ``length`` turns with ``x = None``.
        length: the number of turns, where ``xs`` does not tell it.
        reverse: go from the last element to the first; ``ys`` stay in the order of ``xs``.

    Returns:
        The last carry, and the containers of ``y`` with the results of all turns stacked along a
        new first axis. Where there are no turns ``f`` is called once, on zeros, to learn the shapes.

    Raises:
        ShapeError: the tensors in ``xs`` differ in length, or from ``length``, or have no axes; the
            ``y`` of two turns differ in shape.
        ArgumentError: neither ``xs`` nor ``length`` is given; ``xs`` holds something else than
            tensors; ``f`` does not return a pair, or containers of another structure in each turn.

    >>> from ember_ml.nn import tensor as et
    >>> total, sums = et.scan(lambda c, x: (c + x, c + x), 0.0, et.asarray([1.0, 2.0, 3.0]))
    >>> total.item(), sums.tolist()
    (6.0, [1.0, 3.0, 6.0])
    """
    from ember_ml.nn._trees import Leaves  # which needs this package

    parts = Leaves(xs)
    tensors = [_sequence_of(x) for x in parts.values if x is not None]
    n = _turns(tensors, length)
    rows = [_rows(x) for x in tensors] if n else [[filled(x.shape[1:], 0, x)] for x in tensors]

    def element(i: int) -> Any:
        source = iter(rows)
        return parts.rebuild([None if x is None else next(source)[i] for x in parts.values])

    carry = init
    found: list[Leaves] = []
    for i in range(n or 1):
        pair = f(carry, element(n - 1 - i if reverse and n else i))
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise ArgumentError(f"scan: f returns a pair (carry, y), not {type(pair).__name__}")
        carry, y = pair
        found.append(Leaves(y))
        if _structure(found[-1]) != _structure(found[0]):
            raise ArgumentError(
                f"scan: y of turn {i} is {found[-1].spec}, and of the first one {found[0].spec}"
            )
    if not n:
        return init, found[0].rebuild([_none_of(y) for y in found[0].values])
    if reverse:
        found.reverse()
    columns = zip(*[y.values for y in found], strict=True)
    return carry, found[0].rebuild([_stacked(column) for column in columns])


def _structure(parts: Leaves) -> Any:
    """What containers there are: None for a tensor, and for a number that is to become one."""
    return None if parts.spec is None or parts.spec.is_leaf() else parts.spec


def _sequence_of(x: Any) -> EmberTensor:
    if not isinstance(x, EmberTensor) and not hasattr(x, "shape"):
        raise ArgumentError(
            f"scan: xs holds {type(x).__name__} {x!r}, and tensors are due: et.asarray(...)"
        )
    x = asarray(x)
    if not x.ndim:
        raise ShapeError("scan: a tensor in xs has no axis to go through")
    return x


def _rows(x: EmberTensor) -> list[EmberTensor]:
    """The elements along the first axis, by halves.

    The gradient of a part is as large as the whole: for each of n elements that is n * n.
    """
    n = x.shape[0]
    return [x[0]] if n == 1 else _rows(x[: n // 2]) + _rows(x[n // 2 :])


def _turns(tensors: Sequence[EmberTensor], length: int | None) -> int:
    sizes = {x.shape[0] for x in tensors}
    if length is not None:
        sizes.add(operator.index(length))
    if not sizes:
        raise ArgumentError("scan: give length, where there are no xs")
    if len(sizes) > 1:
        shapes = ", ".join(str(x.shape) for x in tensors)
        given = "" if length is None else f" and length={length}"
        raise ShapeError(f"scan: the lengths differ: xs of shapes {shapes}{given}")
    return sizes.pop()


def _stacked(column: Sequence[Any]) -> EmberTensor | None:
    if all(y is None for y in column):
        return None
    return stack(column)


def _none_of(y: Any) -> EmberTensor | None:
    if y is None:
        return None
    y = asarray(y)
    return filled((0, *y.shape), 0, y)


# -- branches -----------------------------------------------------------------------------------


def cond(
    pred: TensorLike,
    true_fn: Callable[..., Any],
    false_fn: Callable[..., Any],
    /,
    *operands: Any,
) -> Any:
    """``true_fn(*operands)`` if ``pred`` is true, else ``false_fn(*operands)``.

    Where the value of ``pred`` is known, only that branch is called: in ordinary calls and within
    gradients. Where it is not (inside `nn.compile` and `nn.vmap`, on engines that trace them) both
    are computed and the results selected; then the branches return the same structure and shapes,
    and what they do beside returning is done by both. Gradients are those of the branch that
    was taken, finite though the other one's may not be.

    Args:
        pred: a bool, or a tensor of it with no dimensions. (`where` selects elements.)
        true_fn, false_fn: of the operands, to tensors or containers of them.
        operands: tensors, containers of them, or anything else.

    Raises:
        ShapeError: ``pred`` has dimensions; or results that must be selected differ in shape.
        DTypeError: ``pred`` is not bool.
        ArgumentError: results that must be selected differ in structure, or are no tensors.

    >>> from ember_ml.nn import tensor as et
    >>> x = et.asarray(-2.0)
    >>> et.cond(x > 0, et.sqrt, lambda x: -x, x).item()
    2.0
    """
    known = _known(pred)
    if known is not None:
        return true_fn(*operands) if known else false_fn(*operands)
    from ember_ml.nn._trees import Leaves

    yes = Leaves(true_fn(*_only_where(pred, operands)))
    no = Leaves(false_fn(*_only_where(logical_not(pred), operands)))
    if _structure(yes) != _structure(no):
        raise ArgumentError(f"cond: the branches return {yes.spec} and {no.spec}")
    return yes.rebuild([_selected(pred, x, y) for x, y in zip(yes.values, no.values, strict=True)])


def _known(pred: TensorLike) -> bool | None:
    """The value of ``pred``; None where it is being traced."""
    if isinstance(pred, bool):
        return pred
    pred = asarray(pred)
    if pred.dtype.kind != "bool":
        raise DTypeError(f"cond: pred must be bool, not {pred.dtype}: pred != 0")
    if pred.ndim:
        raise ShapeError(
            f"cond: pred of shape {pred.shape} must have no dimensions; et.where selects elements"
        )
    try:
        return bool(pred.item())
    except UnsupportedError:
        return None


def _only_where(pred: EmberTensor, operands: Sequence[Any]) -> list[Any]:
    """``operands``, constants of gradients unless ``pred`` is true."""
    from ember_ml.nn._trees import Leaves

    def guard(leaf: Any) -> Any:
        inexact = isinstance(leaf, EmberTensor) and leaf.dtype.kind in ("float", "complex")
        return constant_unless(leaf, broadcast_to(pred, leaf.shape)) if inexact else leaf

    parts = [Leaves(operand) for operand in operands]
    return [part.rebuild([guard(leaf) for leaf in part.values]) for part in parts]


def _selected(pred: EmberTensor, x: Any, y: Any) -> EmberTensor | None:
    if x is None and y is None:
        return None
    if x is None or y is None:
        raise ArgumentError("cond: one branch returns None where the other returns a tensor")
    x, y = asarray(x), asarray(y)
    if x.shape != y.shape:
        raise ShapeError(f"cond: the branches return shapes {x.shape} and {y.shape}")
    return where(pred, x, y)


def apply_where(
    cond: TensorLike,
    args: TensorLike | tuple[TensorLike, ...],
    f1: Callable[..., TensorLike],
    f2: Callable[..., TensorLike] | None = None,
    /,
    *,
    fill_value: TensorLike | None = None,
) -> EmberTensor:
    """``f1(*args)`` where ``cond`` is true, and ``f2(*args)`` or ``fill_value`` elsewhere.

    Unlike ``where(cond, f1(*args), f2(*args))`` each function sees only such elements as are
    its own: in the place of the others it sees those of the first place that is its own. So the
    gradient is finite wherever that of the function asked is; with `where` alone, that of
    ``where(x > 0, sqrt(x), 0)`` at 0 is NaN, since there it is 0 times infinity.

    Args:
        cond: bool.
        args: one tensor or several, which broadcast with ``cond``.
        f1, f2: elementwise functions of the ``args``. Both are computed for all elements.
        fill_value: in the place of ``f2``.

    Returns:
        A tensor of the shape that ``cond`` and ``args`` broadcast to.

    Raises:
        ArgumentError: not exactly one of ``f2`` and ``fill_value`` is given.
        DTypeError: ``cond`` is not bool.
        ShapeError: the shapes do not broadcast.

    The name and the meaning are those of array-api-extra.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> def root(x):
    ...     return et.apply_where(x > 0, x, et.sqrt, fill_value=0.0)
    >>> x = et.asarray([0.0, 4.0, -1.0])
    >>> root(x).tolist(), nn.grad(lambda x: et.sum(root(x)))(x).tolist()
    ([0.0, 2.0, 0.0], [0.0, 0.25, 0.0])
    """
    if (f2 is None) == (fill_value is None):
        raise ArgumentError("apply_where: give either f2 or fill_value")
    mask, *values = broadcast_arrays(cond, *(args if isinstance(args, tuple) else (args,)))
    yes = f1(*_of_its_own(mask, values))
    no = fill_value if f2 is None else f2(*_of_its_own(logical_not(mask), values))
    return where(mask, yes, no)


def _of_its_own(mask: EmberTensor, values: Sequence[EmberTensor]) -> list[EmberTensor]:
    """``values``, those of the first place where ``mask`` is true in all where it is false."""
    if not mask.size:
        return list(values)
    place = reshape(argmax(astype(reshape(mask, (-1,)), "uint8")), (1,))

    def own(x: EmberTensor) -> EmberTensor:
        other = reshape(stop_gradient(take(reshape(x, (-1,)), place, axis=0)), (1,) * x.ndim)
        return where(mask, constant_unless(x, mask), other)

    return [own(x) for x in values]
