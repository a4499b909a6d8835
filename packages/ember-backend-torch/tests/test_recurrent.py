"""Recurrent layers: what is compiled, and the engine's kernel on arrays as they come."""

import pytest
import torch

from ember_ml import nn
from ember_ml.backend.torch._compile import Program
from ember_ml.backend.torch._recurrent import _whole, gru_layer, lstm_layer, rnn_layer
from ember_ml.backend.torch._sequences import Inputs
from ember_ml.nn import tensor as et

T, B, F, H = 4, 3, 2, 5


def arrays(gates, states, dtype=torch.float32):
    torch.manual_seed(0)
    rows = gates * H
    shapes = [(T, B, F), *[(B, H)] * states, (rows, F), (rows, H), (rows,), (rows,)]
    return [torch.randn(shape, dtype=dtype) for shape in shapes]


LAYERS = {
    "rnn": (rnn_layer, 1, 1), "gru": (gru_layer, 3, 1), "lstm": (lstm_layer, 4, 2),
}  # fmt: skip


def loss_and_gradients(layer, inputs):
    with torch.enable_grad():
        leaves = [x.detach().requires_grad_() for x in inputs]
        results = layer(*leaves, reverse=True)
        loss = sum((x * x).sum() * n for n, x in enumerate(results, 1))
        return [loss.detach(), *torch.autograd.grad(loss, leaves)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", LAYERS)
def test_a_program_has_one_call_forward_and_one_back(name, dtype):
    layer, *sizes = LAYERS[name]
    inputs = arrays(*sizes, dtype)
    graph, _ = Program(lambda *a: loss_and_gradients(layer, a), ())._trace(tuple(inputs))
    called = [str(node.target) for node in graph.graph.nodes if "ember" in str(node.target)]
    assert called == ["ember.recurrent.default", "ember.recurrent_backward.default"]
    expected = loss_and_gradients(layer, inputs)
    for mine, theirs in zip(graph(*inputs), expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-5)
    # What the compiler believes of shapes is what there is.
    for node in graph.graph.nodes:
        if str(node.target) == "ember.recurrent.default":
            save = node.args[-1]
            kind = node.args[0]
            real = torch.ops.ember.recurrent(
                kind, *inputs[:2], inputs[2] if name == "lstm" else None, *inputs[-4:], True, save
            )
            assert [x.shape for x in node.meta["val"]] == [x.shape for x in real]
            assert [x.dtype for x in node.meta["val"]] == [x.dtype for x in real]


@pytest.mark.parametrize("name", LAYERS)
def test_arrays_need_not_be_dense(name):
    layer, *sizes = LAYERS[name]
    x, *others = arrays(*sizes)
    states = [h[:1].expand(B, H) for h in others[: sizes[1]]]
    weights = [w.t().contiguous().t() if w.ndim == 2 else w.repeat(2, 1).t()[:, 0]
               for w in others[sizes[1] :]]  # fmt: skip
    x = x.transpose(0, 1).contiguous().transpose(0, 1)
    dense = [a.contiguous() for a in (x, *states, *weights)]
    assert not any(a.is_contiguous() for a in (x, *states))
    mine, theirs = (loss_and_gradients(layer, inputs) for inputs in ([x, *states, *weights], dense))
    for a, b in zip(mine, theirs, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.slow
def test_every_kernel_compiles():
    """Those that training in single precision does not reach."""
    with nn.use_backend("torch"):
        layers = [
            nn.LSTM(F, H, dtype="float64"),
            nn.RNN(F, H, nonlinearity="relu", dtype="float64"),
        ]
    x = torch.randn(T, B, F, dtype=torch.float64)

    def loss(layers, x):
        return sum((layer(x)[0] ** 2).sum() for layer in layers)

    x = et.from_native(x)
    value, gradients = nn.value_and_grad(loss)(layers, x)
    compiled, found = nn.compile(lambda layers, x: nn.value_and_grad(loss)(layers, x))(layers, x)
    torch.testing.assert_close(compiled.native, value.native)
    for mine, theirs in zip(found, gradients, strict=True):
        for key, x in theirs.items():
            torch.testing.assert_close(mine[key].native, x.native)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_the_engines_own_layer_is_the_same(name, reverse):
    """It is what a GPU gets; here it runs on the CPU."""
    layer, gates, states = LAYERS[name]
    inputs = arrays(gates, states)
    x, h, *rest = inputs
    cell = rest.pop(0) if states == 2 else None
    found = _whole({"rnn": "rnn_tanh"}.get(name, name), Inputs(x, h, cell, *rest), reverse)
    for ours, theirs in zip(found, layer(*inputs, reverse=reverse), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
