"""Fourier transforms against NumPy."""

import numpy as np
import pytest

from ember_ml.backend.errors import InvalidValueError
from ember_ml.nn import tensor as et
from ember_ml.nn.tensor import fft

from ._values import close, same

RNG = np.random.default_rng(0)
REAL = RNG.normal(size=(3, 4, 6)).astype("f4")
COMPLEX = (REAL + 1j * RNG.normal(size=REAL.shape)).astype("c8")
ONE = ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"]
SEVERAL = ["fftn", "ifftn", "rfftn", "irfftn"]


def source(name):
    return REAL if name in ("rfft", "ihfft", "rfftn") else COMPLEX


@pytest.mark.parametrize("name", ONE)
@pytest.mark.parametrize("n", [None, 1, 4, 5, 9])
@pytest.mark.parametrize("norm", ["backward", "ortho", "forward"])
def test_along_one_axis(backend, name, n, norm):
    for axis in (-1, 0):
        x = source(name)
        close(getattr(fft, name)(et.asarray(x), n=n, axis=axis, norm=norm),
              getattr(np.fft, name)(x, n=n, axis=axis, norm=norm), 1e-4, 1e-5)  # fmt: skip


@pytest.mark.parametrize("name", SEVERAL)
@pytest.mark.parametrize(
    "s, axes", [(None, None), (None, (0, 1)), ((2, 5), (1, 2)), ((4, 4), (-1, 0)), (None, (2,))]
)
@pytest.mark.parametrize("norm", ["backward", "ortho", "forward"])
def test_along_several_axes(backend, name, s, axes, norm):
    x = source(name)
    close(getattr(fft, name)(et.asarray(x), s=s, axes=axes, norm=norm),
          getattr(np.fft, name)(x, s=s, axes=axes, norm=norm), 1e-4, 1e-5)  # fmt: skip


def test_by_the_definition(backend):
    x = COMPLEX[0, 0]
    n = len(x)
    matrix = np.exp(-2j * np.pi * np.outer(range(n), range(n)) / n)
    close(fft.fft(et.asarray(x)), (matrix @ x).astype("c8"), 1e-4, 1e-5)


def test_inverses(backend):
    x = et.asarray(COMPLEX)
    close(fft.ifft(fft.fft(x)), COMPLEX, 1e-4, 1e-5)
    close(fft.ifftn(fft.fftn(x)), COMPLEX, 1e-4, 1e-5)
    r = et.asarray(REAL)
    close(fft.irfft(fft.rfft(r)), REAL, 1e-4, 1e-5)
    close(fft.irfftn(fft.rfftn(r), s=REAL.shape, axes=(0, 1, 2)), REAL, 1e-4, 1e-5)
    close(fft.irfft(fft.rfft(r[..., :5]), n=5), REAL[..., :5], 1e-4, 1e-5)


@pytest.mark.parametrize("name", ONE)
@pytest.mark.parametrize("shape", [(0,), (2, 0), (0, 3)])
def test_no_points_are_padded_with_zeros(backend, name, shape):
    axis = shape.index(0)
    x = et.zeros(shape, dtype="float32" if name in ("rfft", "ihfft") else "complex64")
    for _ in range(20):
        used = [np.full(4, -3e38, "float32") for _ in range(50)]
        del used  # so that memory which nobody writes has these numbers
        y = getattr(fft, name)(x, n=4, axis=axis)
        assert y.shape[axis] == (3 if name in ("rfft", "ihfft") else 4)
        assert not y.numpy().any()


@pytest.mark.parametrize("n", [1, 2, 5, 8])
@pytest.mark.parametrize("d", [1.0, 0.25])
def test_frequencies(backend, n, d):
    close(fft.fftfreq(n, d=d), np.fft.fftfreq(n, d).astype("f4"))
    close(fft.rfftfreq(n, d=d), np.fft.rfftfreq(n, d).astype("f4"))


@pytest.mark.parametrize("axes", [None, 0, -1, (0, 2), [1]])
def test_shifts(backend, axes):
    numpys = tuple(axes) if isinstance(axes, list) else axes
    same(fft.fftshift(et.asarray(REAL), axes=axes), np.fft.fftshift(REAL, numpys))
    same(fft.ifftshift(et.asarray(REAL), axes=axes), np.fft.ifftshift(REAL, numpys))


def test_the_dtypes(backend):
    assert fft.fft([1.0, 2.0]).dtype is et.complex64
    assert fft.rfft([1, 2]).dtype is et.complex64
    assert fft.irfft([1 + 0j, 1 + 0j]).dtype is et.float32
    if et.complex128 in et.get_backend(backend).dtypes:
        x = REAL.astype("f8")
        close(fft.rfft(et.asarray(x)), np.fft.rfft(x), 1e-12)
        close(fft.fft(et.asarray(x)), np.fft.fft(x), 1e-12)


def test_sizes_and_axes_must_pair_up(backend):
    with pytest.raises(InvalidValueError, match="fftn: 2 sizes for 1 axes"):
        fft.fftn(et.asarray(COMPLEX), s=(2, 2), axes=(0,))
