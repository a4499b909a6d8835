"""Normalisation: running statistics, transforms, dtypes, errors. PyTorch is the oracle elsewhere."""

import numpy as np
import pytest

from ember_ml import nn
from ember_ml.backend.errors import InvalidValueError, ShapeError, UnsupportedError
from ember_ml.backend.registry import get_backend
from ember_ml.nn import tensor as et

pytestmark = pytest.mark.usefixtures("backend")

BATCHES = np.random.default_rng(0).normal(3.0, 2.0, (4, 8, 3)).astype(np.float32)


def expected(momentum):
    """What the running statistics are after all batches."""
    mean, var = np.zeros(3), np.ones(3)
    for n, batch in enumerate(BATCHES, 1):
        share = 1 / n if momentum is None else momentum
        mean += share * (batch.mean(0) - mean)
        var += share * (batch.var(0, ddof=1) - var)
    return mean, var


def loss(model, x):
    return et.mean(model(x) ** 2)


def frozen_step(model, **options):
    """A step of training that leaves the parameters as they are."""
    return nn.train_step(model, loss, nn.optimizers.SGD(learning_rate=0.0), **options)


WAYS = {
    "call": lambda model: model,
    "compile": nn.compile,
    "value_and_grad": lambda model: lambda x: nn.value_and_grad(loss)(model, x),
    "train_step": frozen_step,
    "compiled train_step": lambda model: frozen_step(model, compile=True),
}


@pytest.mark.parametrize(
    ("way", "momentum"), [*((way, 0.1) for way in WAYS), ("compiled train_step", None)]
)
def test_running_statistics_move_in_training(way, momentum):
    layer = nn.BatchNorm1d(3, momentum=momentum)
    held = layer.running_mean
    run = WAYS[way](layer)
    for batch in BATCHES:
        run(et.asarray(batch))
    mean, var = expected(momentum)
    np.testing.assert_allclose(layer.running_mean.numpy(), mean, rtol=1e-5)
    np.testing.assert_allclose(layer.running_var.numpy(), var, rtol=1e-5)
    assert layer.num_batches_tracked.item() == len(BATCHES)
    assert layer.running_mean is held  # what state_dict() gave shows the new values
    layer.eval()
    before = {name: x.tolist() for name, x in layer.state_dict().items()}
    run(et.asarray(BATCHES[0]))
    assert {name: x.tolist() for name, x in layer.state_dict().items()} == before


def test_evaluation_takes_the_running_statistics():
    layer = nn.BatchNorm1d(2, eps=0.0)
    layer.load_state_dict(
        {**layer.state_dict(), "running_mean": [1.0, 2.0], "running_var": [4.0, 16.0]}
    )
    assert layer.eval()([[5.0, 10.0]]).tolist() == [[2.0, 2.0]]


def test_running_statistics_are_constants_of_gradients():
    layer = nn.BatchNorm1d(3)

    def moved(x):
        layer(x)
        return et.sum(layer.running_mean)

    x = et.asarray(BATCHES[0])
    assert not nn.grad(moved)(x).numpy().any()


def test_reset_running_stats():
    layer = nn.BatchNorm1d(3)
    layer(et.asarray(BATCHES[0]))
    layer.reset_running_stats()
    assert layer.running_mean.tolist() == [0.0] * 3
    assert layer.running_var.tolist() == [1.0] * 3
    assert layer.num_batches_tracked.item() == 0


def test_statistics_stay_in_their_dtype():
    layer = nn.BatchNorm1d(3)
    y = layer(et.asarray(BATCHES[0], dtype="float16"))
    assert y.dtype is et.float32
    half = nn.BatchNorm1d(3, dtype="float16")
    assert half(et.asarray(BATCHES[0])).dtype is et.float32
    assert half.running_mean.dtype is et.float16
    assert half(et.asarray(BATCHES[0], dtype="float16")).dtype is et.float16


def test_half_precision_is_added_up_in_single():
    """The sum of 40000 elements is beyond the range of float16."""
    x = et.full((40000, 1), 4.0, dtype="float16") + et.asarray(
        [[1.0], [-1.0]] * 20000, dtype="float16"
    )
    layer = nn.BatchNorm1d(1, momentum=1.0, dtype="float16")
    y = layer(x)
    assert layer.running_mean.tolist() == [4.0]
    np.testing.assert_allclose(y[:2].numpy(), [[1.0], [-1.0]], rtol=1e-2)


def test_moves_between_backends(engines):
    layer = nn.BatchNorm1d(3)
    for engine in engines:
        layer.to_backend(engine)
        layer(et.asarray(BATCHES[0]).to_backend(engine))
    assert layer.num_batches_tracked.item() == len(engines)


def test_vmap():
    x = et.asarray(BATCHES)
    for layer in (nn.LayerNorm(3), nn.RMSNorm(3), nn.BatchNorm1d(3).eval()):
        right = layer(et.reshape(x, (-1, 3))).numpy().reshape(BATCHES.shape)
        np.testing.assert_allclose(nn.vmap(layer)(x).numpy(), right, rtol=1e-4, atol=1e-5)
    for layer in (nn.GroupNorm(1, 8), nn.InstanceNorm1d(8)):
        right = layer(x).numpy()
        one = nn.vmap(lambda x, layer=layer: layer(x[None])[0])
        np.testing.assert_allclose(one(x).numpy(), right, rtol=1e-4, atol=1e-5)
    with pytest.raises(UnsupportedError, match="writes the buffer"):
        nn.vmap(nn.BatchNorm1d(3))(x)


LAYERS = {
    "LayerNorm": (lambda: nn.LayerNorm(3), (8, 3)),
    "RMSNorm": (lambda: nn.RMSNorm((8, 3)), (2, 8, 3)),
    "GroupNorm": (lambda: nn.GroupNorm(2, 4), (3, 4, 5)),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(2), (3, 2, 2, 4)),
    "InstanceNorm1d": (lambda: nn.InstanceNorm1d(2, affine=True), (3, 2, 5)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_gradient_of_a_gradient(name, backend):
    """Against differences of the gradient in double precision; in single by engines' kernels."""
    if "float64" not in get_backend(backend).capabilities:
        pytest.skip("the engine has no float64")
    make, shape = LAYERS[name]
    rng = np.random.default_rng(1)
    x, direction, weights = (rng.standard_normal(shape) for _ in range(3))

    def slope(layer, x):
        found = nn.grad(lambda x: et.sum(layer(x) ** 3))(x)
        return et.sum(found * et.asarray(weights, dtype=x.dtype))

    def along(dtype):
        layer = make().to(dtype=dtype)
        found = nn.grad(lambda x: slope(layer, x))(et.asarray(x, dtype=dtype)).numpy()
        return (found * direction).sum()

    layer, step = make().to(dtype="float64"), 1e-5
    ends = [slope(layer, et.asarray(x + sign * step * direction)).item() for sign in (1, -1)]
    expected = (ends[0] - ends[1]) / (2 * step)
    np.testing.assert_allclose(along("float64"), expected, rtol=1e-5)
    np.testing.assert_allclose(along("float32"), expected, rtol=1e-3)


@pytest.mark.parametrize("name", ["LayerNorm", "BatchNorm2d"])
def test_compiled_gradient(name):
    make, shape = LAYERS[name]
    layer = make()
    x = et.asarray(np.random.default_rng(1).standard_normal(shape), dtype="float32")
    both = nn.value_and_grad(lambda layer, x: et.sum(layer(x) ** 3), argnums=(0, 1))
    _, (right, by_x) = both(layer, x)
    _, (found, found_by_x) = nn.compile(both)(layer, x)
    np.testing.assert_allclose(found_by_x.numpy(), by_x.numpy(), rtol=1e-3, atol=1e-4)
    for key, value in right.items():
        np.testing.assert_allclose(found[key].numpy(), value.numpy(), rtol=1e-3, atol=1e-4)


def test_a_large_mean_does_not_hide_the_variance():
    x = 1000.0 + np.random.default_rng(0).standard_normal((16, 64)).astype(np.float32)
    right = (x - x.mean(1, keepdims=True, dtype="float64")) / x.std(
        1, keepdims=True, dtype="float64"
    )
    np.testing.assert_allclose(nn.LayerNorm(64)(x).numpy(), right, atol=2e-3)
    np.testing.assert_allclose(nn.BatchNorm1d(16)(x.T).numpy(), right.T, atol=2e-3)


MISTAKES = {
    "layer": (lambda: nn.LayerNorm((4, 5))(et.ones((2, 5))), ShapeError,
        r"LayerNorm: x of shape \(2, 5\), where \(\.\.\., 4, 5\) is due"),
    "layer shape": (lambda: nn.LayerNorm(0), InvalidValueError, "LayerNorm: normalized_shape"),
    "no shape": (lambda: nn.LayerNorm(()), InvalidValueError, "at least one size"),
    "rms": (lambda: nn.RMSNorm(3)(et.ones(4)), ShapeError, r"RMSNorm: x of shape \(4,\)"),
    "group": (lambda: nn.GroupNorm(2, 4)(et.ones((1, 6, 2))), ShapeError,
        r"GroupNorm: x of shape \(1, 6, 2\), where \(N, 4, \.\.\.\) is due"),
    "groups": (lambda: nn.GroupNorm(3, 4), InvalidValueError, "a multiple of num_groups=3, not 4"),
    "features": (lambda: nn.BatchNorm2d(-1), InvalidValueError, "BatchNorm2d: num_features"),
    "axes": (lambda: nn.BatchNorm2d(3)(et.ones((2, 3, 4))), ShapeError,
        r"BatchNorm2d: x of shape \(2, 3, 4\), where \(N, 3, H, W\) is due"),
    "channels": (lambda: nn.BatchNorm1d(3)(et.ones((2, 4))), ShapeError,
        r"BatchNorm1d: x of shape \(2, 4\), where \(N, 3\) or \(N, 3, L\) is due"),
    "one value": (lambda: nn.BatchNorm1d(3)(et.ones((1, 3))), ShapeError,
        "one value for each channel"),
    "instance": (lambda: nn.InstanceNorm2d(3)(et.ones((2, 3, 1, 1))), ShapeError,
        "one value for each channel of an example"),
    "instance axes": (lambda: nn.InstanceNorm1d(3)(et.ones((2, 3, 4, 5))), ShapeError,
        r"where \(N, 3, L\) or \(3, L\) is due"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name):
    call, error, message = MISTAKES[name]
    with pytest.raises(error, match=message):
        call()


def test_a_mistake_leaves_the_statistics():
    layer = nn.BatchNorm1d(3)
    with pytest.raises(ShapeError):
        layer(et.ones((1, 3)))
    assert layer.num_batches_tracked.item() == 0


@pytest.mark.parametrize("options", [{}, {"momentum": None}, {"track_running_stats": False}])
def test_an_empty_batch_leaves_the_statistics(options):
    """It counts as a batch, as in PyTorch, and moves nothing."""
    layer = nn.BatchNorm2d(3, **options)
    x = et.zeros((0, 3, 4, 4))
    by_parameters, by_x = nn.grad(lambda layer, x: et.sum(layer(x) ** 2), argnums=(0, 1))(layer, x)
    assert by_x.shape == x.shape
    assert not any(g.numpy().any() for g in by_parameters.values())
    if layer.running_mean is not None:
        assert layer.running_mean.tolist() == [0.0] * 3
        assert layer.running_var.tolist() == [1.0] * 3
        assert layer.num_batches_tracked.item() == 1


def test_groups_without_elements():
    assert nn.GroupNorm(2, 4)(et.zeros((2, 4, 0))).shape == (2, 4, 0)
    assert nn.LayerNorm(3)(et.zeros((0, 3))).shape == (0, 3)
