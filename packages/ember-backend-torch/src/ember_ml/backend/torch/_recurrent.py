"""Overrides: recurrent layers over a sequence.

On a GPU they are the engine's own layers. On the CPU an LSTM in single precision is one kernel of
the engine's, and the others are the loops of `_sequences`. Those are custom operations, so that a
compiled program has one call in the place of thousands of nodes.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
from ember_ml.backend.protocol import Native
from torch.nn import functional
from torch.utils._python_dispatch import _disable_current_modes

from ._sequences import GRU, LSTM, RELU, TANH, Gradients, Inputs, Outputs, nothing
from ._state import DIFFERENTIATING, TRACING, is_functional

_MODE = 2  # of an LSTM, among the engine's recurrent layers


def _dense(a: Inputs) -> Inputs:
    """The kernel reads memory as if arrays were dense."""
    return Inputs(*[x.contiguous() for x in a])


def _onednn(a: Inputs, reverse: bool, save: bool) -> tuple[Native, ...]:
    """The states, the last one and the last cell, and the workspace for the gradient or None."""
    a = _dense(a)
    # The kernel looks at the mode, too, and is slower where there could be a gradient.
    with torch.set_grad_enabled(save):
        found: tuple[Native, ...] = torch.mkldnn_rnn_layer(
            a.x, a.weight_ih, a.weight_hh, a.bias_ih, a.bias_hh, a.h, a.c, reverse, [], _MODE,
            a.h.shape[1], 1, True, False, False, save,
        )  # fmt: skip
    return found


@functools.cache
def _workspace(steps: int, batch: int, features: int, hidden: int) -> int:
    """The size of the kernel's workspace, which only the kernel knows."""
    with _disable_current_modes():
        rows = 4 * hidden
        shapes = ((steps, batch, features), (batch, hidden), (batch, hidden), (rows, features),
                  (rows, hidden), (rows,), (rows,))  # fmt: skip
        inputs = Inputs(*[torch.zeros(shape, device="cpu") for shape in shapes])
        return _onednn(inputs, False, True)[3].numel()


class _Onednn:
    """`lstm_layer` by the engine's kernel for single precision; saved is its workspace."""

    def saved(self, a: Inputs) -> tuple[tuple[int, ...], ...]:
        return (_workspace(*a.x.shape, a.h.shape[1]),), (0,)

    def forward(self, a: Inputs, reverse: bool, save: bool) -> Outputs:
        y, _, c, workspace = _onednn(Inputs(*[x.detach() for x in a]), reverse, save)
        if not save:
            workspace = y.new_empty(0, dtype=torch.uint8)
        return Outputs(y, c, workspace, nothing(y))

    def backward(
        self, dy: Native, dc: Native | None, a: Inputs, b: Outputs, reverse: bool, needs_x: bool
    ) -> Gradients:
        a = _dense(a)
        dx, dw, du, db, _, dh, dcell = torch.ops.aten.mkldnn_rnn_layer_backward(
            a.x, a.weight_ih, a.weight_hh, a.bias_ih, a.bias_hh, a.h, a.c, b.y,
            b.y[0 if reverse else -1], b.c, dy.contiguous(), None,
            None if dc is None else dc.contiguous(), reverse, _MODE, a.h.shape[1], 1, True,
            True, False, [], False, b.first,
        )  # fmt: skip
        return (dx if needs_x else nothing(dx)), dh, dcell, dw, du, db, nothing(dx)


_ONEDNN = _Onednn()
_KINDS: dict[str, Any] = {
    "gru": GRU, "lstm": LSTM, "relu": RELU, "tanh": TANH, "onednn": _ONEDNN,
}  # fmt: skip


# -- as operations of the engine's --------------------------------------------------------------


# Defined by hand: what `torch.library.custom_op` puts around each call costs 60 microseconds.
_ARRAYS = """str kind, Tensor x, Tensor h, Tensor? c, Tensor weight_ih, Tensor weight_hh,
Tensor bias_ih, Tensor bias_hh""".replace("\n", " ")
_library = torch.library.Library("ember", "FRAGMENT")
_library.define(
    f"recurrent({_ARRAYS}, bool reverse, bool save) -> (Tensor, Tensor, Tensor, Tensor)"
)
_library.define(
    f"recurrent_backward(Tensor dy, Tensor? dc, {_ARRAYS}, Tensor y, Tensor cell, Tensor first, "
    "Tensor second, bool reverse, bool needs_x) "
    "-> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)"
)


def _forward(kind: str, *arguments: Any) -> tuple[Native, ...]:
    *arrays, reverse, save = arguments
    outputs: Outputs = _KINDS[kind].forward(Inputs(*arrays), reverse, save)
    return tuple(outputs)


def _forward_shapes(kind: str, *arguments: Any) -> tuple[Native, ...]:
    *arrays, _, save = arguments
    a = Inputs(*arrays)
    first, second = _KINDS[kind].saved(a) if save else ((0,), (0,))
    dtype = torch.uint8 if kind == "onednn" else a.x.dtype
    y = a.x.new_empty((*a.x.shape[:2], a.h.shape[1]))
    cell = nothing(y) if a.c is None else y.new_empty(a.c.shape)
    return y, cell, y.new_empty(first, dtype=dtype), y.new_empty(second)


def _backward(dy: Native, dc: Native | None, kind: str, *arguments: Any) -> Gradients:
    *arrays, reverse, needs_x = arguments
    inputs, outputs = Inputs(*arrays[:7]), Outputs(*arrays[7:])
    gradients: Gradients = _KINDS[kind].backward(dy, dc, inputs, outputs, reverse, needs_x)
    return gradients


def _backward_shapes(dy: Native, dc: Native | None, kind: str, *arguments: Any) -> Gradients:
    a, needs_x, none = Inputs(*arguments[:7]), arguments[-1], nothing(dy)
    like = [a.x if needs_x else none, a.h, none if a.c is None else a.c, a.weight_ih, a.weight_hh,
            a.bias_ih, a.bias_hh if kind == "gru" else none]  # fmt: skip
    return tuple(x.new_empty(x.shape) for x in like)


for _name, _function, _shapes in (
    ("recurrent", _forward, _forward_shapes),
    ("recurrent_backward", _backward, _backward_shapes),
):
    _library.impl(_name, _function, "CompositeExplicitAutograd")
    torch.library.register_fake(f"ember::{_name}", _shapes, lib=_library)


def _setup(ctx: Any, inputs: tuple[Any, ...], output: tuple[Native, ...]) -> None:
    kind, *arrays, reverse, _ = inputs
    ctx.kind, ctx.reverse = kind, reverse
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(*arrays, *output)


def _gradients(ctx: Any, dy: Native | None, dc: Native | None, *_: Any) -> tuple[Any, ...]:
    arrays = ctx.saved_tensors
    inputs, outputs = Inputs(*arrays[:7]), Outputs(*arrays[7:])
    if dy is None:
        dy = torch.zeros_like(outputs.y)
    needs_x = ctx.needs_input_grad[1]
    dx, dh, dcell, dw, du, db, dd = torch.ops.ember.recurrent_backward(
        dy, dc, ctx.kind, *inputs, *outputs, ctx.reverse, needs_x
    )
    return (
        None, dx if needs_x else None, dh, None if inputs.c is None else dcell, dw, du, db,
        dd if dd.numel() else db, None, None,
    )  # fmt: skip


torch.library.register_autograd("ember::recurrent", _gradients, setup_context=_setup, lib=_library)


# -- the overrides ------------------------------------------------------------------------------


def _check(a: Inputs, gates: int) -> None:
    rows = gates * a.h.shape[-1]
    fits = (
        a.x.ndim == 3
        and a.h.ndim == 2
        and a.h.shape[0] == a.x.shape[1]
        and (a.c is None or a.c.shape == a.h.shape)
        and a.weight_ih.shape == (rows, a.x.shape[2])
        and a.weight_hh.shape == (rows, a.h.shape[1])
        and a.bias_ih.shape == a.bias_hh.shape == (rows,)
    )
    if not fits:
        raise ValueError("the shapes do not fit")


def _is_recorded(a: Inputs) -> bool:
    return torch.is_grad_enabled() and any(x is not None and x.requires_grad for x in a)


def _run(kind: str, a: Inputs, reverse: bool) -> Outputs:
    save = _is_recorded(a)
    if save or TRACING.get():
        return Outputs(*torch.ops.ember.recurrent(kind, *a, reverse, save))
    outputs: Outputs = _KINDS[kind].forward(a, reverse, False)
    return outputs


def _is_plain(a: Inputs) -> bool:
    """Whether neither `vmap` nor a second derivative asks for single steps."""
    return DIFFERENTIATING.get() < 2 and not is_functional() and 0 not in a.x.shape[:2]


def _whole(name: str, a: Inputs, reverse: bool) -> tuple[Native, ...]:
    """A layer by the engine's own function, which is cuDNN's on a GPU: states, last, last cell."""
    x = a.x.flip(0) if reverse else a.x
    state = a.h[None] if a.c is None else (a.h[None], a.c[None])
    weights = [a.weight_ih, a.weight_hh, a.bias_ih, a.bias_hh]
    run = getattr(torch._VF, name)
    y, *last = run(x, state, weights, True, 1, 0.0, _is_recorded(a), False, False)
    return (y.flip(0) if reverse else y, *[part[0] for part in last])


# The engine's own cells have no rule for `vmap`.


def _simple_cell(apply: Any, x: Native, h: Native, w: Any, u: Any, b: Any, e: Any) -> Native:
    result: Native = apply(functional.linear(x, w, b) + functional.linear(h, u, e))
    return result


def _gru_cell(x: Native, h: Native, w: Any, u: Any, b: Any, e: Any) -> Native:
    p, q = functional.linear(x, w, b).chunk(3, -1), functional.linear(h, u, e).chunk(3, -1)
    z = torch.sigmoid(p[1] + q[1])
    n = torch.tanh(p[2] + torch.sigmoid(p[0] + q[0]) * q[2])
    return n + z * (h - n)


def _lstm_cell(x: Native, state: Any, w: Any, u: Any, b: Any, e: Any) -> tuple[Native, Native]:
    h, c = state
    gates = functional.linear(x, w, b) + functional.linear(h, u, e)
    i, f, g, o = gates.chunk(4, -1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def _stepped(a: Inputs, cell: Any, reverse: bool) -> tuple[Native, Any]:
    """The states, and the last one with all its parts, one step after the other."""
    state = a.h if a.c is None else (a.h, a.c)
    found = []
    for x in reversed(a.x.unbind(0)) if reverse else a.x.unbind(0):
        state = cell(x, state, a.weight_ih, a.weight_hh, a.bias_ih, a.bias_hh)
        found.append(state if a.c is None else state[0])
    if not found:
        return a.x.new_empty((0, *a.h.shape)), state
    return torch.stack(found[::-1] if reverse else found), state


def rnn_layer(
    x: Native,
    h: Native,
    weight_ih: Native,
    weight_hh: Native,
    bias_ih: Native,
    bias_hh: Native,
    /,
    *,
    nonlinearity: str = "tanh",
    reverse: bool = False,
) -> tuple[Native, Native]:
    a = Inputs(x, h, None, weight_ih, weight_hh, bias_ih, bias_hh)
    _check(a, 1)
    apply = {"tanh": torch.tanh, "relu": torch.relu}[nonlinearity]
    if not _is_plain(a):
        return _stepped(a, functools.partial(_simple_cell, apply), reverse)
    if x.is_cuda:
        return _whole(f"rnn_{nonlinearity}", a, reverse)
    y = _run(nonlinearity, a, reverse).y
    return y, y[0 if reverse else -1]


def gru_layer(
    x: Native,
    h: Native,
    weight_ih: Native,
    weight_hh: Native,
    bias_ih: Native,
    bias_hh: Native,
    /,
    *,
    reverse: bool = False,
) -> tuple[Native, Native]:
    a = Inputs(x, h, None, weight_ih, weight_hh, bias_ih, bias_hh)
    _check(a, 3)
    if not _is_plain(a):
        return _stepped(a, _gru_cell, reverse)
    if x.is_cuda:
        return _whole("gru", a, reverse)
    y = _run("gru", a, reverse).y
    return y, y[0 if reverse else -1]


def lstm_layer(
    x: Native,
    h: Native,
    c: Native,
    weight_ih: Native,
    weight_hh: Native,
    bias_ih: Native,
    bias_hh: Native,
    /,
    *,
    reverse: bool = False,
) -> tuple[Native, Native, Native]:
    a = Inputs(x, h, c, weight_ih, weight_hh, bias_ih, bias_hh)
    _check(a, 4)
    if not _is_plain(a):
        y, state = _stepped(a, _lstm_cell, reverse)
        return y, *state
    if x.is_cuda:
        return _whole("lstm", a, reverse)
    whole = x.dtype is torch.float32 and x.device.type == "cpu" and _has_onednn()
    if whole and not TRACING.get():
        y, h, c, _ = _onednn(a, reverse, _is_recorded(a))
        return y, h, c
    outputs = _run("onednn" if whole else "lstm", a, reverse)
    return outputs.y, outputs.y[0 if reverse else -1], outputs.c


def _has_onednn() -> bool:
    return bool(torch.backends.mkldnn.is_available() and torch.backends.mkldnn.enabled)
