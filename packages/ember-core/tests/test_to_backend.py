"""Tensors that go from one engine to another."""

import numpy as np
import pytest

from ember_ml.backend.dtypes import DTYPES
from ember_ml.backend.errors import BackendNotFoundError, UnsupportedError
from ember_ml.backend.registry import get_backend
from ember_ml.nn import tensor as et

SHAPES = [(2, 3), (), (0,), (2, 0, 3), (1,)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_pair_of_backends(backend, engines, dtype, shape):
    source = get_backend(backend)
    if DTYPES[dtype] not in source.dtypes:
        with pytest.raises(UnsupportedError, match=f"'{backend}' has no dtype {dtype}"):
            et.zeros(shape, dtype=dtype)
        return
    count = int(np.prod(shape))
    x = et.reshape(et.asarray(np.arange(count) % 2, dtype=dtype), shape)
    for other in engines:
        if DTYPES[dtype] not in get_backend(other).dtypes:
            with pytest.raises(UnsupportedError, match=rf"'{other}' has no dtype {dtype}.*astype"):
                x.to_backend(other)
            continue
        y = x.to_backend(other)
        assert (y.backend, y.dtype, y.shape) == (other, x.dtype, x.shape)
        assert y.tolist() == x.tolist()
        assert isinstance(y.native, get_backend(other).array_types)
        back = y.to_backend(backend)
        assert (back.backend, back.tolist()) == (backend, x.tolist())


def test_to_its_own_backend_nothing_happens(backend):
    x = et.ones(2)
    assert x.to_backend(backend) is x


def test_rearranged_memory(backend, engines):
    x = et.asarray(np.arange(24, dtype=np.float32).reshape(2, 3, 4))
    for view in (x.mT, x[:, ::2], x[:, :, ::-1], et.broadcast_to(x[:1], (2, 3, 4)), x[1, 2]):
        for other in engines:
            assert view.to_backend(other).tolist() == view.tolist()


@pytest.mark.parametrize("source, target", [("numpy", "torch"), ("torch", "numpy")])
def test_memory_is_shared_where_both_engines_can(engines, source, target):
    if not {source, target} <= set(engines):
        pytest.skip("needs both engines")
    with et.use_backend(source):
        x = et.asarray([1.0, 2.0, 3.0])
    y = x.to_backend(target)
    x.native[0] = 50.0
    assert y.tolist() == [50.0, 2.0, 3.0]


def test_the_values_survive(backend, engines):
    values = [0.1, -1e30, 1e-30, float("inf"), -0.0]
    x = et.asarray(values)
    for other in engines:
        got = x.to_backend(other)
        np.testing.assert_array_equal(np.float32(got.tolist()), np.float32(values))
        assert np.signbit(got.tolist()[-1])


def test_an_unknown_backend(backend):
    with pytest.raises(BackendNotFoundError, match="no backend 'jaxx' is installed"):
        et.ones(2).to_backend("jaxx")


def test_dlpack_between_engines(backend, engines):
    for other in engines:
        with et.use_backend(other):
            x = et.asarray([[1.0, 2.0], [3.0, 4.0]])
        y = et.from_dlpack(x)
        assert (y.backend, y.tolist()) == (backend, x.tolist())
        y = et.from_dlpack(x.native)
        assert (y.backend, y.tolist()) == (backend, x.tolist())
        y = et.from_dlpack(x, copy=True)
        y[0, 0] = 9.0
        assert x[0, 0].item() == 1.0


def test_mixed_operations_after_moving(backend, engines):
    x = et.asarray([1.0, 2.0])
    for other in engines:
        with et.use_backend(other):
            y = et.asarray([10.0, 20.0])
        assert (x + y.to_backend(backend)).tolist() == [11.0, 22.0]
        assert (x.to_backend(other) + y).tolist() == [11.0, 22.0]
