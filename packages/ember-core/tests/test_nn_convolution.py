"""Convolutions: what their namesakes in PyTorch cannot say of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ember_ml import nn
from ember_ml.backend.errors import InvalidValueError, ShapeError
from ember_ml.backend.operations import OPERATIONS
from ember_ml.backend.registry import get_backend
from ember_ml.nn import tensor as et

PLAIN = {"stride": (1,), "padding": ((0, 0),), "dilation": (1,)}
TRANSPOSED = {"stride": (1,), "padding": (0,), "output_padding": (0,), "dilation": (1,)}
CONVS = {"conv": PLAIN, "conv_transpose": TRANSPOSED}


def random(*shape, dtype="float32"):
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(dtype)


# -- errors -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CONVS)
@pytest.mark.parametrize(
    ("x", "weight", "bias", "options", "said"),
    [
        ((2, 5, 5), (4, 3, 2), None, {"groups": 2}, "has 5 channels, and a weight"),
        ((2, 3, 5), (3, 3, 2), None, {"groups": 2}, "3 rows of the weight do not make 2 groups"),
        ((2, 3, 5), (3, 3), None, {}, r"x of shape \(2, 3, 5\) and a weight of shape \(3, 3\)"),
        ((3, 5), (3, 3), None, {}, "one to three axes"),
        ((2, 3, 5), (3, 3, 2), (4,), {}, r"a bias of shape \(4,\), where \(3,\) is due"),
        ((2, 3, 5), (3, 3, 2), (), {}, r"a bias of shape \(\), where \(3,\) is due"),
        ((2, 3, 0), (3, 3, 2), None, {}, "no elements"),
        ((2, 3, 5), (3, 3, 2), None, {"stride": 1}, "stride is a tuple with an item for each"),
        ((2, 3, 5), (3, 3, 2), None, {"dilation": (1, 1)}, "dilation is a tuple"),
    ],
)
def test_what_does_not_fit_is_named(name, x, weight, bias, options, said, backend):
    arrays = [et.ones(x), et.ones(weight), None if bias is None else et.ones(bias)]
    for function in (getattr(et, name), OPERATIONS[name].body):
        with pytest.raises(ShapeError, match=f"^{name}: .*{said}"):
            function(*arrays, **{**CONVS[name], **options})


@pytest.mark.parametrize("name", CONVS)
@pytest.mark.parametrize(
    "options",
    [
        {"stride": (0,)},
        {"dilation": (0,)},
        {"stride": (-1,)},
        {"padding": {"conv": ((-1, -1),), "conv_transpose": (-1,)}},
        {"padding": {"conv": ((0, -1),), "conv_transpose": (-2,)}},
    ],
)
def test_numbers_without_a_meaning(name, options, backend):
    options = {k: v[name] if isinstance(v, dict) else v for k, v in options.items()}
    for function in (getattr(et, name), OPERATIONS[name].body):
        with pytest.raises(InvalidValueError):
            function(et.ones((2, 3, 5)), et.ones((3, 3, 2)), **{**CONVS[name], **options})


def test_output_padding_without_a_meaning(backend):
    for more in ((1,), (-1,)):
        options = {**TRANSPOSED, "output_padding": more}
        with pytest.raises(InvalidValueError):
            et.conv_transpose(et.ones((2, 3, 5)), et.ones((3, 3, 2)), **options)


def test_a_kernel_larger_than_the_input(backend):
    with pytest.raises(ShapeError, match=r"is \(5,\) when padded, and a kernel of \(3,\) reaches"):
        et.conv(et.ones((1, 1, 5)), et.ones((1, 1, 3)), **{**PLAIN, "dilation": (3,)})
    with pytest.raises(ShapeError, match=r"would have the sizes \(0,\)"):
        et.conv_transpose(et.ones((1, 1, 2)), et.ones((1, 1, 1)), **{**TRANSPOSED, "padding": (1,)})


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: nn.Conv2d(0, 3, 3), "Conv2d: in_channels is a positive integer, not 0"),
        (lambda: nn.Conv2d(3, 2.5, 3), "Conv2d: out_channels is a positive integer, not 2.5"),
        (lambda: nn.Conv2d(3, 4, 0), "Conv2d: kernel_size is an integer of at least 1, or 2 of"),
        (lambda: nn.Conv2d(3, 4, (3, 3, 3)), "Conv2d: kernel_size"),
        (lambda: nn.Conv1d(3, 4, 3, stride=0), "Conv1d: stride is an integer of at least 1, not 0"),
        (lambda: nn.Conv1d(3, 4, 3, padding=-1), "Conv1d: padding is an integer of at least 0"),
        (lambda: nn.Conv1d(3, 4, 3, padding="full"), "padding is 'same', 'valid'.* not 'full'"),
        (lambda: nn.Conv1d(3, 4, 3, stride=2, padding="same"), "goes with a stride of 1"),
        (lambda: nn.Conv3d(3, 4, 3, dilation="a"), "Conv3d: dilation"),
        (lambda: nn.Conv1d(3, 4, 3, groups=2), "in_channels is a multiple of groups=2, not 3"),
        (lambda: nn.Conv1d(4, 3, 3, groups=2), "out_channels is a multiple of groups=2, not 3"),
        (lambda: nn.Conv1d(3, 4, 3, padding_mode="edge"), "padding_mode is 'zeros', .*not 'edge'"),
        (lambda: nn.ConvTranspose1d(3, 4, 3, output_padding=1), "output_padding is less than"),
        (lambda: nn.ConvTranspose1d(3, 4, 3, padding_mode="reflect"), "is 'zeros' alone"),
    ],
)
def test_constructor_arguments(make, said):
    with pytest.raises(InvalidValueError, match=said):
        make()


@pytest.mark.parametrize("shape", [(2, 4, 5, 5), (4, 5, 5), (3, 5), (1, 2, 3, 5, 5), ()])
@pytest.mark.parametrize("kind", [nn.Conv2d, nn.ConvTranspose2d])
def test_input_of_a_wrong_shape(kind, shape, backend):
    said = rf"{kind.__name__}: x of shape .*\(N, 3, H, W\) or \(3, H, W\) is due"
    with pytest.raises(ShapeError, match=said):
        kind(3, 4, 3)(et.ones(shape))


@pytest.mark.parametrize(("mode", "least"), [("reflect", 3), ("circular", 2), ("replicate", 1)])
def test_an_input_shorter_than_its_padding(mode, least, backend):
    """What is too short is what PyTorch refuses."""
    layer = nn.Conv1d(1, 1, 3, padding=2, padding_mode=mode)
    reference = torch.nn.Conv1d(1, 1, 3, padding=2, padding_mode=mode)
    assert layer(et.ones((1, 1, least))).shape == reference(torch.ones(1, 1, least)).shape
    if least > 1:
        with pytest.raises(RuntimeError):
            reference(torch.ones(1, 1, least - 1))
        with pytest.raises(ShapeError, match=rf"is too short to pad by .* mode '{mode}'"):
            layer(et.ones((1, 1, least - 1)))


@pytest.mark.parametrize("size", [(9,), (13,), (11, 11), ()])
def test_output_size_that_cannot_be(size):
    layer = nn.ConvTranspose1d(2, 3, 3, stride=2)
    with pytest.raises(InvalidValueError, match=r"output_size is from \[11\] to \[12\]"):
        layer(et.ones((1, 2, 5)), output_size=size)


# -- options and dtypes ---------------------------------------------------------------------------


def test_output_size_of_the_whole_shape(backend):
    layer = nn.ConvTranspose1d(2, 3, 3, stride=2)
    assert layer(et.ones((1, 2, 5)), output_size=(1, 3, 12)).shape == (1, 3, 12)


def test_a_list_is_taken(backend):
    layer = nn.Conv1d(1, 1, 2, bias=False)
    layer.load_state_dict({"weight": et.asarray([[[1.0, -1.0]]])})
    assert layer([[1.0, 3.0, 2.0]]).tolist() == [[-2.0, 1.0]]


def test_initial_values_are_those_of_pytorch():
    et.random.seed(0)
    layer = nn.Conv2d(8, 64, 5, groups=2)
    bound = 1 / math.sqrt(8 / 2 * 25)
    for name in ("weight", "bias"):
        values = getattr(layer, name).numpy()
        assert np.abs(values).max() <= bound
        assert np.abs(values).max() > 0.95 * bound
        assert abs(values.std() / (bound / math.sqrt(3)) - 1) < (0.02 if name == "weight" else 0.25)
    # of a transposed one PyTorch counts the outputs
    assert 0.95 < et.max(et.abs(nn.ConvTranspose1d(2, 50, 4).weight)).item() * math.sqrt(200) <= 1


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("kind", [nn.Conv2d, nn.ConvTranspose2d])
def test_dtypes(kind, dtype, backend):
    if dtype not in {d.name for d in get_backend(backend).dtypes}:
        pytest.skip(f"the engine has no {dtype}")
    layer = kind(2, 3, 3, stride=2, dtype=dtype)
    x = random(2, 2, 7, 7)
    y = layer(et.asarray(x, dtype=dtype))
    assert y.dtype.name == dtype
    theirs = getattr(torch.nn, kind.__name__)(2, 3, 3, stride=2, dtype=torch.float64)
    state = {k: torch.tensor(v.astype("float64").tolist()) for k, v in layer.state_dict().items()}
    theirs.load_state_dict({k: v.double() for k, v in state.items()})
    wanted = theirs(torch.tensor(x, dtype=torch.float64)).detach().numpy()
    error = np.abs(np.array(y.astype("float64").tolist()) - wanted).max()
    assert error < {"float16": 4e-3, "bfloat16": 3e-2, "float32": 1e-5, "float64": 1e-6}[dtype]


def test_large_batches_go_through_in_parts(backend):
    """More columns than are made at a time."""
    layer = nn.Conv2d(3, 4, 3, padding=1, groups=1)
    x = random(43, 3, 30, 30)
    theirs = torch.nn.Conv2d(3, 4, 3, padding=1)
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in layer.state_dict().items()})
    given = torch.tensor(x, requires_grad=True)
    theirs(given).square().sum().backward()

    def loss(layer, x):
        return et.sum(layer(x) ** 2)

    by_layer, by_x = nn.grad(loss, argnums=(0, 1))(layer, et.asarray(x))
    for ours, wanted in (
        (by_x, given.grad),
        (by_layer["weight"], theirs.weight.grad),
        (by_layer["bias"], theirs.bias.grad),
    ):
        scale = wanted.abs().max().item()
        np.testing.assert_allclose(ours.numpy(), wanted.numpy(), rtol=0, atol=1e-5 * scale)


# -- transforms ---------------------------------------------------------------------------------


def stack():
    et.random.seed(1)
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, stride=2, padding=1), nn.Tanh(), nn.ConvTranspose2d(4, 1, 2, stride=2)
    )


@pytest.mark.parametrize("compiled", [False, True])
def test_training_is_the_same_compiled(compiled, backend):
    model, x, y = stack(), random(4, 2, 6, 6), random(4, 1, 6, 6)
    step = nn.train_step(
        model,
        lambda m, x, y: nn.losses.mse(m(x), y),
        nn.optimizers.SGD(learning_rate=0.1),
        compile=compiled,
    )
    losses = [step(et.asarray(x), et.asarray(y)).item() for _ in range(3)]
    theirs = torch.nn.Sequential(
        torch.nn.Conv2d(2, 4, 3, stride=2, padding=1),
        torch.nn.Tanh(),
        torch.nn.ConvTranspose2d(4, 1, 2, stride=2),
    )
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in stack().state_dict().items()})
    for ours in losses:
        loss = torch.nn.functional.mse_loss(theirs(torch.tensor(x)), torch.tensor(y))
        assert abs(ours - loss.item()) < 1e-5
        gradients = torch.autograd.grad(loss, list(theirs.parameters()))
        with torch.no_grad():
            for parameter, gradient in zip(theirs.parameters(), gradients, strict=True):
                parameter -= 0.1 * gradient


@pytest.mark.parametrize("name", CONVS)
def test_vmap_of_values_and_gradients(name, backend):
    function, options = getattr(et, name), CONVS[name]
    x, weight = et.asarray(random(3, 2, 2, 6)), et.asarray(random(3, 2, 2, 3))

    def loss(weight, x):
        return et.sum(function(x, weight, **options) ** 2)

    for in_axes in ((0, 0), (0, None), (None, 0)):
        given = [a if axis == 0 else a[0] for a, axis in zip((weight, x), in_axes, strict=True)]
        mapped = nn.vmap(nn.grad(loss), in_axes=in_axes)(*given)
        for i in range(3):
            one = [a if axis is None else a[i] for a, axis in zip(given, in_axes, strict=True)]
            wanted = nn.grad(loss)(*one).numpy()
            np.testing.assert_allclose(mapped[i].numpy(), wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", CONVS)
def test_second_order(name, backend):
    """The gradient of a gradient's square, by all three operands, against PyTorch's."""
    function, options = getattr(et, name), CONVS[name]
    operands = [random(2, 2, 6), random(2, 2, 3), random(2)]

    def penalty(*operands):
        gradients = nn.grad(lambda *a: et.sum(et.tanh(function(*a, **options))), argnums=(0, 1, 2))(
            *operands
        )
        return et.sum(gradients[0] ** 2) + et.sum(gradients[1] ** 2) + et.sum(gradients[2] ** 2)

    found = nn.grad(penalty, argnums=(0, 1, 2))(*map(et.asarray, operands))
    leaves = [torch.tensor(a, requires_grad=True) for a in operands]
    theirs = {"conv": torch.conv1d, "conv_transpose": torch.conv_transpose1d}[name]
    inner = torch.autograd.grad(theirs(*leaves).tanh().sum(), leaves, create_graph=True)
    wanted = torch.autograd.grad(sum((g**2).sum() for g in inner), leaves)
    for ours, right in zip(found, wanted, strict=True):
        np.testing.assert_allclose(ours.numpy(), right.numpy(), rtol=1e-3, atol=1e-4)
