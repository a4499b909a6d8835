"""One step of autograd, and the pass backwards.

An operation with products of its own becomes a step by `primitive`; it costs a third of what
autograd's own way into its tape does, and knows steps with several results.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from autograd.core import VJPNode, add_outgrads, primitive_vjps, sparse_object_types
from autograd.extend import SparseObject, VSpace, defvjp, vspace
from autograd.extend import primitive as autograd_primitive
from autograd.numpy.numpy_boxes import ArrayBox
from autograd.util import toposort

import numpy as np

from ._quiet import quiet

__all__ = [
    "Traced",
    "adopted",
    "backward",
    "constant",
    "is_view",
    "numbered",
    "plain",
    "primitive",
    "primitive_keeping",
    "primitive_many",
    "root",
    "step",
]


class Traced(ArrayBox):  # type: ignore[misc]
    """A box whose attributes and slices do not go through autograd.

    Its steps do: they take these for their own, and give ordinary boxes.
    """

    __slots__ = ()

    def __getitem__(self, key: Any) -> Any:
        return _part(self, key)

    @property
    def shape(self) -> Any:
        return self._value.shape

    @property
    def ndim(self) -> Any:
        return self._value.ndim

    @property
    def size(self) -> Any:
        return self._value.size

    @property
    def dtype(self) -> Any:
        return self._value.dtype


Traced.register(Traced)


def plain(x: Any) -> Any:
    """The array in any number of autograd's boxes."""
    while isinstance(x, ArrayBox):
        x = x._value
    return x


def step(parents: Sequence[Any], vjp: Callable[[Any], Sequence[Any]]) -> Any:
    """A step of the tape: the gradient of its value to those of its parents."""
    node = VJPNode.__new__(VJPNode)
    node.parents = parents
    node.vjp = vjp
    return node


def constant(function: Callable[..., Any]) -> Any:
    """``function`` where its derivative is zero: nothing is recorded."""

    def traced(*arguments: Any, **options: Any) -> Any:
        return function(*[plain(x) for x in arguments], **options)

    return quiet(traced)


def primitive(function: Callable[..., Any], *products: Callable[..., Any] | None) -> Any:
    """``function`` of arrays as one step of the tape.

    Args:
        products: for each positional argument ``(answer, *arguments, **options)`` to the function
            of the answer's gradient that gives the argument's; None where there is none.
    """

    def maker(numbers: Any, answer: Any, values: Any, options: Any) -> Callable[[Any], Any]:
        vjps = [products[i](answer, *values, **options) for i in numbers]
        return lambda g: [vjp(g) for vjp in vjps]

    return _step(function, maker)


def adopted(function: Callable[..., Any]) -> Any:
    """A function of autograd's with products as one step of the tape, or itself."""
    maker = primitive_vjps.get(function)
    return function if maker is None else _step(function.fun, maker)  # type: ignore[attr-defined]


def _step(function: Callable[..., Any], maker: Callable[..., Any]) -> Any:
    def traced(*arguments: Any, **options: Any) -> Any:
        trace = -1
        for x in arguments:
            if isinstance(x, ArrayBox) and x._trace > trace:
                trace = x._trace
        if trace < 0:
            return function(*arguments, **options)
        values, parents, numbers = list(arguments), [], []
        for i, x in enumerate(arguments):
            if isinstance(x, ArrayBox) and x._trace == trace:
                values[i] = x._value
                parents.append(x._node)
                numbers.append(i)
        # what is in a box of the lowest level is an array
        answer = traced(*values, **options) if trace else function(*values, **options)
        return Traced(answer, trace, step(parents, maker(numbers, answer, values, options)))

    traced = quiet(traced)
    return traced


def primitive_keeping(forward: Callable[..., Any], backward: Callable[..., Any]) -> Any:
    """An operation on arrays as one step of the tape, whose products share what it has computed.

    Args:
        forward: ``(*arguments, **options)`` to the answer, or a tuple of answers, and anything to
            keep for ``backward``.
        backward: ``(numbers, g, answer, kept, arguments, **options)`` to the gradients by the
            arguments of these ``numbers``. For several answers ``g`` is a list, with None for
            those that are not used.
    """

    def traced(*arguments: Any, **options: Any) -> Any:
        numbers = [i for i, x in enumerate(arguments) if isinstance(x, ArrayBox)]
        values = [x._value if isinstance(x, ArrayBox) else x for x in arguments]
        answer, kept = forward(*values, **options)
        if not numbers:
            return answer
        parents = [arguments[i]._node for i in numbers]
        trace = arguments[numbers[0]]._trace
        if isinstance(answer, tuple):

            def vjp(g: Any) -> Any:
                gs = [g.get(i) for i in range(len(answer))]
                return backward(numbers, gs, answer, kept, values, **options)

            return _results(answer, trace, step(parents, vjp))
        node = step(parents, lambda g: backward(numbers, g, answer, kept, values, **options))
        return Traced(answer, trace, node)

    traced = quiet(traced)
    return traced


def numbered(i: int) -> Callable[[Any], Sequence[Any]]:
    """The gradient of one of several results, by its number."""
    return lambda g: [{i: g}]


def _results(answers: Any, trace: int, whole: Any) -> Any:
    """The boxes of several answers, whose gradients ``whole`` gets by their numbers."""
    return tuple(
        Traced(answer, trace, step([whole], numbered(i))) for i, answer in enumerate(answers)
    )


def primitive_many(function: Callable[..., Any], product: Callable[..., Any]) -> Any:
    """``function`` of an array with several results as one step of the tape.

    Args:
        product: ``(answers, x, **options)`` to the function of the answers' gradients, None for
            those that are not used, that gives the gradient of ``x``.
    """

    def traced(x: Any, **options: Any) -> Any:
        if not isinstance(x, ArrayBox):
            return function(x, **options)
        answers = traced(x._value, **options)
        vjp = product(answers, x._value, **options)
        numbers = range(len(answers))
        whole = step([x._node], lambda g: [vjp(*[g.get(i) for i in numbers])])
        return _results(answers, x._trace, whole)

    traced = quiet(traced)
    return traced


def backward(g: Any, end: Any, roots: Sequence[Any]) -> dict[Any, Any]:
    """The gradients at those of ``roots`` that ``end`` depends on, where it has gradient ``g``."""
    gradients: dict[Any, Any] = {end: (g, False)}
    found = {}
    for node in toposort(end):
        g = gradients.pop(node)
        if not node.parents:
            found[node] = g[0]
            continue
        for parent, part in zip(node.parents, node.vjp(g[0]), strict=True):
            before = gradients.get(parent)
            if part.__class__ is dict:  # of one of several results, by its number
                gradients[parent] = (part if before is None else before[0] | part), False
            elif before is None and type(part) not in sparse_object_types:
                gradients[parent] = part, False
            else:
                gradients[parent] = add_outgrads(before, part)
    return {root: found[root] for root in roots if root in found}


def root() -> Any:
    """The node of an input."""
    return step((), lambda g: ())


# -- parts of an array ------------------------------------------------------------------------------


def is_view(key: Any) -> bool:
    """Whether ``x[key]`` is a view, in which every element comes once."""
    parts = key if isinstance(key, tuple) else (key,)
    return all(part is None or isinstance(part, int | slice) or part is ... for part in parts)


@autograd_primitive
def _put(g: Any, key: Any, space: VSpace) -> SparseObject:
    """Zeros with ``g`` at ``key``, to be added to what there is without being made."""

    def add(total: Any) -> Any:
        if is_view(key):
            total[key] += g
        else:
            np.add.at(total, key, g)
        return total

    return SparseObject(space, add)


defvjp(_put, lambda answer, g, key, space: lambda h: h[key])
_part = primitive(
    lambda x, key: x[key], lambda answer, x, key: lambda g: _put(g, key, vspace(x)), None
)
