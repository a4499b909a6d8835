"""Convolutions by MLX's own kernels and by products of matrices, against PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest

from ember_ml import nn
from ember_ml.backend.mlx import _convolution
from ember_ml.nn import tensor as et

torch = pytest.importorskip("torch")

CONV = [
    ((2, 2, 9), (3, 2, 3), {"stride": (2,), "padding": (1,), "dilation": (2,)}),
    ((2, 4, 7, 6), (6, 2, 3, 2), {"stride": (1, 2), "padding": (0, 1), "groups": 2}),
    ((2, 2, 5, 6, 4), (3, 2, 1, 2, 3), {"stride": (3, 2, 1), "padding": (0, 1, 1)}),
]
TRANSPOSED = [
    ((2, 2, 5), (2, 3, 3), {"stride": (3,), "padding": (2,), "output_padding": (1,)}),
    ((2, 2, 4, 5), (2, 3, 1, 3), {"stride": (3, 3), "padding": (0, 1), "output_padding": (2, 1)}),
    ((2, 2, 3, 3, 3), (2, 1, 2, 1, 2), {"stride": (2, 1, 3), "dilation": (2, 2, 1)}),
    ((1, 2, 6), (2, 3, 1), {"stride": (1,), "padding": (2,)}),
    ((2, 4, 5), (4, 3, 2), {"stride": (2,), "groups": 2}),
]


@pytest.fixture(params=[True, False], ids=["products", "kernels"])
def way(request, monkeypatch):
    monkeypatch.setattr(_convolution, "PRODUCTS", request.param)


def _options(given, axes, *more):
    zeros, ones = (0,) * axes, (1,) * axes
    defaults = {"stride": ones, "padding": zeros, "dilation": ones, "groups": 1}
    return {**defaults, **dict.fromkeys(more, zeros), **given}


def _agree(ours, theirs, shapes, bias):
    """Values and gradients, and the gradient of a gradient."""
    rng = np.random.default_rng(0)
    operands = [rng.standard_normal(shape).astype("float32") for shape in (*shapes, (bias,))]
    leaves = [torch.tensor(a, requires_grad=True) for a in operands]
    wanted = theirs(*leaves)
    first = torch.autograd.grad((wanted**3).sum(), leaves, create_graph=True)
    second = torch.autograd.grad((first[1] ** 2).sum(), leaves)
    with nn.use_backend("mlx"):
        given = [et.asarray(a) for a in operands]
        every = (0, 1, 2)

        def loss(*operands):
            return et.sum(ours(*operands) ** 3)

        def penalty(*operands):
            return et.sum(nn.grad(loss, argnums=1)(*operands) ** 2)

        found = [
            ours(*given),
            *nn.grad(loss, argnums=every)(*given),
            *nn.grad(penalty, argnums=every)(*given),
        ]
    for x, right in zip(found, [wanted, *first, *second], strict=True):
        right = right.detach().numpy()
        np.testing.assert_allclose(x.numpy(), right, rtol=0, atol=1e-5 * np.abs(right).max())


@pytest.mark.parametrize(("x", "weight", "given"), CONV)
def test_conv(x, weight, given, way):
    options = _options(given, len(x) - 2)
    pairs = tuple((n, n) for n in options["padding"])
    theirs = getattr(torch, f"conv{len(x) - 2}d")
    _agree(
        lambda *a: et.conv(*a, **{**options, "padding": pairs}),
        lambda *a: theirs(*a, **options),
        (x, weight),
        weight[0],
    )


@pytest.mark.parametrize(("x", "weight", "given"), TRANSPOSED)
def test_conv_transpose(x, weight, given, way):
    options = _options(given, len(x) - 2, "output_padding")
    theirs = getattr(torch, f"conv_transpose{len(x) - 2}d")
    _agree(
        lambda *a: et.conv_transpose(*a, **options),
        lambda *a: theirs(*a, **options),
        (x, weight),
        weight[1] * options["groups"],
    )
