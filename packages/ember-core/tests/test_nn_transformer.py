"""Multi-head attention and transformers beside what the comparison with PyTorch covers."""

from __future__ import annotations

import numpy as np
import pytest

from ember_ml import nn
from ember_ml.backend.errors import ArgumentError, EmberError, InvalidValueError, ShapeError
from ember_ml.nn import tensor as et


def normal(*shape, seed=0):
    return et.asarray(np.random.default_rng([seed, *shape]).standard_normal(shape), dtype="float32")


def close(x, y, tolerance=1e-5):
    np.testing.assert_allclose(x.numpy(), y.numpy(), rtol=tolerance, atol=tolerance)


def small_encoder(**options):
    layer = nn.TransformerEncoderLayer(8, 2, 12, batch_first=True, **options)
    return nn.TransformerEncoder(layer, 2)


# -- multi-head attention -------------------------------------------------------------------------


@pytest.mark.parametrize("need_weights", [False, True])
def test_causal_needs_no_mask(backend, need_weights):
    layer = nn.MultiheadAttention(8, 2, batch_first=True)
    x = normal(2, 5, 8)
    later = np.triu(np.ones((5, 5), bool), 1)
    y, _ = layer(x, x, x, is_causal=True, need_weights=need_weights)
    close(y, layer(x, x, x, attn_mask=later)[0])


def test_causal_with_what_is_appended(backend):
    """The appended key and value have no position: every query takes them."""
    layer = nn.MultiheadAttention(8, 2, add_bias_kv=True, add_zero_attn=True, batch_first=True)
    x = normal(2, 5, 8)
    _, weights = layer(x, x, x, is_causal=True)
    assert weights.shape == (2, 5, 7)
    weights = weights.numpy()
    assert (weights[:, :, 5:] > 0).all()
    assert (weights[:, 1, 2:5] == 0).all()


def test_a_query_without_keys_gets_the_bias_alone(backend):
    layer = nn.MultiheadAttention(8, 2, batch_first=True)
    layer.load_state_dict({"out_proj.bias": normal(8)}, strict=False)
    x = normal(1, 3, 8)
    for need_weights in (False, True):
        y, weights = layer(x, x, x, key_padding_mask=[[True] * 3], need_weights=need_weights)
        close(y[0, 1], layer.out_proj.bias)
    assert (weights.numpy() == 0).all()


def test_dropout_acts_in_training_and_on_weights(backend):
    layer = nn.MultiheadAttention(8, 2, dropout=0.5, batch_first=True)
    x = normal(4, 16, 8)
    first, weights = layer(x, x, x, average_attn_weights=False)
    dropped = (weights.numpy() == 0).mean()
    assert 0.4 < dropped < 0.6
    assert not np.allclose(first.numpy(), layer(x, x, x, need_weights=False)[0].numpy())
    et.random.seed(1)
    y = layer(x, x, x, need_weights=False)[0]
    et.random.seed(1)
    close(y, layer(x, x, x, need_weights=True)[0])
    layer.eval()
    close(layer(x, x, x)[0], layer(x, x, x, need_weights=False)[0])


def test_initial_values_are_distributed_as_pytorchs(backend):
    layer = nn.MultiheadAttention(64, 4, add_bias_kv=True)
    bound = np.sqrt(6 / (64 + 3 * 64))
    weight = layer.in_proj_weight.numpy()
    assert np.abs(weight).max() <= bound and np.abs(weight).max() > 0.98 * bound
    np.testing.assert_allclose(weight.std(), bound / np.sqrt(3), rtol=0.03)
    assert (layer.in_proj_bias.numpy() == 0).all() and (layer.out_proj.bias.numpy() == 0).all()
    np.testing.assert_allclose(layer.bias_k.numpy().std(), 1 / 8, rtol=0.35)
    separate = nn.MultiheadAttention(64, 4, kdim=32)
    bound = np.sqrt(6 / (64 + 32))
    assert 0.95 * bound < np.abs(separate.k_proj_weight.numpy()).max() <= bound


@pytest.mark.parametrize(("arguments", "said"), [
    ((8, 3), "num_heads=3 does not divide embed_dim=8"),
    ((0, 1), "embed_dim is a positive integer, not 0"),
    ((8, 2, 1.5), r"dropout is a probability in \[0, 1\], not 1.5"),
])  # fmt: skip
def test_bad_sizes(backend, arguments, said):
    with pytest.raises(InvalidValueError, match=f"MultiheadAttention: {said}"):
        nn.MultiheadAttention(*arguments)


def test_bad_shapes(backend):
    layer = nn.MultiheadAttention(8, 2, kdim=6, batch_first=True)
    q, k, v = normal(2, 5, 8), normal(2, 7, 6), normal(2, 7, 8)
    for arguments, options, said in [
        ((q, q, v), {}, r"key of shape \(2, 5, 8\), where \(N, L, 6\)"),
        ((q[0], k, v), {}, r"of as many axes as the query of shape \(5, 8\)"),
        ((q, k[:1], v[:1]), {}, "another batch"),
        ((q, k, v[:, :6]), {}, "as many values as keys"),
        ((q, k, v), {"attn_mask": et.zeros((5, 6))}, r"\(5, 6\).*\(5, 7\) or \(4, 5, 7\)"),
        ((q, k, v), {"key_padding_mask": et.zeros((7,))}, r"key_padding_mask of shape \(7,\)"),
    ]:
        with pytest.raises(ShapeError, match=said):
            layer(*arguments, **options)


# -- stacks ---------------------------------------------------------------------------------------


def test_clones_start_alike_and_learn_apart(backend):
    model = small_encoder(dropout=0.0)
    first, second = (dict(layer.named_parameters()) for layer in model.layers)
    for name, x in first.items():
        assert x is not second[name]
        close(x, second[name], 0)
    step = nn.train_step(model, lambda m, x: et.mean(m(x) * x), nn.optimizers.SGD(0.1))
    step(normal(2, 5, 8))
    assert not np.allclose(first["linear1.weight"].numpy(), second["linear1.weight"].numpy())


@pytest.mark.slow
@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_compiled_steps_are_the_plain_ones(backend, dropout):
    x = normal(3, 6, 8)
    losses = []
    for compiled in (False, True):
        et.random.seed(0)
        model = small_encoder(dropout=dropout)
        step = nn.train_step(
            model, lambda m, x: et.mean((m(x) - x) ** 2.0), nn.optimizers.Adam(1e-2),
            compile=compiled,
        )  # fmt: skip
        losses.append([step(x).item() for _ in range(5)])
    np.testing.assert_allclose(*losses, rtol=2e-4)
    assert losses[0][-1] < losses[0][0]


def test_all_engines_train_alike(engines):
    runs = []
    for name in engines:
        with et.use_backend(name):
            et.random.seed(0)
            model = small_encoder(dropout=0.1)
            step = nn.train_step(
                model, lambda m, x: et.mean((m(x) - x) ** 2.0), nn.optimizers.Adam(1e-2)
            )
            runs.append([step(normal(3, 6, 8)).item() for _ in range(4)])
    for run in runs[1:]:
        np.testing.assert_allclose(run, runs[0], rtol=1e-4)


def test_vmap_over_sequences(backend):
    model = small_encoder().eval()
    x = normal(3, 6, 8)
    close(nn.vmap(model)(x), model(x), 1e-4)


def test_an_encoder_moves(backend):
    model = small_encoder().eval()
    x = normal(2, 5, 8)
    wanted = model(x)
    model.to(dtype="float16")
    assert model(et.astype(x, "float16")).dtype == et.float16
    model.to(dtype="float32").to_backend("numpy")
    with et.use_backend("numpy"):
        np.testing.assert_allclose(model(et.asarray(x.numpy())).numpy(), wanted.numpy(), atol=2e-2)


def test_replaced_linear_maps_are_called(backend):
    """The fused feed-forward network stands for two plain maps only."""

    class Doubled(nn.Linear):
        def forward(self, x):
            return super().forward(x) * 2.0

    layer = nn.TransformerEncoderLayer(8, 2, 12, 0.0, norm_first=True, batch_first=True)
    x = normal(2, 5, 8)
    middle = x + layer.self_attn(layer.norm1(x), layer.norm1(x), layer.norm1(x))[0]
    plain = layer(x)
    doubled = Doubled(12, 8)
    doubled.load_state_dict(layer.linear2.state_dict())
    layer.linear2 = doubled
    close(layer(x) - middle, (plain - middle) * 2.0, 1e-4)


def test_a_transformer_draws_its_matrices_afresh(backend):
    model = nn.Transformer(8, 2, 2, 1, 12)
    first, second = model.encoder.layers
    assert not np.allclose(first.linear1.weight.numpy(), second.linear1.weight.numpy())
    bound = np.sqrt(6 / (8 + 12))
    assert np.abs(first.linear1.weight.numpy()).max() <= bound


@pytest.mark.parametrize(("make", "said", "error"), [
    (lambda: nn.TransformerEncoderLayer(8, 3), "num_heads=3 does not divide", InvalidValueError),
    (lambda: nn.TransformerEncoderLayer(8, 2, 0), "dim_feedforward", InvalidValueError),
    (lambda: nn.TransformerDecoderLayer(8, 2, activation="swish"), "'swish'", InvalidValueError),
    (lambda: nn.TransformerEncoderLayer(8, 2, dropout=2.0), "2.0", InvalidValueError),
    (lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2), 0), "num_layers",
     InvalidValueError),
    (lambda: nn.TransformerDecoder(nn.TransformerDecoderLayer, 2), "a layer to copy",
     ArgumentError),
])  # fmt: skip
def test_bad_constructions(backend, make, said, error):
    with pytest.raises(error, match=said):
        make()


def test_bad_sequences(backend):
    encoder = small_encoder().eval()
    with pytest.raises(ShapeError, match=r"src of shape \(2, 5, 7\), where \(N, L, 8\)"):
        encoder(normal(2, 5, 7))
    decoder = nn.TransformerDecoderLayer(8, 2, 12)
    with pytest.raises(ShapeError, match=r"memory of shape \(6, 3, 7\), where \(L, N, 8\)"):
        decoder(normal(5, 3, 8), normal(6, 3, 7))
    with pytest.raises(ShapeError, match="batch"):
        nn.Transformer(8, 2, 1, 1, 12)(normal(5, 3, 8), normal(5, 2, 8))
    with pytest.raises(EmberError, match="tgt_mask|attn_mask"):
        decoder(normal(5, 3, 8), normal(6, 3, 8), tgt_mask=et.zeros((5, 6)))
