"""RNN, LSTM, GRU and loops over any cell: what PyTorch's namesakes don't say."""

import numpy as np
import pytest
import torch

from ember_ml import nn
from ember_ml.backend.errors import ArgumentError, DTypeError, InvalidValueError, ShapeError
from ember_ml.backend.registry import get_backend
from ember_ml.nn import tensor as et

T, B, F, H = 6, 3, 4, 5
LENGTHS = [6, 2, 4]  # in no order
KINDS = ("RNN", "GRU", "LSTM")
RNG = np.random.default_rng(0)


def normal(*shape, dtype="f4"):
    return RNG.normal(size=shape).astype(dtype)


def pair(name, *args, **kwargs):
    """Their layer, and ours with the same weights."""
    theirs = getattr(torch.nn, name)(*args, **kwargs)
    ours = getattr(nn, name)(*args, **kwargs)
    ours.load_state_dict(theirs.state_dict())
    return theirs, ours


def flat(x):
    return [leaf for part in x for leaf in flat(part)] if isinstance(x, tuple) else [x]


def states_of(name, layers, out=H):
    h = normal(layers, B, out)
    return (h, normal(layers, B, H)) if name == "LSTM" else h


def mapped(function, x):
    return tuple(mapped(function, part) for part in x) if isinstance(x, tuple) else function(x)


def packed(theirs, x, hx, batch_first):
    """Outputs and states by PyTorch's packed sequences, and gradients of a sum of them all."""
    x, hx = torch.from_numpy(x).requires_grad_(), mapped(torch.from_numpy, hx)
    sequence = torch.nn.utils.rnn.pack_padded_sequence(
        x, LENGTHS, batch_first=batch_first, enforce_sorted=False
    )
    y, states = theirs(sequence, hx)
    y, _ = torch.nn.utils.rnn.pad_packed_sequence(y, batch_first=batch_first)
    results = [y, *flat(states)]
    total = sum((r * torch.arange(r.numel()).reshape(r.shape)).sum() for r in results)
    names = dict(theirs.named_parameters())
    *grads, dx = torch.autograd.grad(total, [*names.values(), x])
    return [r.detach().numpy() for r in results], dict(zip(names, grads, strict=True)), dx


@pytest.mark.parametrize("options", [
    {}, {"bidirectional": True}, {"num_layers": 2, "bidirectional": True, "batch_first": True},
    {"bias": False},
], ids=str)  # fmt: skip
@pytest.mark.parametrize("name", [*KINDS, "LSTM with projection"])
def test_lengths_are_those_of_packed_sequences(name, options, backend):
    out = H
    if name == "LSTM with projection":
        name, out, options = "LSTM", 2, {**options, "proj_size": 2}
    theirs, ours = pair(name, F, H, **options)
    batch_first = options.get("batch_first", False)
    x = normal(*(B, T) if batch_first else (T, B), F)
    layers = options.get("num_layers", 1) * (1 + options.get("bidirectional", False))
    hx = states_of(name, layers, out)
    expected, gradients, dx = packed(theirs, x, hx, batch_first)

    def loss(ours, x):
        y, states = ours(x, mapped(et.asarray, hx), lengths=et.asarray(LENGTHS))
        results = [y, *flat(states)]
        total = 0.0
        for r in results:
            total = total + (r * et.arange(r.size, dtype="float32").reshape(r.shape)).sum()
        return total, results

    given = x.copy()
    padding = np.ones((T, B), bool)
    for n, length in enumerate(LENGTHS):
        padding[:length, n] = False
    given[padding.T if batch_first else padding] = np.nan  # nothing of the padding may be used
    (_, results), (found, found_x) = nn.value_and_grad(loss, argnums=(0, 1), has_aux=True)(
        ours, et.asarray(given)
    )
    for r, e in zip(results, expected, strict=True):
        np.testing.assert_allclose(r.numpy(), e, atol=2e-6)
    for key, e in gradients.items():
        np.testing.assert_allclose(found[key].numpy(), e, atol=1e-5 * max(1, e.abs().max().item()))
    np.testing.assert_allclose(found_x.numpy(), dx, atol=1e-5 * dx.abs().max().item())


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_compiled_training_takes_the_same_steps(name, backend):
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = getattr(nn, name)(F, H, batch_first=True, bidirectional=True)
            self.head = nn.Linear(2 * H, 2)

        def forward(self, x, lengths):
            return self.head(self.body(x, lengths=lengths)[0][:, 0])

    et.random.seed(0)
    models = [Model(), Model()]
    models[1].load_state_dict(models[0].state_dict())
    x, y, lengths = et.asarray(normal(B, T, F)), et.asarray([0, 1, 1]), et.asarray(LENGTHS)
    losses = []
    for model, compile in zip(models, (False, True), strict=True):
        step = nn.train_step(
            model, lambda m, x, n, y: nn.losses.cross_entropy(m(x, n), y),
            nn.optimizers.SGD(learning_rate=0.5), compile=compile,
        )  # fmt: skip
        losses.append([step(x, lengths, y).item() for _ in range(4)])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)
    assert losses[0][-1] < losses[0][0]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("name", KINDS)
def test_second_derivatives(name, reverse, backend):
    """Of the layer, as of the loop over its cell."""
    layer, cell = getattr(nn, name)(2, 3), getattr(nn, f"{name}Cell")(2, 3)
    cell.load_state_dict({key.removesuffix("_l0"): x for key, x in layer.state_dict().items()})
    x, loop = et.asarray(normal(3, 2, 2)), nn.Recurrent(cell, reverse=reverse)

    def whole(x):
        states = [et.zeros((2, 3))] * (2 if name == "LSTM" else 1)
        operation = getattr(et, f"{name.lower()}_layer")
        return operation(x, *states, *layer.parameters(), reverse=reverse)[0]

    def curvature(f):
        inner = nn.grad(lambda x: (f(x) ** 3).sum())
        return nn.grad(lambda x: (inner(x) ** 2).sum())(x).numpy()

    np.testing.assert_allclose(curvature(whole), curvature(lambda x: loop(x)[0]), atol=1e-5)


@pytest.mark.parametrize("name", KINDS)
def test_vmap_over_sequences(name, backend):
    layer = getattr(nn, name)(F, H)
    x = et.asarray(normal(B, T, F))
    y = nn.vmap(lambda x: layer(x)[0])(x)
    expected = layer(et.permute_dims(x, (1, 0, 2)))[0].numpy().swapaxes(0, 1)
    np.testing.assert_allclose(y.numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float64", "float16"])
@pytest.mark.parametrize("name", KINDS)
def test_dtypes(name, dtype, backend):
    if dtype == "float64" and dtype not in get_backend(backend).capabilities:
        pytest.skip("the engine has no float64")
    theirs, ours = pair(name, F, H, bidirectional=True)
    ours = ours.to(dtype=dtype)
    x = normal(T, B, F)
    y, states = ours(et.asarray(x, dtype=dtype), lengths=[T] * B)
    assert {str(part.dtype) for part in (y, *flat(states))} == {dtype}
    with torch.no_grad():
        expected = theirs.double()(torch.from_numpy(x).double())[0].numpy()
    np.testing.assert_allclose(y.numpy(), expected, atol=1e-7 if dtype == "float64" else 5e-3)


@pytest.mark.parametrize("name", KINDS)
def test_no_times(name, backend):
    """The operation gives the initial states back; the layer refuses, as PyTorch's."""
    layer = getattr(nn, name)(F, H)
    states = [et.asarray(normal(B, H)) for _ in range(2 if name == "LSTM" else 1)]
    operation = getattr(et, f"{name.lower()}_layer")
    y, *last = operation(et.zeros((0, B, F)), *states, *layer.parameters())
    assert y.shape == (0, B, H)
    assert [x.tolist() for x in last] == [x.tolist() for x in states]
    with pytest.raises(ShapeError, match=r"\(0, 3, 4\) has no times"):
        layer(et.zeros((0, B, F)))


def test_unknown_nonlinearity(backend):
    layer = nn.RNN(F, H)
    with pytest.raises(InvalidValueError, match="sine"):
        et.rnn_layer(
            et.zeros((T, B, F)), et.zeros((B, H)), *layer.parameters(), nonlinearity="sine"
        )


def test_dropout_acts_between_layers_while_training(backend):
    layer = nn.LSTM(F, 64, num_layers=2, dropout=0.5)
    x = et.asarray(normal(T, B, F))
    kept = layer.eval()(x)[0].numpy()
    np.testing.assert_array_equal(layer(x)[0].numpy(), kept)
    layer.train()
    et.random.seed(0)
    first, second = layer(x)[0].numpy(), layer(x)[0].numpy()
    assert not np.allclose(first, second) and not np.allclose(first, kept)
    # What is dropped is scaled up for: without the second layer's curvature the mean stays.
    lower = {key: x for key, x in layer.state_dict().items() if key.endswith("_l0")}
    single = nn.LSTM(F, 64)
    single.load_state_dict(lower)
    assert single(x)[0].shape == first.shape
    with pytest.warns(UserWarning, match="dropout=0.5 acts between layers"):
        nn.GRU(F, H, dropout=0.5)


# -- any cell -------------------------------------------------------------------------------------


@pytest.mark.parametrize("lengths", [None, LENGTHS])
@pytest.mark.parametrize("name", KINDS)
def test_loops_over_cells_are_the_layers(name, lengths, backend):
    layer = getattr(nn, name)(F, H, bidirectional=True, batch_first=True)
    cells = [getattr(nn, f"{name}Cell")(F, H) for _ in range(2)]
    state = layer.state_dict()
    for cell, suffix in zip(cells, ("_l0", "_l0_reverse"), strict=True):
        cell.load_state_dict({key: state[key + suffix] for key in cell.state_dict()})
    both = nn.Bidirectional(*cells, batch_first=True)
    x = et.asarray(normal(B, T, F))
    y, final = layer(x, lengths=lengths)
    found, ends = both(x, lengths=lengths)
    np.testing.assert_allclose(found.numpy(), y.numpy(), atol=1e-6)
    stacked = zip(*ends, strict=True) if name == "LSTM" else [ends]
    for mine, theirs in zip(stacked, flat(final), strict=True):
        np.testing.assert_allclose(et.stack(list(mine)).numpy(), theirs.numpy(), atol=1e-6)
    back, _ = nn.Recurrent(cells[1], batch_first=True, reverse=True)(x, lengths=lengths)
    np.testing.assert_allclose(back.numpy(), y.numpy()[..., H:], atol=1e-6)


class Leaky(nn.Module):
    """A cell with a state of two parts, one of them no vector, and an output of another size."""

    def __init__(self):
        super().__init__()
        self.lift = nn.Linear(F, 2)

    def forward(self, x, state):
        if state is None:
            state = {"level": et.zeros((x.shape[0], 2)), "count": et.zeros((x.shape[0],))}
        level = 0.5 * state["level"] + self.lift(x)
        count = state["count"] + 1.0
        return et.concat([level, count[:, None]], axis=1), {"level": level, "count": count}


def test_a_cell_of_ones_own(backend):
    cell = Leaky()
    x = normal(T, B, F)
    y, state = nn.Recurrent(cell)(et.asarray(x), lengths=LENGTHS)
    assert y.shape == (T, B, 3)
    w, b = cell.lift.weight.numpy(), cell.lift.bias.numpy()
    for n, length in enumerate(LENGTHS):
        level = np.zeros(2)
        for t in range(length):
            level = 0.5 * level + x[t, n] @ w.T + b
            np.testing.assert_allclose(y.numpy()[t, n], [*level, t + 1], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(state["level"].numpy()[n], level, rtol=1e-5, atol=1e-6)
        assert state["count"].numpy()[n] == length
        assert not y.numpy()[length:, n].any()
    gradient = nn.grad(lambda layer: (layer(et.asarray(x))[0] ** 2).sum())(nn.Recurrent(cell))
    assert set(gradient) == {"cell.lift.weight", "cell.lift.bias"}
    compiled = nn.compile(lambda layer, x: layer(x)[0])
    layer = nn.Recurrent(cell)
    np.testing.assert_allclose(
        compiled(layer, et.asarray(x)).numpy(), layer(et.asarray(x))[0].numpy(), rtol=1e-6
    )


def test_text_of_loops():
    loop = nn.Recurrent(nn.RNNCell(2, 3), batch_first=True)
    assert repr(loop) == "Recurrent(\n  batch_first=True\n  (cell): RNNCell(2, 3)\n)"


# -- mistakes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("make", "text"), [
    (lambda: nn.LSTM(0, 4), "LSTM: input_size is a positive integer, not 0"),
    (lambda: nn.LSTM(3, -1), "LSTM: hidden_size is a positive integer, not -1"),
    (lambda: nn.GRU(3, 4, num_layers=0), "GRU: num_layers is a positive integer, not 0"),
    (lambda: nn.RNN(3, 4, dropout=2.0), "RNN: dropout is a probability, not 2.0"),
    (lambda: nn.RNN(3, 4, nonlinearity="sine"), "RNN: nonlinearity is 'tanh' or 'relu'"),
    (lambda: nn.RNNCell(3, 4, nonlinearity="sine"), "RNNCell: nonlinearity is"),
    (lambda: nn.LSTM(3, 4, proj_size=4), "LSTM: proj_size is from 1 to hidden_size - 1 = 3"),
    (lambda: nn.GRUCell(3, 0), "GRUCell: hidden_size is a positive integer, not 0"),
])  # fmt: skip
def test_arguments_that_make_no_sense(make, text):
    with pytest.raises(InvalidValueError, match=text):
        make()


@pytest.mark.parametrize(("call", "error", "text"), [
    (lambda: nn.LSTM(4, 5)(et.zeros((2, 3, 6))), ShapeError,
     r"LSTM: input of shape \(2, 3, 6\); \(time, batch, 4\), or \(time, 4\) .* is due"),
    (lambda: nn.GRU(4, 5, batch_first=True)(et.zeros((4,))), ShapeError, r"\(batch, time, 4\)"),
    (lambda: nn.LSTM(4, 5)(et.zeros((2, 3, 4)), (et.zeros((1, 2, 5)), et.zeros((1, 3, 5)))),
     ShapeError, r"LSTM: h0 of shape \(1, 2, 5\); \(1, 3, 5\) is due"),
    (lambda: nn.LSTM(4, 5)(et.zeros((2, 3, 4)), (et.zeros((1, 3, 5)), et.zeros((2, 3, 5)))),
     ShapeError, r"LSTM: c0 of shape \(2, 3, 5\); \(1, 3, 5\) is due"),
    (lambda: nn.GRU(4, 5, 2)(et.zeros((2, 4)), et.zeros((1, 5))), ShapeError,
     r"GRU: h0 of shape \(1, 5\); \(2, 5\) is due"),
    (lambda: nn.LSTM(4, 5)(et.zeros((2, 3, 4)), et.zeros((1, 3, 5))), ArgumentError,
     r"LSTM: a pair \(h0, c0\) is due"),
    (lambda: nn.RNN(4, 5)(et.zeros((2, 3, 4)), lengths=[1, 2]), ShapeError,
     r"RNN: lengths of shape \(2,\); \(3,\) is due"),
    (lambda: nn.RNN(4, 5)(et.zeros((2, 3, 4)), lengths=[1, 0, 2]), InvalidValueError,
     "RNN: lengths are from 1 to 2, not 0"),
    (lambda: nn.RNN(4, 5)(et.zeros((2, 3, 4)), lengths=[1.0, 1.0, 2.0]), DTypeError,
     "RNN: lengths are integers"),
    (lambda: nn.RNN(4, 5)(et.zeros((2, 4)), lengths=[2]), ShapeError, "lengths are for a batch"),
    (lambda: nn.LSTMCell(4, 5)(et.zeros((2, 3))), ShapeError,
     r"LSTMCell: input of shape \(2, 3\); \(batch, 4\) or \(4,\) is due"),
    (lambda: nn.LSTMCell(4, 5)(et.zeros((2, 4)), (et.zeros((2, 5)), et.zeros((5,)))), ShapeError,
     r"LSTMCell: c of shape \(5,\); \(2, 5\) is due"),
    (lambda: nn.LSTMCell(4, 5)(et.zeros((2, 4)), et.zeros((2, 5))), ArgumentError, "a pair"),
    (lambda: nn.Recurrent(nn.Linear(4, 5))(et.zeros((2, 3, 4))), Exception, "forward"),
    (lambda: nn.Recurrent(lambda x, s: (x, s)), ArgumentError, "cell is a Module, not function"),
    (lambda: nn.Recurrent(nn.GRUCell(4, 5))(et.zeros((4,))), ShapeError,
     r"Recurrent: input of shape \(4,\); \(time, batch, ...\)"),
    (lambda: et.lstm_layer(et.zeros((2, 3, 4)), et.zeros((3, 5)), et.zeros((3, 5)),
                           et.zeros((20, 6)), et.zeros((20, 5)), et.zeros((20,)), et.zeros((20,))),
     ShapeError, r"lstm_layer: weight_ih of shape \(20, 6\); \(20, 4\) is due"),
])  # fmt: skip
def test_mistakes(call, error, text, backend):
    with pytest.raises(error, match=text):
        call()


def test_a_cell_that_returns_no_pair(backend):
    class Wrong(nn.Module):
        def forward(self, x, state):
            return x

    with pytest.raises(ArgumentError, match="what Wrong returns"):
        nn.Recurrent(Wrong())(et.zeros((2, 3, 4)))


def test_weights_are_uniform_and_the_same_everywhere():
    drawn = []
    for name in ("numpy", "torch"):
        with nn.use_backend(name):
            et.random.seed(3)
            drawn.append(
                {k: x.numpy() for k, x in nn.LSTM(16, 64, bidirectional=True).state_dict().items()}
            )
    bound = 1 / 8
    for key, x in drawn[0].items():
        np.testing.assert_array_equal(x, drawn[1][key])
        assert -bound <= x.min() < -0.9 * bound and 0.9 * bound < x.max() <= bound
        assert abs(x.std() - bound / np.sqrt(3)) < 0.1 * bound
