"""What the NumPy backend is on its own: facts, memory, conversions, indexing, random numbers."""

import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from ember_ml.backend import dtypes
from ember_ml.backend.errors import DeviceError
from ember_ml.backend.numpy import NumpyBackend
from ember_ml.backend.registry import get_backend
from ember_ml.nn import tensor as et


@pytest.fixture
def numpy():
    return get_backend("numpy")


def test_facts(numpy):
    assert type(numpy) is NumpyBackend
    assert numpy.engine_version() == np.__version__
    assert numpy.devices() == ["cpu"]
    assert numpy.capabilities == {"grad", "vmap", "float64", "complex128"}
    assert set(numpy.dtypes) == set(dtypes.DTYPES.values()) - {dtypes.bfloat16}
    assert all(native == np.dtype(d.name) for d, native in numpy.dtypes.items())
    with pytest.raises(DeviceError, match="NumPy has one device, 'cpu', not 'cuda'"):
        numpy.to_device(np.ones(1), "cuda")


def test_plain_calls_do_not_import_autograd():
    code = (
        "import sys\n"
        "from ember_ml.nn import tensor as et\n"
        "et.set_backend('numpy')\n"
        "x = et.ones((3, 3))\n"
        "et.softmax(x @ x, axis=0).sum().item(); x[0] = 1.0; et.linalg.inv(x + et.eye(3))\n"
        "print('autograd' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_arrays_are_wrapped_as_they_are():
    source = np.arange(6.0).reshape(2, 3)
    assert et.asarray(source).native is source
    assert et.from_native(source).native is source
    assert et.asarray(source).numpy() is source
    assert np.shares_memory(et.asarray(source).reshape((3, 2)).native, source)
    assert np.shares_memory(et.asarray(source)[1:].native, source)
    assert np.shares_memory(et.asarray(source).mT.native, source)


def test_results_are_arrays_and_not_scalars():
    x = et.ones(3)
    for result in (x.sum(), x[0], x @ x, et.argmax(x), et.any(x), x[et.asarray(0)], x.max()):
        assert type(result.native) is np.ndarray
        assert result.native.shape == ()


@pytest.mark.parametrize("name", [d.name for d in NumpyBackend.dtypes])
@pytest.mark.parametrize("shape", [(), (3,), (2, 0), (2, 3)])
def test_buffers_there_and_back(numpy, name, shape):
    x = (np.arange(np.prod(shape, dtype=int)) % 2).reshape(shape).astype(name)
    for source in (x, x.T, x[..., ::-1] if shape else x):
        data = numpy.to_buffer(source)
        assert bytes(data) == source.tobytes()
        back = numpy.from_buffer(data, dtype=x.dtype, shape=source.shape, device=None)
        np.testing.assert_array_equal(back, source)
        assert back.flags.writeable


def test_assignment_writes_in_place_where_it_may():
    source = np.zeros(3, np.float32)
    x = et.asarray(source)
    x[1] = 5.0
    assert source.tolist() == [0.0, 5.0, 0.0]
    fixed = np.zeros(3, np.float32)
    fixed.flags.writeable = False
    y = et.asarray(fixed)
    y[1] = 5.0
    assert (fixed.tolist(), y.tolist()) == ([0.0] * 3, [0.0, 5.0, 0.0])


def test_native_random_numbers(numpy):
    state = numpy.native_generator(7, None)
    words = numpy.random_bits(state, (20_000,), dtype=np.dtype("uint32"), device=None)
    assert words.dtype == np.uint32
    assert stats.kstest(words / 2**32, "uniform").pvalue > 0.01
    for dtype in ("float16", "float32", "float64"):
        u = numpy.random_uniform(state, (1000,), dtype=np.dtype(dtype), device=None)
        n = numpy.random_normal(state, (1000,), dtype=np.dtype(dtype), device=None)
        assert u.dtype == n.dtype == dtype
        assert stats.kstest(u.astype("f8"), "uniform").pvalue > 0.01
        assert stats.kstest(n.astype("f8"), "norm").pvalue > 0.01
        assert (
            type(numpy.random_normal(state, (), dtype=np.dtype(dtype), device=None)) is np.ndarray
        )


def test_vmap_loops_over_the_axis(numpy):
    calls = []

    def function(x, y):
        calls.append(x.shape)
        return [x + y, x.sum()]

    mapped = numpy.vmap(function, in_axes=(1, None), out_axes=0)
    x, y = np.arange(6.0).reshape(2, 3), np.ones(2)
    total, sums = mapped(x, y)
    assert calls == [(2,)] * 3
    np.testing.assert_array_equal(total, x.T + 1)
    np.testing.assert_array_equal(sums, x.sum(0))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_floor_division_by_and_of_infinity():
    inf = float("inf")
    x = et.asarray([inf, -inf, 3.0, -3.0, 3.0, 0.0, inf])
    y = et.asarray([2.0, 2.0, inf, inf, -inf, inf, inf])
    # the standard's special cases
    got = et.floor_divide(x, y).tolist()
    assert got[:6] == [inf, -inf, 0.0, -0.0, -0.0, 0.0]
    assert np.signbit(got[3])
    assert np.signbit(got[4])
    assert np.isnan(got[6])
