"""``nn.checkpoint``: computed again on the way back, with the same numbers."""

import numpy as np
import pytest

from ember_ml import nn
from ember_ml.nn import tensor as et

pytestmark = pytest.mark.usefixtures("backend")

X = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 3)
        self.register_buffer("calls", 0.0)

    def forward(self, x):
        self.calls = self.calls + 1.0
        y = self.linear(et.sin(self.linear(x)))
        return et.where(et.random.uniform(y.shape) < 0.5, y, 0.0), y * 2.0


def outcome(transform, compile=False):
    et.random.seed(3)
    block = Block()
    count = []

    def inner(block, x):
        count.append(1)
        return block(x)

    def loss(block, x):
        first, second = transform(inner)(block, x)
        return (first * first).sum() + (second * second * second).sum()

    function = nn.value_and_grad(loss, argnums=(0, 1))
    function = nn.compile(function) if compile else function
    value, (gradients, by_x) = function(block, et.asarray(X))
    numbers = [value.item(), *(g.numpy() for g in (*gradients.values(), by_x))]
    return numbers, block.calls.item(), et.random.uniform(()).item(), len(count)


@pytest.mark.parametrize("compile", [False, True])
def test_values_gradients_buffers_and_random_numbers_are_the_same(compile):
    numbers, calls, following, once = outcome(lambda f: f)
    again, their_calls, their_following, count = outcome(nn.checkpoint, compile)
    for ours, theirs in zip(again, numbers, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
    assert (their_calls, their_following) == (calls, following)
    assert once == 1
    assert count > 1  # it was computed again


def test_gradients_of_gradients():
    def twice(f):
        inner = nn.grad(lambda x: f(x).sum())
        return nn.grad(lambda x: (inner(x) ** 2).sum())(et.asarray(X)).numpy()

    def function(x):
        return et.sin(x) * x

    # (sin x + x cos x)^2, differentiated by hand
    expected = 2 * (np.sin(X) + X * np.cos(X)) * (2 * np.cos(X) - X * np.sin(X))
    np.testing.assert_allclose(twice(nn.checkpoint(function)), expected, rtol=1e-4, atol=1e-5)


def test_a_module_and_one_in_the_closure():
    block = nn.Linear(3, 2)
    x = et.asarray(X)
    expected = np.broadcast_to(X.sum(0), (2, 3))
    direct = nn.grad(lambda m, x: nn.checkpoint(m)(x).sum())(block, x)
    enclosed = nn.grad(lambda m, x: nn.checkpoint(lambda x: m(x))(x).sum())(block, x)
    for gradients in (direct, enclosed):
        np.testing.assert_allclose(gradients["weight"].numpy(), expected, rtol=1e-5, atol=1e-6)


def test_what_is_not_differentiated():
    assert nn.checkpoint(et.exp)(et.zeros(2)).tolist() == [1.0, 1.0]


def test_a_result_that_nothing_depends_on():
    def loss(x):
        first, _ = nn.checkpoint(lambda x: (x * 2.0, et.exp(x)))(x)
        return first.sum()

    assert nn.grad(loss)(et.zeros(2)).tolist() == [2.0, 2.0]


@pytest.mark.parametrize("compile", [False, True])
def test_dropout_within_a_layer(compile):
    """The same masks on the way back, of bits of the stream that have no gradient."""

    def gradients(transform):
        et.random.seed(2)
        layer = nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5), nn.Linear(8, 1))
        function = nn.grad(lambda layer, x: transform(layer)(x).sum())
        return (nn.compile(function) if compile else function)(layer, et.asarray(X))

    expected = gradients(lambda layer: layer)
    for name, x in gradients(nn.checkpoint).items():
        np.testing.assert_allclose(x.numpy(), expected[name].numpy(), rtol=1e-5, atol=1e-6)
