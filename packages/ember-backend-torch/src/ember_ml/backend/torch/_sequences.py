"""Recurrent layers and their gradients, as loops over time that work in place.

Each kind has a function forward, which also gives what its gradient needs, and one back. What can
be done for all times at once is: the products with the weights of the input, all gradients of
weights, and all factors that do not depend on the gradients.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import torch
from ember_ml.backend.protocol import Native
from torch.nn import functional

__all__ = ["GRU", "LSTM", "RELU", "TANH", "Gradients", "Inputs", "Outputs", "nothing"]


class Inputs(NamedTuple):
    """Of a layer: (T, B, F), (B, H), (B, H) or None, (G, F), (G, H), (G,), (G,)."""

    x: Native
    h: Native
    c: Any  # a Native, or None
    weight_ih: Native
    weight_hh: Native
    bias_ih: Native
    bias_hh: Native


class Outputs(NamedTuple):
    """The states (T, B, H), the last cell (B, H), and two arrays for the gradient; or empty ones."""

    y: Native
    c: Native
    first: Native
    second: Native


#: Gradients of the inputs, in their order; that of ``bias_hh`` is empty where it is the other's.
Gradients = tuple[Native, ...]


def _times(reverse: bool, *sequences: Native) -> Iterable[Sequence[Native]]:
    """The elements along the first axis, in the order in which they are gone through."""
    rows: Any = zip(*[x.unbind(0) for x in sequences], strict=True)
    return reversed(list(rows)) if reverse else rows


def _before(initial: Native, states: Native, reverse: bool) -> Native:
    """The state before each time."""
    first = initial.unsqueeze(0)
    return torch.cat([states[1:], first] if reverse else [first, states[:-1]])


def nothing(x: Native) -> Native:
    return x.new_empty(0)


def _rows(x: Native) -> Native:
    return x.reshape(-1, x.shape[-1])


def _by_input(d: Native, a: Inputs, needs_x: bool) -> tuple[Native, Native]:
    """Gradients of the input and of its weights, from those of the projections."""
    dx = torch.matmul(d, a.weight_ih) if needs_x else nothing(d)
    return dx, torch.mm(_rows(d).t(), _rows(a.x))


class _Simple:
    """`rnn_layer` with one of the nonlinearities."""

    def __init__(self, relu: bool) -> None:
        self.relu = relu

    def saved(self, a: Inputs) -> tuple[tuple[int, ...], ...]:
        return (0,), (0,)

    def forward(self, a: Inputs, reverse: bool, save: bool) -> Outputs:
        y = functional.linear(a.x, a.weight_ih, a.bias_ih + a.bias_hh)
        h, w = a.h, a.weight_hh.t()
        apply = torch.relu_ if self.relu else torch.tanh_
        for (gate,) in _times(reverse, y):
            h = apply(gate.addmm_(h, w))
        return Outputs(y, nothing(y), nothing(y), nothing(y))

    def backward(
        self, dy: Native, dc: Native | None, a: Inputs, b: Outputs, reverse: bool, needs_x: bool
    ) -> Gradients:
        d = (b.y > 0).to(dy.dtype) if self.relu else 1 - b.y * b.y
        dh = torch.zeros_like(a.h)
        for gate, g in _times(not reverse, d, dy):
            dh = torch.mm(gate.mul_(dh.add_(g)), a.weight_hh)
        dx, dw = _by_input(d, a, needs_x)
        du = torch.mm(_rows(d).t(), _rows(_before(a.h, b.y, reverse)))
        return dx, dh, nothing(d), dw, du, _rows(d).sum(0), nothing(d)


class _Gru:
    """`gru_layer`; saved are the gates and the new state, and the projections of the state."""

    def saved(self, a: Inputs) -> tuple[tuple[int, ...], ...]:
        shape = (*a.x.shape[:2], 3 * a.h.shape[1])
        return shape, shape

    def forward(self, a: Inputs, reverse: bool, save: bool) -> Outputs:
        if not save:
            return Outputs(self._states(a, reverse), *[nothing(a.x) for _ in range(3)])
        p = functional.linear(a.x, a.weight_ih, a.bias_ih)
        q = torch.empty_like(p)
        y = p.new_empty((*p.shape[:2], a.h.shape[1]))
        h, size, w = a.h, a.h.shape[1], a.weight_hh.t()
        for gates, projected, out in _times(reverse, p, q, y):
            torch.addmm(a.bias_hh, h, w, out=projected)
            rz, n = gates.split((2 * size, size), -1)
            rz.add_(projected[:, : 2 * size]).sigmoid_()
            n.addcmul_(rz[:, :size], projected[:, 2 * size :]).tanh_()
            h = torch.lerp(n, h, rz[:, size:], out=out)
        return Outputs(y, nothing(y), p, q)

    def _states(self, a: Inputs, reverse: bool) -> Native:
        """Without anything for the gradient the engine's own loop is faster."""
        x = a.x.flip(0) if reverse else a.x
        weights = [a.weight_ih, a.weight_hh, a.bias_ih, a.bias_hh]
        y, _ = torch.gru(x, a.h.unsqueeze(0), weights, True, 1, 0.0, False, False, False)
        return y.flip(0) if reverse else y

    def backward(
        self, dy: Native, dc: Native | None, a: Inputs, b: Outputs, reverse: bool, needs_x: bool
    ) -> Gradients:
        before = _before(a.h, b.y, reverse)
        r, z, n = b.first.chunk(3, -1)
        by_n = (1 - z) * (1 - n * n)
        by_z = (before - n) * z * (1 - z)
        by_r = b.second[..., 2 * z.shape[-1] :] * r * (1 - r)
        dq = torch.empty_like(b.first)
        dn = torch.empty_like(r, memory_format=torch.contiguous_format)
        dh = torch.zeros_like(a.h)
        parts = (dy, by_n, by_z, by_r, r, z, dn, dq, *dq.chunk(3, -1))
        for g, fn, fz, fr, rt, zt, dnt, dqt, qr, qz, qn in _times(not reverse, *parts):
            dh = dh + g
            torch.mul(dh, fn, out=dnt)
            torch.mul(dnt, fr, out=qr)
            torch.mul(dh, fz, out=qz)
            torch.mul(dnt, rt, out=qn)
            dh = torch.addmm(dh * zt, dqt, a.weight_hh)
        du = torch.mm(_rows(dq).t(), _rows(before))
        db = _rows(dq).sum(0)
        dp = dq
        dp[..., 2 * z.shape[-1] :] = dn
        dx, dw = _by_input(dp, a, needs_x)
        return dx, dh, nothing(dp), dw, du, _rows(dp).sum(0), db


class _Lstm:
    """`lstm_layer`; saved are the gates and the cells."""

    def saved(self, a: Inputs) -> tuple[tuple[int, ...], ...]:
        shape = a.x.shape[:2]
        return (*shape, 4 * a.h.shape[1]), (*shape, a.h.shape[1])

    def forward(self, a: Inputs, reverse: bool, save: bool) -> Outputs:
        p = functional.linear(a.x, a.weight_ih, a.bias_ih + a.bias_hh)
        y = p.new_empty((*p.shape[:2], a.h.shape[1]))
        cells = torch.empty_like(y)
        h, c, size, w = a.h, a.c, a.h.shape[1], a.weight_hh.t()
        for gates, cell, out in _times(reverse, p, cells, y):
            gates.addmm_(h, w)
            i, f, g, o = gates.split(size, -1)
            gates[:, : 2 * size].sigmoid_()
            g.tanh_()
            o.sigmoid_()
            c = torch.mul(f, c, out=cell).addcmul_(i, g)
            h = torch.tanh(c, out=out).mul_(o)
        last = c.clone()
        if not save:
            p, cells = nothing(p), nothing(p)
        return Outputs(y, last, p, cells)

    def backward(
        self, dy: Native, dc: Native | None, a: Inputs, b: Outputs, reverse: bool, needs_x: bool
    ) -> Gradients:
        i, f, g, o = b.first.chunk(4, -1)
        tanh = torch.tanh(b.second)
        by_c = o * (1 - tanh * tanh)
        d = torch.cat(
            [
                g * i * (1 - i),
                _before(a.c, b.second, reverse) * f * (1 - f),
                i * (1 - g * g),
                tanh * o * (1 - o),
            ],
            -1,
        )
        size = o.shape[-1]
        dh = torch.zeros_like(a.h)
        dc = dh if dc is None else dc
        for gates, fc, ft, grad in _times(not reverse, d, by_c, f, dy):
            dh = dh + grad
            dc = torch.addcmul(dc, dh, fc)
            gates[:, : 3 * size].unflatten(-1, (3, size)).mul_(dc.unsqueeze(1))
            gates[:, 3 * size :].mul_(dh)
            dc = dc * ft
            dh = torch.mm(gates, a.weight_hh)
        dx, dw = _by_input(d, a, needs_x)
        du = torch.mm(_rows(d).t(), _rows(_before(a.h, b.y, reverse)))
        return dx, dh, dc, dw, du, _rows(d).sum(0), nothing(d)


GRU, LSTM, RELU, TANH = _Gru(), _Lstm(), _Simple(relu=True), _Simple(relu=False)
