"""Metrics against scikit-learn, at once and batch by batch."""

import math

import numpy as np
import pytest

from ember_ml import nn
from ember_ml.backend.errors import (
    ArgumentError,
    CheckpointError,
    DTypeError,
    InvalidValueError,
    ShapeError,
    TensorIndexError,
)
from ember_ml.nn import metrics
from ember_ml.nn import tensor as et

sk = pytest.importorskip("sklearn.metrics", reason="what metrics are compared with")

pytestmark = [
    pytest.mark.usefixtures("backend"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning"),
]

RNG = np.random.default_rng(0)
#: Class 3 is never true, class 4 never predicted, and 5 is neither.
TRUE = RNG.choice([0, 1, 2, 4], 60)
PRED = np.where(RNG.random(60) < 0.6, np.where(TRUE == 4, 0, TRUE), RNG.integers(0, 4, 60))
BINARY = RNG.integers(0, 2, 50), RNG.integers(0, 2, 50)
#: With equal scores.
SCORES = np.round(RNG.random((60, 5)), 1).astype(np.float32)
Y, Y_HAT = RNG.normal(size=(2, 40, 3))


def close(found, expected, tolerance=1e-6):
    assert isinstance(found, et.EmberTensor)
    np.testing.assert_allclose(found.numpy(), expected, rtol=tolerance, atol=tolerance)


def streamed(metric, *arrays, parts=4):
    """Updated with the parts of ``arrays``, the last two of them on a second one."""
    other = type(metric)(**metric._options())
    chunks = list(zip(*(np.array_split(a, parts) for a in arrays), strict=True))
    for i, chunk in enumerate(chunks):
        (other if i >= parts - 2 else metric).update(*map(et.asarray, chunk))
    return metric.merge(other).compute()


@pytest.mark.parametrize("normalize", [True, False])
def test_accuracy(normalize):
    expected = sk.accuracy_score(TRUE, PRED, normalize=normalize)
    close(metrics.accuracy(TRUE, PRED, normalize=normalize), expected)
    close(streamed(metrics.Accuracy(normalize=normalize), TRUE, PRED), expected)


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("k", [1, 2, 3, 5, 9])
def test_top_k_accuracy(k, normalize):
    expected = sk.top_k_accuracy_score(TRUE, SCORES, k=k, normalize=normalize, labels=range(5))
    close(metrics.top_k_accuracy(TRUE, SCORES, k=k, normalize=normalize), expected)
    close(streamed(metrics.TopKAccuracy(k=k, normalize=normalize), TRUE, SCORES), expected)


SCORE = {
    "precision": (metrics.precision, metrics.Precision, sk.precision_score),
    "recall": (metrics.recall, metrics.Recall, sk.recall_score),
    "f1": (metrics.f1, metrics.F1, sk.f1_score),
}


@pytest.mark.parametrize("zero_division", [0.0, 1.0, math.nan])
@pytest.mark.parametrize("average", ["micro", "macro", "weighted", None])
@pytest.mark.parametrize("name", SCORE)
def test_scores_of_several_classes(name, average, zero_division):
    function, kind, theirs = SCORE[name]
    options = {"average": average, "zero_division": zero_division}
    close(function(TRUE, PRED, **options), theirs(TRUE, PRED, **options))
    for labels in ([2, 0, 1], [0, 5], [3], [7, 8]):
        expected = theirs(TRUE, PRED, labels=labels, **options)
        close(function(TRUE, PRED, labels=labels, **options), expected)
    labels = range(6) if average is None else None  # a mean is over those that have been seen
    expected = theirs(TRUE, PRED, labels=labels, **options)
    close(streamed(kind(6, **options), TRUE, PRED), expected)


@pytest.mark.parametrize("zero_division", [0.0, 1.0, math.nan])
@pytest.mark.parametrize("pos_label", [0, 1])
@pytest.mark.parametrize("name", SCORE)
def test_scores_of_two_classes(name, pos_label, zero_division):
    function, kind, theirs = SCORE[name]
    options = {"pos_label": pos_label, "zero_division": zero_division}
    zeros = np.zeros(5, int)
    for pair in (BINARY, (zeros, zeros), (zeros, 1 - zeros)):
        expected = theirs(*pair, **options)
        close(function(*pair, **options), expected)
        close(streamed(kind(**options), *pair), expected)
    close(function(BINARY[0] == 1, BINARY[1] == 1, **options), theirs(*BINARY, **options))


def test_other_numbers_than_classes_from_zero():
    y_true, y_pred = np.array([-1, 1, 1, -1]), np.array([1, 1, -1, -1])
    close(metrics.f1(y_true, y_pred), sk.f1_score(y_true, y_pred))
    close(metrics.f1(y_true, y_pred, pos_label=-1), sk.f1_score(y_true, y_pred, pos_label=-1))
    close(metrics.confusion_matrix(y_true, y_pred), sk.confusion_matrix(y_true, y_pred))


@pytest.mark.parametrize("normalize", ["true", "pred", "all", None])
def test_confusion_matrix(normalize):
    for labels in (None, [2, 0], [0, 5]):
        options = {"labels": labels, "normalize": normalize}
        found = metrics.confusion_matrix(TRUE, PRED, **options)
        close(found, sk.confusion_matrix(TRUE, PRED, **options))
    assert found.dtype.name == ("int64" if normalize is None else "float32")
    expected = sk.confusion_matrix(TRUE, PRED, labels=range(6), normalize=normalize)
    close(streamed(metrics.ConfusionMatrix(6, normalize=normalize), TRUE, PRED), expected)


def test_auroc_of_two_classes():
    y_true, scores = BINARY[0], SCORES[:50, 0]
    expected = sk.roc_auc_score(y_true, scores)
    close(metrics.auroc(y_true, scores), expected)
    close(streamed(metrics.AUROC(), y_true, scores), expected)
    close(metrics.auroc(y_true == 1, -scores), 1 - expected)
    assert math.isnan(metrics.auroc([1, 1], [0.2, 0.3]).item())
    close(metrics.auroc([0, 1, 0], [0.5, 0.5, 0.5]), 0.5)


@pytest.mark.parametrize("average", ["macro", "weighted", None])
def test_auroc_of_several_classes(average):
    y_true = np.where(TRUE == 4, 3, TRUE)
    scores = SCORES[:, :4] / SCORES[:, :4].sum(1, keepdims=True)
    expected = sk.roc_auc_score(y_true, scores, multi_class="ovr", average=average)
    close(metrics.auroc(y_true, scores, average=average), expected)
    close(streamed(metrics.AUROC(average=average), y_true, scores), expected)


def test_auroc_of_a_class_that_is_missing():
    y_true, scores = (
        np.array([0, 1, 1]),
        np.array([[0.2, 0.3, 0.5], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4]]),
    )
    options = {"multi_class": "ovr", "labels": [0, 1, 2]}
    close(metrics.auroc(y_true, scores, average=None),
          sk.roc_auc_score(y_true, scores, average=None, **options))  # fmt: skip
    assert math.isnan(metrics.auroc(y_true, scores).item())


ERRORS = {
    "mae": (metrics.mean_absolute_error, metrics.MeanAbsoluteError, sk.mean_absolute_error),
    "mse": (metrics.mean_squared_error, metrics.MeanSquaredError, sk.mean_squared_error),
    "rmse": (metrics.root_mean_squared_error, metrics.RootMeanSquaredError,
             sk.root_mean_squared_error),
    "r2": (metrics.r2_score, metrics.R2Score, sk.r2_score),
}  # fmt: skip


@pytest.mark.parametrize("multioutput", ["uniform_average", "raw_values"])
@pytest.mark.parametrize("shape", ["(N,)", "(N, D)"])
@pytest.mark.parametrize("name", ERRORS)
def test_errors(name, shape, multioutput):
    function, kind, theirs = ERRORS[name]
    pair = (Y, Y_HAT) if shape == "(N, D)" else (Y[:, 0], Y_HAT[:, 0])
    pair = [a.astype(np.float32) for a in pair]
    expected = theirs(*pair, multioutput=multioutput)
    close(function(*pair, multioutput=multioutput), expected, 1e-5)
    close(streamed(kind(multioutput=multioutput), *pair), expected, 1e-5)


def test_r2_at_its_edges():
    for pair in ([[1.0, 1.0], [1.0, 1.0]], [[1.0, 1.0], [1.0, 2.0]], [[1.0], [1.0]]):
        close(metrics.r2_score(*pair), sk.r2_score(*pair))
    expected = sk.r2_score(Y, Y_HAT, multioutput="variance_weighted")
    close(
        metrics.r2_score(Y.tolist(), Y_HAT.tolist(), multioutput="variance_weighted"),
        expected,
        1e-5,
    )


def test_r2_of_numbers_far_from_zero():
    """A sum of squares would lose all digits in single precision."""
    y_true = (1e4 + Y[:, 0]).astype(np.float32)
    y_pred = (1e4 + Y[:, 0] + 0.1 * Y_HAT[:, 0]).astype(np.float32)
    close(streamed(metrics.R2Score(), y_true, y_pred), sk.r2_score(y_true, y_pred), 1e-4)


# -- streaming --------------------------------------------------------------------------------


@pytest.mark.parametrize("batches", [1, 3])
def test_state_reset_and_memory(batches):
    metric = metrics.F1(6, average="macro")
    for _ in range(batches):
        metric.update(TRUE, PRED)
    state = metric.state_dict()
    assert {name: x.shape for name, x in state.items()} == {
        "right": (6,), "predicted": (6,), "true": (6,)}  # fmt: skip
    again = metrics.F1(6, average="macro")
    again.load_state_dict({name: x.numpy() for name, x in state.items()})
    assert again.update(TRUE, PRED).compute().item() == pytest.approx(metric.compute().item())
    assert metric.reset().state_dict() == {}
    with pytest.raises(InvalidValueError, match="call update first"):
        metric.compute()
    with pytest.raises(CheckpointError, match="right, predicted, true"):
        metric.load_state_dict({"total": 1.0})


def test_updates_do_not_change_what_was_handed_out():
    metric = metrics.ConfusionMatrix(2).update([0, 1], [0, 1])
    before = metric.state_dict()["counts"].tolist()
    kept = metric.state_dict()["counts"]
    metric.update([0, 1], [0, 1])
    assert kept.tolist() == before


def test_merging():
    empty, full = metrics.Accuracy(), metrics.Accuracy().update([1, 0], [1, 1])
    assert full.merge(empty).compute().item() == 0.5
    assert empty.merge(full).compute().item() == 0.5
    with pytest.raises(ArgumentError, match="not Recall"):
        metrics.Precision().merge(metrics.Recall())
    with pytest.raises(InvalidValueError, match="options differ"):
        metrics.Precision(pos_label=0).merge(metrics.Precision())


def test_within_a_compiled_function():
    compiled = nn.compile(lambda y, x: metrics.top_k_accuracy(y, x, k=2))
    expected = sk.top_k_accuracy_score(TRUE, SCORES, k=2, labels=range(5))
    close(compiled(et.asarray(TRUE), et.asarray(SCORES)), expected)


def test_repr():
    assert repr(metrics.TopKAccuracy(k=3)) == "TopKAccuracy(normalize=True, k=3)"


# -- errors -----------------------------------------------------------------------------------


def test_arguments_that_do_not_fit():
    with pytest.raises(ShapeError, match=r"\(3,\) and y_pred of shape \(3, 2\).*argmax"):
        metrics.accuracy([0, 1, 1], np.ones((3, 2)))
    with pytest.raises(ShapeError, match="empty"):
        metrics.accuracy(np.zeros(0, int), np.zeros(0, int))
    with pytest.raises(DTypeError, match="y_pred has class numbers, integers, not float32"):
        metrics.precision([0, 1], np.array([0.0, 1.0], np.float32))
    with pytest.raises(ShapeError, match=r"\(N,\) and \(N, C\) are due"):
        metrics.top_k_accuracy([0, 1], [0.5, 0.5])
    with pytest.raises(TensorIndexError, match="outside of 0 to 1"):
        metrics.top_k_accuracy([0, 2], [[0.5, 0.5], [0.5, 0.5]])
    with pytest.raises(TensorIndexError, match="y_pred has classes outside of 0 to 1"):
        metrics.Recall().update([0, 1], [0, -1])
    with pytest.raises(ShapeError, match="same shape is due"):
        metrics.mean_squared_error([1.0, 2.0], [[1.0], [2.0]])
    with pytest.raises(ShapeError, match=r"\(N,\) or \(N, C\)"):
        metrics.auroc([0, 1, 1], [0.5, 0.5])
    with pytest.raises(TensorIndexError, match="outside of 0 to 1"):
        metrics.auroc([0, 2], [0.5, 0.5])
    with pytest.raises(InvalidValueError, match="nan"):
        metrics.auroc([0, 1], [0.5, math.nan])


def test_options_that_make_no_sense():
    with pytest.raises(InvalidValueError, match="3 classes; choose average="):
        metrics.precision([0, 1, 2], [0, 1, 2])
    with pytest.raises(InvalidValueError, match=r"pos_label=5 is none of \[0, 1\]"):
        metrics.precision([0, 1], [0, 1], pos_label=5)
    with pytest.raises(InvalidValueError, match="not 'samples'"):
        metrics.f1([0, 1], [0, 1], average="samples")
    with pytest.raises(InvalidValueError, match="0, 1 or nan, not 2"):
        metrics.f1([0, 1], [0, 1], zero_division=2)
    with pytest.raises(InvalidValueError, match="distinct integers"):
        metrics.recall([0, 1], [0, 1], labels=[1, 1], average="macro")
    with pytest.raises(InvalidValueError, match="num_classes=2"):
        metrics.Precision(3)
    with pytest.raises(InvalidValueError, match="positive integer, not 0"):
        metrics.TopKAccuracy(k=0)
    with pytest.raises(InvalidValueError, match="not 'rows'"):
        metrics.confusion_matrix([0], [0], normalize="rows")
    with pytest.raises(InvalidValueError, match="not 'micro'"):
        metrics.AUROC(average="micro")
    with pytest.raises(InvalidValueError, match="not 'mean'"):
        metrics.R2Score(multioutput="mean")
