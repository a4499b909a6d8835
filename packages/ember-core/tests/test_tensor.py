"""EmberTensor under Python's protocols, the same on every engine."""

import copy
import operator
import pickle
import subprocess
import sys

import numpy as np
import pytest

from ember_ml.backend.errors import (
    ArgumentError,
    BackendNotFoundError,
    DTypeError,
    InterchangeError,
    InvalidValueError,
    ShapeError,
)
from ember_ml.nn import tensor as et

A = np.array([[1.5, -2.0, 3.0], [4.0, 0.5, -6.0]], np.float32)
B = np.array([[2.0, 0.5, -1.0], [1.0, -3.0, 4.0]], np.float32)


def same(result, expected):
    """Equal values, and the same dtype and shape."""
    expected = np.asarray(expected)
    assert isinstance(result, et.EmberTensor)
    assert result.dtype.name == expected.dtype.name
    assert result.shape == expected.shape
    np.testing.assert_allclose(np.asarray(result.tolist()), expected.tolist(), rtol=1e-6)


ARITHMETIC = ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow"]
BITWISE = ["and_", "or_", "xor", "lshift", "rshift"]
COMPARISON = ["lt", "le", "gt", "ge", "eq", "ne"]


# -- operators ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ARITHMETIC + COMPARISON)
def test_binary_operators_on_floats(backend, name):
    function = getattr(operator, name)
    a = np.abs(A) if name == "pow" else A
    same(function(et.asarray(a), et.asarray(B)), function(a, B))
    same(function(et.asarray(a), et.asarray(B[0])), function(a, B[0]))  # broadcast
    same(function(et.asarray(a), 2.0), function(a, 2.0))
    same(function(2.0, et.asarray(B)), function(2.0, B))
    same(function(et.asarray(a), B.tolist()), function(a, B))
    same(function(et.asarray(a)[0, 0], et.asarray(B)[0, 0]), function(a[0, 0], B[0, 0]))


@pytest.mark.parametrize("name", [n for n in ARITHMETIC if n != "truediv"] + BITWISE + COMPARISON)
def test_binary_operators_on_integers(backend, name):
    function = getattr(operator, name)
    a, b = np.array([7, 5, 12]), np.array([2, 3, 1])
    same(function(et.asarray(a), et.asarray(b)), function(a, b))
    same(function(et.asarray(a), 2), function(a, 2))
    same(function(2, et.asarray(b)), function(2, b))


@pytest.mark.parametrize("name", ["floordiv", "mod"])
def test_division_rounds_towards_minus_infinity(backend, name):
    function = getattr(operator, name)
    a, b = np.array([7, -7, 7, -7, 0]), np.array([3, 3, -3, -3, 3])
    same(function(et.asarray(a), et.asarray(b)), function(a, b))
    a, b = a.astype(np.float32), b.astype(np.float32)
    same(function(et.asarray(a), et.asarray(b)), function(a, b))


@pytest.mark.parametrize("name", ["and_", "or_", "xor"])
def test_bitwise_operators_on_bools(backend, name):
    function = getattr(operator, name)
    a, b = np.array([True, True, False]), np.array([True, False, False])
    same(function(et.asarray(a), et.asarray(b)), function(a, b))
    same(function(et.asarray(a), True), function(a, True))
    same(function(True, et.asarray(a)), function(True, a))


@pytest.mark.parametrize("name", ["neg", "pos", "abs"])
def test_unary_operators(backend, name):
    function = getattr(operator, name)
    same(function(et.asarray(A)), function(A))
    same(function(et.asarray([1, -2])), function(np.array([1, -2])))


def test_invert(backend):
    same(~et.asarray([1, -2]), ~np.array([1, -2]))
    same(~et.asarray([True, False]), [False, True])


def test_matrix_product(backend):
    same(et.asarray(A) @ et.asarray(B).mT, A @ B.T)
    same(et.asarray(A) @ et.asarray(B[0]), A @ B[0])
    same(A[0].tolist() @ et.asarray(B).mT, A[0] @ B.T)
    batch = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    same(et.asarray(batch) @ et.asarray(batch).mT, batch @ batch.swapaxes(1, 2))
    with pytest.raises(ShapeError, match=r"shapes \(2, 3\) and \(\): both need"):
        et.asarray(A) @ 2.0


@pytest.mark.parametrize("name", [*ARITHMETIC, "matmul"])
def test_in_place_operators(backend, name):
    function = getattr(operator, "i" + name)
    a, b = np.array([[2.0, 1.0], [0.5, 3.0]], np.float32), np.float32([[1.0, 2.0], [2.0, 0.5]])
    x = y = et.asarray(a.copy(), copy=True)
    y = function(y, et.asarray(b))
    assert x is y  # every name for the tensor sees it
    same(x, getattr(operator, name)(a, b))
    if name != "matmul":
        x = et.asarray(a, copy=True)
        same(function(x, 2), getattr(operator, name)(a, np.float32(2)))


@pytest.mark.parametrize("name", BITWISE)
def test_in_place_bitwise_operators(backend, name):
    function = getattr(operator, "i" + name.rstrip("_"))
    same(function(et.asarray([6, 5]), 3), getattr(operator, name)(np.array([6, 5]), 3))


def test_in_place_operators_keep_shape_and_dtype(backend):
    x = et.ones(2)
    with pytest.raises(ShapeError, match=r"x \+= y cannot change .* from \(2,\) to \(3, 2\)"):
        x += et.ones((3, 2))
    n = et.asarray([1, 2])
    with pytest.raises(DTypeError, match=r"x \*= y .* from int64 to float32; write x = x \* y"):
        n *= 0.5
    assert (x.tolist(), n.tolist()) == ([1.0, 1.0], [1, 2])


def test_comparison_with_what_is_no_number(backend):
    x = et.asarray([1.0, 2.0])
    assert (x == None) is False  # noqa: E711
    assert (x != None) is True  # noqa: E711
    assert (x == "a") is False
    assert ("a" != x) is True
    assert (x == {}) is False
    with pytest.raises(ArgumentError, match="less: x2"):
        x < None  # noqa: B015
    assert x not in [None, "a"]


def test_numpy_arrays_leave_operators_to_the_tensor(backend):
    x = et.asarray(A)
    for result in (x + B, B + x, B * x, np.float32(2) * x, x - B, B - x, B < x):
        assert isinstance(result, et.EmberTensor)
        assert result.backend == backend
    same(B - x, B - A)
    same(np.float32(2) * x, 2 * A)


# -- containers -----------------------------------------------------------------------------------


def test_length_and_iteration(backend):
    x = et.asarray(A)
    assert len(x) == 2
    assert [row.tolist() for row in x] == A.tolist()
    assert [v.item() for v in x[0]] == A[0].tolist()
    assert list(et.zeros((0, 3))) == []
    first, second = x
    same(first, A[0])
    same(second, A[1])
    with pytest.raises(TypeError, match="len"):
        len(et.asarray(1.0))
    with pytest.raises(TypeError, match="iterate"):
        iter(et.asarray(1.0))


def test_membership(backend):
    x = et.asarray([1, 2, 3])
    assert 2 in x
    assert 5 not in x
    assert et.asarray(3) in x
    assert None not in x
    assert "a" not in x


def test_facts(backend):
    x = et.asarray(A)
    assert (x.shape, x.ndim, x.size, x.dtype) == ((2, 3), 2, 6, et.float32)
    assert (x.itemsize, x.nbytes, x.backend) == (4, 24, backend)
    assert isinstance(x.shape, tuple)
    assert all(type(n) is int for n in x.shape)
    assert x.device in et.__array_namespace_info__().devices()
    assert et.asarray(1).shape == ()
    assert et.zeros((0, 3)).size == 0
    same(x.T, A.T)
    same(x.mT, A.T)
    with pytest.raises(ShapeError, match=r"x\.T is for matrices.*\(2,\).*x\.mT"):
        et.ones(2).T
    with pytest.raises(AttributeError):
        x.colour = 1


def test_hash_is_identity(backend):
    x, y = et.ones(2), et.ones(2)
    assert hash(x) == hash(x)
    assert len({id(x): 1, id(y): 2}) == 2
    assert {x: "a"}[x] == "a"


# -- Python scalars ---------------------------------------------------------------------------------


def test_scalars_out(backend):
    assert type(et.asarray(2).item()) is int
    assert type(et.asarray(2.5).item()) is float
    assert type(et.asarray(True).item()) is bool
    assert type(et.asarray(1j).item()) is complex
    assert et.asarray([[7]]).item() == 7
    assert float(et.asarray(2.5)) == 2.5
    assert int(et.asarray(2.9)) == 2
    assert int(et.asarray(True)) == 1
    assert complex(et.asarray(2.5)) == 2.5 + 0j
    assert bool(et.asarray(0.0)) is False
    assert bool(et.asarray([3])) is True
    assert operator.index(et.asarray(3)) == 3
    assert [10, 20, 30][et.asarray(1)] == 20
    assert list(range(et.asarray(2))) == [0, 1]
    assert round(float(et.asarray(2.5)), 1) == 2.5


def test_scalars_refused(backend):
    with pytest.raises(ShapeError, match=r"one element, and shape \(2,\) has 2"):
        et.ones(2).item()
    with pytest.raises(ArgumentError, match=r"truth of a tensor of shape \(2,\).*et\.any"):
        bool(et.ones(2))
    with pytest.raises(ArgumentError, match="truth"):
        bool(et.zeros(0))
    with pytest.raises(ArgumentError, match=r"Python float, and this has shape \(1,\)"):
        float(et.ones(1))
    with pytest.raises(ArgumentError, match="Python int"):
        int(et.ones(2))
    with pytest.raises(DTypeError, match="only an integer tensor.*float32"):
        operator.index(et.asarray(1.0))
    with pytest.raises(TypeError):
        operator.index(et.asarray(True))


class _TrueWhenEmpty(tuple):
    """A shape as TensorFlow's, which is true where the number of axes is known."""

    def __bool__(self):
        return True


def test_an_empty_shape_may_be_true(backend, monkeypatch):
    class Native:
        shape = _TrueWhenEmpty()

    x = et.asarray(7)
    x._tensor = Native()
    monkeypatch.setattr(type(x), "item", lambda self: 7)
    assert (int(x), float(x), f"{x:d}") == (7, 7.0, "7")
    for use in (len, iter):
        with pytest.raises(ArgumentError, match="no dimensions"):
            use(x)


def test_lists_out(backend):
    assert et.asarray(A).tolist() == A.tolist()
    assert et.asarray(5).tolist() == 5
    assert et.zeros((2, 0)).tolist() == [[], []]
    assert et.asarray([True]).tolist() == [True]


def test_format(backend):
    assert f"{et.asarray(3.14159):.2f}" == "3.14"
    assert f"{et.asarray(7):>3d}" == "  7"
    assert f"{et.asarray([1, 2])}" == "[1, 2]"
    with pytest.raises(ArgumentError, match=r"format '.2f' .* shape \(2,\)"):
        f"{et.ones(2):.2f}"


# -- copies and pickles -------------------------------------------------------------------------------


@pytest.mark.parametrize("copier", [copy.copy, copy.deepcopy, et.copy])
def test_copies_have_memory_of_their_own(backend, copier):
    x = et.asarray(A, copy=True)
    y = copier(x)
    y[0, 0] = 100.0
    same(x, A)
    assert y[0, 0].item() == 100.0
    assert y.backend == backend


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8", "uint64", "bool", "complex64"])
@pytest.mark.parametrize("shape", [(2, 3), (), (0, 4)])
def test_pickle(backend, dtype, shape):
    values = np.arange(np.prod(shape, dtype=int)).reshape(shape) % 2
    x = et.asarray(values.tolist(), dtype=dtype) if values.size else et.zeros(shape, dtype=dtype)
    y = pickle.loads(pickle.dumps(x))
    assert (y.backend, y.dtype, y.shape) == (backend, x.dtype, shape)
    assert y.tolist() == x.tolist()
    assert pickle.loads(pickle.dumps(x.mT)).tolist() == x.mT.tolist() if len(shape) > 1 else True


def test_unpickling_without_the_backend(backend, monkeypatch):
    from ember_ml.backend import registry

    data = pickle.dumps(et.ones(2))
    monkeypatch.setattr(registry, "_loaded", {})
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [])
    with pytest.raises(
        BackendNotFoundError, match=rf"pickled on backend '{backend}', which is missing here"
    ):
        pickle.loads(data)


def test_unpickling_in_another_process(backend):
    code = (
        "import pickle, sys\n"
        "x = pickle.load(sys.stdin.buffer)\n"
        "sys.stdout.write(f'{x.backend} {x.tolist()}')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=pickle.dumps(et.asarray([1, 2])), capture_output=True,
        check=True,
    )  # fmt: skip
    assert done.stdout.decode() == f"{backend} [1, 2]"


# -- text -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data, dtype, text",
    [
        ([1.0, 2.5], None, "tensor([1. , 2.5], dtype=float32, backend='{}')"),
        ([1, -20], None, "tensor([  1, -20], dtype=int64, backend='{}')"),
        (5, None, "tensor(5, dtype=int64, backend='{}')"),
        ([True, False], None, "tensor([ True, False], dtype=bool, backend='{}')"),
        ([1 + 2j, -1j], None, "tensor([ 1.+2.j, -0.-1.j], dtype=complex64, backend='{}')"),
        ([], None, "tensor([], shape=(0,), dtype=float32, backend='{}')"),
        ([1e-7, 1.0], None, "tensor([1.0000e-07, 1.0000e+00], dtype=float32, backend='{}')"),
        ([float("nan"), float("inf"), 1.0], None,
         "tensor([nan, inf,  1.], dtype=float32, backend='{}')"),
        ([[1, 2], [3, 4]], "int8", "tensor([[1, 2],\n        [3, 4]], dtype=int8, backend='{}')"),
    ],
)  # fmt: skip
def test_repr_is_the_same_text_on_every_engine(backend, data, dtype, text):
    assert repr(et.asarray(data, dtype=dtype)) == text.format(backend)


def test_long_tensors_are_summarised(backend):
    facts = f"dtype=int64, backend={backend!r})"
    assert repr(et.arange(2000)) == (
        f"tensor([   0,    1,    2, ..., 1997, 1998, 1999], shape=(2000,), {facts}"
    )
    assert repr(et.ones((300, 2, 2), dtype=et.int64)).splitlines()[:4] == [
        "tensor([[[1, 1],",
        "         [1, 1]],",
        "        [[1, 1],",
        "         [1, 1]],",
    ]
    assert str(et.arange(3)) == "[0, 1, 2]"


# -- other libraries ----------------------------------------------------------------------------------


def test_array_protocol(backend):
    x = et.asarray(A)
    assert isinstance(np.asarray(x), np.ndarray)
    np.testing.assert_array_equal(np.asarray(x), A)
    assert np.asarray(x, dtype=np.float64).dtype == np.float64
    fresh = np.array(x, copy=True)
    fresh[0, 0] = 50
    same(x, A)
    np.testing.assert_array_equal(x.numpy(), A)
    assert np.asarray(et.asarray(3)).shape == ()
    with pytest.raises(InterchangeError, match="without a copy"):
        x.__array__(np.float64, copy=False)


def test_dlpack(backend):
    x = et.asarray(A)
    np.testing.assert_array_equal(np.from_dlpack(x), A)
    assert x.__dlpack_device__()[0] in (1, 2, 8)  # CPU, CUDA, Metal
    same(et.from_dlpack(x), A)


def test_array_namespace(backend):
    x = et.ones(1)
    assert x.__array_namespace__() is et
    assert x.__array_namespace__(api_version="2025.12") is et
    with pytest.raises(InvalidValueError, match=r"up to 2025\.12, not '2030\.12'"):
        x.__array_namespace__(api_version="2030.12")
    assert et.__array_api_version__ == "2025.12"


# -- methods ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["sum", "prod", "mean", "std", "var", "min", "max", "argmin", "argmax", "any", "all"]
)
def test_methods_are_the_operations(backend, name):
    x = et.asarray(A)
    result = getattr(x, name)(axis=1)
    assert result.tolist() == getattr(et, name)(x, axis=1).tolist()
    np.testing.assert_allclose(result.tolist(), getattr(A, name)(axis=1), rtol=1e-6)
    assert getattr(x, name)(axis=0, keepdims=True).shape == (1, 3)


def test_other_methods(backend):
    x = et.asarray(A)
    same(x.reshape((3, 2)), A.reshape(3, 2))
    same(x.reshape(3, 2), A.reshape(3, 2))
    same(x.reshape(-1), A.reshape(-1))
    same(x.flatten(), A.ravel())
    same(x.transpose(), A.T)
    same(x.transpose(1, 0), A.T)
    same(x[None].squeeze(0), A)
    same(x.clip(-1.0, 2.0), A.clip(-1, 2))
    same(x.astype(et.int32), A.astype(np.int32))
    assert x.to_device(x.device).tolist() == A.tolist()
    z = et.asarray([1 + 2j])
    same(z.real, np.float32([1.0]))
    same(z.imag, np.float32([2.0]))
