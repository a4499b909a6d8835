"""Complex functions that NumPy has with other values at infinity than the standard."""

import cmath
import math

import numpy as np
import pytest

from ember_ml.nn import tensor as et

INF = float("inf")


@pytest.mark.parametrize("dtype", [et.complex64, et.complex128])
@pytest.mark.parametrize("imag", [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 1e10, 2.673368723256582e16])
def test_tanh_at_infinity_has_a_zero_with_the_sign_of_the_argument(imag, dtype):
    for real in (INF, -INF):
        for sign in (1.0, -1.0):
            x = et.asarray([complex(real, sign * imag), 1 + 1j], dtype=dtype)
            end, plain = et.tanh(x).tolist()
            assert end.real == math.copysign(1.0, real)
            assert (end.imag, math.copysign(1.0, end.imag)) == (0.0, sign)
            assert plain == pytest.approx(cmath.tanh(1 + 1j), rel=1e-6)
            alone = et.tanh(x[0]).item()
            assert (alone, math.copysign(1.0, alone.imag)) == (end, sign)


def test_expm1_at_infinity():
    # by the standard
    assert et.expm1(et.asarray(complex(INF, 0.0))).item() == complex(INF, 0.0)
    assert et.expm1(et.asarray(complex(-INF, 2.0))).item() == complex(-1.0, 0.0)
    assert et.expm1(et.asarray(complex(INF, 2.0))).item() == complex(-INF, INF)


def test_expm1_near_zero_keeps_its_digits():
    x = np.array([1e-6 + 1e-6j, 2 + 1j, -30j, 0.5 - 0.25j], dtype="c8")
    expected = [np.expm1(v) for v in x.astype("c16")]
    np.testing.assert_allclose(et.expm1(et.asarray(x)).tolist(), expected, rtol=1e-5)
