"""The portable stream bit for bit, and MLX's own numbers."""

from __future__ import annotations

import mlx.core as mx
import numpy as np
import pytest

from ember_ml.nn import tensor as et
from ember_ml.nn.tensor._threefry import block, random_words


@pytest.mark.parametrize(
    ("key", "counter", "expected"),
    [  # Random123, kat_vectors: threefry2x32 of 20 rounds
        ((0, 0), 0, [0x6B200159, 0x99BA4EFE]),
        ((0xFFFFFFFF, 0xFFFFFFFF), 2**64 - 1, [0x1CB996FC, 0xBB002BE7]),
        ((0x13198A2E, 0x03707344), 0x85A308D3243F6A88, [0xC4923A9C, 0x483DF7A0]),
    ],
)
def test_known_answers(key: tuple[int, int], counter: int, expected: list[int]) -> None:
    from ember_ml.backend.mlx import _random

    signed = counter - 2**64 if counter >= 2**63 else counter
    assert _random._block(mx.array([*key, signed], mx.int64), 0, 1).tolist() == expected


@pytest.mark.parametrize(("start", "count"), [(0, 1), (5, 1000), (2**32 - 3, 7), (3, 70_000)])
def test_every_block_of_the_stream(start: int, count: int) -> None:
    words = random_words([12345, 678, start], count).numpy().reshape(count, 2)
    for i in range(0, count, max(1, count // 100)):
        counter = ((start + i) % 2**32, (start + i) // 2**32)
        assert tuple(words[i]) == block((12345, 678), counter)  # in Python's integers


def test_numbers_drawn_inside_of_a_program() -> None:
    from ember_ml import nn

    found = nn.compile(lambda x: x + random_words([1, 2, 0], 2))(et.zeros((4,), dtype="uint32"))
    assert found.tolist() == random_words([1, 2, 0], 2).tolist()


def test_native_numbers() -> None:
    def draws(seed: int) -> list[et.EmberTensor]:
        generator = et.random.Generator(seed, engine="native")
        return [
            generator.bits((1001,)), generator.uniform((1000,)), generator.normal((40, 50)),
            generator.uniform((2,), dtype="float64"), generator.normal((2,), dtype="float16"),
        ]  # fmt: skip

    first, again, other = draws(2**64 - 1), draws(2**64 - 1), draws(1)
    for x, y, z in zip(first, again, other, strict=True):
        assert x.tolist() == y.tolist() != z.tolist()
    bits, uniform, normal = (x.numpy() for x in first[:3])
    assert bits.dtype == "uint32"
    assert len(np.unique(bits)) > 990
    assert 0 <= uniform.min() < 0.05 < 0.95 < uniform.max() < 1
    assert abs(normal.mean()) < 0.1
    assert abs(normal.std() - 1) < 0.1
    assert [x.dtype for x in first[3:]] == [et.float64, et.float16]
    generator = et.random.Generator(0, engine="native")
    assert generator.uniform((3,)).tolist() != generator.uniform((3,)).tolist()
    assert generator.bits((0,)).shape == (0,)
