"""Pipelines whose stages compute: Ember's modules and features, and scikit-learn's estimators."""

import numpy as np
import pytest
import sklearn.decomposition
import sklearn.linear_model
import sklearn.pipeline
import sklearn.preprocessing

from ember_ml import nn
from ember_ml.backend.errors import ShapeError
from ember_ml.data.features import Standardize
from ember_ml.nn import tensor as et
from ember_ml.pipeline import Pipeline, StageError

SAMPLES = [[1.0, 10.0, 3.0], [2.0, 30.0, 3.5], [6.0, 20.0, 1.0], [3.0, 0.0, 2.5]]


def linear(weight):
    layer = nn.Linear(len(weight[0]), len(weight), bias=False)
    layer.load_state_dict({"weight": et.asarray(weight)})
    return layer


def network():
    """Standardized samples, their sum by a layer and their largest value, side by side."""
    pipeline = Pipeline("network").add_stage(et.asarray, name="read").add_stage(Standardize())
    pipeline.add_stage(linear([[1.0, 1.0, 1.0]]), name="sum")
    pipeline.add_stage(lambda x: et.max(x, axis=1, keepdims=True), name="max", after="Standardize")
    return pipeline.add_stage(
        lambda a, b: et.concat([a, b], axis=1), name="join", after=("sum", "max")
    )


def test_modules_and_features_are_stages_on_every_backend(backend):
    outputs = network().fit_transform(SAMPLES)
    x = sklearn.preprocessing.StandardScaler().fit_transform(np.asarray(SAMPLES))
    expected = np.stack([x.sum(1), x.max(1)], axis=1)
    assert outputs.backend == backend
    np.testing.assert_allclose(np.asarray(outputs.tolist()), expected, rtol=1e-5, atol=1e-6)


def test_batches_are_mapped_by_a_fitted_pipeline_on_every_backend(backend):
    pipeline = network().fit(SAMPLES)
    scaler = sklearn.preprocessing.StandardScaler().fit(np.asarray(SAMPLES))
    batches = [SAMPLES[:1], SAMPLES[1:], SAMPLES]
    for batch, output in zip(batches, pipeline.map(batches), strict=True):
        x = scaler.transform(np.asarray(batch))
        expected = np.stack([x.sum(1), x.max(1)], axis=1)
        np.testing.assert_allclose(np.asarray(output.tolist()), expected, rtol=1e-5, atol=1e-6)


def test_a_failure_tells_shapes_and_backend(backend):
    layers = Pipeline("layers").add_stage(nn.Linear(3, 4), name="first")
    layers.add_stage(nn.relu).add_stage(nn.Linear(4, 2), name="last")
    pipeline = Pipeline("model").add_stage(layers)
    batches = [et.zeros((8, 3)), et.zeros((5, 3)), et.zeros((5, 6))]
    shapes = []
    with pytest.raises(StageError) as caught:
        shapes.extend(output.shape for output in pipeline.map(batches))
    assert shapes == [(8, 2), (5, 2)]
    error = caught.value
    assert (error.stage, error.index) == ("layers/first", 2)
    assert error.item is batches[2]
    assert isinstance(error.cause, ShapeError)
    assert str(error).startswith(
        "pipeline 'model': stage 'layers/first' failed on item 2 (takes float32 EmberTensor of "
        f"shape (5, 6) on {backend}; gives float32 EmberTensor of shape (8, 4) on {backend} for "
        f"float32 EmberTensor of shape (8, 3) on {backend}): ShapeError: "
    )


def test_a_failure_on_a_native_array_tells_its_shape(backend):
    native = et.zeros((2, 3)).native
    with pytest.raises(StageError, match=r"takes float32 \w+ of shape \(2, 3\)\)"):
        Pipeline("p").add_stage(lambda x: x["key"]).run(native)


@pytest.fixture(scope="module")
def labelled():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(60, 5)) * [1, 10, 100, 1, 1]
    return x, (x[:, 0] + x[:, 1] / 10 > 0).astype(int)


def estimators():
    return (
        sklearn.preprocessing.StandardScaler(),
        sklearn.decomposition.PCA(3, svd_solver="full"),
        sklearn.linear_model.LogisticRegression(),
    )


def test_scikit_learns_estimators_are_stages(labelled):
    x, y = labelled
    pipeline = Pipeline("classify")
    for estimator in estimators():
        pipeline.add_stage(estimator)
    assert repr(pipeline) == ("Pipeline('classify': StandardScaler -> PCA -> LogisticRegression)")
    theirs = sklearn.pipeline.make_pipeline(*estimators()).fit(x, y)
    np.testing.assert_array_equal(pipeline.fit(x, y).run(x), theirs.predict(x))
    np.testing.assert_allclose(pipeline[:2].run(x), theirs[:2].transform(x))
    np.testing.assert_array_equal(pipeline.fit_transform(x, y), theirs.predict(x))


def test_branches_of_scikit_learns_transformers_are_as_its_feature_union(labelled):
    x, _ = labelled
    scaler, pca, _ = estimators()
    pipeline = Pipeline("union").add_stage(scaler, name="scaled")
    pipeline.add_stage(pca, name="reduced", after="input")
    pipeline.add_stage(lambda a, b: np.hstack([a, b]), name="joined", after=("scaled", "reduced"))
    scaler, pca, _ = estimators()
    theirs = sklearn.pipeline.FeatureUnion([("scaled", scaler), ("reduced", pca)])
    np.testing.assert_allclose(pipeline.fit_transform(x), theirs.fit_transform(x))
    np.testing.assert_allclose(pipeline.run(x[:7]), theirs.transform(x[:7]))


def test_a_pipeline_of_scikit_learns_is_a_stage(labelled):
    x, y = labelled
    inner = sklearn.pipeline.make_pipeline(*estimators()[:2])
    pipeline = Pipeline("p").add_stage(inner, name="prepare").add_stage(estimators()[2])
    theirs = sklearn.pipeline.make_pipeline(*estimators()).fit(x, y)
    np.testing.assert_array_equal(pipeline.fit(x, y).run(x), theirs.predict(x))


def test_an_estimator_that_was_not_fitted_is_named(labelled):
    x, _ = labelled
    with pytest.raises(
        StageError, match=r"stage 'StandardScaler' .*shape \(60, 5\).*NotFittedError"
    ):
        Pipeline("p").add_stage(estimators()[0]).run(x)
