"""Random numbers: the portable stream bit for bit, and PyTorch's own generators."""

from __future__ import annotations

import numpy as np
import pytest

from ember_ml import nn
from ember_ml.backend.registry import use_backend
from ember_ml.backend.testing._cases._random import KNOWN
from ember_ml.nn import tensor as et
from ember_ml.nn.tensor._threefry import block, random_words


def signed(counter: tuple[int, int]) -> int:
    """The ``int64`` whose halves are the two words."""
    value = counter[0] | counter[1] << 32
    return value - 2**64 if value >= 2**63 else value


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN)
def test_known_answers(
    key: tuple[int, int], counter: tuple[int, int], words: tuple[int, int]
) -> None:
    found = random_words([*key, signed(counter)], 1)
    assert found.dtype is et.uint32
    assert tuple(found.tolist()) == words


@pytest.mark.parametrize("start", [0, 5, 2**32 - 2, 2**40])
@pytest.mark.parametrize("count", [1, 7])
def test_against_python_integers(start: int, count: int) -> None:
    key = (0xDEADBEEF, 0x01234567)
    expected = [w for i in range(start, start + count) for w in block(key, (i % 2**32, i >> 32))]
    assert random_words([*key, start], count).tolist() == expected


@pytest.mark.parametrize("count", [1, 1000, (1 << 15) + 3])
def test_the_same_stream_as_numpy(count: int) -> None:
    here = random_words([7, 2**31, 11], count).numpy()
    with use_backend("numpy"):
        there = random_words([7, 2**31, 11], count).numpy()
    np.testing.assert_array_equal(here, there)


@pytest.mark.parametrize("draw", [
    lambda g: g.bits((5, 3)), lambda g: g.uniform((7,)), lambda g: g.uniform((7,), dtype="float64"),
    lambda g: g.integers(-5, 100, (9,)), lambda g: g.permutation(20), lambda g: g.choice(9, (4,)),
])  # fmt: skip
def test_what_is_made_of_it_is_the_same(draw: object) -> None:
    here = draw(et.random.Generator(42)).numpy()
    with use_backend("numpy"):
        there = draw(et.random.Generator(42)).numpy()
    np.testing.assert_array_equal(here, there)


def test_normal_to_the_last_places() -> None:
    here = et.random.Generator(42).normal((1000,)).numpy()
    with use_backend("numpy"):
        there = et.random.Generator(42).normal((1000,)).numpy()
    np.testing.assert_array_max_ulp(here, there, 2)


def test_numbers_drawn_inside_of_a_program() -> None:
    def drawn(x: et.EmberTensor) -> et.EmberTensor:
        return x + et.random.Generator(3).normal((5,))

    found = nn.compile(drawn)(et.ones(5))
    np.testing.assert_allclose(found.numpy(), drawn(et.ones(5)).numpy(), rtol=1e-6)
    words = nn.compile(lambda x: x + random_words([1, 2, 7], 2))(et.zeros((4,), dtype="uint32"))
    assert words.tolist() == [*block((1, 2), (7, 0)), *block((1, 2), (8, 0))]


def test_native_generators() -> None:
    g = et.random.Generator(3, engine="native")
    u, n, b = g.uniform((4000,)), g.normal((4000,)), g.bits((4000,))
    assert (u.dtype, n.dtype, b.dtype) == (et.float32, et.float32, et.uint32)
    assert 0 <= u.numpy().min() < 0.01 and 0.99 < u.numpy().max() < 1
    assert abs(n.numpy().mean()) < 0.06 and abs(n.numpy().std() - 1) < 0.05
    assert b.numpy().max() > 2**31
    again = et.random.Generator(3, engine="native")
    np.testing.assert_array_equal(again.uniform((4000,)).numpy(), u.numpy())
    assert et.random.Generator(2**64 - 1, engine="native").uniform((2,)).shape == (2,)
