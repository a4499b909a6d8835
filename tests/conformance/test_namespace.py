"""`ember_ml.nn.tensor` has all that the standard has, with the standard's signatures."""

import inspect
import math

import pytest

from ember_ml.backend.errors import DeviceError
from ember_ml.nn import tensor as et

from ._standard import ATTRIBUTES, DTYPES, SIGNATURES, bare, names

KINDS = {
    **DTYPES,
    "integral": DTYPES["signed integer"] + DTYPES["unsigned integer"],
    "numeric": [name for names in DTYPES.values() for name in names if name != "bool"],
}


def dtypes_of(backend: str) -> list[str]:
    """The standard's dtypes that the engine has: MLX has one complex dtype."""
    lacking = {"mlx": {"complex128"}}.get(backend, set())
    return [name for names in DTYPES.values() for name in names if name not in lacking]


# -- names and signatures ------------------------------------------------------------------------


def test_the_table_is_of_the_size_of_the_standard():
    sizes = {part: len(signatures) for part, signatures in SIGNATURES.items()}
    assert sizes == {"functions": 136, "linalg": 25, "fft": 14, "info": 5, "methods": 34}


@pytest.mark.parametrize("name", names("functions"))
def test_function(name):
    assert bare(getattr(et, name)) == SIGNATURES["functions"][name]


@pytest.mark.parametrize("part, name", [(p, n) for p in ("linalg", "fft") for n in names(p)])
def test_function_of_an_extension(part, name):
    assert bare(getattr(getattr(et, part), name)) == SIGNATURES[part][name]


@pytest.mark.parametrize("name", names("info"))
def test_inspection(name):
    assert bare(getattr(et.__array_namespace_info__(), name)) == SIGNATURES["info"][name]


@pytest.mark.parametrize("name", names("methods"))
def test_method(name, backend):
    method = bare(getattr(et.asarray([[1.0]]), name))
    _, *wanted = SIGNATURES["methods"][name].parameters.values()
    given = list(method.parameters.values())
    assert [p.kind for p in given] == [p.kind for p in wanted]
    assert [p.default for p in given] == [p.default for p in wanted]
    named = [p.name for p in wanted if p.kind is not inspect.Parameter.POSITIONAL_ONLY]
    assert [p.name for p in given if p.kind is not p.POSITIONAL_ONLY] == named


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_attribute_is_read_only(name, backend):
    x = et.asarray([[1.0, 2.0], [3.0, 4.0]])
    assert getattr(x, name) is not None
    with pytest.raises(AttributeError):
        setattr(x, name, None)


def test_attributes(backend):
    x = et.asarray([[[1, 2, 3]], [[4, 5, 6]]])
    assert (x.dtype, x.ndim, x.shape, x.size) == (et.int64, 3, (2, 1, 3), 6)
    assert x.mT.tolist() == [[[1], [2], [3]], [[4], [5], [6]]]
    assert x[:, 0].T.tolist() == [[1, 4], [2, 5], [3, 6]]
    assert x.device == et.__array_namespace_info__().default_device()


def test_constants():
    assert (et.e, et.pi, et.inf) == (math.e, math.pi, math.inf)
    assert math.isnan(et.nan)
    assert et.newaxis is None
    assert et.__array_api_version__ == "2025.12"


# -- operators -----------------------------------------------------------------------------------

#: 13 and 4 (with the bits 1101 and 0100), in each order, and what Python makes of them.
VALUES = {
    "add": (17, 17), "sub": (9, -9), "mul": (52, 52), "truediv": (3.25, 4 / 13),
    "floordiv": (3, 0), "mod": (1, 4), "pow": (28561, 67108864), "and": (4, 4), "or": (13, 13),
    "xor": (9, 9), "lshift": (208, 32768), "rshift": (0, 0),
}  # fmt: skip


@pytest.mark.parametrize("name", VALUES)
def test_operators_take_tensors_and_scalars_on_either_side(name, backend):
    thirteen, four = et.asarray([13, 13]), et.asarray(4)
    forwards, backwards = VALUES[name]
    near = pytest.approx if name == "truediv" else lambda value: value
    assert getattr(thirteen, f"__{name}__")(four).tolist() == near([forwards] * 2)
    assert getattr(thirteen, f"__{name}__")(4).tolist() == near([forwards] * 2)
    assert getattr(four, f"__r{name}__")(13).tolist() == near(forwards)
    assert getattr(thirteen, f"__r{name}__")(four).tolist() == near([backwards] * 2)


@pytest.mark.parametrize("name", [name for name in VALUES if name != "truediv"])
def test_operators_in_place(name, backend):
    x = y = et.asarray([13, 13])
    y = getattr(y, f"__i{name}__")(4)
    assert y is x
    assert x.tolist() == [VALUES[name][0]] * 2


def test_division_in_place(backend):
    x = y = et.asarray([13.0, 4.0])
    y /= 4
    assert y is x
    assert x.tolist() == [3.25, 1.0]


def test_matrix_product_operators(backend):
    a, b = et.asarray([[1, 2], [3, 4]]), et.asarray([[0, 1], [1, 1]])
    assert (a @ b).tolist() == [[2, 3], [4, 7]]
    assert a.__rmatmul__(b).tolist() == [[3, 4], [4, 6]]
    a @= b
    assert a.tolist() == [[2, 3], [4, 7]]


# -- inspection ----------------------------------------------------------------------------------


def test_namespace_of_an_array(backend):
    x = et.zeros(1)
    assert x.__array_namespace__() is et
    assert x.__array_namespace__(api_version="2025.12") is et


def test_capabilities(backend):
    capabilities = et.__array_namespace_info__().capabilities()
    assert set(capabilities) == {"boolean indexing", "data-dependent shapes", "max dimensions"}
    x = et.asarray([1, 0, 2, 0, 2])
    assert capabilities["boolean indexing"] is True
    assert x[x > 0].tolist() == [1, 2, 2]
    assert capabilities["data-dependent shapes"] is True
    assert et.unique_values(x).tolist() == [0, 1, 2]
    most = capabilities["max dimensions"]
    assert (et.ones((1,) * most) + 1).shape == (1,) * most


def test_devices(backend):
    info = et.__array_namespace_info__()
    devices = info.devices()
    assert isinstance(devices, tuple)
    assert info.default_device() == devices[0] == et.zeros(1).device
    for device in devices:
        assert et.zeros(1, device=device).device == device
    with pytest.raises(DeviceError, match="moon"):
        et.zeros(1, device="moon")


def test_default_dtypes(backend):
    info = et.__array_namespace_info__()
    defaults = {
        "real floating": et.float32,
        "complex floating": et.complex64,
        "integral": et.int64,
        "indexing": et.int64,
    }
    assert info.default_dtypes() == defaults
    for device in info.devices():
        assert info.default_dtypes(device=device) == defaults
    assert et.asarray([1.0]).dtype == et.zeros(1).dtype == et.float32
    assert et.asarray([1]).dtype == et.arange(3).dtype == et.int64
    assert et.asarray([1j]).dtype == et.complex64
    assert et.argmax(et.zeros(1)).dtype == et.nonzero(et.zeros(1))[0].dtype == et.int64


def test_dtypes(backend):
    dtypes = et.__array_namespace_info__().dtypes()
    assert dtypes == {name: getattr(et, name) for name in dtypes_of(backend)}
    for dtype in dtypes.values():
        assert et.ones(2, dtype=dtype).dtype == dtype


@pytest.mark.parametrize("kind", KINDS)
def test_dtypes_of_a_kind(kind, backend):
    wanted = [name for name in KINDS[kind] if name in dtypes_of(backend)]
    assert list(et.__array_namespace_info__().dtypes(kind=kind)) == wanted
    for name in dtypes_of(backend):
        assert et.isdtype(getattr(et, name), kind) is (name in wanted)


def test_dtypes_of_several_kinds(backend):
    info = et.__array_namespace_info__()
    assert list(info.dtypes(kind=("bool", "unsigned integer"))) == [
        "bool",
        *KINDS["unsigned integer"],
    ]
    assert info.dtypes(kind=()) == {}


@pytest.mark.parametrize("name", [*DTYPES["real floating"], *DTYPES["complex floating"]])
def test_finfo(name):
    # IEEE 754, binary32 and binary64
    bits, digits, exponent = (32, 23, 127) if name in ("float32", "complex64") else (64, 52, 1023)
    info = et.finfo(getattr(et, name))
    largest = (2 - 2.0**-digits) * 2.0**exponent
    assert (info.bits, info.eps, info.max, info.min) == (bits, 2.0**-digits, largest, -largest)
    assert info.smallest_normal == 2.0 ** (1 - exponent)
    assert info.dtype == getattr(et, f"float{bits}")


@pytest.mark.parametrize("name", KINDS["integral"])
def test_iinfo(name):
    info = et.iinfo(getattr(et, name))
    bits = int(name.removeprefix("u").removeprefix("int"))
    low = 0 if name.startswith("u") else -(2 ** (bits - 1))
    assert (info.bits, info.min, info.max) == (bits, low, low + 2**bits - 1)
    assert info.dtype == getattr(et, name)
