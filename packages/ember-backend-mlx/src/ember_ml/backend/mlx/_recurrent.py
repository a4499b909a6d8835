"""Overrides for half and single precision: recurrent layers over a sequence.

The products are written by hand: the gradients of the weights are one matrix product for all
times, and no part of the gradient of a part is as large as the whole. What is kept for them is
among the results, and has gradients of its own where they are differentiated again.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import mlx.core as mx

from ._mapping import is_mapping

__all__ = ["gru_layer", "lstm_layer", "rnn_layer"]


def _check(
    gates: int, x: Any, h: Any, c: Any, weight_ih: Any, weight_hh: Any, bias_ih: Any, bias_hh: Any
) -> None:
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


def _times(reverse: bool, *sequences: Any) -> Iterator[tuple[Any, ...]]:
    """The elements along the first axis, in the order in which they are gone through."""
    count = len(sequences[0])
    for t in reversed(range(count)) if reverse else range(count):
        yield tuple(x[t] for x in sequences)


def _stack(found: list[Any], reverse: bool) -> Any:
    return mx.stack(found[::-1] if reverse else found)


def _before(initial: Any, states: Any, reverse: bool) -> Any:
    """The state before each time."""
    first = initial[None]
    return mx.concatenate([states[1:], first] if reverse else [first, states[:-1]])


def _rows(x: Any) -> Any:
    return mx.reshape(x, (-1, x.shape[-1]))


def _product(d: Any, x: Any) -> Any:
    """The gradient of a weight by which rows ``x`` were multiplied."""
    return mx.matmul(_rows(d).T, _rows(x))


def _affine(c: Any, a: Any, b: Any) -> Any:
    return c + a @ b if is_mapping() else mx.addmm(c, a, b)  # which `vmap` does not broadcast


Layer = Callable[..., list[Any]]


@functools.cache
def _simple(nonlinearity: str, reverse: bool) -> Layer:
    apply = {"tanh": mx.tanh, "relu": lambda x: mx.maximum(x, 0)}[nonlinearity]

    def forward(x: Any, h: Any, w: Any, u: Any, b: Any, e: Any) -> list[Any]:
        columns = mx.contiguous(u.T)
        found = []
        for (row,) in _times(reverse, _affine(b + e, x, w.T)):
            h = apply(_affine(row, h, columns))
            found.append(h)
        return [_stack(found, reverse), h]

    def backward(primals: Any, cotangents: Any, outputs: Any) -> Any:
        x, h, w, u, *_ = primals
        y = outputs[0]
        factor = 1 - y * y if nonlinearity == "tanh" else (y > 0).astype(y.dtype)
        dy, dh = cotangents
        found = []
        for grad, by in _times(not reverse, dy, factor):
            d = (dh + grad) * by
            dh = d @ u
            found.append(d)
        d = _stack(found, not reverse)
        db = mx.sum(_rows(d), 0)
        return d @ w, dh, _product(d, x), _product(d, _before(h, y, reverse)), db, db

    return _custom(forward, backward)


@functools.cache
def _gru(reverse: bool) -> Layer:
    def forward(x: Any, h: Any, w: Any, u: Any, b: Any, e: Any) -> list[Any]:
        columns = mx.contiguous(u.T)
        found: list[tuple[Any, ...]] = []
        for (row,) in _times(reverse, _affine(b, x, w.T)):
            p = mx.split(row, 3, -1)
            q = mx.split(_affine(e, h, columns), 3, -1)
            r, z = mx.sigmoid(p[0] + q[0]), mx.sigmoid(p[1] + q[1])
            n = mx.tanh(p[2] + r * q[2])
            h = n + z * (h - n)
            found.append((h, r, z, n, q[2]))
        y, *kept = [_stack(list(column), reverse) for column in zip(*found, strict=True)]
        return [y, h, *kept]

    def backward(primals: Any, cotangents: Any, outputs: Any) -> Any:
        x, h, w, u, *_ = primals
        y, _, r, z, n, q = outputs
        before = _before(h, y, reverse)
        slope_r, slope_z, slope_n = r * (1 - r), z * (1 - z), 1 - n * n
        by_n = (1 - z) * slope_n
        by_z = (before - n) * slope_z
        by_r = q * slope_r
        dy, dh, dr, dz, dn, dq = cotangents
        own_n = dn * slope_n
        others = mx.concatenate([dr * slope_r, dz * slope_z, dq], -1)
        found = []
        parts = (dy, by_n, by_z, by_r, r, z, own_n, others)
        for grad, fn, fz, fr, rt, zt, nt, rest in _times(not reverse, *parts):
            dh = dh + grad
            dn = dh * fn + nt
            d = mx.concatenate([dn * fr, dh * fz, dn * rt], -1) + rest
            dh = _affine(dh * zt, d, u)
            found.append((d, dn))
        d, dn = (_stack(list(column), not reverse) for column in zip(*found, strict=True))
        own = mx.concatenate([d[..., : 2 * h.shape[1]], dn], -1)
        return (
            own @ w, dh, _product(own, x), _product(d, before), mx.sum(_rows(own), 0),
            mx.sum(_rows(d), 0),
        )  # fmt: skip

    return _custom(forward, backward)


@functools.cache
def _lstm(reverse: bool) -> Layer:
    def forward(x: Any, h: Any, c: Any, w: Any, u: Any, b: Any, e: Any) -> list[Any]:
        columns = mx.contiguous(u.T)
        found: list[tuple[Any, ...]] = []
        for (row,) in _times(reverse, _affine(b + e, x, w.T)):
            i, f, g, o = mx.split(_affine(row, h, columns), 4, -1)
            i, f, g, o = mx.sigmoid(i), mx.sigmoid(f), mx.tanh(g), mx.sigmoid(o)
            c = f * c + i * g
            t = mx.tanh(c)
            h = o * t
            found.append((h, c, i, f, g, o, t))
        y, *kept = [_stack(list(column), reverse) for column in zip(*found, strict=True)]
        return [y, h, c, *kept]

    def backward(primals: Any, cotangents: Any, outputs: Any) -> Any:
        x, h, c, w, u, *_ = primals
        y, _, _, cells, i, f, g, o, t = outputs
        slopes = i * (1 - i), f * (1 - f), 1 - g * g, o * (1 - o)
        by_i, by_f, by_g, by_o = (
            slope * x
            for slope, x in zip(slopes, (g, _before(c, cells, reverse), i, t), strict=True)
        )
        by_c = o * (1 - t * t)
        dy, dh, dc, dcells, *dgates, dt = cotangents
        own_c = dcells + dt * (1 - t * t)
        others = mx.concatenate([x * slope for x, slope in zip(dgates, slopes, strict=True)], -1)
        parts = (dy, by_i, by_f, by_g, by_o, by_c, f, own_c, others)
        found = []
        for grad, fi, ff, fg, fo, fc, ft, ct, rest in _times(not reverse, *parts):
            dh = dh + grad
            dc = dc + dh * fc + ct
            d = mx.concatenate([dc * fi, dc * ff, dc * fg, dh * fo], -1) + rest
            dc = dc * ft
            dh = d @ u
            found.append(d)
        d = _stack(found, not reverse)
        db = mx.sum(_rows(d), 0)
        return d @ w, dh, dc, _product(d, x), _product(d, _before(h, y, reverse)), db, db

    return _custom(forward, backward)


def _custom(forward: Layer, backward: Callable[..., Any]) -> Layer:
    layer: Any = mx.custom_function(forward)
    layer.vjp(backward)
    found: Layer = layer
    return found


def rnn_layer(
    x: Any,
    h: Any,
    weight_ih: Any,
    weight_hh: Any,
    bias_ih: Any,
    bias_hh: Any,
    /,
    *,
    nonlinearity: str = "tanh",
    reverse: bool = False,
) -> tuple[Any, ...]:
    _check(1, x, h, None, weight_ih, weight_hh, bias_ih, bias_hh)
    layer = _simple(nonlinearity, reverse)
    if not x.shape[0]:
        return mx.zeros((0, *h.shape), x.dtype), h
    return tuple(layer(x, h, weight_ih, weight_hh, bias_ih, bias_hh))


def gru_layer(
    x: Any,
    h: Any,
    weight_ih: Any,
    weight_hh: Any,
    bias_ih: Any,
    bias_hh: Any,
    /,
    *,
    reverse: bool = False,
) -> tuple[Any, ...]:
    _check(3, x, h, None, weight_ih, weight_hh, bias_ih, bias_hh)
    if not x.shape[0]:
        return mx.zeros((0, *h.shape), x.dtype), h
    return tuple(_gru(reverse)(x, h, weight_ih, weight_hh, bias_ih, bias_hh)[:2])


def lstm_layer(
    x: Any,
    h: Any,
    c: Any,
    weight_ih: Any,
    weight_hh: Any,
    bias_ih: Any,
    bias_hh: Any,
    /,
    *,
    reverse: bool = False,
) -> tuple[Any, ...]:
    _check(4, x, h, c, weight_ih, weight_hh, bias_ih, bias_hh)
    if not x.shape[0]:
        return mx.zeros((0, *h.shape), x.dtype), h, c
    return tuple(_lstm(reverse)(x, h, c, weight_ih, weight_hh, bias_ih, bias_hh)[:3])
