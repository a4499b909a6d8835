"""What is done to layers besides calling them, for one case of each: transforms, dtypes, moves."""

from __future__ import annotations

import copy
import functools
import importlib
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from ember_ml import nn
from ember_ml.backend.registry import get_backend, list_backends, use_backend
from ember_ml.nn import tensor as et

from ._case import CASES
from ._compare import _mapped, leaves

for path in sorted(Path(__file__).parent.glob("_cases_*.py")):
    importlib.import_module(f".{path.stem}", __package__)

#: The first case of each layer and loss.
FIRST = {case.name: case for case in reversed(CASES.values())}
#: Those whose programs are compared: a compiler takes seconds for each.
COMPILED = ("BatchNorm1d", "Bilinear", "Conv2d", "CTCLoss", "LSTM", "TransformerEncoderLayer")
ENGINES = [info.name for info in list_backends() if info.name in ("numpy", "torch", "mlx")]
each = pytest.mark.parametrize("name", FIRST)


def tensor(x, dtype=None):
    return et.asarray(x, dtype=dtype if x.dtype.kind == "f" else None)


def made(name, dtype=None):
    """The layer, the same whenever asked, and its arguments."""
    case = FIRST[name]
    et.random.seed(0)
    layer = case.build(nn).train(case.train)
    args, kwargs = case.arguments()
    put = functools.partial(tensor, dtype=dtype)
    return (
        layer if dtype is None else layer.to(dtype=dtype),
        _mapped(put, tuple(args)),
        {key: _mapped(put, x) for key, x in kwargs.items()},
    )


def called(layer, args, kwargs):
    """The results as arrays; the same random numbers are drawn whenever it is called."""
    et.random.seed(5)
    return [np.asarray(y.astype("float32").numpy() if y.dtype.kind == "float" else y.numpy())
            for y in leaves(layer(*args, **kwargs))]  # fmt: skip


def assert_same(found, expected, tolerance=1e-5):
    assert len(found) == len(expected)
    for x, y in zip(found, expected, strict=True):
        assert x.shape == y.shape
        size = max(1.0, float(np.abs(y).max(initial=0.0)))
        np.testing.assert_allclose(x, y, rtol=0, atol=tolerance * size)


def total(layer, args, kwargs, power):
    outputs = [y for y in leaves(layer(*args, **kwargs)) if y.dtype.kind == "float"]
    return functools.reduce(lambda a, b: a + b, [(y**power).sum() for y in outputs])


# -- transforms -----------------------------------------------------------------------------------


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("name", COMPILED)
def test_compiled(name, train, backend):
    if "compile" not in get_backend(backend).capabilities:
        pytest.skip("the engine has no compiler")
    differentiated = nn.value_and_grad(functools.partial(total, power=2))
    results = []
    for compiled in (False, True):
        layer, args, kwargs = made(name)
        layer.train(train)
        parameters = any(True for _ in layer.parameters())
        function = differentiated if parameters else functools.partial(total, power=2)
        function = nn.compile(function) if compiled else function
        et.random.seed(5)
        for _ in range(2):
            found = function(layer, args, kwargs)
        value, gradients = found if parameters else (found, {})
        results.append([x.numpy() for x in (value, *gradients.values(), *layer.buffers())])
    assert_same(results[1], results[0], 1e-4)


@each
def test_vmap_is_a_loop(name, backend):
    layer, args, kwargs = made(name)
    layer.eval()
    if any(not isinstance(x, et.EmberTensor) for part in args for x in leaves(part)):
        pytest.skip("an argument is no tensor: a number cannot be mapped")

    def halved(x):
        return et.stack([x, x * 0.5 if x.dtype.kind == "float" else x])

    def picked(x, n):
        return tuple(picked(part, n) for part in x) if isinstance(x, tuple) else x[n]

    def stacked(x):
        return tuple(map(stacked, x)) if isinstance(x, tuple) else halved(x)

    both = stacked(args)
    loop = [called(layer, picked(both, n), kwargs) for n in range(2)]
    found = called(nn.vmap(lambda *args: layer(*args, **kwargs)), both, {})
    assert_same(found, [np.stack(parts) for parts in zip(*loop, strict=True)])


@each
def test_second_derivatives(name, backend):
    """Of the first floating input, along one direction, against PyTorch's."""
    case = FIRST[name]
    layer, args, kwargs = made(name)
    if "Dropout" in name:
        layer.eval()
    state = {key: torch.from_numpy(x.numpy().copy()) for key, x in layer.state_dict().items()}
    place = next(
        (i for i, x in enumerate(args)
         if i not in case.constant and isinstance(x, et.EmberTensor) and x.dtype.kind == "float"),
        None,
    )  # fmt: skip
    if place is None:
        pytest.skip("no input is floating")
    direction = np.random.default_rng(0).standard_normal(args[place].shape).astype(np.float32)

    def slope(x):
        given = (*args[:place], x, *args[place + 1 :])
        found = nn.grad(lambda given: total(layer, given, kwargs, 3))(given)[place]
        return (found * et.asarray(direction)).sum()

    reference = case.build(torch.nn).train(layer.training)
    reference.load_state_dict(state)
    theirs, named = case.arguments()
    given = list(_mapped(torch.from_numpy, tuple(theirs)))
    given[place].requires_grad_()
    options = {key: _mapped(torch.from_numpy, x) for key, x in named.items()}
    with sdpa_kernel(SDPBackend.MATH):  # the others cannot be differentiated twice
        outputs = [y for y in leaves(reference(*given, **options)) if y.is_floating_point()]
        value = sum((y**3).sum() for y in outputs)
        (first,) = torch.autograd.grad(value, given[place], create_graph=True)
    try:
        (second,) = torch.autograd.grad(
            (first * torch.from_numpy(direction)).sum(), given[place], allow_unused=True
        )
    except RuntimeError as error:
        pytest.skip(f"PyTorch: {error}")
    expected = np.zeros_like(direction) if second is None else second.numpy()
    assert_same([nn.grad(slope)(args[place]).numpy()], [expected], 1e-3)


# -- dtypes and inputs ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [("float64", 1e-5), ("float16", 2e-2), ("bfloat16", 1e-1)]
)
@each
def test_dtypes(name, dtype, tolerance, backend):
    """Results and buffers have the dtype of weights and inputs, and the values of single's."""
    if dtype not in get_backend(backend).capabilities and dtype != "float16":
        pytest.skip(f"the engine has no {dtype}")
    expected = called(*made(name))
    layer, args, kwargs = made(name, dtype)
    assert_same(called(layer, args, kwargs), expected, tolerance)
    found = [*leaves(layer(*args, **kwargs)), *layer.state_dict().values()]
    assert {str(x.dtype) for x in found if x.dtype.kind == "float"} <= {dtype}


@each
def test_views_and_arrays_are_inputs(name, backend):
    """A transposed view, every second element, an array of NumPy."""
    layer, args, kwargs = made(name)
    expected = called(layer, args, kwargs)

    def turned(x):
        return et.permute_dims(et.asarray(x.numpy().T.copy()), tuple(reversed(range(x.ndim))))

    def spread(x):
        return et.asarray(np.repeat(x.numpy(), 2, axis=-1))[..., ::2] if x.ndim else x

    def given(function, x):
        if isinstance(x, tuple):
            return tuple(given(function, part) for part in x)
        return function(x) if isinstance(x, et.EmberTensor) else x

    for function in (turned, spread, *([et.EmberTensor.numpy] if name != "Identity" else [])):
        layer, args, kwargs = made(name)
        options = {key: given(function, x) for key, x in kwargs.items()}
        assert_same(called(layer, given(function, args), options), expected)


# -- moves ----------------------------------------------------------------------------------------


@each
def test_copies_and_moves_between_engines(name, backend):
    layer, args, kwargs = made(name)
    state = {key: x.numpy().copy() for key, x in layer.state_dict().items()}
    text, copies = repr(layer), [copy.deepcopy(layer)]
    if not FIRST[name].kwargs.get("distance_function"):
        copies.append(pickle.loads(pickle.dumps(layer)))
    expected = called(layer, args, kwargs)
    for other in copies:
        assert repr(other) == text
        assert_same(called(other, args, kwargs), expected)
    for target in ENGINES:
        with use_backend(target):
            fresh, args, kwargs = made(name)
            fresh.load_state_dict(state)
            assert_same(called(fresh, args, kwargs), expected)
            with use_backend(backend):
                moved = made(name)[0]
            moved.to_backend(target)
            assert repr(moved) == text
            assert_same(called(moved, args, kwargs), expected)
