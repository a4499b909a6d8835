"""Values at which PyTorch differs from the standard, against NumPy or the standard's table."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from ember_ml import nn
from ember_ml.backend.errors import InvalidValueError
from ember_ml.nn import tensor as et
from ember_ml.nn.tensor import fft

INF, NAN = math.inf, math.nan
FLOATS = ["float16", "float32", "float64"]
COMPLEX = ["complex64", "complex128"]
UNSIGNED = ["uint8", "uint16", "uint32", "uint64"]


def bits_agree(actual: et.EmberTensor, expected: list[complex], dtype: str) -> None:
    """Equal, zeros in their signs too; any NaN is as good as another."""
    found = actual.numpy()
    assert found.dtype == dtype
    wanted = np.asarray(expected, dtype)
    for a, b in ((found.real, wanted.real), (found.imag, wanted.imag)):
        np.testing.assert_array_equal(a, b)
        number = ~np.isnan(b)
        np.testing.assert_array_equal(np.signbit(a[number]), np.signbit(b[number]))


# x1, x2, the floor of the quotient: "Special cases" of `floor_divide` in the standard.
QUOTIENTS = [
    (INF, 2.0, INF), (INF, -2.0, -INF), (-INF, 2.0, -INF), (-INF, -2.0, INF),
    (3.0, INF, 0.0), (3.0, -INF, -0.0), (-3.0, INF, -0.0), (-3.0, -INF, 0.0),
    (INF, INF, NAN), (3.0, 0.0, INF), (-3.0, 0.0, -INF), (0.0, 0.0, NAN), (NAN, 1.0, NAN),
    (1.0, NAN, NAN), (0.0, -2.0, -0.0), (-0.0, 2.0, -0.0), (7.0, -2.0, -4.0), (-7.5, 2.0, -4.0),
]  # fmt: skip

# x1, x2, what is left: of `remainder`.
REMAINDERS = [
    (0.0, 2.0, 0.0), (-0.0, 2.0, 0.0), (0.0, -2.0, -0.0), (-0.0, -2.0, -0.0),
    (6.0, 3.0, 0.0), (-6.0, 3.0, 0.0), (6.0, -3.0, -0.0), (-6.0, -3.0, -0.0),
    (5.0, 3.0, 2.0), (-5.0, 3.0, 1.0), (5.0, -3.0, -1.0), (-5.0, -3.0, -2.0),
    (3.0, INF, 3.0), (3.0, -INF, -INF), (-3.0, INF, INF), (-3.0, -INF, -3.0),
    (INF, 2.0, NAN), (1.0, 0.0, NAN), (NAN, 1.0, NAN), (1.0, NAN, NAN),
]  # fmt: skip

# x1, x2, the power: of `pow`.
POWERS = [
    (-0.0, 0.5, 0.0), (-INF, 0.5, INF), (-0.0, -0.5, INF), (-INF, -0.5, 0.0), (-4.0, 0.5, NAN),
    (4.0, 0.5, 2.0), (4.0, -0.5, 0.5), (INF, 0.5, INF), (0.0, 0.0, 1.0), (NAN, 0.0, 1.0),
    (-0.0, 3.0, -0.0), (-0.0, -3.0, -INF), (-INF, 3.0, -INF), (-INF, 2.0, INF),
]  # fmt: skip


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    ("function", "table"),
    [(et.floor_divide, QUOTIENTS), (et.remainder, REMAINDERS), (et.pow, POWERS)],
    ids=["floor_divide", "remainder", "pow"],
)
@pytest.mark.parametrize("many", [1, 33])  # PyTorch's vectorised loops are code of their own
def test_real_pairs(
    function: Callable[..., et.EmberTensor],
    table: list[tuple[float, float, float]],
    dtype: str,
    many: int,
) -> None:
    for x1, x2, expected in table:
        a, b = (et.asarray(np.full(many, x, dtype)) for x in (x1, x2))
        for found in (function(a, b), function(a, x2), function(x1, b)):
            bits_agree(found, [expected] * many, dtype)


@pytest.mark.parametrize("dtype", COMPLEX)
def test_complex_acos_below_and_above_the_axis(dtype: str) -> None:
    for x in (0.0, -0.0, 0.5, -0.5, 1.0, -1.0):
        angle = float(np.arccos(np.asarray(x, dtype).real))
        found = et.acos(et.asarray(np.asarray([complex(x, 0.0), complex(x, -0.0)], dtype))).numpy()
        np.testing.assert_allclose(found.real, [angle, angle], rtol=1e-6)
        assert np.signbit(found.imag).tolist() == [True, False]
        assert (found.imag == 0).all()
    x = np.asarray([2 + 0j, -2 + 0j, 2 - 1j, -1 + 3j, 0.1 - 0.2j], dtype)
    np.testing.assert_allclose(et.acos(et.asarray(x)).numpy(), np.arccos(x), rtol=1e-5)


@pytest.mark.parametrize("dtype", COMPLEX)
def test_complex_expm1(dtype: str) -> None:
    given = [
        complex(0.0, 0.0), complex(-0.0, 0.0), complex(INF, 0.0), complex(-INF, INF),
        complex(INF, INF), complex(-INF, NAN), complex(INF, NAN), complex(NAN, 0.0),
        complex(1.0, INF), complex(NAN, 1.0), complex(-INF, 1.0),
    ]  # fmt: skip
    expected = [
        complex(0.0, 0.0), complex(0.0, 0.0), complex(INF, 0.0), complex(-1.0, 0.0),
        complex(INF, NAN), complex(-1.0, 0.0), complex(INF, NAN), complex(NAN, 0.0),
        complex(NAN, NAN), complex(NAN, NAN), complex(-1.0, 0.0),
    ]  # fmt: skip
    bits_agree(et.expm1(et.asarray(np.asarray(given, dtype))), expected, dtype)
    digits = 1e-6 if dtype == "complex64" else 1e-14
    x = np.asarray([1e-6 + 2e-6j, -0.3 + 2j, 0.999 - 1j, 3 + 4j, -5 + 0.5j], dtype)
    wide = np.expm1(x.real.astype("float64")) * np.cos(x.imag) - 2 * np.sin(x.imag / 2) ** 2
    tall = np.exp(x.real.astype("float64")) * np.sin(x.imag)
    np.testing.assert_allclose(et.expm1(et.asarray(x)).numpy(), wide + 1j * tall, rtol=4 * digits)


@pytest.mark.parametrize("dtype", COMPLEX)
def test_complex_log1p_of_infinities(dtype: str) -> None:
    given = [complex(INF, NAN), complex(-INF, NAN), complex(NAN, INF), complex(INF, 0.0)]
    expected = [complex(INF, NAN), complex(INF, NAN), complex(INF, NAN), complex(INF, 0.0)]
    bits_agree(et.log1p(et.asarray(np.asarray(given, dtype))), expected, dtype)


@pytest.mark.parametrize("dtype", COMPLEX)
def test_complex_tanh_of_infinities(dtype: str) -> None:
    given, expected = [], []
    for real in (INF, -INF):
        for imag in (0.0, 1.0, 2.0, 4.0, 1e10, INF):
            for sign in (1.0, -1.0):
                given.append(complex(real, sign * imag))
                expected.append(complex(math.copysign(1.0, real), sign * 0.0))
    bits_agree(et.tanh(et.asarray(np.asarray(given, dtype))), expected, dtype)
    assert et.tanh(et.asarray(complex(INF, NAN), dtype=dtype)).item() == 1
    x = np.asarray([0.3 - 2j, -4 + 1j, 0j, complex(NAN, 0.0)], dtype)
    np.testing.assert_allclose(et.tanh(et.asarray(x)).numpy(), np.tanh(x), rtol=1e-6)


@pytest.mark.parametrize("dtype", COMPLEX)
def test_complex_powers_of_nothing_are_one(dtype: str) -> None:
    x = et.asarray(np.asarray([0j, INF, 3 + 4j], dtype))
    assert et.pow(x, et.zeros_like(x)).tolist() == [1, 1, 1]
    assert et.pow(x, 0).tolist() == [1, 1, 1]
    assert et.pow(0j, et.zeros_like(x)).tolist() == [1, 1, 1]


def test_gradients_at_the_mended_points() -> None:
    x1, x2 = et.asarray([6.0, -6.0, 5.0, 0.0]), et.asarray([3.0, -3.0, -3.0, 2.0])
    g1, g2 = nn.grad(lambda a, b: et.sum(a % b), argnums=(0, 1))(x1, x2)
    assert g1.tolist() == [1.0] * 4
    assert g2.tolist() == [-2.0, -2.0, 2.0, 0.0]  # -floor(x1 / x2)
    g1, g2 = nn.grad(lambda a, b: et.sum(a // b), argnums=(0, 1))(x1, et.asarray([3.0, INF, 0, 1]))
    assert g1.tolist() == g2.tolist() == [0.0] * 4
    assert nn.grad(lambda x: et.sum(x**0.5))(et.asarray([4.0, 0.25])).tolist() == [0.25, 1.0]

    def slope(function: Callable[..., et.EmberTensor], at: complex) -> float:
        """Of the real part, along the real axis."""
        return nn.grad(lambda x: et.real(function(et.astype(x, "complex128") + at * 1j)))(
            et.asarray(0.0, dtype="float64")
        ).item()

    assert slope(et.log1p, 0.0) == 1.0
    assert slope(et.expm1, 0.0) == 1.0
    assert slope(et.acos, 0.0) == -1.0
    assert slope(et.acos, 1.0) == pytest.approx(-1 / math.sqrt(2))  # -1 / sqrt(1 - z**2), z = 1j


@pytest.mark.parametrize("dtype", UNSIGNED)
def test_unsigned_exponents_and_places_with_the_top_bit(dtype: str) -> None:
    top = np.iinfo(dtype).max // 2 + 1
    x1 = np.asarray([0, 1, 2, 3, 6, 7, top, 2 * (top - 1) + 1], dtype)[:, None]
    x2 = np.asarray([0, 1, 3, top - 1, top, top + 1, 2 * (top - 1) + 1], dtype)
    for name, expected in (("pow", np.power), ("bitwise_right_shift", np.right_shift),
                           ("bitwise_left_shift", np.left_shift)):  # fmt: skip
        found = getattr(et, name)(et.asarray(x1), et.asarray(x2)).numpy()
        np.testing.assert_array_equal(found, expected(x1, x2), err_msg=name)


@pytest.mark.parametrize("dtype", ["int8", "int32", "int64", "uint8", "uint32", "uint64"])
@pytest.mark.parametrize("function", [et.floor_divide, et.remainder])
def test_the_least_integer_by_minus_one_and_anything_by_zero(
    function: Callable[..., et.EmberTensor], dtype: str
) -> None:
    info = np.iinfo(dtype)
    if info.min:
        found = function(et.asarray([info.min], dtype=dtype), et.asarray([-1], dtype=dtype))
        assert found.tolist() == [info.min if function is et.floor_divide else 0]  # it wraps round
    for divisor in (0, et.asarray([0], dtype=dtype)):
        with pytest.raises(InvalidValueError):
            function(et.asarray([1], dtype=dtype), divisor)


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (2, 0, 3), (0, 1)])
@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"])
def test_transforms_of_tensors_without_elements(name: str, shape: tuple[int, ...]) -> None:
    x = np.zeros(shape, "float32" if name in ("rfft", "ihfft") else "complex64")
    for axis in range(-len(shape), len(shape)):
        for n in (None, 1, 4):
            try:
                # NumPy's irfft scales memory that it has never written where there are no points
                with np.errstate(all="ignore"):
                    expected = getattr(np.fft, name)(x, n=n, axis=axis)
            except ValueError:  # no points to transform
                with pytest.raises(InvalidValueError):
                    getattr(fft, name)(et.asarray(x), n=n, axis=axis)
                continue
            found = getattr(fft, name)(et.asarray(x), n=n, axis=axis).numpy()
            assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
