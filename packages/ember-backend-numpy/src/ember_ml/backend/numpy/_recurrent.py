"""Overrides: recurrent layers over a sequence, by loops over time that work in place.

The batch is the last axis here, so that the gates are blocks of rows. The inputs of one time, the
state before it and a one for the biases are one matrix, which one product takes to all the gates:
likewise one product for all times gives the gradients of all weights. A sigmoid is a tangent of
half the argument, and the halves are in the weights: one call for all gates.

``..._forward`` gives the results and what ``..._backward`` needs; `_tracer` makes steps of the tape of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = [
    "gru_backward",
    "gru_forward",
    "gru_layer",
    "lstm_backward",
    "lstm_forward",
    "lstm_layer",
    "rnn_backward",
    "rnn_forward",
    "rnn_layer",
]

#: Times whose part in the gradients of the weights is added up at once.
_CHUNK = 8


def _check(gates, x, h, c, weight_ih, weight_hh, bias_ih, bias_hh):
    rows = gates * h.shape[-1]
    fits = (
        x.ndim == 3
        and h.ndim == 2
        and h.shape[0] == x.shape[1]
        and (c is None or c.shape == h.shape)
        and weight_ih.shape == (rows, x.shape[2])
        and weight_hh.shape == (rows, h.shape[1])
        and bias_ih.shape == bias_hh.shape == (rows,)
    )
    if not fits:
        raise ValueError("the shapes do not fit")


def _columns(a):
    """(..., B, N) to (..., N, B)."""
    return a.swapaxes(-1, -2)


def _inputs(x, h, reverse):
    """(T + 1, F + H + 1, B): the inputs, room for the states from ``h`` on, and ones."""
    steps, batch, features = x.shape
    s = np.empty((steps + 1, features + h.shape[1] + 1, batch), x.dtype)
    s[:-1, :features] = _columns(x[::-1] if reverse else x)
    s[0, features:-1] = h.T
    s[:, -1] = 1
    return s


def _states(s, features, reverse):
    """The states (T, B, H) in the order of the inputs, and the last one computed (B, H)."""
    y = _columns(s[1:, features:-1])
    return np.ascontiguousarray(y[::-1] if reverse else y), s[-1, features:-1].T.copy()


def _weights(weight_ih, weight_hh, bias):
    return np.concatenate([weight_ih, weight_hh, bias[:, None]], 1)


def _moved(w, hidden, order):
    """The blocks of rows in another order."""
    return np.concatenate([w[k * hidden : (k + 1) * hidden] for k in order])


def _sigmoids(a):
    """From tangents of half the argument, in place."""
    a *= 0.5
    a += 0.5


def _gradients_of_states(gs, y, h, reverse):
    """(T, H, B) of the states and (H, B) of the last one, in the order of computation."""
    dy, dh = gs[:2]
    if dy is None:
        dy = np.zeros((len(y), *h.shape[::-1]), h.dtype)
    else:
        dy = np.ascontiguousarray(_columns(dy[::-1] if reverse else dy))
    return dy, np.zeros(h.shape[::-1], h.dtype) if dh is None else np.array(dh.T, order="C")


def _by_weights(d, s):
    """(R, F + H + 1), the gradient of the joined weights."""
    total = np.zeros((d.shape[1], s.shape[1]), d.dtype)
    for start in range(0, len(d), _CHUNK):
        part = slice(start, start + _CHUNK)
        total += np.add.reduce(np.matmul(d[part], _columns(s[:-1][part])), 0)
    return total


def _by_input(d, weight_ih, reverse):
    dx = np.ascontiguousarray(_columns(np.matmul(weight_ih.T, d)))
    return dx[::-1] if reverse else dx


# -- simple ---------------------------------------------------------------------------------------


def rnn_forward(
    x, h, weight_ih, weight_hh, bias_ih, bias_hh, /, *, nonlinearity="tanh", reverse=False
):
    _check(1, x, h, None, weight_ih, weight_hh, bias_ih, bias_hh)
    apply: Any = {"tanh": np.tanh, "relu": _relu}[nonlinearity]
    features = x.shape[2]
    s = _inputs(x, h, reverse)
    w = _weights(weight_ih, weight_hh, bias_ih + bias_hh)
    gate = np.empty(h.shape[::-1], x.dtype)
    for before, after in zip(s[:-1], s[1:, features:-1], strict=True):
        np.matmul(w, before, out=gate)
        apply(gate, out=after)
    return _states(s, features, reverse), s


def _relu(a, out):
    np.maximum(a, 0, out=out)


def rnn_backward(numbers, gs, answers, s, inputs, *, nonlinearity="tanh", reverse=False):
    x, h, weight_ih, weight_hh, *_ = inputs
    dy, dh = _gradients_of_states(gs, x, h, reverse)
    y = s[1:, x.shape[2] : -1]
    d = np.subtract(1, y * y) if nonlinearity == "tanh" else (y > 0).astype(y.dtype)
    u = np.ascontiguousarray(weight_hh.T)
    for k in reversed(range(len(d))):
        dh += dy[k]
        d[k] *= dh
        np.matmul(u, d[k], out=dh)
    dw = _by_weights(d, s)
    ends = x.shape[2], -1
    found = {
        0: lambda: _by_input(d, weight_ih, reverse),
        1: lambda: dh.T,
        2: lambda: dw[:, : ends[0]],
        3: lambda: dw[:, ends[0] : -1],
        4: lambda: dw[:, -1],
        5: lambda: dw[:, -1],
    }
    return [found[i]() for i in numbers]


# -- gated ----------------------------------------------------------------------------------------


def _gru_weights(weight_ih, weight_hh, bias_ih, bias_hh, hidden):
    """Rows of r and z, halved, of the input's part of n, and of the state's."""
    both = _weights(weight_ih, weight_hh, bias_ih + bias_hh)[: 2 * hidden] * weight_ih.dtype.type(
        0.5
    )
    n = slice(2 * hidden, None)
    own = _weights(weight_ih[n], np.zeros_like(weight_hh[n]), bias_ih[n])
    state = _weights(np.zeros_like(weight_ih[n]), weight_hh[n], bias_hh[n])
    return np.concatenate([both, own, state])


def gru_forward(x, h, weight_ih, weight_hh, bias_ih, bias_hh, /, *, reverse=False):
    _check(3, x, h, None, weight_ih, weight_hh, bias_ih, bias_hh)
    features, hidden = x.shape[2], h.shape[1]
    s = _inputs(x, h, reverse)
    w = _gru_weights(weight_ih, weight_hh, bias_ih, bias_hh, hidden)
    a = np.empty((len(x), len(w), h.shape[0]), x.dtype)
    scratch = np.empty(h.shape[::-1], x.dtype)
    states = s[:, features:-1]
    for row, gates, before, after in zip(s[:-1], a, states[:-1], states[1:], strict=True):
        np.matmul(w, row, out=gates)
        rz, n, q = gates[: 2 * hidden], gates[2 * hidden : 3 * hidden], gates[3 * hidden :]
        np.tanh(rz, out=rz)
        _sigmoids(rz)
        np.multiply(rz[:hidden], q, out=scratch)
        n += scratch
        np.tanh(n, out=n)
        np.subtract(before, n, out=scratch)
        scratch *= rz[hidden:]
        np.add(n, scratch, out=after)
    return _states(s, features, reverse), (s, a)


def gru_backward(numbers, gs, answers, kept, inputs, *, reverse=False):
    x, h, weight_ih, weight_hh, *_ = inputs
    s, a = kept
    features, hidden = x.shape[2], h.shape[1]
    dy, dh = _gradients_of_states(gs, x, h, reverse)
    r, z, n, q = (a[:, k * hidden : (k + 1) * hidden] for k in range(4))
    d = np.empty_like(a)  # by r, z, the input's part of n, the state's
    dr, dz, dn, dq = (d[:, k * hidden : (k + 1) * hidden] for k in range(4))
    by_n = 1 - z
    np.subtract(s[:-1, features:-1], n, out=dz)
    dz *= z
    dz *= by_n
    by_n *= 1 - n * n
    np.subtract(1, r, out=dr)
    dr *= r
    dr *= q
    u = np.concatenate([weight_hh[: 2 * hidden], np.zeros_like(weight_hh[:hidden]),
                        weight_hh[2 * hidden :]]).T.copy()  # fmt: skip
    for k in reversed(range(len(d))):
        dh += dy[k]
        np.multiply(dh, by_n[k], out=dn[k])
        dr[k] *= dn[k]
        dz[k] *= dh
        np.multiply(dn[k], r[k], out=dq[k])
        dh *= z[k]
        dh += np.matmul(u, d[k])
    dw = _by_weights(d, s)
    own, state = slice(None, 3 * hidden), [*range(2 * hidden), *range(3 * hidden, 4 * hidden)]
    found = {
        0: lambda: _by_input(d[:, own], weight_ih, reverse),
        1: lambda: dh.T,
        2: lambda: dw[own, :features],
        3: lambda: dw[state, features:-1],
        4: lambda: dw[own, -1],
        5: lambda: dw[state, -1],
    }
    return [found[i]() for i in numbers]


#: The gates in the order of the weights are i, f, g, o; here they are g, i, f, o and back.
_ORDER, _BACK = (2, 0, 1, 3), (1, 2, 0, 3)


def lstm_forward(x, h, c, weight_ih, weight_hh, bias_ih, bias_hh, /, *, reverse=False):
    _check(4, x, h, c, weight_ih, weight_hh, bias_ih, bias_hh)
    features, hidden = x.shape[2], h.shape[1]
    s = _inputs(x, h, reverse)
    w = _moved(_weights(weight_ih, weight_hh, bias_ih + bias_hh), hidden, _ORDER)
    w[hidden:] *= 0.5
    a = np.empty((len(x), len(w), h.shape[0]), x.dtype)
    cells = np.empty((len(x) + 1, *h.shape[::-1]), x.dtype)
    cells[0] = c.T
    tanh = np.empty((len(x), *h.shape[::-1]), x.dtype)
    scratch = np.empty(h.shape[::-1], x.dtype)
    for row, gates, c0, c1, t, after in zip(
        s[:-1], a, cells[:-1], cells[1:], tanh, s[1:, features:-1], strict=True
    ):
        np.matmul(w, row, out=gates)
        np.tanh(gates, out=gates)
        _sigmoids(gates[hidden:])
        np.multiply(gates[hidden : 2 * hidden], gates[:hidden], out=scratch)
        np.multiply(gates[2 * hidden : 3 * hidden], c0, out=c1)
        c1 += scratch
        np.tanh(c1, out=t)
        np.multiply(gates[3 * hidden :], t, out=after)
    y, last = _states(s, features, reverse)
    return (y, last, np.ascontiguousarray(cells[-1].T)), (s, a, cells, tanh)


def lstm_backward(numbers, gs, answers, kept, inputs, *, reverse=False):
    x, h, _, weight_ih, weight_hh, *_ = inputs
    s, a, cells, tanh = kept
    features, hidden = x.shape[2], h.shape[1]
    dy, dh = _gradients_of_states(gs, x, h, reverse)
    dc = np.zeros_like(dh) if gs[2] is None else np.array(gs[2].T, order="C")
    g, i, f, o = (a[:, k * hidden : (k + 1) * hidden] for k in range(4))
    d = np.subtract(1, a)
    dg, di, df, do = (d[:, k * hidden : (k + 1) * hidden] for k in range(4))
    d[:, hidden:] *= a[:, hidden:]
    np.multiply(g, g, out=dg)
    np.subtract(1, dg, out=dg)
    dg *= i
    di *= g
    df *= cells[:-1]
    do *= tanh
    by_c = np.multiply(tanh, tanh)
    np.subtract(1, by_c, out=by_c)
    by_c *= o
    u = _moved(weight_hh, hidden, _ORDER).T.copy()
    triple = d[:, : 3 * hidden].reshape(len(d), 3, hidden, -1)
    for k in reversed(range(len(d))):
        dh += dy[k]
        by_c[k] *= dh
        dc += by_c[k]
        triple[k] *= dc
        do[k] *= dh
        dc *= f[k]
        np.matmul(u, d[k], out=dh)
    dw = _moved(_by_weights(d, s), hidden, _BACK)
    found = {
        0: lambda: _by_input(d, _moved(weight_ih, hidden, _ORDER), reverse),
        1: lambda: dh.T,
        2: lambda: dc.T,
        3: lambda: dw[:, :features],
        4: lambda: dw[:, features:-1],
        5: lambda: dw[:, -1],
        6: lambda: dw[:, -1],
    }
    return [found[i]() for i in numbers]


def rnn_layer(
    x, h, weight_ih, weight_hh, bias_ih, bias_hh, /, *, nonlinearity="tanh", reverse=False
):
    options = {"nonlinearity": nonlinearity, "reverse": reverse}
    return rnn_forward(x, h, weight_ih, weight_hh, bias_ih, bias_hh, **options)[0]


def gru_layer(x, h, weight_ih, weight_hh, bias_ih, bias_hh, /, *, reverse=False):
    return gru_forward(x, h, weight_ih, weight_hh, bias_ih, bias_hh, reverse=reverse)[0]


def lstm_layer(x, h, c, weight_ih, weight_hh, bias_ih, bias_hh, /, *, reverse=False):
    return lstm_forward(x, h, c, weight_ih, weight_hh, bias_ih, bias_hh, reverse=reverse)[0]
