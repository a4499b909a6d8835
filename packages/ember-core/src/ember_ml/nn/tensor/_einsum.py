"""Einstein summation: products of tensors summed over named axes.

The subscripts are read here, and the operands contracted two at a time, the pair first whose
product saves most memory (the greedy order of D. G. A. Smith and J. Gray, "opt_einsum", 2018).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from functools import lru_cache
from itertools import combinations
from string import ascii_letters
from typing import Literal, NamedTuple

from ember_ml.backend.errors import ArgumentError, DTypeError, InvalidValueError, ShapeError
from ember_ml.backend.registry import use_backend

from . import linalg
from ._careful import common_backend
from ._convert import SCALARS
from ._core import EmberTensor, TensorLike
from ._creation import asarray
from ._data import result_type
from ._linalg import matmul
from ._manipulation import permute_dims, reshape
from ._operation import operation
from ._reduction import sum

__all__ = ["contract", "einsum"]


def einsum(subscripts: str, *operands: TensorLike) -> EmberTensor:
    """The product of ``operands``, summed over the axes whose letters are not in the output.

    Args:
        subscripts: a letter for each axis of each operand, and of the result after ``->``:
            ``"ij,jk->ik"``. Without an output, the letters that occur once, in alphabetical
            order. A letter twice in one operand takes the diagonal. ``...`` stands for the axes
            that are not named, which broadcast.
        operands: a tensor for each term of the subscripts.

    Returns:
        A tensor of the promoted dtype. Axes of size one broadcast, as `numpy.einsum` has it.

    Raises:
        InvalidValueError: the subscripts make no sense.
        ShapeError: the operands do not fit them.
        DTypeError: the operands are bool.

    >>> from ember_ml.nn import tensor as et
    >>> et.einsum("ij,jk->ik", [[1, 2], [3, 4]], [[1], [1]]).tolist()
    [[3], [7]]
    >>> et.einsum("ii", [[1, 2], [3, 4]]).item()
    5
    """
    tensors = _operands(subscripts, operands)
    plan = _planned(subscripts, tuple(x.shape for x in tensors))
    left = [_act(x, actions) for x, actions in zip(tensors, plan.first, strict=True)]
    for i, j, step in plan.steps:
        x2, x1 = left.pop(j), left.pop(i)
        left.append(contract(x1, x2, subscripts=step))
    return _act(left[0], plan.last)


def _operands(subscripts: str, operands: Sequence[TensorLike]) -> Sequence[EmberTensor]:
    """The operands as tensors of one dtype on one backend."""
    if not isinstance(subscripts, str):
        raise ArgumentError(
            f"einsum: the subscripts come first, as a string like 'ij,jk->ik', not "
            f"{type(subscripts).__name__}"
        )
    if not operands:
        raise ArgumentError(f"einsum: {subscripts!r} needs operands")
    bound = getattr(operands[0], "_backend", None)
    if any(getattr(x, "_backend", None) is not bound for x in operands) or bound is None:
        device = next((x.device for x in operands if isinstance(x, EmberTensor)), None)
        with use_backend(common_backend(operands, "einsum").name):
            dtype = result_type(*(x if x.__class__ in SCALARS else asarray(x) for x in operands))
            operands = [
                x.astype(dtype, copy=False)
                if isinstance(x, EmberTensor)
                else asarray(x, dtype=dtype, device=device)
                for x in operands
            ]
    if operands[0].dtype.kind == "bool":
        raise DTypeError("einsum is not defined for bool: x.astype(et.int64)")
    return operands


# -- the plan -----------------------------------------------------------------------------


class _Action(NamedTuple):
    """A permutation of the axes, a new shape, axes to sum over, or a permutation that puts last
    the two axes whose diagonal is wanted.
    """

    name: Literal["permute", "reshape", "sum", "diagonal"]
    sizes: tuple[int, ...]


def _act(x: EmberTensor, actions: Sequence[_Action]) -> EmberTensor:
    for name, sizes in actions:
        match name:
            case "permute":
                x = permute_dims(x, sizes)
            case "reshape":
                x = reshape(x, sizes)
            case "sum":
                x = sum(x, axis=sizes, dtype=x.dtype)
            case "diagonal":
                x = linalg.diagonal(permute_dims(x, sizes))
    return x


class _Plan(NamedTuple):
    """What is done to each operand, which two are contracted next and how, and to the last one."""

    first: tuple[tuple[_Action, ...], ...]
    steps: tuple[tuple[int, int, str], ...]
    last: tuple[_Action, ...]


@lru_cache(maxsize=512)
def _planned(subscripts: str, shapes: tuple[tuple[int, ...], ...]) -> _Plan:
    terms, output = _terms(subscripts, shapes)
    sizes = _sizes(subscripts, terms, shapes)
    first, left = [], []
    for i, (term, shape) in enumerate(zip(terms, shapes, strict=True)):
        kept = set(output).union(*terms[:i], *terms[i + 1 :])
        term, actions = _reduction(term, shape, kept, sizes)
        first.append(actions)
        left.append(term)
    steps = []
    while len(left) > 1:
        i, j = _best(left, output, sizes)
        term2, term1 = left.pop(j), left.pop(i)
        kept = set(output).union(*left)
        both = "".join(c for c in dict.fromkeys(term1 + term2) if c in kept)
        left.append(both if left else output)
        steps.append((i, j, f"{term1},{term2}->{left[-1]}"))
    return _Plan(tuple(first), tuple(steps), _arrangement(left[0], output))


def _reduction(
    term: str, shape: tuple[int, ...], kept: set[str], sizes: dict[str, int]
) -> tuple[str, tuple[_Action, ...]]:
    """To have each letter once, and none that only this operand has or that broadcasts."""
    actions = []
    for c in dict.fromkeys(term):
        while term.count(c) > 1:
            i = term.index(c)
            j = term.index(c, i + 1)
            rest = [k for k in range(len(term)) if k not in (i, j)]
            actions.append(_Action("diagonal", (*rest, i, j)))
            shape = (*(shape[k] for k in rest), shape[i])
            term = "".join(term[k] for k in rest) + c
    one = [i for i, c in enumerate(term) if shape[i] == 1 != sizes[c]]
    if one:
        shape = tuple(n for i, n in enumerate(shape) if i not in one)
        actions.append(_Action("reshape", shape))
        term = "".join(c for i, c in enumerate(term) if i not in one)
    return _summation(term, kept, actions)


def _summation(
    term: str, kept: Collection[str], actions: Sequence[_Action] = ()
) -> tuple[str, tuple[_Action, ...]]:
    axes = tuple(i for i, c in enumerate(term) if c not in kept)
    if axes:
        actions = (*actions, _Action("sum", axes))
        term = "".join(c for c in term if c in kept)
    return term, tuple(actions)


def _arrangement(term: str, output: str) -> tuple[_Action, ...]:
    """To have the axes in the order of ``output``."""
    return () if term == output else (_Action("permute", tuple(map(term.index, output))),)


def _best(left: list[str], output: str, sizes: dict[str, int]) -> tuple[int, ...]:
    """The pair whose product has the fewest elements more than they have."""

    def size(letters: set[str]) -> int:
        return math.prod(sizes[c] for c in letters)

    def growth(pair: tuple[int, ...]) -> int:
        a, b = (set(left[i]) for i in pair)
        kept = set(output).union(*(term for k, term in enumerate(left) if k not in pair))
        return size((a | b) & kept) - size(a) - size(b)

    return min(combinations(range(len(left)), 2), key=growth)


# -- reading the subscripts ---------------------------------------------------------------


def _terms(subscripts: str, shapes: Sequence[tuple[int, ...]]) -> tuple[list[str], str]:
    """A letter for every axis of every operand and of the result, those of ``...`` too."""
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    terms = inputs.split(",")
    for term in (*terms, output):
        letters = term.replace("...", "", 1)
        if not all(c in ascii_letters for c in letters):
            raise InvalidValueError(
                f"einsum: {term!r} in {subscripts!r} is not made of letters and at most one '...'"
            )
    if len(terms) != len(shapes):
        raise ShapeError(
            f"einsum: {subscripts!r} has {len(terms)} terms for {len(shapes)} operands, of shapes "
            f"{' and '.join(map(str, shapes))}"
        )
    hidden = 0
    for term, shape in zip(terms, shapes, strict=True):
        named = len(term.replace("...", ""))
        if len(shape) != named and not ("..." in term and len(shape) > named):
            raise ShapeError(f"einsum: {term!r} in {subscripts!r} does not fit the shape {shape}")
        hidden = max(hidden, len(shape) - named)
    free = [c for c in ascii_letters if c not in subscripts]
    if hidden > len(free):
        raise ShapeError(f"einsum: {subscripts!r} leaves {hidden} axes without a letter")
    names = "".join(free[:hidden])
    full = [
        term.replace("...", names[hidden - (len(shape) - len(term.replace("...", ""))) :])
        for term, shape in zip(terms, shapes, strict=True)
    ]
    if not arrow:
        found = inputs.replace("...", "")
        output = names + "".join(sorted(c for c in set(found) - {","} if found.count(c) == 1))
        return full, output
    if names and "..." not in output:
        raise InvalidValueError(f"einsum: the output of {subscripts!r} leaves the '...' out")
    output = output.replace("...", names)
    for c in output:
        if output.count(c) > 1:
            raise InvalidValueError(f"einsum: {c!r} is twice in the output of {subscripts!r}")
        if not any(c in term for term in full):
            raise InvalidValueError(f"einsum: {c!r} of {subscripts!r} is in the output alone")
    return full, output


def _sizes(subscripts: str, terms: list[str], shapes: Sequence[tuple[int, ...]]) -> dict[str, int]:
    """The size of the axis of each letter: one of size one broadcasts to those of other operands."""
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        own: dict[str, int] = {}
        for c, size in zip(term, shape, strict=True):
            seen = sizes.setdefault(c, size)
            if own.setdefault(c, size) != size or (seen != size and 1 not in (seen, size)):
                raise ShapeError(
                    f"einsum: sizes {own[c] if own[c] != size else seen} and {size} for one letter "
                    f"of {subscripts!r}, of shapes {' and '.join(map(str, shapes))}"
                )
            if seen == 1:
                sizes[c] = size
    return sizes


# -- two operands -------------------------------------------------------------------------


@operation(accepts="numeric", result="same")
def contract(x1: TensorLike, x2: TensorLike, /, *, subscripts: str) -> EmberTensor:
    """What engines offer of `einsum`: two operands, and subscripts such as ``"ij,jk->ik"``.

    No letter is twice in a term, and every letter has one size.
    """
    first, second, product, last = _layout(subscripts, x1.shape, x2.shape)
    x1, x2 = _act(x1, first), _act(x2, second)
    return _act(matmul(x1, x2) if product else x1 * x2, last)


@lru_cache(maxsize=512)
def _layout(
    subscripts: str, shape1: tuple[int, ...], shape2: tuple[int, ...]
) -> tuple[tuple[_Action, ...], tuple[_Action, ...], bool, tuple[_Action, ...]]:
    """What to do to either operand, whether to multiply matrices, and what to do to the result."""
    inputs, _, output = subscripts.partition("->")
    term1, term2 = inputs.split(",")
    sizes = dict(zip(term1 + term2, shape1 + shape2, strict=True))
    term1, first = _summation(term1, {*term2, *output})
    term2, second = _summation(term2, {*term1, *output})
    rows = "".join(c for c in term1 if c not in term2)
    columns = "".join(c for c in term2 if c not in term1)
    inner = "".join(c for c in term1 if c in term2 and c not in output)
    batch = "".join(c for c in term1 if c in term2 and c in output)

    def split(letters: str) -> tuple[int, ...]:
        return tuple(sizes[c] for c in letters)

    def joined(letters: str) -> int:
        return math.prod(split(letters))

    lead = (joined(batch),) if batch else ()
    if inner:
        view1 = (*lead, joined(rows), joined(inner))
        view2 = (*lead, joined(inner), joined(columns))
        shape = (*lead, joined(rows), joined(columns))
    else:
        view1 = split(batch + rows) + (1,) * len(columns)
        view2 = split(batch) + (1,) * len(rows) + split(columns)
        shape = split(batch + rows + columns)
    first += _arrangement(term1, batch + rows + inner) + _shaping(
        split(batch + rows + inner), view1
    )
    second += _arrangement(term2, batch + inner + columns) + _shaping(
        split(batch + inner + columns), view2
    )
    term = batch + rows + columns
    return first, second, bool(inner), _shaping(shape, split(term)) + _arrangement(term, output)


def _shaping(shape: tuple[int, ...], wanted: tuple[int, ...]) -> tuple[_Action, ...]:
    return () if shape == wanted else (_Action("reshape", wanted),)
