"""Functional updates against NumPy's own: ``x[key] = v`` and ``ufunc.at(x, key, v)``."""

import numpy as np
import pytest

from ember_ml import nn
from ember_ml.backend.errors import (
    BackendMismatchError,
    DTypeError,
    ShapeError,
    TensorIndexError,
    UnsupportedError,
)
from ember_ml.nn import tensor as et

from ._values import close, same
from .test_index import CASES, MASK, X, ours

UFUNCS = {"add": np.add, "multiply": np.multiply, "max": np.maximum, "min": np.minimum}
METHODS = ["set", *UFUNCS]
RNG = np.random.default_rng(0)


def expected(method, x, key, value):
    """What NumPy makes of a copy of ``x``."""
    result = np.array(x)
    if method == "set":
        result[key] = value
    else:
        UFUNCS[method].at(result, key, value)
    return result


def update(method, x, key, value):
    return getattr(x.at[ours(key)], method)(value)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("key", CASES.values(), ids=CASES)
def test_every_key(backend, method, key):
    # small integers, so that the order of a sum makes no difference
    value = RNG.integers(-3, 30, X[key].shape).astype(np.float32)
    x = et.asarray(X, copy=True)
    result = update(method, x, key, et.asarray(value))
    close(result, expected(method, X, key, value), rtol=1e-6)
    assert result.backend == backend
    same(x, X)  # untouched
    close(update(method, x, key, 2), expected(method, X, key, 2), rtol=1e-6)


def test_get(backend):
    same(et.asarray(X).at[1, ..., 0].get(), X[1, ..., 0])


def test_values_broadcast_and_are_converted(backend):
    x = et.asarray(X)
    rows = np.array([1.0, 2.0, 3.0, 4.0], np.float32)
    for key in (0, [0, 0], (slice(None), [2, 2])):
        same(x.at[key].add(rows), expected("add", X, key, rows))
        same(x.at[key].add([1, 2, 3, 4]), expected("add", X, key, rows))
        same(x.at[key].set(et.asarray(rows, dtype=et.float16)), expected("set", X, key, rows))
    n = et.asarray([1, 2, 3])
    same(n.at[[0, 0]].add(2.9), np.array([5, 2, 3]))
    same(n.at[0].set(2.9), np.array([2, 2, 3]))


def test_the_last_of_several_values_stays(backend):
    index = RNG.integers(0, 5, 64)
    value = RNG.normal(size=(64, 3)).astype(np.float32)
    x = np.zeros((5, 3), np.float32)
    same(et.asarray(x).at[index].set(value), expected("set", x, index, value))


def test_of_no_dimensions_and_no_elements(backend):
    assert et.asarray(3.0).at[()].add(1.0).item() == 4.0
    assert et.asarray(3.0).at[...].set(1.0).item() == 1.0
    assert et.asarray(3.0).at[et.asarray(True)].multiply(2.0).item() == 6.0
    for method in METHODS:
        x = et.zeros((0, 3))
        assert getattr(x.at[et.zeros((0,), dtype=et.int64)], method)(1.0).shape == (0, 3)
        same(getattr(et.ones(3).at[[]], method)(5.0), np.ones(3, np.float32))
        same(getattr(et.ones((2, 0)).at[[1, 1]], method)(5.0), np.ones((2, 0), np.float32))


NUMBERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
           "float16", "float32", "float64"]  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", [*NUMBERS, "complex64", "bool"])
def test_every_dtype(backend, method, dtype):
    x = np.array([1, 0, 3, 1]).astype(dtype)
    value = np.array([2, 3, 1, 0, 1]).astype(dtype)
    index = np.array([3, 0, 3, 1, 3])
    mine = et.asarray(x)
    if dtype == "bool" and method != "set":
        with pytest.raises(DTypeError, match="x is bool"):
            update(method, mine, index, et.asarray(value))
    elif dtype == "complex64" and method in ("max", "min"):
        with pytest.raises(DTypeError, match="not defined for complex64"):
            update(method, mine, index, et.asarray(value))
    else:
        same(update(method, mine, index, et.asarray(value)), expected(method, x, index, value))


@pytest.mark.parametrize("dtype", ["uint64", "int64", "uint8"])
def test_the_ends_of_integer_dtypes(backend, dtype):
    info = np.iinfo(dtype)
    x = np.array([info.max, info.min, 5], dtype)
    value = np.array([info.min, info.max, info.max], dtype)
    for method in ("add", "max", "min"):
        same(update(method, et.asarray(x), [0, 1, 2], et.asarray(value)),
             expected(method, x, [0, 1, 2], value))  # fmt: skip


# -- the definition --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["index_add", "index_multiply", "index_max", "index_min"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 0)])
@pytest.mark.parametrize("k", [0, 1, 2, 17])
def test_overrides_agree_with_the_composition(backend, name, shape, k):
    from ember_ml.backend.operations import OPERATIONS

    x = et.asarray(RNG.normal(size=(4, *shape)).astype(np.float32))
    values = et.asarray(RNG.normal(size=(k, *shape)).astype(np.float32))
    index = RNG.integers(0, 4, k)
    composed = OPERATIONS[name].body(x, et.asarray(index), values)
    right = np.array(x.tolist(), np.float32).reshape(x.shape)
    ufunc = UFUNCS[name.removeprefix("index_")]
    ufunc.at(right, index, np.array(values.tolist(), np.float32).reshape(values.shape))
    close(composed, right, rtol=1e-5)
    close(getattr(et.asarray(x).at[index], name.removeprefix("index_"))(values), right, rtol=1e-5)


# -- gradients -------------------------------------------------------------------------------

KEYS = {
    "slice": (slice(None), slice(None, None, -2)),
    "repeated": [1, 0, 1],
    "repeated, second axis": (slice(None), [2, 0, 2]),
    "matrix": np.array([[0, 1], [1, 1]]),
    "two": (np.array([0, 1, 0]), np.array([2, 1, 2])),
    "mask": MASK[:, :, 1],
    "ellipsis": (..., [0, 0, 3]),
}


def differences(function, x, step=1e-5):
    """The gradient of ``function`` by central differences."""
    gradient = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[place] += step
        down[place] -= step
        gradient[place] = (function(up) - function(down)) / (2 * step)
    return gradient


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_gradients(backend, method, key):
    x = RNG.normal(size=X.shape)
    value = RNG.normal(size=X[key].shape)
    weight = RNG.normal(size=X.shape)

    def loss(x, v):
        return et.sum(update(method, x, key, v) ** 2 * et.asarray(weight))

    def right(x, v):
        return np.sum(expected(method, x, key, v) ** 2 * weight)

    dx, dv = nn.grad(lambda pair: loss(*pair))((et.asarray(x), et.asarray(value)))
    close(dx, differences(lambda x: right(x, value), x), rtol=1e-6, atol=1e-6)
    close(dv, differences(lambda v: right(x, v), value), rtol=1e-6, atol=1e-6)


def test_gradients_in_a_compiled_function(backend):
    x, v, weight = RNG.normal(size=(4, 2)), RNG.normal(size=(3, 2)), RNG.normal(size=(4, 2))
    index, methods = [2, 0, 2], ("set", "add", "max")

    def loss(pair):
        x, v = pair
        return sum(et.sum(update(m, x, index, v) ** 2 * et.asarray(weight)) for m in methods)

    def right(x, v):
        return sum(np.sum(expected(m, x, index, v) ** 2 * weight) for m in methods)

    dx, dv = nn.compile(nn.grad(loss))((et.asarray(x), et.asarray(v)))
    close(dx, differences(lambda x: right(x, v), x), rtol=1e-6, atol=1e-6)
    close(dv, differences(lambda v: right(x, v), v), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("method", ["set", "add", "multiply", "max"])
def test_gradients_of_a_scalar_under_a_mask(backend, method):
    x = np.array([np.inf, -1.0, 2.0, 0.5])
    mask = np.array([False, True, True, False])

    def loss(x, v):
        return et.sum(getattr(x.at[et.asarray(mask)], method)(v)[1:])

    dx, dv = nn.grad(lambda pair: loss(*pair))((et.asarray(x), et.asarray(1.5)))
    right = {
        "set": ([0, 0, 0, 1], 2.0),
        "add": ([0, 1, 1, 1], 2.0),
        "multiply": ([0, 1.5, 1.5, 1], 1.0),
        "max": ([0, 0, 1, 1], 1.0),
    }
    assert (dx.tolist(), dv.item()) == right[method]


@pytest.mark.parametrize("method", ["max", "min"])
def test_equal_ones_share_the_gradient(backend, method):
    x, v = et.asarray([1.0, 5.0]), et.asarray([1.0, 5.0, 1.0, 5.0])
    dx, dv = nn.grad(lambda p: et.sum(getattr(p[0].at[[0, 1, 0, 1]], method)(p[1])))((x, v))
    close(dx, np.full(2, 1 / 3, np.float32))
    close(dv, np.full(4, 1 / 3, np.float32))


def test_equal_ones_share_the_gradient_of_a_mapped_function(backend):
    each = nn.vmap(lambda x, i, v: x.at[i].max(v), in_axes=(None, 0, -1))
    x, v = et.zeros(2), et.asarray([[0.0, 1.0], [0.0, 1.0], [-1.0, 5.0]])
    dx, dv = nn.grad(lambda p: et.sum(each(p[0], et.asarray([[0, 0, 1], [1, 1, 0]]), p[1])))((x, v))
    close(dx, np.array([1 / 3, 1], np.float32))
    close(dv, np.array([[1 / 3, 0.5], [1 / 3, 0.5], [0, 1]], np.float32))


@pytest.mark.parametrize("method", ["max", "min"])
@pytest.mark.filterwarnings("error")
def test_nan_is_the_extreme(backend, method):
    # the method's own order must not matter
    x, index = np.array([0, np.nan, 0, 0], np.float32), [0, 1, 1, 2, 2, 3]
    value = np.array([1, 9, -9, np.nan, 2, 3], np.float32)
    for order in (range(6), range(5, -1, -1)):
        order = list(order)
        found = update(method, et.asarray(x), [index[i] for i in order], et.asarray(value[order]))
        same(found, np.array([1 if method == "max" else 0, np.nan, np.nan,
                              3 if method == "max" else 0], np.float32))  # fmt: skip
    gradient = nn.grad(lambda v: getattr(et.asarray(x).at[index], method)(v)[0])(et.asarray(value))
    assert gradient[0].item() == (method == "max")


@pytest.mark.parametrize("method", METHODS)
def test_second_gradients(backend, method):
    x = RNG.normal(size=4)
    v = RNG.normal(size=3)

    def loss(v):
        return et.sum(getattr(et.asarray(x).at[[1, 3, 1]], method)(v * v) ** 3)

    def slope(v):
        return differences(
            lambda v: np.sum(expected(method, x, [1, 3, 1], v * v) ** 3), v, 1e-4
        ).sum()

    found = nn.grad(lambda v: et.sum(nn.grad(loss)(v)))(et.asarray(v))
    close(found, differences(slope, v, 1e-4), rtol=1e-4, atol=1e-4)


# -- vmap and compile --------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_vmap(backend, method):
    x = RNG.normal(size=(3, 4, 2)).astype(np.float32)
    index = RNG.integers(0, 4, (3, 5))
    value = RNG.normal(size=(3, 5, 2)).astype(np.float32)

    def function(x, i, v):
        return getattr(x.at[i], method)(v)

    right = np.stack([expected(method, *row) for row in zip(x, index, value, strict=True)])
    found = nn.vmap(function)(et.asarray(x), et.asarray(index), et.asarray(value))
    close(found, right, rtol=1e-5)
    right = np.stack([expected(method, x[0], i, value[0]) for i in index])
    found = nn.vmap(function, in_axes=(None, 0, None))(
        et.asarray(x[0]), et.asarray(index), et.asarray(value[0])
    )
    close(found, right, rtol=1e-5)


def test_vmap_of_a_mask_and_a_scalar(backend):
    found = nn.vmap(lambda x: x.at[x > 7].set(0.0))(et.asarray(X))
    same(found, np.where(X > 7, np.float32(0), X))


def test_compile(backend):
    index, value = np.array([1, 0, 1]), RNG.normal(size=(3, 3, 4)).astype(np.float32)

    @nn.compile
    def function(x, i, v):
        places = x.at[i], x.at[x > 7]
        return [[getattr(p, m)(w) for p, w in zip(places, (v, 2.0), strict=True)] for m in METHODS]

    found = function(et.asarray(X), et.asarray(index), et.asarray(value))
    for method, (whole, masked) in zip(METHODS, found, strict=True):
        close(whole, expected(method, X, index, value), rtol=1e-5)
        same(masked, expected(method, X, X > 7, 2.0))


# -- mistakes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "key",
    [
        2,
        (0, 3),
        [0, 2],
        [-3],
        (0, 0, 0),
        [0.5],
        "a",
        slice("a", None),
        [True, False, True],
        ([0, 1], [0, 1, 2]),
        ([0], 3),
        ([0], [3]),
        ([0, 2], slice(None)),
    ],
    ids=str,
)
def test_wrong_keys(backend, method, key):
    with pytest.raises(TensorIndexError):
        getattr(et.ones((2, 3)).at[key], method)(1.0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("key", [0, [1, 0], ([0, 1], slice(None)), np.array([True, True])])
def test_values_that_do_not_fit(backend, method, key):
    x = et.ones((2, 3))
    with pytest.raises(ShapeError, match=r"shape \(2,\) does not broadcast to x"):
        getattr(x.at[ours(key)], method)([1.0, 2.0])
    with pytest.raises(TypeError, match="complex"):
        getattr(x.at[ours(key)], method)(1j)


def test_tensors_of_two_backends(backend, engines):
    x = et.ones(3)
    for other in set(engines) - {backend}:
        with et.use_backend(other):
            index = et.asarray([0, 1])
            result = x.at[[0, 0]].add(1.0)  # on the backend of x, whichever is current
        same(result, np.array([3, 1, 1], np.float32))
        assert result.backend == backend
        with pytest.raises(BackendMismatchError):
            x.at[index].add(1.0)
        with pytest.raises(BackendMismatchError):
            x.at[0].set(index[0])


def test_masks_in_compiled_functions(backend):
    if backend == "numpy":
        pytest.skip("NumPy compiles nothing")
    with pytest.raises(UnsupportedError):
        nn.compile(lambda x, v: x.at[x > 0].set(v))(et.ones(3), et.ones(3))


def test_repr(backend):
    assert repr(et.ones(3).at) == "<at of a tensor of shape (3,)>"
    assert repr(et.ones(3).at[1:]) == "<at[slice(1, None, None)] of a tensor of shape (3,)>"
