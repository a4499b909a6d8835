"""Losses, in all their options and with their gradients, against ``torch.nn.functional``."""

import itertools

import numpy as np
import pytest
import torch
from torch.nn import functional

from ember_ml import nn
from ember_ml.backend.errors import DTypeError, EmberError, InvalidValueError, ShapeError
from ember_ml.nn import tensor as et

pytestmark = pytest.mark.usefixtures("backend")

CLASSES = 5
SHAPES = {"(C,)": (5,), "(N,C)": (6, 5), "(N,C,d1)": (4, 5, 3), "(N,C,d1,d2)": (2, 5, 3, 2)}


def logits(shape):
    return (3 * np.random.default_rng(0).normal(size=shape)).astype(np.float32)


def labels(shape):
    inner = shape[:1] + shape[2:] if len(shape) > 1 else ()
    return np.random.default_rng(1).integers(0, CLASSES, size=inner)


def compare(x, y, weight, cotangent_seed=2, tolerance=1e-5, **options):
    """Losses and gradients with respect to the logits (and to probabilities) agree."""
    soft = y.dtype.kind == "f"
    theirs = [torch.from_numpy(x).requires_grad_(), torch.from_numpy(np.asarray(y))]
    if soft:
        theirs[1].requires_grad_()
    torch_weight = None if weight is None else torch.from_numpy(weight)
    torch_options = {k: v for k, v in options.items() if v is not None}
    expected = functional.cross_entropy(*theirs, weight=torch_weight, **torch_options)
    c = np.random.default_rng(cotangent_seed).normal(size=expected.shape).astype(np.float32)
    (expected * torch.from_numpy(np.asarray(c))).sum().backward()

    def ours(x, y):
        losses = nn.losses.cross_entropy(x, y, weight=weight, **options)
        return (losses * et.asarray(c)).sum(), losses

    arguments = [et.asarray(x), et.asarray(y)]
    grads, losses = nn.grad(ours, argnums=(0, 1) if soft else (0,), has_aux=True)(*arguments)
    assert losses.shape == tuple(expected.shape)
    close = {"rtol": 10 * tolerance, "atol": tolerance}
    np.testing.assert_allclose(losses.numpy(), expected.detach().numpy(), **close)
    for ours_, theirs_ in zip(grads, theirs, strict=False):
        np.testing.assert_allclose(ours_.numpy(), theirs_.grad.numpy(), **close)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_cross_entropy_with_class_numbers(shape, reduction):
    weight = np.array([0.5, 1.0, 2.0, 0.1, 3.0], np.float32)
    y = labels(shape)
    ignored = int(np.asarray(y).reshape(-1)[0]) if len(shape) > 1 else None
    for w, ignore, smoothing in itertools.product((None, weight), (None, ignored), (0.0, 0.1)):
        compare(
            logits(shape), np.asarray(y), w,
            ignore_index=ignore, label_smoothing=smoothing, reduction=reduction,
        )  # fmt: skip


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_cross_entropy_with_probabilities(shape, reduction):
    weight = np.array([0.5, 1.0, 2.0, 0.1, 3.0], np.float32)
    p = np.random.default_rng(1).uniform(size=shape).astype(np.float32)
    p /= p.sum(axis=1 if len(shape) > 1 else 0, keepdims=True)
    for w, smoothing in itertools.product((None, weight), (0.0, 0.1)):
        compare(logits(shape), p, w, label_smoothing=smoothing, reduction=reduction)


def test_ignored_labels_outside_of_the_classes():
    y = np.array([-100, 0, 4, -100, 2, 1])
    for reduction in ("mean", "sum", "none"):
        compare(logits((6, 5)), y, None, ignore_index=-100, reduction=reduction)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # NumPy says so of 0 / 0
def test_all_labels_ignored():
    x, y = et.asarray(logits((2, 5))), et.asarray([-1, -1])
    assert nn.losses.cross_entropy(x, y, ignore_index=-1, reduction="sum").item() == 0.0
    assert nn.losses.cross_entropy(x, y, ignore_index=-1, reduction="none").tolist() == [0.0, 0.0]
    assert np.isnan(nn.losses.cross_entropy(x, y, ignore_index=-1).item())  # as in PyTorch


@pytest.mark.parametrize("dtype", ["int32", "uint8", "int64"])
def test_dtypes_of_labels(dtype):
    x, y = logits((6, 5)), labels((6, 5)).astype(dtype)
    expected = functional.cross_entropy(torch.from_numpy(x), torch.from_numpy(y).long()).item()
    assert nn.losses.cross_entropy(x, y).item() == pytest.approx(expected, rel=1e-5)
    ignored = nn.losses.cross_entropy(x, y, ignore_index=-100).item()
    assert ignored == pytest.approx(expected, rel=1e-5)


def test_large_logits_give_finite_losses():
    x = np.array([[1000.0, 0.0], [-1000.0, 0.0]], np.float32)
    compare(x, np.array([1, 0]), None, reduction="none")


def test_a_single_sample_as_lists():
    loss = nn.losses.cross_entropy([0.0, 0.0, 0.0, 0.0], 2)
    assert loss.item() == pytest.approx(np.log(4))


def test_shapes_that_do_not_fit():
    with pytest.raises(ShapeError, match=r"an input of shape \(4, 3\).*\(4,\), not \(3,\)"):
        nn.losses.cross_entropy(et.ones((4, 3)), et.asarray([0, 1, 2]))
    with pytest.raises(ShapeError, match=r"class numbers of shape \(2, 4\), not \(2, 3\)"):
        nn.losses.cross_entropy(et.ones((2, 3, 4)), et.zeros((2, 3), dtype="int64"))
    with pytest.raises(ShapeError, match="axis of classes"):
        nn.losses.cross_entropy(1.0, 0)
    with pytest.raises(ShapeError, match=r"weight of shape \(2,\), where \(3,\) is due"):
        nn.losses.cross_entropy(et.ones((4, 3)), [0, 1, 2, 0], weight=[1.0, 2.0])
    with pytest.raises(ShapeError, match="weight"):
        nn.losses.cross_entropy(et.ones((4, 3)), et.ones((4, 3)), weight=[1.0])


def test_options_that_make_no_sense():
    x, y = et.ones((2, 3)), et.asarray([0, 1])
    with pytest.raises(InvalidValueError, match="'mean', 'sum' or 'none', not 'average'"):
        nn.losses.cross_entropy(x, y, reduction="average")
    with pytest.raises(InvalidValueError, match=r"in \[0, 1\], not 1.5"):
        nn.losses.cross_entropy(x, y, label_smoothing=1.5)
    with pytest.raises(InvalidValueError, match="class numbers only"):
        nn.losses.cross_entropy(x, et.ones((2, 3)), ignore_index=0)
    with pytest.raises(DTypeError, match=r"integers, not float32"):
        nn.losses.cross_entropy(x, et.ones(2))
    with pytest.raises(InvalidValueError, match="'mean', 'sum' or 'none'"):
        nn.losses.mse(x, x, reduction="average")


def test_cross_entropy_of_integers():
    expected = functional.cross_entropy(torch.tensor([[1.0, 2.0]]), torch.tensor([0])).item()
    assert nn.losses.cross_entropy([[1, 2]], [0]).item() == pytest.approx(expected)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_mse(reduction):
    x, y = logits((4, 3)), logits((4, 3))[::-1].copy()
    a = torch.from_numpy(x).requires_grad_()
    expected = functional.mse_loss(a, torch.from_numpy(y), reduction=reduction)
    expected.sum().backward()
    found = nn.losses.mse(et.asarray(x), et.asarray(y), reduction=reduction)
    np.testing.assert_allclose(found.numpy(), expected.detach().numpy(), rtol=1e-5)
    gradient = nn.grad(lambda x: nn.losses.mse(x, et.asarray(y), reduction=reduction).sum())(
        et.asarray(x)
    )
    np.testing.assert_allclose(gradient.numpy(), a.grad.numpy(), rtol=1e-5, atol=1e-6)


def test_mse_does_not_broadcast():
    with pytest.raises(ShapeError, match=r"\(4, 1\) and target of shape \(4,\)"):
        nn.losses.mse(et.ones((4, 1)), et.ones(4))


def test_losses_of_two_backends_do_not_mix(backend):
    other = "torch" if backend == "numpy" else "numpy"
    if other not in {info.name for info in et.list_backends()}:
        pytest.skip("there is one backend only")
    x = et.ones((2, 3))
    with pytest.raises(EmberError, match="to_backend"):
        nn.losses.mse(x, et.ones((2, 3)).to_backend(other))
