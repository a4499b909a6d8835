"""Pooling, resizing and padding: ties, options, errors, transforms. PyTorch is the oracle elsewhere."""

import numpy as np
import pytest

from ember_ml import nn
from ember_ml.backend.errors import (
    ArgumentError,
    InvalidValueError,
    ShapeError,
    UnsupportedError,
)
from ember_ml.backend.registry import get_backend
from ember_ml.nn import tensor as et

pytestmark = pytest.mark.usefixtures("backend")

IMAGE = np.arange(32, dtype=np.float32).reshape(1, 2, 4, 4)


def gradient(function, x):
    return nn.grad(lambda x: et.sum(function(x)))(et.asarray(x)).tolist()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_first_of_equal_elements_has_the_gradient(backend, dtype):
    if dtype == "float64" and "float64" not in get_backend(backend).capabilities:
        pytest.skip("the engine has no float64")

    def pooled(x):
        return et.max_pool(et.asarray(x, dtype=dtype), kernel_size=(2, 2))

    assert gradient(pooled, [[[1.0, 2.0], [2.0, 0.0]]]) == [[[0.0, 1.0], [0.0, 0.0]]]
    assert gradient(pooled, [[[1.0, 0.0], [3.0, 3.0]]]) == [[[0.0, 0.0], [1.0, 0.0]]]


def test_the_first_of_equal_elements_has_the_gradient_of_adapted_windows():
    x = [[[2.0, 2.0, 2.0]]]
    assert gradient(lambda x: et.adaptive_max_pool(x, output_size=1), x) == [[[1.0, 0.0, 0.0]]]


def test_the_first_of_equal_elements_has_the_gradient_within_a_gradient():
    x = [[[3.0, 3.0]]]
    inner = nn.grad(lambda x: et.sum(et.max_pool(x, kernel_size=2) ** 2))
    assert gradient(lambda x: inner(x) * et.asarray([1.0, 5.0]), x) == [[[2.0, 0.0]]]


def test_an_element_in_several_windows_has_the_sum_of_their_gradients():
    x = [[[0.0, 5.0, 1.0]]]
    pooled = lambda x: et.max_pool(x, kernel_size=2, stride=1)  # noqa: E731
    assert gradient(pooled, x) == [[[0.0, 2.0, 0.0]]]


def test_nan_is_the_greatest():
    found = et.max_pool([[[1.0, float("nan"), 2.0, 3.0]]], kernel_size=2).tolist()[0][0]
    assert np.isnan(found[0])
    assert found[1] == 3.0


def test_padding_is_smaller_than_everything():
    found = et.max_pool([[[-5.0, -7.0]]], kernel_size=2, padding=1)
    assert found.tolist() == [[[-5.0, -7.0]]]


def test_integers_are_pooled_as_numbers():
    assert et.avg_pool([[[1, 2, 3, 6]]], kernel_size=2).tolist() == [[[1.5, 4.5]]]


def test_one_number_stands_for_every_axis_from_the_third_on():
    x = et.asarray(IMAGE)
    assert et.max_pool(x, kernel_size=2).shape == (1, 2, 2, 2)
    assert et.max_pool(x[0], kernel_size=2).shape == (2, 4, 2)
    assert et.max_pool(x[0], kernel_size=(2, 2)).shape == (2, 2, 2)


def test_half_precision(backend):
    if "bfloat16" in get_backend(backend).capabilities:
        x = et.asarray(IMAGE, dtype="bfloat16")
        assert et.avg_pool(x, kernel_size=2).dtype is et.bfloat16
    x = et.asarray(IMAGE, dtype="float16")
    assert et.max_pool(x, kernel_size=4).tolist() == [[[[15.0]], [[31.0]]]]
    assert nn.Upsample(scale_factor=2, mode="bilinear")(x).dtype is et.float16


MISTAKES = {
    "axes": (lambda: nn.MaxPool2d(2)(et.ones((4, 4))), ShapeError,
        r"MaxPool2d: x of shape \(4, 4\), where \(N, C, H, W\) or \(C, H, W\) is due"),
    "room": (lambda: nn.AvgPool1d(5)(et.ones((1, 2, 4))), ShapeError, "no room for windows of"),
    "padding": (lambda: nn.MaxPool1d(2, padding=2)(et.ones((1, 2, 4))), InvalidValueError,
        "padding is at most half of a window, 1 here, not 2"),
    "kernel": (lambda: nn.MaxPool2d(0), InvalidValueError,
        "MaxPool2d: kernel_size is at least 1, not 0"),
    "kernel sizes": (lambda: nn.AvgPool2d((1, 2, 3)), InvalidValueError,
        r"AvgPool2d: kernel_size has 2 sizes here, not \(1, 2, 3\)"),
    "kernel type": (lambda: nn.MaxPool2d("2"), ArgumentError, "kernel_size is an integer or 2"),
    "indices": (lambda: nn.MaxPool2d(2, return_indices=True), UnsupportedError,
        "MaxPool2d: return_indices is not supported"),
    "divisor": (lambda: et.avg_pool(et.ones((1, 1, 4)), kernel_size=2, divisor_override=0),
        InvalidValueError, "divisor_override cannot be 0"),
    "adaptive": (lambda: nn.AdaptiveAvgPool2d(0), InvalidValueError, "output_size is at least 1"),
    "adaptive axes": (lambda: nn.AdaptiveMaxPool1d(2)(et.ones((1, 2, 3, 4))), ShapeError,
        r"AdaptiveMaxPool1d: x of shape \(1, 2, 3, 4\), where \(N, C, W\) or \(C, W\)"),
    "nothing to resize to": (lambda: nn.Upsample(), InvalidValueError, "either size or"),
    "two sizes": (lambda: nn.Upsample(2, 2.0), InvalidValueError, "either size or scale_factor"),
    "mode": (lambda: et.interpolate(et.ones((1, 1, 2)), size=2, mode="cubic"),
        InvalidValueError, "mode is one of nearest, "),
    "mode and axes": (lambda: nn.Upsample(2, mode="bilinear")(et.ones((1, 1, 2))), ShapeError,
        r"shape \(1, 1, 2\) for mode 'bilinear', which takes 4 axes"),
    "align": (lambda: nn.Upsample(2, align_corners=True)(et.ones((1, 1, 2))), InvalidValueError,
        "align_corners is an option of the linear and cubic modes"),
    "antialias": (lambda: et.interpolate(et.ones((1, 1, 2)), size=2, antialias=True),
        UnsupportedError, "no antialias"),
    "scale": (lambda: et.interpolate(et.ones((1, 1, 2)), scale_factor=-1), InvalidValueError,
        "scale_factor is a positive number"),
    "shuffle": (lambda: nn.PixelShuffle(2)(et.ones((1, 3, 2, 2))), ShapeError,
        r"x of shape \(1, 3, 2, 2\), where \(\.\.\., C \* 4, H, W\) is due"),
    "shuffle factor": (lambda: nn.PixelShuffle(0), InvalidValueError, "PixelShuffle"),
    "pad": (lambda: nn.ZeroPad2d((1, 2)), InvalidValueError, "ZeroPad2d: padding is an integer or 4"),
    "crop": (lambda: nn.ZeroPad1d(-3)(et.ones((1, 2, 4))), ShapeError, "shorter than what padding"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name):
    call, error, message = MISTAKES[name]
    with pytest.raises(error, match=message):
        call()


LAYERS = [
    nn.MaxPool2d(2),
    nn.MaxPool2d(3, stride=2, padding=1),
    nn.AvgPool2d(2),
    nn.AvgPool2d(3, padding=1, count_include_pad=False),
    nn.AdaptiveAvgPool2d(3),
    nn.AdaptiveMaxPool2d((1, 3)),
    nn.Upsample(scale_factor=2),
    nn.Upsample(scale_factor=1.5, mode="bilinear"),
    nn.ZeroPad2d(1),
]


def example(layer):
    x = np.random.default_rng(0).standard_normal((3, 2, 4, 4))
    return et.asarray(x, dtype="float32"), lambda x: nn.grad(lambda x: et.sum(layer(x) ** 2))(x)


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_vmap(layer):
    x, slope = example(layer)
    for function in (layer, slope):
        found = nn.vmap(function)(x[:, None])[:, 0]
        np.testing.assert_allclose(found.numpy(), function(x).numpy(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("layer", [LAYERS[1], LAYERS[3], LAYERS[7]], ids=repr)
def test_compiled_gradient(layer):
    x, slope = example(layer)
    right = slope(x).numpy()
    np.testing.assert_allclose(nn.compile(slope)(x).numpy(), right, rtol=1e-5, atol=1e-5)


def test_an_empty_batch_of_adapted_windows():
    x = et.zeros((0, 2, 9))
    for layer in (nn.AdaptiveMaxPool1d(2), nn.AdaptiveAvgPool1d(2)):
        assert layer(x).shape == (0, 2, 2)
        assert nn.grad(lambda x, layer=layer: et.sum(layer(x)))(x).shape == x.shape
