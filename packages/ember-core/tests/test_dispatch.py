"""What dispatch does with scalars, dtypes and kinds, the same on every engine."""

import math
from itertools import product

import pytest

from ember_ml.backend.dtypes import DTYPES, promote
from ember_ml.backend.errors import (
    ArgumentError,
    BackendMismatchError,
    DTypeError,
    InvalidValueError,
    UnsupportedError,
)
from ember_ml.backend.operations import OPERATIONS
from ember_ml.backend.registry import get_backend
from ember_ml.nn import tensor as et


def available(*kinds):
    def pairs(backend):
        have = [d for d in get_backend(backend).dtypes if d.kind in kinds]
        return list(product(have, repeat=2))

    return pairs


NUMBERS = available("signed", "unsigned", "float", "complex")
REAL = available("signed", "unsigned", "float")


def one(dtype):
    return et.asarray([1], dtype=dtype)


@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "where", "concat"])
def test_operands_are_promoted_by_the_table(backend, name):
    have = get_backend(backend).dtypes
    for a, b in NUMBERS(backend):
        expected = promote(a, b)
        if expected not in have:
            continue
        x, y = one(a), one(b)
        if name == "where":
            result = et.where(et.asarray([True]), x, y)
        elif name == "concat":
            result = et.concat([x, y])
        else:
            result = getattr(et, name)(x, y)
        assert result.dtype is expected, (a, b)
        # NumPy's truth, from 1 and 1
        expected_value = {"add": [2], "subtract": [0], "multiply": [1], "where": [1]}
        assert result.tolist() == expected_value.get(name, [1, 1])


def test_comparison_promotes_too(backend):
    for a, b in REAL(backend):
        if promote(a, b) in get_backend(backend).dtypes:
            result = one(a) <= one(b)
            assert result.dtype is et.bool
            assert result.tolist() == [True]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64", "int8", "uint8"])
@pytest.mark.parametrize("scalar", [True, 2])
def test_a_python_scalar_keeps_the_dtype(backend, dtype, scalar):
    x = et.asarray([1, 3], dtype=dtype)
    for result in (x + scalar, scalar + x, et.add(x, scalar), et.add(scalar, x)):
        assert result.dtype.name == dtype
        assert result.tolist() == [1 + scalar, 3 + scalar]


def test_scalars_on_the_left(backend):
    x = et.asarray([1.0, 2.0, 4.0])
    assert (1 - x).tolist() == [0.0, -1.0, -3.0]
    assert (8 / x).tolist() == [8.0, 4.0, 2.0]
    assert (2**x).tolist() == [2.0, 4.0, 16.0]
    assert (7 // x).tolist() == [7.0, 3.0, 1.0]
    assert (7 % x).tolist() == [0.0, 1.0, 3.0]
    assert (x < 3).tolist() == [True, True, False]
    assert et.maximum(2, x).tolist() == [2.0, 2.0, 4.0]
    assert all((2.0 * x).dtype is et.float32 for _ in range(2))


def test_a_float_makes_an_integer_tensor_float32(backend):
    result = et.asarray([1, 2]) + 0.5
    assert result.dtype is et.float32
    assert result.tolist() == [1.5, 2.5]


def test_a_complex_scalar_makes_a_float_tensor_complex(backend):
    result = et.asarray([1.0, 2.0]) * 1j
    assert result.dtype is et.complex64
    assert result.tolist() == [1j, 2j]


def test_two_scalars_make_a_tensor_of_no_dimensions(backend):
    result = et.add(1, 2.5)
    assert (result.shape, result.dtype, result.item()) == ((), et.float32, 3.5)
    assert et.add(1, 2).dtype is et.int64
    assert et.logical_and(True, False).item() is False


def test_a_scalar_out_of_the_dtypes_range(backend):
    for dtype, scalar in [("uint8", -1), ("uint8", 256), ("int8", 128), ("int64", 2**63)]:
        with pytest.raises(InvalidValueError, match=rf"{scalar}.*{dtype}"):
            et.asarray([1], dtype=dtype) + scalar
    with pytest.raises(InvalidValueError, match="float32"):
        et.asarray([1.0]) + 10**400


@pytest.mark.parametrize("name", ["exp", "sqrt", "mean", "sigmoid"])
def test_integers_are_computed_in_float32(backend, name):
    if name == "sigmoid":
        from ember_ml.nn.tensor._functions import sigmoid as function

        expected = 1 / (1 + math.exp(-4))
    else:
        function = getattr(et, name)
        expected = {"exp": math.exp(4), "sqrt": 2.0, "mean": 4.0}[name]
    for dtype in ("int8", "uint32", "int64", "bool"):
        x = et.asarray([4], dtype=dtype) if dtype != "bool" else et.asarray([4]) > 5
        result = function(x)
        assert result.dtype is et.float32
        if dtype != "bool":
            assert result.tolist() if result.ndim else [result.item()] == pytest.approx([expected])


def test_division_of_integers_is_true_division(backend):
    result = et.asarray([1, 2]) / 4
    assert result.dtype is et.float32
    assert result.tolist() == [0.25, 0.5]
    assert (et.asarray([7]) / et.asarray([2])).tolist() == [3.5]


def test_real_numbers_are_lifted_where_complex_ones_are_due(backend):
    from ember_ml.nn.tensor import fft

    result = fft.fft([1.0, 0.0])
    assert result.dtype is et.complex64
    assert result.tolist() == [1 + 0j, 1 + 0j]


REFUSED = {
    "bool": ["add", "negative", "abs", "floor", "maximum", "less", "sort", "isnan", "matmul"],
    "float32": ["bitwise_and", "bitwise_invert", "bitwise_left_shift", "logical_and"],
    "int64": ["logical_not", "logical_or"],
    "complex64": ["floor", "less", "maximum", "sort", "argmax", "remainder", "max", "erf", "clip"],
}


@pytest.mark.parametrize("dtype, name", [(d, n) for d, names in REFUSED.items() for n in names])
def test_kinds_that_an_operation_is_not_defined_for(backend, dtype, name):
    x = et.asarray([[1, 0], [0, 1]], dtype=dtype)
    binary = len(OPERATIONS[name].of_role("tensor")) > 1 and name != "clip"
    with pytest.raises(DTypeError, match=rf"{name} is not defined for {dtype}; it takes"):
        getattr(et, name)(*([x, x] if binary else [x]))


def test_a_condition_is_bool(backend):
    with pytest.raises(DTypeError, match=r"where: condition must be bool, not int64"):
        et.where(et.asarray([1, 0]), et.asarray([1.0, 2.0]), et.asarray([0.0, 0.0]))


@pytest.mark.parametrize("name", ["take", "take_along_axis"])
def test_indices_are_integers(backend, name):
    with pytest.raises(DTypeError, match=r"indices must be integers, not float32"):
        getattr(et, name)(et.asarray([1.0, 2.0]), et.asarray([0.0]), axis=0)
    assert getattr(et, name)(et.asarray([1.0, 2.0]), [], axis=0).shape == (0,)


def test_complex_does_not_become_real_silently(backend):
    x = et.asarray([1 + 2j])
    for dtype in ("float32", "int64"):
        with pytest.raises(DTypeError, match=r"complex64 tensor cannot become .*et\.real"):
            x.astype(dtype)
    with pytest.raises(DTypeError, match="complex64"):
        x.sum(dtype="float32")
    assert x.astype("bool").tolist() == [True]
    assert x.astype("complex64").tolist() == [1 + 2j]


def test_a_dtype_that_the_engine_lacks(backend):
    lacking = [d for d in DTYPES.values() if d not in get_backend(backend).dtypes]
    for dtype in lacking:
        with pytest.raises(UnsupportedError, match=rf"'{backend}' has no dtype {dtype}"):
            et.zeros(2, dtype=dtype)
        with pytest.raises(UnsupportedError, match=rf"'{backend}' has no dtype {dtype}"):
            et.asarray([1.0]).astype(dtype)


@pytest.mark.parametrize("dtype", [et.float32, "float32", float])
def test_dtypes_by_object_name_and_python_type(backend, dtype):
    assert et.zeros(2, dtype=dtype).dtype is et.float32
    assert et.asarray([1], dtype=dtype).dtype is et.float32
    assert et.ones(2, dtype=int).dtype is et.int64
    assert et.ones(2, dtype=bool).dtype is et.bool
    assert et.ones(2, dtype=complex).dtype is et.complex64


def test_native_dtypes(backend):
    native = get_backend(backend).dtypes
    for dtype in (et.float32, et.int64, et.bool, et.uint8, et.complex64):
        assert et.zeros(2, dtype=native[dtype]).dtype is dtype
        assert et.asarray([1]).astype(native[dtype]).dtype is dtype


@pytest.mark.parametrize("wrong", [5, "float23", object(), [1]])
def test_what_is_no_dtype(backend, wrong):
    with pytest.raises(DTypeError, match="is not a dtype"):
        et.zeros(2, dtype=wrong)


def test_lists_are_tensors(backend):
    assert et.matmul([[1, 2], [3, 4]], [1, 1]).tolist() == [3, 7]
    assert (et.asarray([1, 2]) + [10, 20]).tolist() == [11, 22]
    assert ([10, 20] - et.asarray([1, 2])).tolist() == [9, 18]
    assert et.concat([[1], et.asarray([2]), [3]]).tolist() == [1, 2, 3]
    assert et.add([et.asarray(1), 2], 1).tolist() == [2, 3]


def test_one_tensor_where_several_are_due(backend):
    with pytest.raises(ArgumentError, match=r"concat: arrays must be a list or tuple of tensors"):
        et.concat(et.asarray([1, 2]))
    with pytest.raises(ArgumentError, match=r"stack: arrays must be a list or tuple"):
        et.stack(5)


def test_two_backends_in_one_operation(backend, engines):
    for other in set(engines) - {backend}:
        x = et.ones(2)
        with et.use_backend(other):
            y = et.ones(2)
        for call in (
            lambda x, y: x + y,
            lambda x, y: et.concat([x, y]),
            lambda x, y: et.where(x > 0, x, y),
            lambda x, y: x[y.astype("int64")],
            lambda x, y: et.linear(x, y[None], y[:1]),
        ):
            with pytest.raises(BackendMismatchError, match=r"x\.to_backend\("):
                call(x, y)


def test_the_result_stays_on_the_operands_backend(backend, engines):
    x = et.ones(2)
    for other in engines:
        with et.use_backend(other):
            assert (x + 1).backend == backend
            assert (1 - x).backend == backend
            assert et.concat([x, [1.0]]).backend == backend
            assert et.zeros_like(x).backend == backend
            assert et.tril(x[None]).backend == backend
            assert et.repeat(x, 2).backend == backend
            assert et.isin(x, [1.0]).backend == backend
            assert et.unique_all(x).inverse_indices.backend == backend
