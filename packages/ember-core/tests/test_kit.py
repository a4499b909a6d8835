"""The conformance kit's own parts: what it draws, rounds, compares and reports."""

import numpy as np
import pytest

from ember_ml.backend.dtypes import DTYPES
from ember_ml.backend.testing import CASES, Array, Case, Draw
from ember_ml.backend.testing._draw import carrier, rounded
from ember_ml.backend.testing._drawing import examples
from ember_ml.backend.testing._run import difference, run, show, tensor_of
from ember_ml.nn import tensor as et

FLOATS = ["float16", "bfloat16", "float32", "float64"]


def drawn(take, count=50, **options):
    """What ``take`` makes of so many draws."""
    found = []
    examples(lambda draw: found.append(take(draw)), count, **options)
    return found


# -- rounding -------------------------------------------------------------------------------------


def test_bfloat16_is_rounded_as_pytorch_does():
    torch = pytest.importorskip("torch")
    bits = np.random.default_rng(0).integers(0, 2**32, 20_000, dtype=np.uint32)
    ties = (np.arange(256, dtype=np.uint32) << 16) + np.uint32(0x3F808000)
    values = np.concatenate([bits, ties]).view(np.float32)
    right = torch.from_numpy(values).to(torch.bfloat16).to(torch.float64).numpy()
    assert np.array_equal(rounded(values, DTYPES["bfloat16"]), right, equal_nan=True)


@pytest.mark.parametrize(
    "value, right",
    [(1 + 2**-8, 1.0), (1 + 3 * 2**-8, 1 + 2**-6), (1 + 2**-8 + 2**-20, 1 + 2**-7), (-0.1, -0.10009765625)],
)  # fmt: skip
def test_bfloat16_ties_go_to_even(value, right):
    assert rounded(value, DTYPES["bfloat16"]) == right


def test_what_is_rounded_is_held_in_double_precision():
    assert rounded([0.1], DTYPES["float16"]) == np.float64(np.float16(0.1))
    assert rounded([0.1], DTYPES["float32"]).dtype == np.float64
    assert rounded([0.1j], DTYPES["complex64"]).dtype == np.complex128
    assert rounded([2**63], DTYPES["uint64"]).tolist() == [2**63]


# -- comparing ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name, digits", [("float16", 11), ("bfloat16", 8), ("float32", 24)])
def test_numbers_may_differ_by_some_units_in_the_last_place(name, digits):
    ones = np.ones(3)
    assert difference(ones * (1 + 20 * 2.0**-digits), ones, DTYPES[name]) is None
    assert "is not" in difference(ones * (1 + 100 * 2.0**-digits), ones, DTYPES[name])
    assert difference(ones * (1 + 100 * 2.0**-digits), ones, DTYPES[name], 4) is None


def test_the_largest_number_sets_the_scale():
    right = np.array([1e6, 1e-3])
    assert difference(right + [0, 1], right, DTYPES["float32"]) is None
    assert difference(right + [0, 10], right, DTYPES["float32"]) is not None


def test_integers_and_what_is_not_finite_agree_exactly():
    assert difference(np.array([2**53 + 1]), np.array([2**53]), DTYPES["int64"]) is not None
    odd = np.array([np.nan, np.inf, -np.inf])
    assert difference(odd, odd, DTYPES["float32"]) is None
    for found in (odd[::-1], np.array([0.0, np.inf, -np.inf]), np.array([np.nan, 1e38, -np.inf])):
        assert difference(found, odd, DTYPES["float32"]) is not None


def test_shapes_differ_first():
    said = difference(np.ones((2, 1)), np.ones(2), DTYPES["float32"])
    assert said == "its shape is (2, 1), not (2,)"


# -- drawing --------------------------------------------------------------------------------------


def test_shapes_that_are_drawn_together_broadcast():
    for shapes in drawn(lambda draw: draw.shapes(3)):
        np.broadcast_shapes(*shapes)


def test_shapes_vary():
    shapes = drawn(lambda draw: draw.shape())
    assert {len(s) for s in shapes} == {0, 1, 2, 3}
    assert any(0 in s for s in shapes)
    assert not any(0 in s for s in drawn(lambda draw: draw.shape(), smooth=True))
    assert {len(s) for s in drawn(lambda draw: draw.shape(1, 2))} == {1, 2}


@pytest.mark.parametrize("name", DTYPES)
def test_values_are_exact_in_their_dtype(name):
    dtype = DTYPES[name]
    options = {"specials": True, "extremes": True}
    for array in drawn(lambda draw: draw.array(dtype, **options), 10):
        assert array.dtype is dtype
        assert array.values.dtype == carrier(dtype)
        assert np.array_equal(rounded(array.values, dtype), array.values, equal_nan=True)


def test_special_values_and_extremes_are_asked_for():
    float32, int8 = DTYPES["float32"], DTYPES["int8"]

    def values(dtype, **options):
        arrays = drawn(lambda draw: draw.array(dtype, (3, 4), **options))
        return np.concatenate([a.values.reshape(-1) for a in arrays])

    plain = values(float32, low=-1, high=2)
    assert -1 <= plain.min() < 0 < 1 < plain.max() <= 2
    special = values(float32, specials=True)
    assert np.isnan(special).any()
    assert np.isposinf(special).any()
    assert np.isneginf(special).any()
    assert set(values(int8).tolist()) == set(range(-4, 5))
    assert {-128, -127, 126, 127} <= set(values(int8, extremes=True).tolist())
    assert values(DTYPES["uint8"]).min() == 0


def test_axes_and_indices_are_within_their_range():
    for axes in drawn(lambda draw: draw.axes(3)):
        np.sum(np.ones((2, 2, 2)), axis=axes)
    found = np.concatenate([a.values for a in drawn(lambda draw: draw.indices(3, (4,)))])
    assert set(found.tolist()) == set(range(-3, 3))


@pytest.mark.parametrize("name", ["float64", "complex128"])
def test_symmetric_matrices_have_eigenvalues_apart(name):
    for a in drawn(lambda draw: draw.symmetric(DTYPES[name], (2, 4, 4), positive=True), 10):
        assert np.allclose(a.values, np.conj(np.swapaxes(a.values, -1, -2)))
        values = np.linalg.eigvalsh(a.values)
        assert values.min() > 0.9
        assert np.diff(values).min() > 0.5


def test_mistakes_are_drawn_where_they_are_wanted():
    def fits(draw):
        try:
            np.broadcast_shapes(*draw.shapes(2))
        except ValueError:
            return False
        return True

    assert not all(drawn(fits, 200, wild=True))


# -- examples -------------------------------------------------------------------------------------


def test_the_same_examples_are_drawn_each_time():
    first, second = (drawn(lambda draw: draw.array(DTYPES["int64"])) for _ in range(2))
    assert [repr(a) for a in first] == [repr(a) for a in second]
    assert len({repr(a) for a in first}) > 25


def test_the_simplest_failure_is_raised():
    def check(draw):
        x = draw.array(DTYPES["int32"])
        assert 3 not in x.values, f"{x} has a three"

    with pytest.raises(AssertionError, match=r"^int32\[\] 3 has a three"):
        examples(check, 8)


def test_a_failure_that_is_not_found_again_is_raised():
    calls = []

    def check(draw):
        calls.append(draw)
        assert len(calls) != 3, "the third fails"

    with pytest.raises(AssertionError, match="the third fails"):
        examples(check, 8)


# -- cases ----------------------------------------------------------------------------------------


def test_an_operation_has_one_case():
    with pytest.raises(ValueError, match="two cases for 'add'"):
        CASES.add(Case("add", lambda draw, dtype: ((), {})))


@pytest.mark.parametrize(
    "name, dtype, right",
    [
        ("add", "int8", "int8"),
        ("sum", "uint8", "uint64"),
        ("exp", "int32", "float32"),
        ("less", "float64", "bool"),
        ("fft.fft", "float64", "complex128"),
        ("fft.rfft", "float32", "complex64"),
        ("abs", "complex64", "float32"),
        ("argmax", "float16", "int64"),
    ],
)
def test_the_dtype_of_a_result(name, dtype, right):
    assert CASES[name].takes(DTYPES[dtype])
    assert CASES[name].expected(DTYPES[dtype]) is DTYPES[right]


def test_an_operation_is_tried_with_the_dtypes_that_it_is_defined_for():
    taken = {name for name, dtype in DTYPES.items() if CASES["exp"].takes(dtype)}
    assert taken == {*FLOATS, "complex64", "complex128", "int32"}
    assert not CASES["logical_and"].takes(DTYPES["int32"])


def test_a_call_is_shown_as_it_would_be_written():
    x = Array(np.array([1.0, 2.0]), DTYPES["float32"])
    assert show(CASES["sum"], ((x,), {"axis": 0})) == "sum(float32[2] [1.0, 2.0], axis=0)"


@pytest.mark.usefixtures("backend")
def test_operands_must_stay_as_they_are():
    def spoil(x):
        x[0] = 7.0
        return x

    backend = et.current_backend()
    call = (Array(np.array([1.0, 2.0]), DTYPES["float32"]),), {}
    assert run(spoil, call, backend).tolist() == [7.0, 2.0]
    with pytest.raises(AssertionError, match=r"spoil changed its argument float32\[2\]"):
        run(spoil, call, backend, keeps=True)
    assert run(et.negative, call, backend, keeps=True).tolist() == [-1.0, -2.0]
    assert tensor_of(call[0][0]).tolist() == [1.0, 2.0]


def test_a_draw_takes_its_choices_from_where_it_is_told():
    highest = Draw(lambda low, high: high)
    assert highest.shape(0, 3, empty=False) == (4, 4, 4)
    assert highest.axis(2) == 1
    assert highest.number(-1, 1.5) == 1.5
    assert highest.one_of("a", "b") == "b"
    assert highest.flag() is True
