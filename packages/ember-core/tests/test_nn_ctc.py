"""Connectionist temporal classification, by the logits before it, against PyTorch."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from ember_ml import nn
from ember_ml.backend.errors import DTypeError, InvalidValueError, ShapeError, TensorIndexError
from ember_ml.backend.registry import get_backend
from ember_ml.nn import tensor as et

pytestmark = pytest.mark.usefixtures("backend")

STEPS, N, C = 12, 4, 5
LOGITS = (2 * np.random.default_rng(0).normal(size=(STEPS, N, C))).astype(np.float32)
PADDED = np.array([[1, 1, 2, 3], [4, 2, -1, -1], [3, 99, 0, 0], [0, 0, 0, 0]])
SIZES = np.array([4, 2, 1, 0])
FULL = np.array([12, 7, 12, 3])
#: The first target is too long for its input, and so is the third.
SHORT = np.array([4, 7, 0, 3])


def compare(lengths, targets=PADDED, sizes=SIZES, logits=LOGITS, compiled=False, **options):
    theirs = torch.from_numpy(logits).requires_grad_()
    wide = [torch.from_numpy(np.asarray(a)) for a in (targets, lengths, sizes)]
    expected = functional.ctc_loss(theirs.log_softmax(-1), *wide, **options)
    expected.sum().backward()

    def both(x, targets, lengths, sizes):
        def loss(x):
            found = nn.losses.ctc(et.log_softmax(x), targets, lengths, sizes, **options)
            return found.sum(), found

        gradient, found = nn.grad(loss, has_aux=True)(x)
        return found, gradient

    arguments = [et.asarray(a) for a in (logits, targets, lengths, sizes)]
    found, gradient = (nn.compile(both) if compiled else both)(*arguments)
    np.testing.assert_allclose(found.numpy(), expected.detach().numpy(), rtol=1e-5)
    # PyTorch's gradient of an infinite loss is nan, and ours is zero
    wanted = np.nan_to_num(theirs.grad.numpy())
    np.testing.assert_allclose(gradient.numpy(), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_gradients_by_logits(reduction):
    compare(FULL, reduction=reduction)
    compare(FULL, blank=2, targets=np.where(PADDED == 2, 0, PADDED), reduction=reduction)


@pytest.mark.parametrize("zero_infinity", [True, False])
def test_targets_that_are_too_long(zero_infinity):
    compare(SHORT, reduction="none", zero_infinity=zero_infinity)


def test_mean_with_infinite_losses_as_zero():
    compare(SHORT, zero_infinity=True)


def test_targets_in_a_row():
    row = np.concatenate([targets[:size] for targets, size in zip(PADDED, SIZES, strict=True)])
    compare(FULL, targets=row)
    compare(FULL, targets=row, compiled=True)


@pytest.mark.parametrize("lengths", [FULL, SHORT], ids=["full", "short"])
def test_compiled(lengths):
    compare(lengths, reduction="none", zero_infinity=True, compiled=True)


def test_a_single_sequence():
    x = LOGITS[:, 0]
    theirs = functional.ctc_loss(
        torch.from_numpy(x).log_softmax(-1), torch.tensor([1, 2]), torch.tensor(12), torch.tensor(2)
    )
    found = nn.losses.ctc(et.log_softmax(et.asarray(x)), [1, 2], 12, 2)
    assert found.shape == ()
    assert found.item() == pytest.approx(theirs.item(), rel=1e-5)


def test_impossible_classes_and_sure_ones():
    """Logarithms of zero: a gradient is a number all the same."""
    x = np.full((3, 1, 3), -np.inf, np.float32)
    x[[0, 1, 2], 0, [1, 0, 2]] = 0.0
    targets = et.asarray([[1, 2]])

    def loss(x):
        return nn.losses.ctc(x, targets, [3], [2], reduction="sum")

    value, gradient = nn.value_and_grad(loss)(et.asarray(x))
    assert value.item() == pytest.approx(0.0, abs=1e-6)
    wanted = np.where(x == 0, -1.0, 0.0)
    np.testing.assert_allclose(gradient.numpy(), wanted, atol=1e-6)
    assert nn.losses.ctc(et.asarray(x), [[2, 1]], [3], [2], reduction="sum").item() == np.inf


def test_half_precision(backend):
    x = et.log_softmax(et.asarray(LOGITS)).astype("float16")
    found = nn.losses.ctc(x, PADDED, FULL, SIZES)
    assert found.dtype == et.float16
    expected = nn.losses.ctc(et.log_softmax(et.asarray(LOGITS)), PADDED, FULL, SIZES)
    assert found.item() == pytest.approx(expected.item(), rel=1e-2)


def test_double_precision(backend):
    if "float64" not in get_backend(backend).capabilities:
        pytest.skip("the engine has no float64")
    x = np.asarray(LOGITS, np.float64)
    theirs = functional.ctc_loss(
        torch.from_numpy(x).log_softmax(-1), *map(torch.from_numpy, (PADDED, FULL, SIZES))
    )
    found = nn.losses.ctc(et.log_softmax(et.asarray(x)), PADDED, FULL, SIZES)
    assert found.item() == pytest.approx(theirs.item(), rel=1e-12)


def test_vmap():
    x = et.log_softmax(et.asarray(LOGITS))
    both = nn.vmap(lambda x: nn.losses.ctc(x, [[1, 2]] * N, [STEPS] * N, [2] * N))(
        et.stack([x, 2.0 * x])
    )
    single = [nn.losses.ctc(a, [[1, 2]] * N, [STEPS] * N, [2] * N).item() for a in (x, 2.0 * x)]
    np.testing.assert_allclose(both.numpy(), single, rtol=1e-5)


def test_what_does_not_fit():
    x = et.zeros((5, 2, 3))
    for arguments, error, text in [
        (
            (x, [[1], [2]], [5, 5], [1]),
            ShapeError,
            r"target_lengths of shape \(1,\); \(2,\) is due",
        ),
        ((x, [[1, 2]], [5, 5], [1, 1]), ShapeError, r"targets of shape \(1, 2\); \(N, S\)"),
        ((x[0, 0], [[1]], [5], [1]), ShapeError, r"log_probs of shape \(3,\)"),
        ((x, [[1], [2]], [5, 6], [1, 1]), ShapeError, "input_lengths are at most 5 here.*not 6"),
        ((x, [[1], [2]], [5, 5], [1, 2]), ShapeError, "target_lengths are at most 1 here.*not 2"),
        ((x, [1, 2, 2], [5, 5], [1, 1]), ShapeError, "add up to 2, and there are 3"),
        ((x, [[1], [3]], [5, 5], [1, 1]), TensorIndexError, "labels outside of 0 to 2"),
        ((x, [[1], [-2]], [5, 5], [1, 1]), TensorIndexError, "labels outside of 0 to 2"),
        ((x, [[1.5], [2.5]], [5, 5], [1, 1]), DTypeError, "targets are integers, not float32"),
    ]:
        with pytest.raises(error, match=text):
            nn.losses.ctc(*arguments)
    with pytest.raises(InvalidValueError, match="blank is a class, 0 to 2, not 3"):
        nn.losses.ctc(x, [[1], [2]], [5, 5], [1, 1], blank=3)
    with pytest.raises(InvalidValueError, match="'mean', 'sum' or 'none', not 'average'"):
        nn.CTCLoss(reduction="average")
