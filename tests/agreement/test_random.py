"""The same seed gives the same numbers on every engine: each pair of them, and the words themselves.

The words are compared with Threefry-2x32 as written here, which is held against the known answers
that its authors published (Random123, ``kat_vectors``, "threefry2x32 20").
"""

from __future__ import annotations

import itertools
import threading

import numpy as np
import pytest

from ember_ml import nn
from ember_ml.backend.dtypes import DTYPES
from ember_ml.backend.errors import DTypeError, InvalidValueError, ShapeError
from ember_ml.backend.registry import get_backend, use_backend
from ember_ml.backend.testing._cases._random import KNOWN
from ember_ml.nn import tensor as et
from ember_ml.nn.tensor._threefry import random_words
from ember_ml.nn.tensor.random import Generator

from ._engines import ENGINES

PAIRS = list(itertools.combinations(ENGINES, 2))
SEEDS = [0, 1, 2**32 - 1, 2**32, 2**64 - 1]
#: No elements, none by another axis, no dimensions, odd and even, and some more than the 2**15,
#: 2**16 and 2**17 that the engines and the core work on at a time.
SHAPES = [(0,), (3, 0), (), (1,), (2,), (7,), (3, 5), (2**16 + 1,), (2**18 + 3,)]

pairs = pytest.mark.parametrize("one, other", PAIRS, ids=str)
seeds = pytest.mark.parametrize("seed", SEEDS)
shapes = pytest.mark.parametrize("shape", SHAPES, ids=str)


def threefry(key, first, count):
    """``count`` blocks from the counter ``first`` on: (count, 2), as in the paper's figure."""
    k = np.array([*key, key[0] ^ key[1] ^ 0x1BD11BDA], np.uint32)
    counters = np.arange(count, dtype=np.uint64) + np.uint64(first)
    x, y = (counters & np.uint64(2**32 - 1)).astype("u4"), (counters >> np.uint64(32)).astype("u4")
    x, y = x + k[0], y + k[1]
    for n in range(20):
        r = np.uint32((13, 15, 26, 6, 17, 29, 16, 24)[n % 8])
        x = x + y
        y = ((y << r) | (y >> (np.uint32(32) - r))) ^ x
        if n % 4 == 3:
            s = n // 4 + 1
            x, y = x + k[s % 3], y + k[(s + 1) % 3] + np.uint32(s)
    return np.stack([x, y], 1)


def words(seed, count):
    """The first words of the stream of ``seed``."""
    return threefry((seed % 2**32, seed >> 32), 0, (count + 1) // 2).ravel()[:count]


def drawn(engine, draw, seed=0):
    """What ``draw`` takes from a generator on ``engine``, as NumPy's."""
    with use_backend(engine):
        x = draw(Generator(seed))
        assert x.backend == engine
        return (x.astype("float32") if x.dtype is et.bfloat16 else x).numpy()


def places(a, b):
    """By how many units in the last place two arrays of finite numbers differ at most."""
    kind = {2: np.int16, 4: np.int32, 8: np.int64}[a.itemsize]
    assert (a.shape, a.dtype) == (b.shape, b.dtype)
    if not a.size:
        return 0
    low = np.iinfo(kind).min
    x, y = (np.where(v < 0, low - v, v).astype(object if kind is np.int64 else np.int64)
            for v in (a.ravel().view(kind), b.ravel().view(kind)))  # fmt: skip
    return int(np.abs(x - y).max())


def test_places_counts_units_in_the_last_place():
    for kind in (np.float16, np.float32, np.float64):
        one = np.array([1, -1, 0], kind)
        assert places(one, np.nextafter(one, kind(9))) == 1
        assert places(np.array([-0.0], kind), np.array([0.0], kind)) == 0
        tiny = np.nextafter(kind(0), kind(1))
        assert places(np.array([-tiny]), np.array([tiny])) == 2


# -- the words ------------------------------------------------------------------------------------


@pytest.mark.parametrize("counter, key, answer", KNOWN)
def test_the_reference_has_the_known_answers(counter, key, answer):
    found = threefry(key, counter[0] | counter[1] << 32, 1)
    assert tuple(found[0]) == answer


@pytest.mark.parametrize("counter, key, answer", KNOWN)
def test_known_answers_on_each_engine(backend, counter, key, answer):
    start = counter[0] | counter[1] << 32
    start -= 2**64 * (start >= 2**63)  # counters are integers of 64 bits, with or without a sign
    found = random_words([*key, start], 1)
    assert (found.dtype, tuple(found.tolist())) == (et.uint32, answer)


@seeds
@shapes
def test_bits_are_the_words(backend, seed, shape):
    count = int(np.prod(shape))
    found = drawn(backend, lambda g: g.bits(shape), seed)
    assert (found.dtype, found.shape) == (np.uint32, shape)
    np.testing.assert_array_equal(found.ravel(), words(seed, count))


@pytest.mark.parametrize("start", [2**15 - 1, 2**32 - 3, 2**40 + 5])
def test_streams_far_along(backend, start):
    found = random_words([7, 2**31 + 9, start], 2**16 + 3).numpy()
    np.testing.assert_array_equal(found, threefry((7, 2**31 + 9), start, 2**16 + 3).ravel())


# -- numbers --------------------------------------------------------------------------------------


@seeds
@shapes
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_uniform_is_made_of_the_words(backend, seed, shape, dtype):
    if DTYPES[dtype] not in get_backend(backend).dtypes:
        pytest.skip(f"no {dtype}")
    count = int(np.prod(shape))
    if dtype == "float64":
        a, b = words(seed, 2 * count).reshape(-1, 2).T.astype(np.uint64)
        expected = ((a >> np.uint64(5) << np.uint64(26)) + (b >> np.uint64(6))) / 2**53
    else:
        bits = {"float16": 11, "float32": 24}[dtype]
        expected = (words(seed, count) >> np.uint32(32 - bits)) / 2.0**bits
    found = drawn(backend, lambda g: g.uniform(shape, dtype=dtype), seed)
    assert (found.dtype, found.shape) == (dtype, shape)
    np.testing.assert_array_equal(found.ravel(), expected)


@pairs
@seeds
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_scaled_uniform_numbers_are_the_same(one, other, seed, dtype):
    if any(DTYPES[dtype] not in get_backend(name).dtypes for name in (one, other)):
        pytest.skip(f"one of them has no {dtype}")
    x, y = (
        drawn(name, lambda g: g.uniform((2**17 + 5,), low=-3.5, high=7.3, dtype=dtype), seed)
        for name in (one, other)
    )
    np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("low, high", [(0.0, 1.0), (1.0, 2.0), (1e6, 1e6 + 1), (-1.0, -0.5)])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_no_uniform_number_is_the_upper_end(backend, low, high, dtype):
    if DTYPES[dtype] not in get_backend(backend).dtypes:
        pytest.skip(f"no {dtype}")
    if dtype != "float32" and low > 1000:
        low, high = 1024.0, 1032.0
    x = drawn(backend, lambda g: g.uniform((2**17,), low=low, high=high, dtype=dtype))
    assert low <= x.min()
    assert x.max() < high


def test_a_lattice_of_uniform_numbers_is_even(backend):
    # one in 1e6 is 16 steps of float32: the one at the upper end counts as the lowest
    x = drawn(backend, lambda g: g.uniform((160_000,), low=1e6, high=1e6 + 1))
    counts = np.bincount(((x - 1e6) * 16).astype(int), minlength=16)
    assert np.abs(counts - 10_000).max() < 5 * 100


@pairs
@seeds
@shapes
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_normal_to_two_units_in_the_last_place(one, other, seed, shape, dtype):
    if any(DTYPES[dtype] not in get_backend(name).dtypes for name in (one, other)):
        pytest.skip(f"one of them has no {dtype}")
    x, y = (drawn(name, lambda g: g.normal(shape, dtype=dtype), seed) for name in (one, other))
    assert (x.shape, x.dtype) == (shape, dtype)
    assert places(x, y) <= 2


@pytest.mark.parametrize("dtype, bits", [("float32", 24), ("float64", 53)])
def test_normal_is_box_mullers(backend, dtype, bits):
    if DTYPES[dtype] not in get_backend(backend).dtypes:
        pytest.skip(f"no {dtype}")
    count = 2**17 + 3
    w = words(3, (count + 1) * (bits // 24)).astype(np.uint64)
    if bits == 53:
        w = (w[::2] >> np.uint64(5) << np.uint64(26)) + (w[1::2] >> np.uint64(6))
    else:
        w >>= np.uint64(8)
    radius = np.sqrt(-2 * np.log((w[::2] + np.uint64(1)) * 2.0**-bits))
    angle = w[1::2] * (2 * np.pi * 2.0**-bits)
    expected = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).ravel()[:count]
    found = drawn(backend, lambda g: g.normal((count,), dtype=dtype), 3)
    tolerance = {24: 1e-7, 53: 1e-14}[bits]
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def test_a_quarter_of_a_turn_is_exact(backend):
    # where the cosine or the sine is zero, and where it is as small as it gets beside that
    from ember_ml.nn.tensor._draws import _box_muller

    turns = [0, 1, 2**22 - 1, 2**22, 2**22 + 1, 2**23, 3 * 2**22, 2**24 - 1]
    k, turn = et.full((8,), 2**20, dtype="int32"), et.asarray(turns, dtype="int32")
    found = np.array(_box_muller(k, turn, 24, et.float32).tolist())
    radius = np.sqrt(-2 * np.log((2**20 + 1) / 2**24))
    step = 2 * np.pi / 2**24 * radius
    expected = [
        (radius, 0), (radius, step), (step, radius), (0, radius), (-step, radius),
        (-radius, 0), (0, -radius), (radius, -step),
    ]  # fmt: skip
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=0)


DRAWS = {
    "integers": lambda g: g.integers(-7, 1000, (2**16 + 3,)),
    "integers of the widest range": lambda g: g.integers(-(2**30), 2**30, (1001,)),
    "integers of one value": lambda g: g.integers(5, 6, (3,)),
    "small integers": lambda g: g.integers(0, 256, (5, 5), dtype="uint8"),
    "an integer": lambda g: g.integers(0, 10**9),
    "bernoulli": lambda g: g.bernoulli(0.3, (2**16 + 3,)),
    "bernoulli of the least probability": lambda g: g.bernoulli(2.0**-16, (2**17,)),
    "bernoulli of certainties": lambda g: g.bernoulli(1, (3,)) & ~g.bernoulli(0, (3,)),
    "permutation": lambda g: g.permutation(10_001),
    "permutation of one": lambda g: g.permutation(1),
    "permutation of none": lambda g: g.permutation(0),
    "permutation of rows": lambda g: g.permutation(et.reshape(et.arange(60), (20, 3))),
    "permutation of columns": lambda g: g.permutation(et.reshape(et.arange(60), (3, 20)), axis=-1),
    "choice": lambda g: g.choice(100, (7, 11)),
    "choice of one": lambda g: g.choice(1000),
    "choice of none": lambda g: g.choice(10, (0,)),
    "choice without putting back": lambda g: g.choice(1000, (333,), replace=False),
    "choice of all": lambda g: g.choice(50, (50,), replace=False),
    "choice with probabilities": lambda g: g.choice(
        2000, (2**15,), p=[0.1 * (i % 7) + 1e-3 for i in range(2000)]
    ),
    "choice of rows": lambda g: g.choice(et.reshape(et.arange(60), (20, 3)), (2, 3)),
    "a stream folded in": lambda g: g.fold_in(2**40 + 3).bits((5,)),
    "a stream split off": lambda g: g.split(3)[2].split(2)[1].uniform((5,)),
    "half precision": lambda g: g.normal((4001,), dtype="float16"),
}


@pairs
@seeds
@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_the_same_numbers(one, other, seed, draw):
    np.testing.assert_array_equal(drawn(one, draw, seed), drawn(other, draw, seed))


@pytest.mark.parametrize("seed", SEEDS[:2])
@pytest.mark.parametrize("shape", [(999,), (3, 4), (), (0, 2)], ids=str)
def test_bernoulli_compares_halves_of_words(backend, seed, shape):
    count = int(np.prod(shape))
    halves = words(seed, (count + 1) // 2).view(np.int16)[:count].reshape(shape)
    found = drawn(backend, lambda g: g.bernoulli(0.3, shape), seed)
    np.testing.assert_array_equal(found, halves.astype(int) + 2**15 < round(0.3 * 2**16))


@pytest.mark.parametrize("seed", SEEDS[:2])
def test_integers_are_the_upper_half_of_a_product(backend, seed):
    expected = (words(seed, 999).astype(object) * 1007 >> 32) - 7
    assert (
        drawn(backend, lambda g: g.integers(-7, 1000, (999,)), seed).tolist() == expected.tolist()
    )


def test_a_permutation_sorts_pairs_of_words(backend):
    keys = words(8, 2 * 501).reshape(-1, 2).astype(object)
    expected = sorted(range(501), key=lambda i: (keys[i][0] >> 1, keys[i][1]))
    assert drawn(backend, lambda g: g.permutation(501), 8).tolist() == expected


def test_a_choice_compares_words_with_the_probabilities(backend):
    p = [3.0, 0.0, 1.0, 4.0, 0.0]
    expected = np.searchsorted([0.375, 0.375, 0.5, 1.0, 1.0], words(4, 4001) / 2**32, "right")
    assert drawn(backend, lambda g: g.choice(5, (4001,), p=p), 4).tolist() == expected.tolist()
    weights = np.asarray(p, "float32")
    again = drawn(backend, lambda g: g.choice(5, (4001,), p=weights), 4)
    assert again.tolist() == expected.tolist()


# -- one call after another -------------------------------------------------------------------------


def test_calls_take_whole_blocks(backend):
    g, w = Generator(6), words(6, 100).tolist()
    assert g.bits((3,)).tolist() == w[:3]  # w[3] is passed over
    assert g.bits((5,)).tolist() == w[4:9]
    assert g.bits(()).item() == w[10]
    assert g.bits((0,)).tolist() == []
    assert g.bits((2,)).tolist() + g.bits((2, 2)).flatten().tolist() == w[12:18]
    assert g.uniform((3,), dtype="float16").shape == (3,)
    assert g.bits((1,)).tolist() == w[22:23]


@pytest.mark.parametrize("what", ["uniform", "normal", "bits"])
def test_even_calls_go_on_where_the_last_one_ended(backend, what):
    g = Generator(12)
    parts = [getattr(g, what)((n,)).numpy() for n in (2, 2**17, 40, 2**15)]
    whole = getattr(Generator(12), what)((2 + 2**17 + 40 + 2**15,)).numpy()
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@pairs
def test_one_generator_goes_from_engine_to_engine(one, other):
    g, h = Generator(5), Generator(5)
    with use_backend(one):
        g.normal((3,)), g.permutation(5)
        h.normal((3,)), h.permutation(5)
        here = g.uniform((9,)).tolist()
    with use_backend(other):
        assert h.uniform((9,)).tolist() == here
    assert repr(g) == repr(h)


@pairs
def test_a_tensor_is_shuffled_on_its_own_engine(one, other):
    with use_backend(one):
        x = et.arange(20)
    with use_backend(other):
        shuffled, chosen = Generator(1).permutation(x), Generator(1).choice(x, (5,))
    assert (shuffled.backend, chosen.backend) == (one, one)
    assert shuffled.tolist() == drawn(one, lambda g: g.permutation(20), 1).tolist()
    assert chosen.tolist() == drawn(one, lambda g: g.choice(20, (5,)), 1).tolist()


def test_threads_do_not_disturb_each_other():
    """All engines at once, a thread each with a default generator, and one with its own."""
    expected = {
        seed: (words(seed, 4000).tolist(), drawn(ENGINES[0], lambda g: g.permutation(99), seed))
        for seed in (77, 78)
    }
    found = []

    def run(engine, seed):
        with use_backend(engine):
            g = et.random.default_generator() if seed == 77 else Generator(seed)
            bits = [word for _ in range(40) for word in g.bits((100,)).tolist()]
            found.append((seed, bits, Generator(seed).permutation(99).tolist()))

    et.random.seed(77)
    threads = [threading.Thread(target=run, args=a) for a in itertools.product(ENGINES, (77, 78))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2 * len(ENGINES)
    for seed, bits, order in found:
        assert bits == expected[seed][0]
        assert order == expected[seed][1].tolist()


@pairs
def test_a_seed_means_the_same_model(one, other):
    def made(engine):
        with use_backend(engine):
            et.random.seed(11)
            model = nn.Sequential(nn.Linear(17, 33), nn.Linear(33, 5))
            return {name: x.numpy() for name, x in model.state_dict().items()}

    here, there = made(one), made(other)
    assert list(here) == list(there)
    for name, value in here.items():
        np.testing.assert_array_equal(value, there[name])


# -- mistakes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "draw, error, message",
    [
        (lambda g: g.uniform(2, low=1.0, high=0.0), InvalidValueError, "low=1.0 is above high=0.0"),
        (lambda g: g.normal(2, std=-1.0), InvalidValueError, "std=-1.0 is negative"),
        (lambda g: g.bernoulli(1.5, (2,)), InvalidValueError, "probability in .0, 1., not 1.5"),
        (lambda g: g.bernoulli(float("nan")), InvalidValueError, "not nan"),
        (lambda g: g.uniform(2, dtype="int32"), DTypeError, "a real floating one, not int32"),
        (lambda g: g.normal(2, dtype="complex64"), DTypeError, "floating one, not complex64"),
        (lambda g: g.integers(0, 300, dtype="int8"), InvalidValueError, "does not fit int8"),
        (lambda g: g.integers(0, 2, dtype="float32"), DTypeError, "not float32"),
        (lambda g: g.permutation(-1), InvalidValueError, "cannot be -1 elements"),
        (lambda g: g.split(-1), InvalidValueError, "cannot be -1 streams"),
        (lambda g: g.choice(3, p=[0.5, 0.5]), ShapeError, "2 probabilities for 3 elements"),
        (lambda g: g.choice(2, p=[1.5, -0.5]), InvalidValueError, "not negative"),
        (lambda g: g.choice(2, p=[0.0, 0.0]), InvalidValueError, "not all zero"),
        (lambda g: g.choice(2, p=[float("nan"), 1.0]), InvalidValueError, "finite"),
        (lambda g: g.choice(0, (1,)), InvalidValueError, r"\[0, 0\) is empty"),
        (lambda g: g.permutation(et.ones((2, 2)), axis=2), IndexError, "out of range"),
    ],
)  # fmt: skip
def test_mistakes(backend, draw, error, message):
    g = Generator(0)
    with pytest.raises(error, match=message):
        draw(g)
    assert repr(g) == repr(Generator(0))  # and nothing was drawn


def test_integers_of_numpy_count_as_integers(backend):
    assert Generator(np.int64(5)).bits((2,)).tolist() == words(5, 2).tolist()
    expected = drawn(backend, lambda g: g.permutation(6)).tolist()
    assert Generator(0).permutation(np.int64(6)).tolist() == expected
    with pytest.raises(InvalidValueError, match="an integer in"):
        et.random.seed(-1)
