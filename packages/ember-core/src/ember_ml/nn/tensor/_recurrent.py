"""Recurrent layers over a whole sequence, each one operation that engines have a kernel for.

The first axis is time. `nn.RNN`, `nn.LSTM` and `nn.GRU` are what users call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from ember_ml.backend.errors import ShapeError

from ._analysis import tanh
from ._control import scan
from ._core import EmberTensor, TensorLike
from ._functions import linear, relu, sigmoid
from ._operation import operation

__all__ = ["gru_layer", "gru_step", "lstm_layer", "lstm_step", "parts", "rnn_layer", "rnn_step"]

Nonlinearity: TypeAlias = Literal["tanh", "relu"]


def parts(x: EmberTensor, count: int) -> list[EmberTensor]:
    """``count`` equal parts of the last axis."""
    size = x.shape[-1] // count
    return [x[..., i * size : (i + 1) * size] for i in range(count)]


def rnn_step(gate: EmberTensor, nonlinearity: Nonlinearity) -> EmberTensor:
    """The next state from the projections of input and state, added."""
    return {"tanh": tanh, "relu": relu}[nonlinearity](gate)


def lstm_step(gates: EmberTensor, c: EmberTensor) -> tuple[EmberTensor, EmberTensor]:
    """The next state and cell from the projections of input and state, added."""
    i, f, g, o = parts(gates, 4)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    return sigmoid(o) * tanh(c), c


def gru_step(projected: EmberTensor, recurrent: EmberTensor, h: EmberTensor) -> EmberTensor:
    """The next state from the projections of input and state."""
    r, z, n = parts(projected, 3)
    rh, zh, nh = parts(recurrent, 3)
    n = tanh(n + sigmoid(r + rh) * nh)
    return n + sigmoid(z + zh) * (h - n)


def _checked(gates: int) -> Callable[[dict[str, Any], dict[str, Any]], str | None]:
    """The check of a layer whose weights have ``gates`` blocks of rows."""

    def fault(shapes: dict[str, Any], arguments: dict[str, Any]) -> str | None:
        x, h = shapes["x"], shapes["h"]
        if len(x) != 3:
            return f"x of shape {x}; (time, batch, features) is due"
        if len(h) != 2 or h[0] != x[1]:
            return f"h of shape {h}; ({x[1]}, hidden) is due for x of shape {x}"
        rows = gates * h[1]
        due = {"c": h, "weight_ih": (rows, x[2]), "weight_hh": (rows, h[1]),
               "bias_ih": (rows,), "bias_hh": (rows,)}  # fmt: skip
        for name, shape in due.items():
            if name in shapes and shapes[name] != shape:
                return (
                    f"{name} of shape {shapes[name]}; {shape} is due for x of shape {x} and h of "
                    f"shape {h}"
                )
        return None

    return fault


_FAULTS = {"rnn_layer": _checked(1), "gru_layer": _checked(3), "lstm_layer": _checked(4)}


def _require(layer: str, **tensors: EmberTensor) -> None:
    """Refuse what would broadcast to something that it should not."""
    fault = _FAULTS[layer]({name: x.shape for name, x in tensors.items()}, {})
    if fault:
        raise ShapeError(f"{layer}: {fault}")


_WEIGHTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


@operation(accepts="floating", promoted=("x", "h", *_WEIGHTS), check=_FAULTS["rnn_layer"])
def rnn_layer(
    x: TensorLike,
    h: TensorLike,
    weight_ih: TensorLike,
    weight_hh: TensorLike,
    bias_ih: TensorLike,
    bias_hh: TensorLike,
    /,
    *,
    nonlinearity: Nonlinearity = "tanh",
    reverse: bool = False,
) -> tuple[EmberTensor, ...]:
    """``h = tanh(x @ weight_ih.mT + bias_ih + h @ weight_hh.mT + bias_hh)`` for each time.

    Args:
        x: (T, B, F).
        h: (B, H), the initial state.
        weight_ih: (H, F).
        weight_hh: (H, H).
        bias_ih, bias_hh: (H,).
        nonlinearity: "tanh", or "relu" in its place.
        reverse: whether to go from the last time to the first.

    Returns:
        The states (T, B, H), in the order of ``x``, and the last one that was computed (B, H).

    Raises:
        ShapeError: the shapes do not fit.

    >>> from ember_ml.nn import tensor as et
    >>> y, h = et.rnn_layer(et.ones((5, 2, 3)), et.zeros((2, 4)), et.ones((4, 3)),
    ...                     et.ones((4, 4)), et.zeros((4,)), et.zeros((4,)))
    >>> y.shape, h.shape
    ((5, 2, 4), (2, 4))
    """
    _require(
        "rnn_layer", x=x, h=h, weight_ih=weight_ih, weight_hh=weight_hh, bias_ih=bias_ih,
        bias_hh=bias_hh,
    )  # fmt: skip

    def step(h: EmberTensor, gate: EmberTensor) -> tuple[EmberTensor, EmberTensor]:
        h = rnn_step(gate + h @ weight_hh.mT, nonlinearity)
        return h, h

    h, y = scan(step, h, linear(x, weight_ih, bias_ih + bias_hh), reverse=reverse)
    return y, h


@operation(accepts="floating", promoted=("x", "h", *_WEIGHTS), check=_FAULTS["gru_layer"])
def gru_layer(
    x: TensorLike,
    h: TensorLike,
    weight_ih: TensorLike,
    weight_hh: TensorLike,
    bias_ih: TensorLike,
    bias_hh: TensorLike,
    /,
    *,
    reverse: bool = False,
) -> tuple[EmberTensor, ...]:
    """Gated recurrent units (Cho et al., 2014), as PyTorch's GRU has them.

    With ``p = x @ weight_ih.mT + bias_ih`` and ``q = h @ weight_hh.mT + bias_hh``, each in three
    parts: ``r = sigmoid(p[0] + q[0])``, ``z = sigmoid(p[1] + q[1])``, ``n = tanh(p[2] + r * q[2])``,
    and ``h = (1 - z) * n + z * h``.

    Args:
        x: (T, B, F).
        h: (B, H), the initial state.
        weight_ih: (3 * H, F).
        weight_hh: (3 * H, H).
        bias_ih, bias_hh: (3 * H,).
        reverse: whether to go from the last time to the first.

    Returns:
        The states (T, B, H), in the order of ``x``, and the last one that was computed (B, H).

    Raises:
        ShapeError: the shapes do not fit.

    >>> from ember_ml.nn import tensor as et
    >>> y, h = et.gru_layer(et.ones((5, 2, 3)), et.zeros((2, 4)), et.ones((12, 3)),
    ...                     et.ones((12, 4)), et.zeros((12,)), et.zeros((12,)))
    >>> y.shape, h.shape
    ((5, 2, 4), (2, 4))
    """
    _require(
        "gru_layer", x=x, h=h, weight_ih=weight_ih, weight_hh=weight_hh, bias_ih=bias_ih,
        bias_hh=bias_hh,
    )  # fmt: skip

    def step(h: EmberTensor, projected: EmberTensor) -> tuple[EmberTensor, EmberTensor]:
        h = gru_step(projected, linear(h, weight_hh, bias_hh), h)
        return h, h

    h, y = scan(step, h, linear(x, weight_ih, bias_ih), reverse=reverse)
    return y, h


@operation(accepts="floating", promoted=("x", "h", "c", *_WEIGHTS), check=_FAULTS["lstm_layer"])
def lstm_layer(
    x: TensorLike,
    h: TensorLike,
    c: TensorLike,
    weight_ih: TensorLike,
    weight_hh: TensorLike,
    bias_ih: TensorLike,
    bias_hh: TensorLike,
    /,
    *,
    reverse: bool = False,
) -> tuple[EmberTensor, ...]:
    """Long short-term memory (Hochreiter and Schmidhuber, 1997; Gers et al., 2000).

    With ``x @ weight_ih.mT + bias_ih + h @ weight_hh.mT + bias_hh`` in four parts i, f, g, o, as
    PyTorch's LSTM has them: ``c = sigmoid(f) * c + sigmoid(i) * tanh(g)``, and
    ``h = sigmoid(o) * tanh(c)``.

    Args:
        x: (T, B, F).
        h, c: (B, H), the initial state and cell.
        weight_ih: (4 * H, F).
        weight_hh: (4 * H, H).
        bias_ih, bias_hh: (4 * H,).
        reverse: whether to go from the last time to the first.

    Returns:
        The states (T, B, H), in the order of ``x``, and the last state and cell that were
        computed, (B, H) each.

    Raises:
        ShapeError: the shapes do not fit.

    >>> from ember_ml.nn import tensor as et
    >>> y, h, c = et.lstm_layer(et.ones((5, 2, 3)), et.zeros((2, 4)), et.zeros((2, 4)),
    ...                         et.ones((16, 3)), et.ones((16, 4)), et.zeros((16,)), et.zeros((16,)))
    >>> y.shape, h.shape, c.shape
    ((5, 2, 4), (2, 4), (2, 4))
    """
    _require(
        "lstm_layer", x=x, h=h, c=c, weight_ih=weight_ih, weight_hh=weight_hh, bias_ih=bias_ih,
        bias_hh=bias_hh,
    )  # fmt: skip

    def step(
        carry: tuple[EmberTensor, EmberTensor], gates: EmberTensor
    ) -> tuple[tuple[EmberTensor, EmberTensor], EmberTensor]:
        h, c = lstm_step(gates + carry[0] @ weight_hh.mT, carry[1])
        return (h, c), h

    projected = linear(x, weight_ih, bias_ih + bias_hh)
    (h, c), y = scan(step, (h, c), projected, reverse=reverse)
    return y, h, c
