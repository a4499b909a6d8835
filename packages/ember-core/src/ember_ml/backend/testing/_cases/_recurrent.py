"""Recurrent layers over a sequence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ember_ml.backend.dtypes import DType

from .._case import Call, case
from .._draw import Draw


def _sequence(gates: int, states: int, **choices: tuple[Any, ...]) -> Callable[..., Call]:
    def arguments(draw: Draw, dtype: DType) -> Call:
        steps, batch, features, hidden = (draw.integer(1, 4) for _ in range(4))
        rows = gates * hidden
        initial = (batch + 1 if draw.amiss() else batch, hidden)
        shapes = [
            (steps, batch, features + 1 if draw.amiss() else features),
            *[initial] * states, (rows, features), (rows, hidden), (rows,), (rows,),
        ]  # fmt: skip
        options = {name: draw.one_of(*values) for name, values in choices.items()}
        arrays = [draw.array(dtype, shape, low=-1, high=1) for shape in shapes]
        return tuple(arrays), {**options, "reverse": draw.flag()}

    return arguments


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def _walk(x: Any, reverse: bool, step: Callable[[Any], Any]) -> Any:
    """What ``step`` gives for each time, in the order of ``x``."""
    found = [step(row) for row in (x[::-1] if reverse else x)]
    return np.stack(found[::-1] if reverse else found), found[-1]


def _rnn(
    x: Any, h: Any, w: Any, u: Any, b: Any, d: Any, /, *, nonlinearity: str, reverse: bool
) -> Any:
    state = [h]

    def step(row: Any) -> Any:
        a = row @ w.T + b + state[-1] @ u.T + d
        state.append(np.tanh(a) if nonlinearity == "tanh" else np.maximum(a, 0))
        return state[-1]

    return _walk(x, reverse, step)


def _gru(x: Any, h: Any, w: Any, u: Any, b: Any, d: Any, /, *, reverse: bool) -> Any:
    """Cho et al. 2014, with the reset gate after the product, as PyTorch states it."""
    state = [h]

    def step(row: Any) -> Any:
        before = state[-1]
        p, q = np.split(row @ w.T + b, 3, -1), np.split(before @ u.T + d, 3, -1)
        r, z = _sigmoid(p[0] + q[0]), _sigmoid(p[1] + q[1])
        state.append((1 - z) * np.tanh(p[2] + r * q[2]) + z * before)
        return state[-1]

    return _walk(x, reverse, step)


def _lstm(x: Any, h: Any, c: Any, w: Any, u: Any, b: Any, d: Any, /, *, reverse: bool) -> Any:
    state, cell = [h], [c]

    def step(row: Any) -> Any:
        i, f, g, o = np.split(row @ w.T + b + state[-1] @ u.T + d, 4, -1)
        cell.append(_sigmoid(f) * cell[-1] + _sigmoid(i) * np.tanh(g))
        state.append(_sigmoid(o) * np.tanh(cell[-1]))
        return state[-1]

    return *_walk(x, reverse, step), cell[-1]


def _floats(dtype: DType) -> bool:
    return dtype.kind != "float" or dtype.bits > 16


case("rnn_layer", _sequence(1, 1, nonlinearity=("tanh", "relu")), reference=_rnn, accepts=_floats,
     gradient=(0, 1, 2, 3, 4, 5), tolerance=16)  # fmt: skip
case("gru_layer", _sequence(3, 1), reference=_gru, accepts=_floats,
     gradient=(0, 1, 2, 3, 4, 5), tolerance=16)  # fmt: skip
case("lstm_layer", _sequence(4, 2), reference=_lstm, accepts=_floats,
     gradient=(0, 1, 2, 3, 4, 5, 6), tolerance=16)  # fmt: skip
