import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from ember_ml.backend.errors import EmberError, InvalidValueError, ShapeError
from ember_ml.data.features import NotFittedError, Standardize
from ember_ml.nn import tensor as et

pytestmark = pytest.mark.usefixtures("backend")

RNG = np.random.default_rng(0)
X = (RNG.normal(size=(50, 4)) * [1.0, 20.0, 0.01, 3.0] + [0.0, -100.0, 5.0, 1.0]).astype("float32")
NEW = (RNG.normal(size=(7, 4)) * 10).astype("float32")


def as_numpy(x):
    return np.asarray(x.tolist())


def close(x, expected, rtol=1e-4):
    np.testing.assert_allclose(as_numpy(x), expected, rtol=rtol, atol=1e-4)


def test_it_agrees_with_scikit_learn(backend):
    expected = StandardScaler().fit(X.astype("float64"))
    standardize = Standardize().fit(X)
    close(standardize.mean_, expected.mean_)
    close(standardize.var_, expected.var_, rtol=1e-3)
    close(standardize.scale_, expected.scale_, rtol=1e-3)
    y = standardize.transform(NEW)
    np.testing.assert_allclose(as_numpy(y), expected.transform(NEW), rtol=1e-3, atol=1e-3)
    assert y.backend == backend
    assert y.dtype is et.float32


def test_fit_transform_is_fit_and_transform():
    close(Standardize().fit_transform(X), StandardScaler().fit_transform(X.astype("float64")), 1e-3)


def test_inverse_transform_undoes_transform():
    standardize = Standardize().fit(X)
    close(standardize.inverse_transform(standardize.transform(NEW)), NEW, rtol=1e-3)


@pytest.mark.parametrize("value", [0.0, 5.0, 0.1, 1234.567])
def test_a_constant_feature_is_only_shifted_as_in_scikit_learn(value):
    x = np.column_stack([np.full(1000, value), np.arange(1000)]).astype("float32")
    standardize = Standardize().fit(x)
    assert StandardScaler().fit(x).scale_[0] == 1.0
    assert standardize.scale_.tolist()[0] == 1.0
    assert standardize.var_.tolist()[0] == 0.0
    close(standardize.transform([[value + 2.0, 0.0]])[:, 0], [2.0])


def test_many_samples_far_from_zero_keep_their_precision(backend):
    # in float32, the running sum of a million such numbers would be off by whole units
    x = (np.arange(1_000_000) % 2 + 1000).astype("float32").reshape(-1, 1)
    standardize = Standardize().fit(x)
    close(standardize.mean_, [1000.5], rtol=1e-6)
    close(standardize.scale_, [0.5], rtol=1e-3)


def test_a_deviation_too_small_for_the_dtype_divides_by_one():
    # half of the smallest number of float16, which rounds to zero
    standardize = Standardize().fit(et.asarray([[0.0], [6e-8]], dtype="float16"))
    assert standardize.scale_.tolist() == [1.0]
    assert standardize.scale_.dtype is et.float16


def test_one_sample_makes_every_feature_constant():
    standardize = Standardize().fit([[3.0, 4.0]])
    assert standardize.scale_.tolist() == [1.0, 1.0]
    assert standardize([[4.0, 4.0]]).tolist() == [[1.0, 0.0]]


def test_epsilon_is_added_to_the_variance():
    # variance 4: sqrt(4 + 5) = 3
    standardize = Standardize(epsilon=5.0).fit([[1.0], [5.0]])
    assert standardize.scale_.tolist() == [3.0]
    assert standardize.var_.tolist() == [4.0]
    assert standardize([[9.0]]).tolist() == [[2.0]]


def test_channels_of_images():
    images = RNG.normal(loc=3.0, scale=2.0, size=(8, 3, 5, 5)).astype("float32")
    standardize = Standardize(axis=(0, -2, -1)).fit(images)
    assert standardize.mean_.shape == (3, 1, 1)
    rows = images.transpose(0, 2, 3, 1).reshape(-1, 3).astype("float64")
    expected = StandardScaler().fit_transform(rows).reshape(8, 5, 5, 3).transpose(0, 3, 1, 2)
    close(standardize.transform(images), expected, rtol=1e-3)
    # another size, as the channels are what was fitted, and an image by itself
    assert standardize.transform(images[:, :, :2, :4]).shape == (8, 3, 2, 4)
    close(standardize.transform(images[0]), expected[0], rtol=1e-3)


def test_a_single_sample_can_be_transformed():
    standardize = Standardize().fit([[1.0, 0.0], [3.0, 4.0]])
    assert standardize([4.0, 2.0]).tolist() == [2.0, 0.0]


def test_a_single_feature_can_be_a_vector():
    standardize = Standardize().fit([1.0, 3.0])
    assert standardize.mean_.shape == ()
    assert standardize([5.0]).tolist() == [3.0]


def test_integers_become_floating():
    y = Standardize().fit_transform([[1], [3]])
    assert y.dtype is et.float32
    assert y.tolist() == [[-1.0], [1.0]]


def test_the_input_is_not_changed():
    x = et.asarray(X)
    before = x.tolist()
    Standardize().fit_transform(x)
    assert x.tolist() == before


@pytest.mark.parametrize("name", ["transform", "inverse_transform", "__call__"])
def test_using_it_before_it_is_fitted_is_an_error(name):
    with pytest.raises(NotFittedError, match=r"call fit\(x\) first"):
        getattr(Standardize(), name)([[1.0]])


@pytest.mark.parametrize("name", ["mean_", "var_", "scale_"])
def test_it_has_no_statistics_before_it_is_fitted(name):
    assert not hasattr(Standardize(), name)
    with pytest.raises(NotFittedError, match=rf"{name}: call fit"):
        getattr(Standardize(), name)


def test_not_fitted_is_what_scikit_learn_users_catch():
    assert issubclass(NotFittedError, ValueError)
    assert issubclass(NotFittedError, AttributeError)
    assert issubclass(NotFittedError, EmberError)


@pytest.mark.parametrize("shape", [(5, 3), (5, 1), (5, 8), (3,), (2, 5, 4), ()])
def test_other_features_than_those_fitted_are_refused(shape):
    standardize = Standardize().fit(X)
    for method in (standardize.transform, standardize.inverse_transform):
        with pytest.raises(ShapeError, match=r"fitted to \(N, 4\) and got \("):
            method(et.zeros(shape))


def test_the_shape_of_images_is_named_as_far_as_it_matters():
    standardize = Standardize(axis=(0, 2, 3)).fit(et.ones((2, 3, 4, 4)))
    with pytest.raises(ShapeError, match=r"fitted to \(N, 3, any, any\) and got \(2, 1, 4, 4\)"):
        standardize(et.ones((2, 1, 4, 4)))


@pytest.mark.parametrize("axis", [1, (1,), (-1,), ()])
def test_the_axis_of_the_samples_is_averaged_over(axis):
    with pytest.raises(InvalidValueError, match="axis includes 0"):
        Standardize(axis=axis).fit(X)


def test_an_axis_that_is_not_there_is_an_error():
    with pytest.raises(ShapeError, match="axis 5"):
        Standardize(axis=(0, 5)).fit(X)


def test_there_must_be_samples():
    with pytest.raises(InvalidValueError, match=r"x is empty, of shape \(0, 4\)"):
        Standardize().fit(et.zeros((0, 4)))


def test_epsilon_is_not_negative():
    with pytest.raises(InvalidValueError, match=r"not -1\.0"):
        Standardize(epsilon=-1.0)


def test_repr_shows_the_arguments():
    assert repr(Standardize(axis=(0, 2))) == "Standardize(axis=(0, 2), epsilon=0.0)"


def test_it_is_a_stage_of_a_pipeline():
    pipeline = pytest.importorskip("ember_ml.pipeline").Pipeline("prepare")
    pipeline.add_stage(Standardize().fit([[1.0], [3.0]])).add_stage(et.abs)
    assert pipeline.run([[0.0], [4.0]]).tolist() == [[2.0], [2.0]]
