"""Reductions of segments against a loop in NumPy."""

import numpy as np
import pytest

from ember_ml import nn
from ember_ml.backend.errors import DTypeError, InvalidValueError, ShapeError, TensorIndexError
from ember_ml.nn import tensor as et

from ._values import close

RNG = np.random.default_rng(0)
IDS = np.array([3, 0, 3, 1, 0, 3, -1])  # number 2 has no rows, and -1 is the last
NAMES = ["sum", "mean", "max", "min"]


def right(name, data, ids, n):
    empty = {"sum": 0, "mean": 0}
    if data.dtype.kind == "f":
        empty |= {"max": -np.inf, "min": np.inf}
    elif data.dtype.kind in "iu":
        info = np.iinfo(data.dtype)
        empty |= {"max": info.min, "min": info.max}
    rows = [data[ids % n == i] for i in range(n)]
    dtype = np.float32 if name == "mean" and data.dtype.kind in "iu" else data.dtype
    parts = [getattr(np, name)(r, 0) if len(r) else np.full(data.shape[1:], empty[name])
             for r in rows]  # fmt: skip
    return np.stack(parts).astype(dtype)


def segment(name):
    return getattr(et, f"segment_{name}")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(), (2,), (2, 3)])
def test_floats(backend, name, shape):
    data = RNG.normal(size=(7, *shape)).astype(np.float32)
    found = segment(name)(et.asarray(data), et.asarray(IDS), num_segments=5)
    close(found, right(name, data, IDS, 5))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["int8", "int64", "uint16", "uint64"])
def test_integers(backend, name, dtype):
    data = RNG.integers(0, 20, (7, 2)).astype(dtype)
    found = segment(name)(et.asarray(data), et.asarray(IDS.astype(np.int8)), num_segments=5)
    close(found, right(name, data, IDS, 5))


def test_complex(backend):
    data = (RNG.normal(size=7) + 1j * RNG.normal(size=7)).astype(np.complex64)
    for name in ("sum", "mean"):
        found = segment(name)(et.asarray(data), et.asarray(IDS), num_segments=5)
        close(found, right(name, data, IDS, 5))
    with pytest.raises(DTypeError, match="not defined for complex64"):
        et.segment_max(et.asarray(data), et.asarray(IDS), num_segments=5)


def test_counts_are_not_in_half_precision(backend):
    # 3000 ones cannot be added up in float16, and a hundred times 30 can
    data = np.where(np.arange(3000) < 100, 30, 0).astype(np.float16)
    found = et.segment_mean(et.asarray(data), et.zeros(3000, dtype=et.int64), num_segments=1)
    assert (found.dtype, found.tolist()) == (et.float16, [1.0])


def test_nan_is_the_extreme(backend):
    data = et.asarray([1.0, float("nan"), 3.0])
    for name in ("max", "min"):
        found = segment(name)(data, [0, 0, 1], num_segments=2).tolist()
        assert np.isnan(found[0])
        assert found[1] == 3.0


def test_of_no_rows(backend):
    none = et.zeros((0,), dtype=et.int64)
    assert et.segment_sum(et.zeros((0, 2)), none, num_segments=2).tolist() == [[0.0, 0.0]] * 2
    assert et.segment_max(et.zeros((0,)), none, num_segments=0).shape == (0,)


@pytest.mark.parametrize("name, gradient", [
    ("sum", [2, 1, 2, 4]), ("mean", [1, 1, 1, 4]), ("max", [1, 1, 1, 4]), ("min", [1, 1, 1, 4])
])  # fmt: skip
def test_gradients(backend, name, gradient):
    def loss(x):
        found = segment(name)(x, [1, 0, 1, 3], num_segments=4)
        return et.sum((found * et.asarray([1.0, 2.0, 1.0, 4.0]))[et.asarray([0, 1, 3])])

    # rows 0 and 2 are equal and share
    assert nn.grad(loss)(et.asarray([5.0, 1.0, 5.0, 2.0])).tolist() == gradient


def test_in_transforms(backend):
    data = RNG.normal(size=(3, 7)).astype(np.float32)
    expected = np.stack([right("sum", row, IDS, 5) for row in data])
    ids = et.asarray(IDS)
    each = nn.vmap(lambda row: et.segment_sum(row, ids, num_segments=5))
    close(each(et.asarray(data)), expected)
    compiled = nn.compile(lambda x, i: et.segment_sum(x, i, num_segments=5))
    close(compiled(et.asarray(data[0]), ids), expected[0])


@pytest.mark.parametrize("name", NAMES)
def test_mistakes(backend, name):
    data = et.ones((3, 2))
    for ids in ([0, 1], [[0, 0], [0, 0], [0, 0]], 0):
        with pytest.raises(ShapeError, match=f"segment_{name}: segment_ids of shape"):
            segment(name)(data, ids, num_segments=2)
    for bad in (2, -3):
        with pytest.raises(TensorIndexError, match=f"index {bad} is out"):
            segment(name)(data, [0, bad, 1], num_segments=2)
    with pytest.raises(DTypeError, match="segment_ids must be integers"):
        segment(name)(data, [0.0, 1.0, 1.0], num_segments=2)
    with pytest.raises(InvalidValueError, match="num_segments is a size, not -1"):
        segment(name)(data, [0, 1, 1], num_segments=-1)
