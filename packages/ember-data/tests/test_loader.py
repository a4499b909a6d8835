import numpy as np
import pytest

from ember_ml.backend.errors import ArgumentError, InvalidValueError
from ember_ml.data import DataLoader, Dataset
from ember_ml.nn import tensor as et

pytestmark = pytest.mark.usefixtures("backend")

X = np.arange(20, dtype=np.float32).reshape(10, 2)
Y = np.arange(10)


def labels(loader):
    return [batch[-1].tolist() for batch in loader]


@pytest.mark.parametrize(
    ("batch_size", "drop_last", "sizes"),
    [
        (3, False, [3, 3, 3, 1]),
        (3, True, [3, 3, 3]),
        (5, False, [5, 5]),
        (5, True, [5, 5]),
        (1, False, [1] * 10),
        (10, True, [10]),
        (64, False, [10]),
        (np.int64(4), False, [4, 4, 2]),
    ],
)
@pytest.mark.parametrize("shuffle", [False, True])
def test_batches(batch_size, drop_last, sizes, shuffle):
    loader = DataLoader(Dataset(X, Y), batch_size=batch_size, shuffle=shuffle, drop_last=drop_last)
    assert [len(batch) for batch in labels(loader)] == sizes
    assert len(loader) == len(sizes)


def test_in_order_unless_shuffled():
    loader = DataLoader(Dataset(X, Y), batch_size=4)
    expected = [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert labels(loader) == expected
    assert labels(loader) == expected


def test_batches_are_tuples_of_tensors_on_the_backend_of_the_data(backend):
    loader = DataLoader(Dataset(X, Y), batch_size=4, shuffle=True)
    with et.use_backend("numpy"):
        for x, y in loader:
            assert (x.backend, y.backend) == (backend, backend)
            assert x.tolist() == X[y.tolist()].tolist()


def test_batches_of_named_columns_are_dicts():
    loader = DataLoader(Dataset({"image": X, "label": Y}), batch_size=4, shuffle=True)
    for batch in loader:
        assert list(batch) == ["image", "label"]
        assert batch["image"].tolist() == X[batch["label"].tolist()].tolist()


def test_the_order_is_a_function_of_seed_and_epoch():
    loader = DataLoader(Dataset(X, Y), batch_size=3, shuffle=True, seed=5)
    for epoch in range(3):
        order = et.random.Generator(5).fold_in(epoch).permutation(10).tolist()
        assert [label for batch in labels(loader) for label in batch] == order


def test_every_epoch_has_an_order_of_its_own():
    loader = DataLoader(Dataset(Y), batch_size=10, shuffle=True)
    orders = [tuple(labels(loader)[0]) for _ in range(5)]
    assert len(set(orders)) == 5
    assert {tuple(sorted(order)) for order in orders} == {tuple(range(10))}


def test_a_seed_means_the_same_batches_on_every_backend():
    loader = DataLoader(Dataset(Y), batch_size=5, shuffle=True, seed=42)
    assert [labels(loader) for _ in range(2)] == GOLDEN


GOLDEN = [[[7, 1, 2, 3, 6], [8, 4, 5, 9, 0]], [[4, 1, 2, 7, 0], [8, 6, 3, 9, 5]]]


def test_an_epoch_can_be_chosen():
    loader = DataLoader(Dataset(Y), batch_size=4, shuffle=True)
    epochs = [labels(loader) for _ in range(4)]
    assert loader.epoch == 4
    loader.epoch = 2
    assert [labels(loader), labels(loader)] == epochs[2:]


def test_two_iterations_at_once_are_two_epochs():
    loader = DataLoader(Dataset(Y), batch_size=2, shuffle=True)
    pairs = list(zip(loader, loader, strict=True))
    again = DataLoader(Dataset(Y), batch_size=2, shuffle=True)
    first, second = labels(again), labels(again)
    assert [[a.tolist(), b.tolist()] for (a,), (b,) in pairs] == [
        [a, b] for a, b in zip(first, second, strict=True)
    ]


def test_loading_leaves_the_default_generator_and_the_current_backend_alone(backend):
    et.random.seed(1)
    expected = et.random.uniform((3,)).tolist()
    et.random.seed(1)
    for _ in DataLoader(Dataset(X, Y), batch_size=4, shuffle=True):
        assert et.current_backend().name == backend
    assert et.random.uniform((3,)).tolist() == expected


@pytest.mark.parametrize("batch_size", [0, -3])
def test_a_batch_has_at_least_one_sample(batch_size):
    with pytest.raises(InvalidValueError, match=f"batch_size is at least 1, not {batch_size}"):
        DataLoader(Dataset(X), batch_size=batch_size)


@pytest.mark.parametrize("batch_size", [2.0, "2", None])
def test_the_batch_size_is_an_integer(batch_size):
    with pytest.raises(ArgumentError, match="batch_size is an integer"):
        DataLoader(Dataset(X), batch_size=batch_size)


def test_a_loader_that_would_never_give_a_batch_is_refused():
    with pytest.raises(InvalidValueError, match="10 samples make no batch of 11"):
        DataLoader(Dataset(X), batch_size=11, drop_last=True)


def test_the_dataset_is_a_dataset():
    with pytest.raises(ArgumentError, match="takes a Dataset, not a ndarray"):
        DataLoader(X, batch_size=2)


@pytest.mark.parametrize("seed", [-1, 2**64, 0.5])
def test_the_seed_is_checked(seed):
    with pytest.raises(InvalidValueError, match="seed"):
        DataLoader(Dataset(X), batch_size=2, seed=seed)


def test_repr(backend):
    assert repr(DataLoader(Dataset(Y), batch_size=2, shuffle=True, seed=3)) == (
        f"DataLoader(Dataset(10 samples: () int64; {backend}), batch_size=2, shuffle=True, "
        "seed=3, drop_last=False)"
    )
