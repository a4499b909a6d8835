"""What holds for every loss: precision, compilation, finite differences, errors.

That values and gradients are PyTorch's is tested in tests/oracle.
"""

import numpy as np
import pytest
import torch
from torch.nn import functional

from ember_ml import nn
from ember_ml.backend.errors import InvalidValueError, ShapeError, TensorIndexError
from ember_ml.backend.registry import get_backend
from ember_ml.nn import losses
from ember_ml.nn import tensor as et

pytestmark = pytest.mark.usefixtures("backend")

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(2, 6, 4))
P, Q = (0.05 + 0.9 * RNG.random((2, 6, 4))).astype(np.float64)
SIGNS = np.where(RNG.random(6) < 0.5, 1, -1)
CLASSES = RNG.integers(0, 4, 6)

#: A layer, and its arguments; as many of the first as are floating are differentiated.
LOSSES = {
    "mse": (nn.MSELoss(), X, Y),
    "l1": (nn.L1Loss(), X, Y),
    "smooth_l1": (nn.SmoothL1Loss(beta=0.7), X, Y),
    "huber": (nn.HuberLoss(delta=0.7), X, Y),
    "gaussian_nll": (nn.GaussianNLLLoss(full=True), X, Y, P),
    "poisson_nll": (nn.PoissonNLLLoss(full=True), X, 3 * P + 1.5),
    "kl_div": (nn.KLDivLoss(reduction="batchmean"), X, P),
    "kl_div of logarithms": (nn.KLDivLoss(reduction="sum", log_target=True), X, Y),
    "binary_cross_entropy": (nn.BCELoss(), P, Q),
    "binary_cross_entropy_with_logits": (nn.BCEWithLogitsLoss(), X, Q),
    "soft_margin": (nn.SoftMarginLoss(), X, Y),
    "multilabel_soft_margin": (nn.MultiLabelSoftMarginLoss(), X, Q),
    "cosine_embedding": (nn.CosineEmbeddingLoss(0.1), X, Y, SIGNS),
    "triplet_margin": (nn.TripletMarginLoss(p=3.0, swap=True), X, Y, P),
    "triplet_margin_with_distance": (nn.TripletMarginWithDistanceLoss(), X, Y, P),
    "margin_ranking": (nn.MarginRankingLoss(0.1), X[:, 0], Y[:, 0], SIGNS),
    "hinge_embedding": (nn.HingeEmbeddingLoss(), X[:, 0], SIGNS),
    "cross_entropy": (nn.CrossEntropyLoss(label_smoothing=0.1), X, CLASSES),
    "cross_entropy of probabilities": (nn.CrossEntropyLoss(), X, Q),
    "nll": (nn.NLLLoss(), X, CLASSES),
}


def prepared(name, dtype):
    layer, *arrays = LOSSES[name]
    return layer, [et.asarray(a.astype(dtype) if a.dtype.kind == "f" else a) for a in arrays]


def gradients(layer, arguments):
    floating = tuple(i for i, x in enumerate(arguments) if x.dtype.kind == "float")
    return nn.value_and_grad(lambda *given: layer(*given), argnums=floating)(*arguments)


@pytest.mark.parametrize("name", LOSSES)
def test_finite_differences(name, backend):
    if "float64" not in get_backend(backend).capabilities:
        pytest.skip("the engine has no float64")
    layer, arguments = prepared(name, "float64")
    _, found = gradients(layer, arguments)
    for i, gradient in enumerate(found):
        values = arguments[i].numpy()
        direction = np.random.default_rng(i).normal(size=values.shape)

        def at(step, i=i, values=values, direction=direction):
            moved = list(arguments)
            moved[i] = et.asarray(values + step * direction)
            return layer(*moved).item()

        slope = (at(1e-6) - at(-1e-6)) / 2e-6
        assert (gradient.numpy() * direction).sum() == pytest.approx(slope, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("name", LOSSES)
def test_compiled(name):
    layer, arguments = prepared(name, "float32")
    value, found = gradients(layer, arguments)

    def both(*given):
        value, found = gradients(layer, list(given))
        return [value, *found]

    again, *compiled = nn.compile(both)(*arguments)
    np.testing.assert_allclose(again.numpy(), value.numpy(), rtol=1e-5)
    for ours, theirs in zip(compiled, found, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_half_precision(name):
    layer, arguments = prepared(name, "float16")
    found = layer(*arguments)
    assert found.dtype == et.float16
    right = layer(*prepared(name, "float32")[1]).item()
    assert found.item() == pytest.approx(right, rel=2e-2, abs=1e-2)


@pytest.mark.parametrize("name", [name for name in LOSSES if " " not in name])
def test_reductions_that_do_not_exist(name):
    layer, arguments = prepared(name, "float32")
    with pytest.raises(InvalidValueError, match=f"{type(layer).__name__}: .*not 'average'"):
        type(layer)(reduction="average")
    with pytest.raises(InvalidValueError, match=f"{name}: .*not 'average'"):
        getattr(losses, name)(*arguments, reduction="average")


@pytest.mark.parametrize("name", [name for name in LOSSES if " " not in name])
def test_shapes_that_differ(name):
    _, (first, *rest) = prepared(name, "float32")
    with pytest.raises(ShapeError, match=f"{name}: "):
        getattr(losses, name)(first[:1], *rest)


def test_targets_of_two_dtypes():
    """Integers are as good as the numbers that they are."""
    x, y = et.asarray(X.astype(np.float32)), (P > 0.5)
    for target in (y.astype(np.int64), y.astype(np.uint8)):
        found = losses.binary_cross_entropy_with_logits(x, target).item()
        right = losses.binary_cross_entropy_with_logits(x, y.astype(np.float32)).item()
        assert found == pytest.approx(right)


def test_arguments_follow_the_backend_of_tensors(backend):
    """Lists and arrays go where the tensors are, whatever backend is current."""
    other = next((i.name for i in et.list_backends() if i.name != backend), backend)
    x = et.ones((2, 3))
    with et.use_backend(other):
        found = losses.cross_entropy(x, [0, 1], weight=[1.0, 2.0, 3.0])
    assert found.backend == backend


def test_extreme_logits():
    x, y = et.asarray([1e4, -1e4, 1e4, -1e4]), et.asarray([1.0, 0.0, 0.0, 1.0])
    value, gradient = nn.value_and_grad(
        lambda x: losses.binary_cross_entropy_with_logits(x, y, reduction="sum")
    )(x)
    assert value.item() == 2e4
    assert gradient.tolist() == pytest.approx([0.0, 0.0, 1.0, -1.0], abs=1e-30)
    found = losses.soft_margin([-1e4, 1e4], [1.0, 1.0], reduction="none")
    assert found.tolist() == [1e4, 0.0]
    found = losses.huber([1e30], [-1e30])
    assert found.item() == pytest.approx(2e30)


def test_a_logit_of_zero_has_half_a_gradient():
    gradient = nn.grad(lambda x: losses.binary_cross_entropy_with_logits(x, et.asarray([1.0])))(
        et.asarray([0.0])
    )
    assert gradient.tolist() == [-0.5]


@pytest.mark.parametrize("distance", [nn.TripletMarginLoss(eps=0.0), nn.PairwiseDistance(eps=0.0)])
def test_a_distance_of_zero_has_a_gradient(distance):
    x = et.ones((2, 3))
    rest = (x, x) if isinstance(distance, nn.TripletMarginLoss) else (x,)
    assert nn.grad(lambda x: distance(x, *rest).sum())(x).tolist() == [[0.0] * 3] * 2


def test_probabilities_outside_of_their_range():
    for value in (1.5, -0.1, float("nan")):
        with pytest.raises(InvalidValueError, match=r"outside of \[0, 1\].*with_logits"):
            losses.binary_cross_entropy([0.5, value], [1.0, 1.0])
    with pytest.raises(InvalidValueError, match="var has negative"):
        losses.gaussian_nll([1.0], [1.0], [-1.0])


@pytest.mark.parametrize("loss", [losses.nll, losses.cross_entropy])
@pytest.mark.parametrize("label", [3, -1])
def test_labels_outside_of_the_classes(loss, label):
    with pytest.raises(TensorIndexError):
        loss(et.ones((2, 3)), et.asarray([0, label]))
    with pytest.raises(TensorIndexError):
        loss(et.ones((2, 3)), et.asarray([0, label]), weight=[1.0, 2.0, 3.0])


def test_minus_a_hundred_is_ignored_as_in_pytorch():
    x, y = X.astype(np.float32), np.where(CLASSES == 1, -100, CLASSES)
    expected = functional.cross_entropy(torch.from_numpy(x), torch.from_numpy(y)).item()
    assert losses.cross_entropy(x, y).item() == pytest.approx(expected, rel=1e-5)
    assert nn.CrossEntropyLoss()(x, y).item() == pytest.approx(expected, rel=1e-5)


def test_weights_of_errors():
    w = P.astype(np.float32)
    arrays = [a.astype(np.float32) for a in (X, Y)]
    theirs = [torch.from_numpy(a) for a in (*arrays, w)]
    for name, ours in (
        ("mse_loss", losses.mse),
        ("l1_loss", losses.l1),
        ("huber_loss", losses.huber),
    ):
        for reduction in ("mean", "sum", "none"):
            expected = getattr(functional, name)(*theirs[:2], weight=theirs[2], reduction=reduction)
            found = ours(*arrays, weight=w, reduction=reduction)
            np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-5)
        with pytest.raises(ShapeError, match=r"weight of shape \(4,\)"):
            ours(*arrays, weight=w[0])


def test_weights_are_buffers(backend):
    layer = nn.BCEWithLogitsLoss([1.0, 2.0], pos_weight=[3.0, 4.0])
    theirs = torch.nn.BCEWithLogitsLoss(torch.ones(2), pos_weight=torch.ones(2))
    assert list(layer.state_dict()) == list(theirs.state_dict())
    assert list(layer.parameters()) == []
    layer.load_state_dict(theirs.state_dict())
    assert layer.pos_weight.tolist() == [1.0, 1.0]
    assert nn.CrossEntropyLoss().state_dict() == {}
    with pytest.raises(ShapeError, match=r"pos_weight of shape \(2,\) does not broadcast"):
        layer([0.0, 1.0, 2.0], [0.0, 1.0, 2.0])


def test_options_that_make_no_sense():
    for make, text in [
        (lambda: nn.HuberLoss(delta=0.0), "HuberLoss: delta is a number, positive, not 0.0"),
        (lambda: nn.SmoothL1Loss(beta=-1.0), "SmoothL1Loss: beta is a number, at least 0"),
        (lambda: nn.TripletMarginLoss(margin=0.0), "margin is a number, positive"),
        (lambda: nn.CrossEntropyLoss(label_smoothing=2.0), r"in \[0, 1\], not 2.0"),
        (lambda: nn.HingeEmbeddingLoss("1"), "margin is a number"),
    ]:
        with pytest.raises(InvalidValueError, match=text):
            make()
    with pytest.raises(ShapeError, match="batchmean"):
        losses.kl_div(1.0, 1.0, reduction="batchmean")


def test_a_loss_as_a_layer_of_a_training_step():
    model, loss = nn.Linear(4, 4), nn.CrossEntropyLoss(weight=[1.0, 2.0, 1.0, 1.0])
    step = nn.train_step(
        model, lambda m, x, y: loss(m(x), y), nn.optimizers.SGD(learning_rate=0.5), compile=True
    )
    x, y = et.asarray(X.astype(np.float32)), et.asarray(CLASSES)
    found = [step(x, y).item() for _ in range(20)]
    assert found[-1] < found[0]
