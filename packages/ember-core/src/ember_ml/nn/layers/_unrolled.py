"""Any cell over a sequence, in one direction or two."""

from __future__ import annotations

from typing import Any

from ember_ml.backend.errors import ArgumentError, ShapeError
from ember_ml.nn.modules import Module
from ember_ml.nn.tensor import (
    EmberTensor,
    TensorLike,
    asarray,
    concat,
    moveaxis,
    reshape,
    scan,
    where,
)

from ._cells import Cell
from ._spans import Spans

__all__ = ["Bidirectional", "Recurrent"]


class Recurrent(Module):
    """A cell applied to one time after the other.

    Args:
        cell: a Module whose call ``(x, state)`` gives ``(y, new state)``, with ``x`` (B, ...), any
            ``y`` (B, ...), and as state a tensor (B, ...) or a container of such; it is given None
            for the first state unless there is another. Or one of `RNNCell`, `LSTMCell`, `GRUCell`.
        batch_first: whether inputs and outputs are (B, T, ...) and not (T, B, ...).
        reverse: whether to go from the end to the beginning; outputs stay in the order of the
            inputs.

    The call takes ``x``, the initial state, and ``lengths`` (B,), as those of `nn.RNN`; it gives the
    outputs and the final state. It is a loop in Python on every engine.

    Raises:
        ArgumentError: the cell is no Module, or does not return a pair.
        ShapeError: the input has fewer than two axes, or no times; the lengths do not fit.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> class Sums(nn.Module):
    ...     def forward(self, x, state):
    ...         total = x if state is None else state + x
    ...         return total, total
    >>> y, state = nn.Recurrent(Sums())(et.ones((3, 1, 1)))
    >>> y.reshape(-1).tolist(), state.item()
    ([1.0, 2.0, 3.0], 3.0)
    """

    def __init__(self, cell: Module, *, batch_first: bool = False, reverse: bool = False) -> None:
        super().__init__()
        self.cell = _module("Recurrent", "cell", cell)
        self.batch_first = bool(batch_first)
        self.reverse = bool(reverse)

    def forward(
        self, x: TensorLike, state: Any = None, *, lengths: TensorLike | None = None
    ) -> tuple[EmberTensor, Any]:
        """(T, B, ...) to the outputs (T, B, ...) and the final state."""
        x = _time_first(self, x)
        spans = None if lengths is None else Spans(lengths, x, type(self).__name__)
        y, state = _unrolled(self.cell, x, state, spans, self.reverse)
        return (moveaxis(y, 0, 1) if self.batch_first else y), state

    def extra_repr(self) -> str:
        """The options."""
        return _options(self, ("batch_first", "reverse"))


class Bidirectional(Module):
    """Two cells, one from the beginning to the end of a sequence and one back.

    Args:
        cell_forward, cell_backward: as the ``cell`` of `Recurrent`; two cells with weights of
            their own, or one cell twice.
        batch_first: whether inputs and outputs are (B, T, ...) and not (T, B, ...).

    The call takes ``x``, a pair of initial states, and ``lengths``; it gives the outputs of both
    along the last axis and the pair of final states.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> layer = nn.Bidirectional(nn.GRUCell(3, 4), nn.GRUCell(3, 5))
    >>> y, (forward, backward) = layer(et.ones((6, 2, 3)))
    >>> y.shape, forward.shape, backward.shape
    ((6, 2, 9), (2, 4), (2, 5))
    """

    def __init__(
        self, cell_forward: Module, cell_backward: Module, *, batch_first: bool = False
    ) -> None:
        super().__init__()
        self.cell_forward = _module("Bidirectional", "cell_forward", cell_forward)
        self.cell_backward = _module("Bidirectional", "cell_backward", cell_backward)
        self.batch_first = bool(batch_first)

    def forward(
        self,
        x: TensorLike,
        states: tuple[Any, Any] | None = None,
        *,
        lengths: TensorLike | None = None,
    ) -> tuple[EmberTensor, tuple[Any, Any]]:
        """(T, B, ...) to the outputs (T, B, ...) and the final states."""
        x = _time_first(self, x)
        spans = None if lengths is None else Spans(lengths, x, type(self).__name__)
        first, last = _pair("Bidirectional: states", (None, None) if states is None else states)
        ahead, first = _unrolled(self.cell_forward, x, first, spans, False)
        back, last = _unrolled(self.cell_backward, x, last, spans, True)
        y = concat([ahead, back], axis=-1)
        return (moveaxis(y, 0, 1) if self.batch_first else y), (first, last)

    def extra_repr(self) -> str:
        """The options."""
        return _options(self, ("batch_first",))


def _module(layer: str, name: str, cell: Module) -> Module:
    if not isinstance(cell, Module):
        raise ArgumentError(f"{layer}: {name} is a Module, not {type(cell).__name__}")
    return cell


def _pair(what: str, x: Any) -> tuple[Any, Any]:
    if not isinstance(x, tuple | list) or len(x) != 2:
        raise ArgumentError(f"{what}: a pair is due, not {type(x).__name__}")
    first, second = x
    return first, second


def _options(layer: Module, names: tuple[str, ...]) -> str:
    return ", ".join(f"{name}=True" for name in names if getattr(layer, name))


def _time_first(layer: Recurrent | Bidirectional, x: TensorLike) -> EmberTensor:
    x = asarray(x)
    first = "(batch, time, ...)" if layer.batch_first else "(time, batch, ...)"
    if x.ndim < 2 or not x.shape[layer.batch_first]:
        raise ShapeError(
            f"{type(layer).__name__}: input of shape {x.shape}; {first}, with one time or more, is "
            "due"
        )
    return moveaxis(x, 0, 1) if layer.batch_first else x


def _step(cell: Module, x: EmberTensor, state: Any) -> tuple[Any, Any]:
    result = cell(x, state)
    if isinstance(cell, Cell):
        return cell.output(result), result
    return _pair(f"what {type(cell).__name__} returns, (y, state)", result)


def _unrolled(
    cell: Module, x: EmberTensor, state: Any, spans: Spans | None, reverse: bool
) -> tuple[EmberTensor, Any]:
    """The outputs for (T, B, ...) and the final state."""
    if spans is None:

        def step(state: Any, x: EmberTensor) -> tuple[Any, Any]:
            y, state = _step(cell, x, state)
            return state, y

        state, y = scan(step, state, x, reverse=reverse)
        return y, state

    def masked(carry: tuple[Any, bool], row: Any) -> tuple[Any, Any]:
        before, started = carry
        x, inside = row
        y, after = _step(cell, x, before)
        # All sequences have a first element: only from there on is there a state to be kept.
        return (_kept(inside, after, before) if started else after, True), y

    x = spans.within(x)
    (state, _), y = scan(masked, (state, False), (spans.turned(x) if reverse else x, spans.inside))
    return spans.within(spans.turned(y) if reverse else y), state


def _kept(inside: EmberTensor, after: Any, before: Any) -> Any:
    """The states ``after`` a step where it belongs to the sequence, ``before`` it elsewhere."""
    from ember_ml.nn._trees import Leaves

    new, old = Leaves(after), Leaves(before)
    return new.rebuild(
        [
            where(reshape(inside, (*inside.shape, *[1] * (x.ndim - 1))), x, kept)
            for x, kept in zip(new.values, old.values, strict=True)
        ]
    )
