import numpy as np
import pytest

from ember_ml.backend.errors import (
    ArgumentError,
    BackendMismatchError,
    InvalidValueError,
    ShapeError,
    TensorIndexError,
)
from ember_ml.data import Dataset
from ember_ml.nn import tensor as et

pytestmark = pytest.mark.usefixtures("backend")

X = np.arange(12, dtype=np.float32).reshape(6, 2)
Y = np.array([10, 11, 12, 13, 14, 15])


def by_position():
    return Dataset(X, Y)


def by_name():
    return Dataset({"image": X, "label": Y})


def values(batch):
    if isinstance(batch, dict):
        return {key: column.tolist() for key, column in batch.items()}
    return tuple(column.tolist() for column in batch)


def test_columns_come_to_the_current_backend(backend):
    dataset = by_position()
    assert dataset.backend == backend
    assert [column.backend for column in dataset[0:1]] == [backend] * 2


def test_tensors_stay_on_their_backend(backend):
    x = et.asarray(X)
    with et.use_backend("numpy"):
        dataset = Dataset(x)
        assert dataset.backend == backend
        assert dataset[[0, 1]][0].backend == backend
        assert dataset.split(0.5)[0].backend == backend


def test_an_integer_gives_a_sample():
    assert values(by_position()[2]) == ([4.0, 5.0], 12)
    assert values(by_name()[-1]) == {"image": [10.0, 11.0], "label": 15}
    assert by_position()[0][0].shape == (2,)
    assert by_position()[0][1].shape == ()


@pytest.mark.parametrize(
    ("index", "rows"),
    [
        (slice(1, 3), [1, 2]),
        (slice(None, None, 2), [0, 2, 4]),
        (slice(4, 100), [4, 5]),
        ([3, 0, 3], [3, 0, 3]),
        ((5, -1), [5, 5]),
        (range(2), [0, 1]),
        ([], []),
        (np.array([1, 4]), [1, 4]),
        (X[:, 0] > 5, [3, 4, 5]),
        ([True, False, False, True, False, False], [0, 3]),
    ],
    ids=str,
)
def test_other_indices_give_a_batch(index, rows):
    assert values(by_position()[index]) == (X[rows].tolist(), Y[rows].tolist())
    assert values(by_name()[index]) == {"image": X[rows].tolist(), "label": Y[rows].tolist()}


def test_a_tensor_of_indices_gives_a_batch():
    assert values(by_position()[et.asarray([2, 1])])[1] == [12, 11]
    assert values(by_position()[et.asarray(3)]) == ([6.0, 7.0], 13)


@pytest.mark.parametrize("index", [6, -7, [0, 6]])
def test_an_index_out_of_range_is_an_index_error(index):
    with pytest.raises(TensorIndexError):
        by_position()[index]


def test_a_dataset_can_be_iterated():
    assert [int(y) for x, y in by_position()] == Y.tolist()
    assert len(by_position()) == 6


def test_dtypes_are_kept():
    x, y = by_position()[0:2]
    assert x.dtype is et.float32
    assert y.dtype is et.int64


def test_repr(backend):
    assert repr(by_position()) == f"Dataset(6 samples: (2,) float32, () int64; {backend})"
    assert repr(by_name()) == (
        f"Dataset(6 samples: 'image' (2,) float32, 'label' () int64; {backend})"
    )


@pytest.mark.parametrize("make", [by_position, by_name])
def test_a_split_deals_out_every_sample_once(make):
    parts = make().split([0.5, 0.3, 0.2], seed=3)
    assert [len(part) for part in parts] == [3, 2, 1]
    labels = []
    for part in parts:
        for sample in part:
            x, y = sample.values() if isinstance(sample, dict) else sample
            assert x.tolist() == X[int(y) - 10].tolist()
            labels.append(int(y))
    assert sorted(labels) == Y.tolist()
    assert labels != Y.tolist()


def test_a_split_is_the_permutation_of_its_seed():
    order = et.random.Generator(7).permutation(6).tolist()
    first, second = by_position().split(4, seed=7)
    assert values(first[:])[1] == Y[order[:4]].tolist()
    assert values(second[:])[1] == Y[order[4:]].tolist()


def test_a_seed_means_the_same_split_on_every_backend():
    train, test = Dataset(np.arange(10)).split(0.7, seed=42)
    assert train[:][0].tolist() == GOLDEN[:7]
    assert test[:][0].tolist() == GOLDEN[7:]


GOLDEN = [8, 1, 3, 5, 2, 7, 4, 0, 6, 9]


def test_a_split_without_a_seed_keeps_the_order():
    first, second = by_name().split(4, seed=None)
    assert first[:]["label"].tolist() == [10, 11, 12, 13]
    assert second[:]["label"].tolist() == [14, 15]


def test_a_split_that_does_not_fit_is_refused():
    with pytest.raises(InvalidValueError, match="add up to 5, and there are 6 samples"):
        by_position().split([4, 1])


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ((X, Y[:5]), "column 0 has 6 samples and column 1 has 5"),
        (({"image": X, "label": Y[:5]},), "column 'image' has 6 samples and column 'label' has 5"),
        ((X, 3.0), "column 1 has no axes"),
    ],
)
def test_columns_must_count_the_same_samples(columns, message):
    with pytest.raises(ShapeError, match=message):
        Dataset(*columns)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ((), "at least one column"),
        (({},), "at least one column"),
        (({"x": X}, Y), "the only argument"),
        (({3: X},), "the name of a column is a string, not 3"),
    ],
)
def test_columns_are_checked(columns, message):
    with pytest.raises(ArgumentError, match=message):
        Dataset(*columns)


def test_columns_of_two_backends_are_refused(backend):
    other = "torch" if backend == "numpy" else "numpy"
    if other not in {info.name for info in et.list_backends()}:
        pytest.skip(f"needs the {other} backend too")
    with et.use_backend(other):
        y = et.asarray(Y.tolist())
    with pytest.raises(BackendMismatchError, match=rf"to_backend\('{backend}'\)"):
        Dataset(et.asarray(X), y)
