"""Initialisers against ``torch.nn.init``: the same bounds, moments and distribution.

Samples are large and seeded, so that nothing here changes from run to run.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from ember_ml import nn
from ember_ml.backend.registry import use_backend
from ember_ml.nn import initializers
from ember_ml.nn import tensor as et

BIG = (300, 200)
KERNEL = (64, 32, 3, 5)
#: Below it two samples are taken for different distributions; they are seeded, so never by chance.
UNLIKELY = 1e-3

#: The name, the shape, our arguments, and PyTorch's where they differ.
DRAWN = [
    ("uniform", BIG, {}, None),
    ("uniform", BIG, {"low": -2.0, "high": 0.5}, {"a": -2.0, "b": 0.5}),
    ("normal", BIG, {}, None),
    ("normal", BIG, {"mean": 3.0, "std": 0.2}, None),
    ("trunc_normal", BIG, {}, None),
    ("trunc_normal", BIG, {"std": 0.02}, None),
    ("trunc_normal", BIG, {"mean": 1.0, "std": 2.0, "a": 0.0, "b": 1.5}, None),
    ("trunc_normal", BIG, {"mean": 0.0, "std": 1.0, "a": 2.0, "b": 6.0}, None),
    ("trunc_normal", BIG, {"a": -4.0, "b": -1.0}, None),
    ("xavier_uniform", BIG, {}, None),
    ("xavier_uniform", KERNEL, {"gain": 2.0}, None),
    ("xavier_normal", BIG, {}, None),
    ("xavier_normal", KERNEL, {"gain": 0.5}, None),
    ("kaiming_uniform", BIG, {}, None),
    ("kaiming_uniform", KERNEL, {"a": 5**0.5}, None),
    ("kaiming_uniform", KERNEL, {"mode": "fan_out", "nonlinearity": "relu"}, None),
    ("kaiming_normal", BIG, {"a": 0.2}, None),
    ("kaiming_normal", KERNEL, {"mode": "fan_out"}, None),
    ("kaiming_normal", KERNEL, {"nonlinearity": "tanh"}, None),
    ("kaiming_normal", KERNEL, {"nonlinearity": "selu"}, None),
]  # fmt: skip
EXACT = [
    ("constant", (3, 4), (0.3,), {}),
    ("ones", (2, 3), (), {}),
    ("zeros", (2, 3), (), {}),
    ("eye", (3, 5), (), {}),
    ("eye", (5, 3), (), {}),
    ("dirac", (4, 3, 5), (), {}),
    ("dirac", (3, 4, 2, 3), (), {}),
    ("dirac", (6, 2, 3, 3, 3), (), {"groups": 3}),
    ("dirac", (4, 4, 1), (), {"groups": 2}),
]


def theirs(name, shape, *args, seed=1, **options):
    torch.manual_seed(seed)
    x = torch.empty(shape)
    getattr(torch.nn.init, f"{name}_")(x, *args, **options)
    return x.numpy()


def ours(name, shape, *args, seed=0, **options):
    generator = (
        {} if name in {case[0] for case in EXACT} else {"generator": et.random.Generator(seed)}
    )
    return getattr(initializers, name)(shape, *args, **options, **generator).numpy()


@pytest.mark.parametrize(("name", "shape", "options", "named"), DRAWN, ids=str)
def test_distribution(name, shape, options, named, backend):
    x, y = ours(name, shape, **options), theirs(name, shape, **(named or options))
    assert (x.shape, x.dtype) == (y.shape, y.dtype)
    x, y = x.ravel().astype(float), y.ravel().astype(float)
    assert stats.ks_2samp(x, y).pvalue > UNLIKELY
    error = 5 * y.std() / np.sqrt(x.size / 2)
    assert abs(x.mean() - y.mean()) < error
    assert abs(x.std() - y.std()) < error
    if "normal" not in name or "trunc" in name:
        # the ends are reached, and not passed
        width = y.max() - y.min()
        assert abs(x.min() - y.min()) < 5e-3 * width or name == "trunc_normal"
        assert abs(x.max() - y.max()) < 5e-3 * width or name == "trunc_normal"
    if name == "trunc_normal":
        assert options.get("a", -2.0) <= x.min()
        assert x.max() <= options.get("b", 2.0)


@pytest.mark.parametrize(
    "options", [o for name, _, o, _ in DRAWN if name == "trunc_normal"], ids=str
)
def test_trunc_normal_against_scipy(options, backend):
    mean, std = options.get("mean", 0.0), options.get("std", 1.0)
    ends = [(options.get(key, value) - mean) / std for key, value in (("a", -2.0), ("b", 2.0))]
    x = ours("trunc_normal", (60_000,), **options)
    assert stats.kstest(x, stats.truncnorm(*ends, mean, std).cdf).pvalue > UNLIKELY


def test_trunc_normal_in_the_far_tails(backend):
    for low, high in ((6.0, 7.0), (-9.0, -8.0)):
        x = ours("trunc_normal", (20_000,), a=low, b=high)
        assert stats.kstest(x, stats.truncnorm(low, high).cdf).pvalue > UNLIKELY


@pytest.mark.parametrize(("name", "shape", "args", "options"), EXACT, ids=str)
def test_without_chance(name, shape, args, options, backend):
    np.testing.assert_array_equal(
        ours(name, shape, *args, **options), theirs(name, shape, *args, **options)
    )


@pytest.mark.parametrize("shape", [(20, 30), (30, 20), (16, 4, 3, 3), (4, 4, 3), (1, 5)], ids=str)
@pytest.mark.parametrize("gain", [1.0, 1.7])
def test_orthogonal(shape, gain, backend):
    for x in (ours("orthogonal", shape, gain=gain), theirs("orthogonal", shape, gain=gain)):
        assert x.shape == shape
        flat = x.reshape(shape[0], -1).astype(float)
        product = flat @ flat.T if flat.shape[0] <= flat.shape[1] else flat.T @ flat
        np.testing.assert_allclose(product, gain**2 * np.eye(len(product)), atol=2e-6 * gain**2)


def test_orthogonal_matrices_are_spread_evenly(backend):
    # the first coordinate of a direction of three dimensions is uniform (Archimedes)
    generator = et.random.Generator(5)
    x = [initializers.orthogonal((3, 3), generator=generator).numpy()[0, 0] for _ in range(600)]
    assert stats.kstest(x, stats.uniform(-1, 2).cdf).pvalue > UNLIKELY


@pytest.mark.parametrize("sparsity", [0.1, 0.33, 0.9, 0.0, 1.0])
def test_sparse(sparsity, backend):
    shape = (60, 500)
    x, y = ours("sparse", shape, sparsity, std=0.2), theirs("sparse", shape, sparsity, std=0.2)
    np.testing.assert_array_equal((x == 0).sum(0), (y == 0).sum(0))
    if sparsity < 1:
        assert stats.ks_2samp(x[x != 0], y[y != 0]).pvalue > UNLIKELY
    # every row is as likely to be zero as another
    if 0 < sparsity < 1:
        assert abs((x == 0).mean(1) - (y == 0).mean()).max() < 0.12


GAINS = [
    ("linear", None), ("conv1d", None), ("conv2d", None), ("conv_transpose3d", None),
    ("sigmoid", None), ("tanh", None), ("relu", None), ("selu", None), ("leaky_relu", None),
    ("leaky_relu", 0.2), ("leaky_relu", 2),
]  # fmt: skip


@pytest.mark.parametrize(("nonlinearity", "param"), GAINS)
def test_calculate_gain(nonlinearity, param):
    expected = torch.nn.init.calculate_gain(nonlinearity, param)
    assert initializers.calculate_gain(nonlinearity, param) == pytest.approx(expected, rel=1e-15)


def test_every_initialiser_is_compared():
    named = {name[:-1] for name in dir(torch.nn.init) if name.endswith("_") and name[0] != "_"}
    compared = {case[0] for case in (*DRAWN, *EXACT)} | {"orthogonal", "sparse"}
    assert named & set(initializers.__all__) == compared
    assert named <= compared, f"PyTorch has more: {named - compared}"


@pytest.mark.parametrize("seed", [0, 7])
def test_the_same_on_every_engine(seed, backend):
    with use_backend("numpy"):
        expected = {str(case): ours(case[0], case[1], seed=seed, **case[2]) for case in DRAWN}
        square = ours("orthogonal", (9, 7), seed=seed)
        thin = ours("sparse", (20, 30), 0.5, seed=seed)
    for case in DRAWN:
        x = ours(case[0], case[1], seed=seed, **case[2])
        if "uniform" in case[0]:
            np.testing.assert_array_equal(x, expected[str(case)])
        else:
            np.testing.assert_allclose(x, expected[str(case)], rtol=3e-7, atol=1e-9)
    np.testing.assert_allclose(ours("orthogonal", (9, 7), seed=seed), square, atol=1e-6)
    np.testing.assert_allclose(ours("sparse", (20, 30), 0.5, seed=seed), thin, rtol=3e-7)


def test_a_module_is_initialised_anew(backend):
    model = nn.Sequential(nn.Linear(50, 40), nn.ReLU(), nn.Linear(40, 3))
    before = model[0].weight.numpy().copy()

    def initialise(module):
        if isinstance(module, nn.Linear):
            module.weight = nn.Parameter(initializers.orthogonal(module.weight.shape))
            module.bias = nn.Parameter(initializers.zeros(module.bias.shape))

    model.apply(initialise)
    weight = model.state_dict()["0.weight"].numpy()
    np.testing.assert_allclose(weight @ weight.T, np.eye(40), atol=1e-5)
    assert not np.allclose(weight, before)
    assert [name for name, _ in model.named_parameters()] == [
        "0.weight", "0.bias", "2.weight", "2.bias",
    ]  # fmt: skip
