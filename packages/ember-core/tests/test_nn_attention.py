"""Attention beside what the kit says of its operation: values by PyTorch, MLX or loops in NumPy."""

from __future__ import annotations

import builtins
import math

import numpy as np
import pytest

from ember_ml import nn
from ember_ml.backend.errors import DTypeError, InvalidValueError, ShapeError
from ember_ml.backend.registry import get_backend
from ember_ml.nn import attention
from ember_ml.nn import tensor as et

torch = pytest.importorskip("torch")
functional = torch.nn.functional


def normal(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(np.float32)


def close(x, y, tolerance=2e-5):
    x = x.numpy() if hasattr(x, "numpy") else x
    y = y.numpy() if hasattr(y, "numpy") else np.asarray(y)
    assert x.shape == y.shape
    np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance)


def ember(*arrays):
    return [et.asarray(a) for a in arrays]


def sequences(length=6, keys=6, heads=(4, 4), size=5):
    return (
        normal(2, heads[0], length, size),
        normal(2, heads[1], keys, size, seed=1),
        normal(2, heads[1], keys, 3, seed=2),
    )


# -- scaled dot-product -------------------------------------------------------------------


@pytest.mark.parametrize("options", [
    {}, {"is_causal": True}, {"scale": 0.3}, {"mask": "bool"}, {"mask": "float"},
])  # fmt: skip
def test_products_are_those_of_pytorch(backend, options):
    options = dict(options)
    arrays = sequences()
    mask = {"bool": normal(2, 1, 6, 6) > -0.5, "float": normal(6, 6), None: None}[
        options.pop("mask", None)
    ]
    wanted = functional.scaled_dot_product_attention(
        *map(torch.tensor, arrays), attn_mask=None if mask is None else torch.tensor(mask),
        **options,
    )  # fmt: skip
    close(attention.scaled_dot_product_attention(*ember(*arrays), mask, **options), wanted)


def test_shared_heads(backend):
    arrays = sequences(heads=(4, 2))
    wanted = functional.scaled_dot_product_attention(
        *map(torch.tensor, arrays), enable_gqa=True, is_causal=True
    )
    q, k, v = ember(*arrays)
    found = attention.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
    close(found, wanted)
    with pytest.raises(ShapeError, match="enable_gqa"):
        attention.scaled_dot_product_attention(q, k, v)


@pytest.mark.parametrize("kind", ["bool", "float"])
def test_a_query_without_keys_gets_zeros_and_no_gradient(backend, kind):
    q, k, v = ember(*sequences())
    allowed = np.ones((6, 6), bool)
    allowed[2] = False
    mask = et.asarray(allowed if kind == "bool" else np.where(allowed, 0, -np.inf), dtype=None if kind == "bool" else "float32")  # fmt: skip

    def loss(q):
        return et.sum(attention.scaled_dot_product_attention(q, k, v, mask) ** 2.0)

    y = attention.scaled_dot_product_attention(q, k, v, mask)
    assert (y.numpy()[..., 2, :] == 0).all() and (y.numpy()[..., 1, :] != 0).all()
    gradient = nn.grad(loss)(q).numpy()
    assert np.isfinite(gradient).all() and (gradient[..., 2, :] == 0).all()
    assert np.abs(gradient[..., 1, :]).min() > 0


@pytest.mark.parametrize("offset", [-4, -1, 0, 2])
def test_queries_before_the_first_key(backend, offset):
    q, k, v = ember(*sequences(5, 1))
    y = et.scaled_dot_product_attention(q, k, v, is_causal=True, offset=offset).numpy()
    for i in range(5):
        wanted = v.numpy()[:, :, 0] if i + offset >= 0 else np.zeros((2, 4, 3))
        np.testing.assert_allclose(y[:, :, i], wanted, rtol=1e-6)


@pytest.mark.parametrize("shapes", [
    ((2, 1, 5, 4), (2, 3, 6, 4), (2, 3, 6, 2)),
    ((2, 3, 5, 4), (2, 1, 6, 4), (2, 1, 6, 2)),
    ((2, 3, 5, 4), (1, 3, 6, 4), (3, 6, 2)),
    ((5, 4), (2, 3, 6, 4), (2, 3, 6, 2)),
    ((7, 2, 3, 5, 4), (7, 2, 3, 6, 4), (7, 2, 3, 6, 2)),
])  # fmt: skip
def test_leading_axes_broadcast(backend, shapes):
    arrays = [normal(*shape) for shape in shapes]
    lead = np.broadcast_shapes(*(a.shape[:-2] for a in arrays))
    wide = [torch.tensor(np.broadcast_to(a, (*lead, *a.shape[-2:])).copy()) for a in arrays]
    mask = normal(5, 6) > -1
    wanted = functional.scaled_dot_product_attention(*wide, attn_mask=torch.tensor(mask))
    close(et.scaled_dot_product_attention(*ember(*arrays, mask)), wanted)

    def loss(q, k, v):
        return et.sum(et.scaled_dot_product_attention(q, k, v, et.asarray(mask)) ** 2.0)

    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    y = functional.scaled_dot_product_attention(
        *(x.expand(*lead, *x.shape[-2:]) for x in theirs), attn_mask=torch.tensor(mask)
    )
    right = torch.autograd.grad((y**2).sum(), theirs)
    for found, wanted in zip(nn.grad(loss, argnums=(0, 1, 2))(*ember(*arrays)), right, strict=True):
        close(found, wanted, 1e-4)


def test_mask_and_bias_together(backend):
    arrays = sequences()
    mask, bias = normal(6, 6) > -0.5, normal(4, 6, 6)
    both = torch.tensor(np.where(mask, bias, -np.inf))
    wanted = functional.scaled_dot_product_attention(*map(torch.tensor, arrays), attn_mask=both)
    close(attention.scaled_dot_product_attention(*ember(*arrays), mask, bias=bias), wanted)


@pytest.mark.parametrize("compiled", [False, True])
def test_gradients_are_those_of_pytorch(backend, compiled):
    arrays = sequences(length=4, heads=(4, 2))
    bias = normal(4, 4, 6)
    theirs = [torch.tensor(a, requires_grad=True) for a in (*arrays, bias)]
    y = functional.scaled_dot_product_attention(*theirs[:3], attn_mask=theirs[3], enable_gqa=True)
    wanted = torch.autograd.grad((y**2).sum(), theirs)

    def loss(q, k, v, bias):
        y = attention.scaled_dot_product_attention(q, k, v, bias=bias, enable_gqa=True)
        return et.sum(y * y)

    gradient = nn.grad(loss, argnums=(0, 1, 2, 3))
    found = (nn.compile(gradient) if compiled else gradient)(*ember(*arrays, bias))
    for ours, right in zip(found, wanted, strict=True):
        close(ours, right, 1e-4)


def test_second_derivatives(backend):
    arrays = sequences(length=3, keys=3)
    q, k, v = (torch.tensor(a, requires_grad=True) for a in arrays)
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    (first,) = torch.autograd.grad((y**2).sum(), q, create_graph=True)
    (wanted,) = torch.autograd.grad((first**2).sum(), q)
    _, ek, ev = ember(*arrays)

    def loss(q):
        return et.sum(et.scaled_dot_product_attention(q, ek, ev, is_causal=True) ** 2.0)

    close(nn.grad(lambda q: et.sum(nn.grad(loss)(q) ** 2.0))(et.asarray(arrays[0])), wanted, 1e-4)


def test_vmap(backend):
    q, k, v = ember(*sequences())
    y = nn.vmap(lambda q, k, v: et.scaled_dot_product_attention(q, k, v, is_causal=True))(q, k, v)
    close(y, et.scaled_dot_product_attention(q, k, v, is_causal=True))


def test_weights(backend):
    q, k, v = ember(*sequences())
    y, w = attention.scaled_dot_product_attention(q, k, v, is_causal=True, return_weights=True)
    scores = q.numpy() @ k.numpy().swapaxes(-1, -2) / math.sqrt(5)
    scores[..., ~np.tri(6, dtype=bool)] = -np.inf
    close(w, torch.softmax(torch.tensor(scores), -1))
    close(y, w.numpy() @ v.numpy())
    close(attention.attention_weights(q, k, is_causal=True), w)


def test_dropout_of_weights(backend):
    q, k, v = ember(*sequences(length=40, keys=40))
    plain = attention.scaled_dot_product_attention(q, k, v)
    kept = et.random.Generator(3).bernoulli(0.75, (2, 4, 40, 40)).numpy()
    assert abs(kept.mean() - 0.75) < 0.02
    found = attention.scaled_dot_product_attention(
        q, k, v, dropout_p=0.25, generator=et.random.Generator(3)
    )
    w = attention.attention_weights(q, k).numpy() * kept / 0.75
    close(found, w @ v.numpy())
    assert not np.allclose(found.numpy(), plain.numpy())
    gone = attention.scaled_dot_product_attention(q, k, v, dropout_p=1.0)
    assert (gone.numpy() == 0).all()
    with pytest.raises(InvalidValueError, match=r"in \[0, 1\], not 1.5"):
        attention.scaled_dot_product_attention(q, k, v, dropout_p=1.5)


def test_mistakes(backend):
    q, k, v = ember(*sequences())
    with pytest.raises(ShapeError, match=r"query of shape \(2, 4, 6, 5\)"):
        et.scaled_dot_product_attention(q, k[..., :3], v)
    with pytest.raises(ShapeError, match="as many values as keys"):
        et.scaled_dot_product_attention(q, k, v[..., :3, :])
    with pytest.raises(ShapeError, match=r"a mask of shape \(3, 6\).*\(2, 4, 6, 6\)"):
        et.scaled_dot_product_attention(q, k, v, et.ones((3, 6), dtype="bool"))
    with pytest.raises(ShapeError, match=r"a mask of shape \(3, 2, 4, 6, 6\)"):
        et.scaled_dot_product_attention(q, k, v, et.ones((3, 2, 4, 6, 6), dtype="bool"))
    with pytest.raises(DTypeError, match="mask must be bool"):
        et.scaled_dot_product_attention(q, k, v, et.ones((6, 6)))
    for window in (0, -1, 1.5, True):
        with pytest.raises(InvalidValueError, match="window is a positive integer"):
            et.scaled_dot_product_attention(q, k, v, window=window)


@pytest.mark.parametrize("is_causal", [False, True])
@pytest.mark.parametrize(("length", "window"), [(23, 4), (24, 4), (7, 1), (5, 3), (40, 13)])
def test_local_attention_is_that_of_a_window(backend, is_causal, length, window):
    q, k, v = ember(*sequences(length, length))
    distance = np.arange(length)[:, None] - np.arange(length)
    near = np.abs(distance) < window
    near &= (distance >= 0) | (not is_causal)
    wanted = functional.scaled_dot_product_attention(
        *(torch.tensor(x.numpy()) for x in (q, k, v)), attn_mask=torch.tensor(near)
    )
    close(attention.local_attention(q, k, v, window=window, is_causal=is_causal), wanted)
    found = et.scaled_dot_product_attention(q, k, v, window=window, is_causal=is_causal)
    close(found, wanted)


def test_local_attention_refuses(backend):
    q, k, v = ember(*sequences(6, 5))
    with pytest.raises(ShapeError, match="differ in their last axis only"):
        attention.local_attention(q, k, v, window=2)
    with pytest.raises(InvalidValueError, match="not 0"):
        attention.local_attention(q, q, q, window=0)


# -- linear -----------------------------------------------------------------------------------


@pytest.mark.parametrize("is_causal", [False, True])
@pytest.mark.parametrize("block", [1, 3, 64])
def test_linear_attention_by_loops(backend, is_causal, block):
    q, k, v = sequences(7, 7)
    seen = np.array([True, True, False, True, True, True, False])

    def features(x):
        return np.where(x > 0, x + 1, np.exp(x)).astype(np.float64)

    wanted = np.zeros((*q.shape[:-1], 3))
    for row in np.ndindex(q.shape[:-1]):
        total = 1e-6
        for j in range(row[-1] + 1 if is_causal else 7):
            if seen[j]:
                weight = features(q[row]) @ features(k[(*row[:-1], j)])
                total += weight
                wanted[row] += weight * v[(*row[:-1], j)]
        wanted[row] /= total
    found = attention.linear_attention(*ember(q, k, v), mask=seen, is_causal=is_causal, block=block)
    close(found, wanted.astype(np.float32), 1e-4)


def test_linear_attention_refuses(backend):
    q, k, v = ember(*sequences(6, 5))
    with pytest.raises(ShapeError, match="6 queries and 5 keys"):
        attention.linear_attention(q, k, v, is_causal=True)
    with pytest.raises(ShapeError, match="are due"):
        attention.linear_attention(q, k[..., 1:], v)
    with pytest.raises(InvalidValueError, match="block"):
        attention.linear_attention(k, k, v, is_causal=True, block=0)


# -- learned scores -----------------------------------------------------------------------------


def _average(scores, mask, values):
    scores = np.where(mask, scores, -np.inf)
    e = np.exp(scores - scores.max(-1, keepdims=True))
    w = e / e.sum(-1, keepdims=True)
    return w @ values, w


def test_additive_attention_by_loops(backend):
    layer = attention.AdditiveAttention(3, 4, 5)
    q, k, v = normal(2, 6, 3), normal(2, 7, 4), normal(2, 7, 2)
    mask = normal(2, 6, 7) > -0.7
    state = {name: x.numpy() for name, x in layer.state_dict().items()}
    assert {name: x.shape for name, x in state.items()} == {
        "v": (5,), "query.weight": (5, 3), "query.bias": (5,), "key.weight": (5, 4),
    }  # fmt: skip
    scores = np.zeros((2, 6, 7), np.float32)
    for n, i, j in np.ndindex(2, 6, 7):
        hidden = state["query.weight"] @ q[n, i] + state["query.bias"]
        scores[n, i, j] = state["v"] @ np.tanh(hidden + state["key.weight"] @ k[n, j])
    y, w = layer(*ember(q, k, v), mask, return_weights=True)
    wanted = _average(scores, mask, v)
    close(y, wanted[0])
    close(w, wanted[1])
    one, row = layer(*ember(q[:, 2], k, v), mask[:, 2], return_weights=True)
    close(one, wanted[0][:, 2])
    close(row, wanted[1][:, 2])


def test_multiplicative_attention_by_loops(backend):
    layer = attention.MultiplicativeAttention(3, 4)
    q, k = normal(2, 6, 3), normal(2, 7, 4)
    weight = layer.state_dict()["key.weight"].numpy()
    assert weight.shape == (3, 4)
    close(layer(*ember(q, k)), _average(q @ weight @ k.swapaxes(1, 2), True, k)[0])


def test_learned_attention_refuses(backend):
    layer = attention.AdditiveAttention(3, 4, 5)
    with pytest.raises(ShapeError, match=r"AdditiveAttention: a query of shape \(2, 6, 4\)"):
        layer(et.ones((2, 6, 4)), et.ones((2, 7, 4)))
    with pytest.raises(ShapeError, match=r"keys of shape \(2, 7, 3\)"):
        layer(et.ones((2, 6, 3)), et.ones((2, 7, 3)))
    with pytest.raises(InvalidValueError, match="hidden_size is a positive integer, not 0"):
        attention.AdditiveAttention(3, 4, 0)


# -- positions ------------------------------------------------------------------------------------


def test_sinusoidal_positions_by_hand(backend):
    wanted = np.zeros((4, 6))
    for p in range(4):
        for i in range(3):
            angle = (p + 5) / 10000 ** (2 * i / 6)
            wanted[p, 2 * i], wanted[p, 2 * i + 1] = math.sin(angle), math.cos(angle)
    close(attention.sinusoidal_positions(4, 6, offset=5), wanted.astype(np.float32))
    layer = attention.SinusoidalPositions(6)
    close(layer(et.ones((2, 4, 6)), offset=5), np.broadcast_to(1 + wanted, (2, 4, 6)))
    assert repr(layer) == "SinusoidalPositions(6, base=10000.0)"
    with pytest.raises(InvalidValueError, match="even positive integer, not 5"):
        attention.sinusoidal_positions(4, 5)
    with pytest.raises(ShapeError, match=r"\(\.\.\., L, 6\)"):
        layer(et.ones((4, 5)))


@pytest.mark.parametrize("interleaved", [False, True])
@pytest.mark.parametrize("size", [4, 8])
def test_rotary_by_hand(backend, interleaved, size):
    x = normal(2, 3, 5, 8)
    wanted = x.copy()
    for p in range(5):
        for i in range(size // 2):
            a, b = (2 * i, 2 * i + 1) if interleaved else (i, i + size // 2)
            angle = (p + 7) * 100.0 ** (-2 * i / size)
            c, s = math.cos(angle), math.sin(angle)
            wanted[..., p, a] = x[..., p, a] * c - x[..., p, b] * s
            wanted[..., p, b] = x[..., p, a] * s + x[..., p, b] * c
    layer = attention.RotaryEmbedding(size, 100.0, interleaved)
    close(layer(et.asarray(x), offset=7), wanted)
    close(layer(et.asarray(x), positions=[7, 8, 9, 10, 11]), wanted)


@pytest.mark.parametrize("interleaved", [False, True])
def test_rotary_is_that_of_mlx(interleaved):
    mlx = pytest.importorskip("mlx.nn")
    import mlx.core as mx

    x = normal(2, 3, 5, 8)
    wanted = np.array(mlx.RoPE(8, traditional=interleaved)(mx.array(x), offset=3))
    with et.use_backend("numpy"):
        close(attention.rotary(x, offset=3, interleaved=interleaved), wanted)


def test_rotary_products_depend_on_the_distance_only(backend):
    q, k = ember(normal(1, 8), normal(1, 8, seed=1))
    products = [
        (attention.rotary(q, offset=i) @ attention.rotary(k, offset=i - 3).mT).item()
        for i in (3, 10, 50)
    ]
    np.testing.assert_allclose(products, products[0], rtol=1e-4)


def test_rotary_refuses(backend):
    with pytest.raises(InvalidValueError, match="not 3"):
        attention.rotary(et.ones((2, 3)))
    with pytest.raises(InvalidValueError, match="size=6 of 4"):
        attention.rotary(et.ones((2, 4)), size=6)
    with pytest.raises(ShapeError, match=r"positions of shape \(3,\)"):
        attention.rotary(et.ones((2, 4)), positions=[1, 2, 3])


def test_alibi(backend):
    assert attention.alibi_slopes(8) == [2.0**-h for h in range(1, 9)]
    # of twelve heads: those of eight, and the first four in odd places of those of sixteen
    assert attention.alibi_slopes(12) == [2.0**-h for h in range(1, 9)] + [
        2.0**-0.5, 2.0**-1.5, 2.0**-2.5, 2.0**-3.5,
    ]  # fmt: skip
    bias = attention.alibi_bias(8, 3, 5, offset=2)
    for h, i, j in np.ndindex(8, 3, 5):
        assert bias[h, i, j].item() == -(2.0 ** -(h + 1)) * abs(i + 2 - j)


# -- the cache ----------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [(1, 1, 1, 1, 1, 1, 1), (3, 1, 2, 1), (7,)])
@pytest.mark.parametrize("max_length", [None, 3])
def test_step_by_step_is_the_whole(backend, steps, max_length):
    q, k, v = ember(*sequences(7, 7, heads=(4, 2)))
    wanted = et.scaled_dot_product_attention(q, k, v, is_causal=True, window=max_length)
    cache = attention.KeyValueCache(max_length)
    found, start = [], 0
    for n in steps:
        part = slice(start, start + n)
        found.append(cache.attend(q[:, :, part], k[:, :, part], v[:, :, part], enable_gqa=True))
        start += n
    close(et.concat(found, axis=-2), wanted)
    assert len(cache) == (max_length or 7) and cache.position == 7


def test_trimmed_cache_goes_on_as_if_nothing_had_been(backend):
    q, k, v = ember(*sequences(6, 6))
    cache = attention.KeyValueCache()
    cache.append(k[:, :, :4], v[:, :, :4])
    cache.append(k[:, :, :2] * 9.0, v[:, :, :2] * 9.0)
    cache.trim(2)
    assert (len(cache), cache.position) == (4, 4)
    y = cache.attend(q[:, :, 4:], k[:, :, 4:], v[:, :, 4:])
    close(y, et.scaled_dot_product_attention(q, k, v, is_causal=True)[:, :, 4:])
    assert repr(cache) == "KeyValueCache(length=6, position=6)"
    cache.clear()
    assert (len(cache), cache.position) == (0, 0)


def test_cache_refuses(backend):
    _, k, v = ember(*sequences())
    cache = attention.KeyValueCache()
    cache.append(k, v)
    with pytest.raises(ShapeError, match="only their number"):
        cache.append(k[..., :2], v)
    with pytest.raises(ShapeError, match="are due"):
        cache.append(k[..., :2, :], v)
    assert len(cache) == 6
    with pytest.raises(InvalidValueError, match="cannot forget 7 of 6"):
        cache.trim(7)
    with pytest.raises(InvalidValueError, match="max_length"):
        attention.KeyValueCache(0)


# -- time series ------------------------------------------------------------------------------------


def _temporal(state, x, times, seen, heads):
    """One series, by loops over steps and heads."""
    length, size = x.shape[0], x.shape[1] // heads

    def affine(name):
        return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]

    q, k, v = affine("query"), affine("key"), affine("value")
    y, weights = np.zeros((length, size)), np.zeros((length, length))
    for h in range(heads):
        part = slice(h * size, (h + 1) * size)
        for i in range(length):
            e = np.zeros(length)
            for j in range(i + 1):
                if seen[j]:
                    late = np.exp(state["log_rate"][h]) * abs(times[i] - times[j])
                    e[j] = np.exp(q[i, part] @ k[j, part] / math.sqrt(size) - late)
            weights[i] += e / (e.sum() or 1.0) / heads
    y = weights @ v
    return y @ state["out.weight"].T + state["out.bias"], weights


def test_temporal_attention_by_loops(backend):
    layer = attention.TemporalAttention(8, 4)
    state = {name: x.numpy().astype(np.float64) for name, x in layer.state_dict().items()}
    assert state["value.weight"].shape == (2, 8)
    np.testing.assert_allclose(np.exp(state["log_rate"]), attention.alibi_slopes(4), rtol=1e-6)
    x = normal(2, 6, 8)
    times = np.cumsum(np.abs(normal(2, 6)), -1).astype(np.float32)
    seen = np.array([[False, True, True, False, True, True], [True] * 6])
    y, w = layer(*ember(x, times, seen), return_weights=True)
    for n in range(2):
        wanted = _temporal(state, x[n], times[n], seen[n], 4)
        close(y[n], wanted[0].astype(np.float32), 1e-4)
        close(w[n], wanted[1].astype(np.float32), 1e-4)
    plain = _temporal(state, x[1], np.arange(6.0), np.ones(6, bool), 4)[0]
    close(layer(et.asarray(x[1])), plain.astype(np.float32), 1e-4)


@pytest.mark.slow
def test_temporal_attention_learns_its_rates(backend):
    layer = attention.TemporalAttention(8, 2, dropout=0.2)
    x = et.asarray(normal(3, 6, 8))
    _, gradients = nn.value_and_grad(lambda m, x: et.sum(m(x) ** 2.0))(layer, x)
    assert np.abs(gradients["log_rate"].numpy()).min() > 0
    layer.eval()
    close(layer(x), layer(x))
    step = nn.train_step(
        layer.train(), lambda m, x: et.mean((m(x) - x) ** 2.0), nn.optimizers.Adam(1e-2),
        compile=True,
    )  # fmt: skip
    losses = [step(x).item() for _ in range(30)]
    assert losses[-1] < 0.8 * losses[0]


def test_temporal_attention_refuses(backend):
    with pytest.raises(InvalidValueError, match="num_heads=3 does not divide embed_dim=8"):
        attention.TemporalAttention(8, 3)
    layer = attention.TemporalAttention(8, 2)
    with pytest.raises(ShapeError, match=r"times of shape \(5,\)"):
        layer(et.ones((2, 6, 8)), et.arange(5.0))
    with pytest.raises(ShapeError, match=r"\(N, T, 8\) is due"):
        layer(et.ones((2, 6, 7)))


# -- the picture ------------------------------------------------------------------------------------


def test_drawn_weights_are_the_weights(backend, tmp_path):
    pytest.importorskip("matplotlib")
    w = attention.attention_weights(*ember(*sequences()[:2]), is_causal=True)
    figure = attention.draw_weights(w[0], keys=list("abcdef"), title="causal")
    panels = [a for a in figure.axes if a.images]
    assert [p.get_title() for p in panels] == [f"head {h}" for h in range(4)]
    for h, panel in enumerate(panels):
        np.testing.assert_array_equal(panel.images[0].get_array(), w[0, h].numpy())
    assert [t.get_text() for t in panels[-1].get_xticklabels()] == list("abcdef")
    figure.savefig(tmp_path / "weights.png")
    assert (tmp_path / "weights.png").stat().st_size > 1000
    with pytest.raises(ShapeError, match=r"weights\[0\]"):
        attention.draw_weights(w)
    with pytest.raises(ShapeError, match="2 labels of 6 queries"):
        attention.draw_weights(w[0], queries=["a", "b"])


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    real = builtins.__import__

    def missing(name, *rest):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ImportError, match=r"ember-core\[plot\]"):
        attention.draw_weights([[1.0]])


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_other_precisions(backend, dtype):
    if dtype == "float64" and "float64" not in get_backend(backend).capabilities:
        pytest.skip("the engine has no float64")
    q, k, v = (et.asarray(x, dtype=dtype) for x in sequences())
    y = attention.scaled_dot_product_attention(q, k, v, is_causal=True)
    wanted = functional.scaled_dot_product_attention(
        *(torch.tensor(x.numpy().astype(np.float64)) for x in (q, k, v)), is_causal=True
    )
    assert y.dtype == getattr(et, dtype)
    close(y.numpy().astype(np.float64), wanted, 1e-2 if dtype == "float16" else 1e-9)
