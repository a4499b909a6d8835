"""Devices are handled alike, and a tensor prints as the same text, on every engine."""

from __future__ import annotations

import pytest

from ember_ml.backend.errors import DeviceError
from ember_ml.backend.registry import get_backend, use_backend
from ember_ml.nn import tensor as et

from ._engines import ENGINES

# -- devices ---------------------------------------------------------------------------------------


def test_devices(backend):
    devices = get_backend(backend).devices()
    assert "cpu" in devices
    for device in devices:
        x = et.ones((2, 2), device=device)
        assert x.device == device
        made = [
            et.zeros_like(x), et.full_like(x, 2.0), x + 1, 2 * x, x @ x, x.sum(), x[0], x > 0,
            et.astype(x, et.float16), et.argmax(x), et.asarray(x), x + [1.0, 2.0],
            et.asarray([1, 2], device=device), et.arange(3, device=device),
            et.eye(2, device=device), et.linspace(0, 1, 3, device=device), et.full(2, 1, device=device),
            et.random.Generator(0).uniform((2,), device=device), x.to_device(device),
        ]  # fmt: skip
        assert [y.device for y in made] == [device] * len(made)


MAKERS = {
    "zeros": lambda device: et.zeros(2, device=device),
    "full": lambda device: et.full(2, 1, device=device),
    "asarray": lambda device: et.asarray([1], device=device),
    "arange": lambda device: et.arange(2, device=device),
    "linspace": lambda device: et.linspace(0, 1, 2, device=device),
    "eye": lambda device: et.eye(2, device=device),
    "zeros_like": lambda device: et.zeros_like(et.ones(2), device=device),
    "empty_like": lambda device: et.empty_like(et.ones(2), device=device),
    "full_like": lambda device: et.full_like(et.ones(2), 1, device=device),
    "astype": lambda device: et.astype(et.ones(2), et.int8, device=device),
    "from_dlpack": lambda device: et.from_dlpack(et.ones(2), device=device),
    "to_device": lambda device: et.ones(2).to_device(device),
    "fftfreq": lambda device: et.fft.fftfreq(2, device=device),
    "uniform": lambda device: et.random.Generator(0).uniform((2,), device=device),
}


@pytest.mark.parametrize("name", MAKERS)
def test_an_unknown_device(name, backend):
    assert MAKERS[name]("cpu").device == "cpu"
    with pytest.raises(
        DeviceError, match=f"backend '{backend}' has no device 'moon'; it has 'cpu'"
    ):
        MAKERS[name]("moon")


# -- text ------------------------------------------------------------------------------------------

NAN, INF = float("nan"), float("inf")
INTEGERS = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
SHOWN = {
    "numbers": lambda: [et.asarray(value) for value in (True, -3, 2.5, 1 - 2j, NAN, -INF, 1e-30)],
    "dtypes": lambda: [
        et.asarray([0, 1, 100], dtype=dtype) for dtype in (*INTEGERS, "float32", "float64")
    ],
    "halves": lambda: [et.asarray([0.1, 65504.0, -INF], dtype=et.float16)],
    "extremes": lambda: [
        et.asarray([et.iinfo(dtype).min, et.iinfo(dtype).max], dtype=dtype) for dtype in INTEGERS
    ],
    "wide ranges": lambda: [et.asarray([1e-7, 1.0, 1e7]), et.asarray([123456.789, 0.001])],
    "signs": lambda: [et.asarray([-0.0, 0.0, -1.5]), et.asarray([complex(0.0, -0.0), -1 - 1j])],
    "shapes": lambda: [et.zeros(shape) for shape in ((), (0,), (2, 0), (1,), (2, 3), (2, 1, 2))],
    "views": lambda: [et.reshape(et.arange(24), (2, 3, 4)).mT[::-1, 1], et.arange(9)[::-2]],
    "long": lambda: [et.arange(1001), et.zeros((40, 30)), et.ones((7, 11, 13))],
    "a long line": lambda: [et.linspace(0, 1, 40)],
    "results": lambda: [
        et.arange(3) / 7,
        et.exp(et.arange(3)),
        et.arange(3) == 1,
        et.sum(et.arange(5)),
    ],
}


@pytest.mark.parametrize("name", SHOWN)
def test_text_is_the_same(name):
    texts = {}
    for engine in ENGINES:
        with use_backend(engine):
            tensors = SHOWN[name]()
        texts[engine] = [f"{x!r}\n{x}".replace(repr(engine), "'...'") for x in tensors]
        assert all("backend='...'" in text for text in texts[engine])
    assert all(texts[engine] == texts[ENGINES[0]] for engine in ENGINES)
