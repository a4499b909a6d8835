"""The promotion table against the standard's, and what Ember adds to it."""

import copy
import pickle
from itertools import product

import pytest

from ember_ml.backend.dtypes import DTYPES, DType, by_name, promote, scalar_dtype
from ember_ml.backend.errors import DTypeError

from ._promotion import PROMOTION


@pytest.mark.parametrize(("a", "b"), PROMOTION)
def test_the_table(a, b):
    assert promote(by_name(a), by_name(b)).name == PROMOTION[a, b]


def test_the_table_has_every_pair():
    assert set(PROMOTION) == set(product(DTYPES, repeat=2))


def test_promotion_is_total_symmetric_and_idempotent():
    for a, b in product(DTYPES.values(), repeat=2):
        assert promote(a, b) is promote(b, a)
        assert promote(a, a) is a
        # promoting once more changes nothing, but for uint64 with signed integers
        assert promote(promote(a, b), b) is promote(a, b)


@pytest.mark.parametrize("name", DTYPES)
def test_a_bool_never_widens(name):
    assert scalar_dtype(True, by_name(name)).name == name


@pytest.mark.parametrize(
    "scalar, dtype, expected",
    [
        (1, "int8", "int8"), (1, "uint16", "uint16"), (1, "float16", "float16"),
        (1, "complex64", "complex64"), (1, "bool", "int64"),
        (1.0, "float16", "float16"), (1.0, "bfloat16", "bfloat16"), (1.0, "float64", "float64"),
        (1.0, "complex64", "complex64"), (1.0, "int8", "float32"), (1.0, "bool", "float32"),
        (1j, "complex64", "complex64"), (1j, "complex128", "complex128"),
        (1j, "float32", "complex64"), (1j, "float64", "complex128"), (1j, "int64", "complex64"),
        (True, None, "bool"), (1, None, "int64"), (1.0, None, "float32"), (1j, None, "complex64"),
    ],
)  # fmt: skip
def test_scalars_change_the_kind_only(scalar, dtype, expected):
    assert scalar_dtype(scalar, dtype and by_name(dtype)).name == expected


@pytest.mark.parametrize("dtype", DTYPES.values())
def test_there_is_one_object_per_dtype(dtype):
    assert pickle.loads(pickle.dumps(dtype)) is dtype
    assert copy.copy(dtype) is dtype
    assert copy.deepcopy(dtype) is dtype
    assert isinstance(dtype, DType)
    assert repr(dtype) == dtype.name
    assert dtype.itemsize * 8 == dtype.bits


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(DTypeError, match=r"'float23' is not a dtype.*float32.*complex128"):
        by_name("float23")
