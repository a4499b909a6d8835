"""The promotion table against the standard's, and what Ember adds to it."""

import copy
import pickle
from itertools import product

import pytest

from ember_ml.backend.dtypes import DTYPES, DType, by_name, promote, scalar_dtype
from ember_ml.backend.errors import DTypeError

# "Type Promotion Rules" of the array API standard 2025.12, copied out: rows and columns.
SIGNED = """
      i1 i2 i4 i8
i1    i1 i2 i4 i8
i2    i2 i2 i4 i8
i4    i4 i4 i4 i8
i8    i8 i8 i8 i8
"""
UNSIGNED = """
      u1 u2 u4 u8
u1    u1 u2 u4 u8
u2    u2 u2 u4 u8
u4    u4 u4 u4 u8
u8    u8 u8 u8 u8
"""
MIXED = """
      u1 u2 u4
i1    i2 i4 i8
i2    i2 i4 i8
i4    i4 i4 i8
i8    i8 i8 i8
"""
FLOATING = """
      f4 f8 c8 c16
f4    f4 f8 c8 c16
f8    f8 f8 c16 c16
c8    c8 c16 c8 c16
c16   c16 c16 c16 c16
"""
NAMES = {
    "i1": "int8", "i2": "int16", "i4": "int32", "i8": "int64",
    "u1": "uint8", "u2": "uint16", "u4": "uint32", "u8": "uint64",
    "f4": "float32", "f8": "float64", "c8": "complex64", "c16": "complex128",
}  # fmt: skip


def cells(table):
    header, *rows = [line.split() for line in table.strip().splitlines()]
    for row in rows:
        for column, result in zip(header, row[1:], strict=True):
            yield NAMES[row[0]], NAMES[column], NAMES[result]


STANDARD = [cell for table in (SIGNED, UNSIGNED, MIXED, FLOATING) for cell in cells(table)]


@pytest.mark.parametrize("a, b, expected", [*STANDARD, ("bool", "bool", "bool")])
def test_the_table_of_the_standard(a, b, expected):
    assert promote(by_name(a), by_name(b)).name == expected
    assert promote(by_name(b), by_name(a)).name == expected


@pytest.mark.parametrize("integer", [n for n in DTYPES if n.startswith(("int", "uint"))])
@pytest.mark.parametrize("inexact", [n for n in DTYPES if n.startswith(("float", "bfl", "com"))])
def test_an_integer_takes_the_floating_dtype(integer, inexact):
    assert promote(by_name(integer), by_name(inexact)).name == inexact


@pytest.mark.parametrize("name", DTYPES)
def test_bool_takes_the_other_dtype(name):
    assert promote(by_name("bool"), by_name(name)).name == name


@pytest.mark.parametrize(
    "a, b, expected",
    [
        ("float16", "bfloat16", "float32"),
        ("float16", "float32", "float32"),
        ("bfloat16", "float64", "float64"),
        ("float16", "complex64", "complex64"),
        ("float64", "complex64", "complex128"),
        ("uint64", "int8", "float32"),
        ("uint64", "int64", "float32"),
    ],
)
def test_what_the_standard_leaves_open(a, b, expected):
    assert promote(by_name(a), by_name(b)).name == expected
    assert promote(by_name(b), by_name(a)).name == expected


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
