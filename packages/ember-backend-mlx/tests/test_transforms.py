"""Gradients, compile and vmap; what cannot be known inside of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from ember_ml import nn
from ember_ml.backend.errors import EmberError, UnsupportedError
from ember_ml.nn import tensor as et
from ember_ml.nn.tensor import fft

X = np.random.default_rng(0).uniform(0.2, 0.9, size=(2, 3))

FUNCTIONS: dict[str, Callable[[et.EmberTensor], et.EmberTensor]] = {
    name: getattr(et, name)
    for name in (
        "acos", "asin", "asinh", "atan", "atanh", "cos", "cosh", "erf", "exp", "expm1", "log",
        "log10", "log1p", "log2", "reciprocal", "sin", "sinh", "sqrt", "square", "tan", "tanh",
        "softmax", "log_softmax", "logsumexp", "var", "std", "prod", "max", "sort",
    )
}  # fmt: skip
FUNCTIONS |= {
    "acosh": lambda x: et.acosh(x + 1.0),
    "copysign": lambda x: et.copysign(x, x - 0.5),
    "hypot": lambda x: et.hypot(x, 0.5 - x),
    "logaddexp": lambda x: et.logaddexp(x, 2.0 * x - 1.0),
    "remainder": lambda x: (3.0 * x) % 0.4,
    "pow": lambda x: x**x,
    "cumulative_prod": lambda x: et.cumulative_prod(x, axis=1),
    "take_along_axis": lambda x: et.take_along_axis(x, et.argsort(x, axis=1), axis=1),
    "where": lambda x: et.where(x > 0.5, x * x, -x),
    "indices": lambda x: x[et.asarray([1, 0, 1]), 1:],
    "mask": lambda x: x[et.asarray(X > 0.5)] ** 2,
    "gelu": nn.gelu,
    "silu": nn.silu,
    "sigmoid": nn.sigmoid,
    "softplus": nn.softplus,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradient_against_differences(name: str) -> None:
    def f(x: et.EmberTensor) -> et.EmberTensor:
        y = FUNCTIONS[name](x)
        weights = np.random.default_rng(1).uniform(0.5, 1.5, size=y.shape)
        return et.sum(y * et.asarray(weights, dtype=x.dtype))

    expected = np.zeros_like(X)
    for i in np.ndindex(X.shape):
        up, down = X.copy(), X.copy()
        up[i] += 1e-6
        down[i] -= 1e-6
        expected[i] = (f(et.asarray(up)).item() - f(et.asarray(down)).item()) / 2e-6
    np.testing.assert_allclose(nn.grad(f)(et.asarray(X)).numpy(), expected, rtol=1e-6, atol=1e-7)
    single = nn.grad(f)(et.asarray(X, dtype=et.float32))
    np.testing.assert_allclose(single.numpy(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", [et.float32, et.float64])
def test_nested_gradients(dtype: Any) -> None:
    def third(x: et.EmberTensor) -> et.EmberTensor:
        return nn.grad(nn.grad(nn.grad(lambda x: et.exp(2.0 * x) * et.sin(x))))(x)

    # e^2x sin x differentiated three times: e^2x (2 sin x + 11 cos x)
    expected = np.exp(1.0) * (2 * np.sin(0.5) + 11 * np.cos(0.5))
    found = third(et.asarray(0.5, dtype=dtype)).item()
    assert found == pytest.approx(expected, rel=1e-5 if dtype is et.float32 else 1e-12)


COMPLEX: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "pow": (lambda z: z**3, lambda z: z**3),
    "pow of two": (lambda z: z**z, lambda z: z**z),
    "cumulative_prod": (et.cumulative_prod, lambda z: torch.cumprod(z, 0)),
    "sign": (et.sign, torch.sgn),
    "abs": (et.abs, torch.abs),
    "divide": (lambda z: (1 + 2j) / z, lambda z: (1 + 2j) / z),
    "fft": (fft.fft, torch.fft.fft),
    "matmul": (lambda z: z[None] @ z, lambda z: z[None] @ z),
    **{name: (getattr(et, name), getattr(torch, name)) for name in (
        "exp", "expm1", "log", "sqrt", "sin", "tanh", "acosh", "atan", "prod",
    )},
}  # fmt: skip


@pytest.mark.parametrize("name", COMPLEX)
def test_gradients_through_complex_numbers(name: str) -> None:
    ours, theirs = COMPLEX[name]
    parts = np.array([[0.5, -1.2, 0.3], [0.7, 0.4, -0.6]])
    leaf = torch.tensor(parts, requires_grad=True)
    result = theirs(torch.complex(leaf[0], leaf[1])) * (2 - 1j)
    result.real.sum().backward()

    def f(x: et.EmberTensor) -> et.EmberTensor:
        return et.sum(et.real(ours(x[0] + 1j * x[1]) * (2 - 1j)))

    found = nn.grad(f)(et.asarray(parts, dtype=et.float32))
    np.testing.assert_allclose(found.numpy(), leaf.grad, rtol=2e-5, atol=2e-5)


def test_the_results_of_a_gradient_are_ordinary() -> None:
    (value, aux), gradient = nn.value_and_grad(
        lambda x: (et.sum(x * x), {"twice": x * 2.0}), has_aux=True
    )(et.asarray([1.0, 2.0]))
    assert (value.item(), gradient.tolist()) == (5.0, [2.0, 4.0])
    assert aux["twice"].tolist() == [2.0, 4.0]
    assert nn.grad(lambda x: et.asarray(3.0))(et.asarray([1.0])).tolist() == [0.0]


def test_compiled_functions_agree_with_plain_ones() -> None:
    x = et.asarray(X, dtype=et.float32)
    for f in FUNCTIONS.values():
        np.testing.assert_allclose(nn.compile(f)(x).numpy(), f(x).numpy(), rtol=2e-5, atol=1e-6)


def test_mapped_functions_agree_with_a_loop() -> None:
    x = et.asarray(X, dtype=et.float32)
    rows = {
        name: f for name, f in FUNCTIONS.items()
        if name not in ("indices", "mask", "cumulative_prod", "take_along_axis")
    }  # fmt: skip
    for f in rows.values():
        looped = np.stack([f(row).numpy() for row in x])
        np.testing.assert_allclose(nn.vmap(f)(x).numpy(), looped, rtol=2e-5, atol=1e-6)
    columns = nn.vmap(lambda a, b: a * b, in_axes=(1, None), out_axes=1)(x, et.asarray([1.0, 2.0]))
    np.testing.assert_allclose(columns.numpy(), X * [[1.0], [2.0]], rtol=1e-6)


def test_a_gradient_inside_of_a_map_inside_of_a_program() -> None:
    f = nn.compile(nn.vmap(nn.grad(lambda x: et.sum(x * x * x))))
    np.testing.assert_allclose(f(et.asarray(X)).numpy(), 3 * X * X, rtol=1e-12)


@pytest.mark.parametrize(
    "function", [lambda x: x[x > 0.5], lambda x: et.nonzero(x)[0], lambda x: x * x.tolist()[0]]
)
@pytest.mark.parametrize("transform", [nn.compile, nn.vmap])
def test_elements_are_not_known_while_tracing(transform: Any, function: Any) -> None:
    with pytest.raises(UnsupportedError, match="traced without values.*use et.where"):
        transform(function)(et.asarray(X))


def test_indices_are_not_looked_at_while_tracing() -> None:
    f = nn.compile(lambda x, i: x[i])
    assert f(et.asarray([1.0, 2.0]), et.asarray([1, -2])).tolist() == [2.0, 1.0]
    with pytest.raises(EmberError):
        (lambda x, i: x[i])(et.asarray([1.0, 2.0]), et.asarray([2]))


def test_training_compiled_and_plain_takes_the_same_steps() -> None:
    def losses(*, compile: bool) -> list[float]:
        et.random.seed(0)
        model = nn.Linear(3, 2)
        step = nn.train_step(
            model,
            lambda m, x, y: nn.losses.cross_entropy(m(x), y),
            nn.optimizers.AdamW(learning_rate=0.1),
            compile=compile,
        )
        x, y = et.asarray(X, dtype=et.float32), et.asarray([0, 1])
        return [step(x, y).item() for _ in range(5)]

    plain = losses(compile=False)
    np.testing.assert_allclose(losses(compile=True), plain, rtol=1e-4)
    assert plain[-1] < plain[0]


@pytest.mark.parametrize(
    "name",
    [
        "bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_left_shift", "bitwise_right_shift",
        "not_equal", "equal", "floor_divide", "remainder", "pow",
    ],
)  # fmt: skip
@pytest.mark.parametrize("dtype", ["int32", "uint8", "uint64"])
def test_maps_over_one_operand(name: str, dtype: str) -> None:
    function, x = getattr(et, name), np.array([[1, 2], [3, 4], [5, 6]], dtype)
    for y in (np.array([1, 2], dtype), np.array(2, dtype)):
        a, b = et.asarray(x), et.asarray(y)
        for mapped, expected in (
            (nn.vmap(function, in_axes=(0, None))(a, b), function(a, b)),
            (nn.vmap(function, in_axes=(None, 0))(b, a), function(b, a)),
            (nn.vmap(lambda row: function(row, 2))(a), function(a, 2)),
        ):
            assert mapped.tolist() == expected.tolist()
    rows = nn.vmap(function)(et.asarray(x), et.asarray(x[:, 0]))
    assert rows.tolist() == function(et.asarray(x), et.asarray(x[:, :1])).tolist()


@pytest.mark.parametrize("name", ["hypot", "nextafter", "pow", "floor_divide", "remainder"])
def test_maps_of_floats_over_one_operand(name: str) -> None:
    function, x, y = getattr(et, name), et.asarray(X), et.asarray(X[0] + 0.25)
    left, right = nn.vmap(function, in_axes=(0, None)), nn.vmap(function, in_axes=(None, 0))
    assert left(x, y).tolist() == function(x, y).tolist()
    assert right(y, x).tolist() == function(y, x).tolist()


def test_maps_of_logical_xor_and_assignment() -> None:
    x, y = et.asarray(X > 0.5), et.asarray([True, False, True])
    mapped = nn.vmap(et.logical_xor, in_axes=(None, 0))(y, x)
    assert mapped.tolist() == np.logical_xor(y.numpy(), x.numpy()).tolist()

    def assigned(row: et.EmberTensor) -> et.EmberTensor:
        row = row + 0.0
        row[1] = 5.0
        return row

    expected = X.copy()
    expected[:, 1] = 5.0
    assert nn.vmap(assigned)(et.asarray(X)).tolist() == expected.tolist()
