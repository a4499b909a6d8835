"""Dropout: which elements go, how the rest are scaled, and that a seed means the same everywhere."""

import numpy as np
import pytest
import torch

from ember_ml import nn
from ember_ml.backend.errors import InvalidValueError, ShapeError
from ember_ml.backend.registry import get_backend, use_backend
from ember_ml.nn import tensor as et
from ember_ml.nn.tensor.random import Generator

pytestmark = pytest.mark.usefixtures("backend")

LAYERS = {
    "Dropout": (4, 5),
    "AlphaDropout": (4, 5),
    "Dropout1d": (4, 5, 3),
    "Dropout2d": (4, 5, 3, 2),
    "Dropout3d": (4, 5, 3, 2, 2),
}


@pytest.mark.parametrize("p", [0.1, 0.5, 0.75])
def test_elements_are_dropped_and_the_rest_scaled(p):
    x = np.random.default_rng(0).uniform(1, 2, (100, 1001)).astype(np.float32)
    y = nn.dropout(et.asarray(x), p=p, generator=Generator(3)).numpy()
    kept = y != 0
    np.testing.assert_allclose(y[kept], x[kept] / (1 - p), rtol=1e-6)
    # five standard deviations of a binomial share
    assert abs(kept.mean() - (1 - p)) < 5 * np.sqrt(p * (1 - p) / x.size)
    assert abs(kept.mean(0) - (1 - p)).max() < 6 * np.sqrt(p * (1 - p) / 100)


def test_the_mask_is_made_of_halves_of_words():
    words = Generator(9).bits((6,)).numpy()
    expected = words.view(np.int16)[:11].astype(int) + 2**15 < round(0.7 * 2**16)
    y = nn.dropout(et.ones(11), p=0.3, generator=Generator(9)).numpy()
    np.testing.assert_array_equal(y != 0, expected)


def test_one_seed_gives_the_same_losses_on_numpy(backend):
    def losses(engine, compile):
        with use_backend(engine):
            et.random.seed(4)
            model = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Dropout(0.4), nn.Linear(32, 1))
            x = et.reshape(et.arange(48, dtype="float32") / 48, (8, 6))
            y = et.ones((8, 1))
            step = nn.train_step(
                model,
                lambda m, x, y: ((m(x) - y) ** 2).mean(),
                nn.optimizers.SGD(learning_rate=0.05),
                compile=compile,
            )
            return [step(x, y).item() for _ in range(6)]

    expected = losses("numpy", False)
    assert len(set(expected)) == 6
    np.testing.assert_allclose(losses(backend, False), expected, rtol=1e-4)
    np.testing.assert_allclose(losses(backend, True), expected, rtol=1e-4)


def test_a_compiled_layer_draws_anew():
    layer = nn.compile(nn.Dropout(0.5, generator=Generator(1)))
    x = et.ones((4, 50))
    first, second = layer(x).numpy(), layer(x).numpy()
    assert (first != second).any()
    plain = nn.Dropout(0.5, generator=Generator(1))
    np.testing.assert_array_equal(first, plain(x).numpy())
    np.testing.assert_array_equal(second, plain(x).numpy())


def test_the_gradient_is_the_mask():
    x = np.random.default_rng(1).normal(size=(7, 9)).astype(np.float32)
    y = nn.dropout(et.asarray(x), p=0.25, generator=Generator(5)).numpy()
    gradient = nn.grad(lambda x: nn.dropout(x, p=0.25, generator=Generator(5)).sum())(et.asarray(x))
    np.testing.assert_allclose(gradient.numpy(), np.where(y != 0, 1 / 0.75, 0), rtol=1e-6)


@pytest.mark.parametrize("name", LAYERS)
def test_nothing_is_drawn_where_nothing_can_change(name):
    x = et.asarray(np.random.default_rng(2).normal(size=LAYERS[name]).astype(np.float32))
    generator = Generator(0)
    kept, dropped = (getattr(nn, name)(p, generator=generator) for p in (0.0, 1.0))
    np.testing.assert_array_equal(kept(x).numpy(), x.numpy())
    assert not dropped(x).numpy().any()
    resting = getattr(nn, name)(0.5, generator=generator).eval()
    np.testing.assert_array_equal(resting(x).numpy(), x.numpy())
    assert repr(generator) == repr(Generator(0))


@pytest.mark.parametrize(
    ("name", "shape", "decided"),
    [
        ("Dropout1d", (30, 40, 3), (30, 40)), ("Dropout1d", (400, 3), (400,)),
        ("Dropout2d", (30, 40, 3, 2), (30, 40)), ("Dropout2d", (30, 40, 3), (30, 40)),
        ("Dropout3d", (20, 30, 2, 3, 2), (20, 30)), ("Dropout3d", (400, 2, 3, 2), (400,)),
    ],
)  # fmt: skip
def test_whole_channels_are_dropped(name, shape, decided):
    y = getattr(nn, name)(0.4, generator=Generator(2))(et.ones(shape)).numpy()
    flat = y.reshape(*decided, -1)
    assert (flat == flat[..., :1]).all()
    np.testing.assert_allclose(np.unique(y), [0, 1 / 0.6], rtol=1e-6)
    share = (flat[..., 0] != 0).mean()
    assert abs(share - 0.6) < 5 * np.sqrt(0.24 / np.prod(decided))


@pytest.mark.parametrize("p", [0.1, 0.6])
def test_alpha_dropout_keeps_mean_and_variance(p):
    x = np.random.default_rng(3).normal(size=(300, 300)).astype(np.float32)
    y = nn.alpha_dropout(et.asarray(x), p=p, generator=Generator(6)).numpy()
    assert abs(y.mean()) < 0.02
    assert abs(y.std() - 1) < 0.02
    # two values of PyTorch's, by its own choice of elements: the line that the kept ones are on,
    # and what the others are set to
    torch.manual_seed(0)
    theirs = torch.nn.functional.alpha_dropout(torch.from_numpy(x), p, training=True).numpy()
    dropped = np.bincount(np.unique(theirs, return_inverse=True)[1].ravel()).argmax()
    value = np.unique(theirs)[dropped]
    gone = np.isclose(y, value, rtol=1e-6, atol=0)
    assert abs(gone.mean() - p) < 0.01
    kept = theirs != value
    slope, offset = np.polyfit(x[kept].astype(float), theirs[kept].astype(float), 1)
    np.testing.assert_allclose(y[~gone], slope * x[~gone] + offset, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("p", [-0.1, 1.5, float("nan"), "half", None, True])
def test_p_that_is_no_probability(name, p):
    with pytest.raises(InvalidValueError, match=rf"{name}: p is a probability in \[0, 1\], not"):
        getattr(nn, name)(p)


def test_functions_refuse_p_as_well():
    for function in (nn.dropout, nn.alpha_dropout):
        with pytest.raises(InvalidValueError, match=r"p is a probability in \[0, 1\], not 2"):
            function(et.ones(3), p=2)


@pytest.mark.parametrize("name", ["Dropout1d", "Dropout2d", "Dropout3d"])
@pytest.mark.parametrize("train", [True, False])
def test_channels_need_axes(name, train):
    layer = getattr(nn, name)().train(train)
    with pytest.raises(ShapeError, match=rf"{name}.*shape \(5,\).*is due"):
        layer(et.ones(5))


@pytest.mark.parametrize("dtype", ["float16", "float64", "bfloat16"])
def test_other_dtypes(backend, dtype):
    if dtype not in {d.name for d in get_backend(backend).dtypes}:
        pytest.skip(f"the engine has no {dtype}")
    for name, shape in LAYERS.items():
        layer = getattr(nn, name)(0.5, generator=Generator(7))
        y = layer(et.ones(shape, dtype=dtype))
        assert (y.dtype.name, y.shape) == (dtype, shape)
        again = getattr(nn, name)(0.5, generator=Generator(7))(et.ones(shape))
        np.testing.assert_allclose(y.astype("float32").numpy(), again.numpy(), rtol=1e-2)


def test_a_probability_next_to_one():
    # fewer than one half word in 2**16 would be kept
    assert not nn.dropout(et.ones(1000), p=1 - 1e-9, generator=Generator(0)).numpy().any()


def test_within_vmap_every_row_has_the_same_mask():
    found = nn.vmap(lambda x: nn.dropout(x, p=0.5, generator=Generator(8)))(
        et.ones((3, 40))
    ).numpy()
    assert (found == found[0]).all()
    assert 0 < (found[0] != 0).sum() < 40
