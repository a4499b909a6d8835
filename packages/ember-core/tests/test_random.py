"""The portable stream: known answers, the same numbers everywhere, and sane distributions."""

import threading

import numpy as np
import pytest
from scipy import stats

from ember_ml.backend.errors import InvalidValueError
from ember_ml.backend.testing._cases._random import KNOWN
from ember_ml.nn import tensor as et
from ember_ml.nn.tensor._threefry import block, random_words
from ember_ml.nn.tensor.random import Generator


@pytest.mark.parametrize("counter, key, answer", KNOWN)
def test_known_answers_of_the_block(counter, key, answer):
    assert block(key, counter) == answer


@pytest.mark.parametrize("counter, key, answer", [k for k in KNOWN if k[0][1] < 2**31])
def test_known_answers_of_the_stream(backend, counter, key, answer):
    start = counter[0] | counter[1] << 32
    assert random_words([*key, start], 1).tolist() == list(answer)


def test_the_stream_is_made_of_blocks(backend):
    # far enough to cross from one low word of the counter to the next
    start = 2**32 - 2
    expected = [
        word for i in range(start, start + 4) for word in block((7, 9), (i & 0xFFFFFFFF, i >> 32))
    ]
    words = random_words([7, 9, start], 4)
    assert (words.tolist(), words.dtype) == (expected, et.uint32)


def reference(seed, count):
    """The stream's first words, from the known generator in Python integers."""
    key = (seed & 0xFFFFFFFF, seed >> 32)
    return [word for i in range((count + 1) // 2) for word in block(key, (i, 0))][:count]


@pytest.mark.parametrize("seed", [0, 1, 2**32, 2**64 - 1])
def test_bits(backend, seed):
    words = Generator(seed).bits((3, 3))
    assert (words.dtype, words.shape) == (et.uint32, (3, 3))
    assert words.flatten().tolist() == reference(seed, 9)


def test_uniform_is_the_upper_24_bits(backend):
    expected = [(w >> 8) / 2**24 for w in reference(5, 8)]
    x = Generator(5).uniform((8,))
    assert (x.dtype, x.tolist()) == (et.float32, expected)
    scaled = Generator(5).uniform((8,), low=-2.0, high=4.0)
    np.testing.assert_allclose(scaled.tolist(), np.array(expected) * 6 - 2, atol=1e-6)


def test_uniform_in_double_precision(backend):
    if et.float64 not in et.get_backend(backend).dtypes:
        pytest.skip("no float64")
    words = reference(5, 8)
    expected = [
        ((a >> 5) * 2**26 + (b >> 6)) / 2**53 for a, b in zip(words[::2], words[1::2], strict=True)
    ]
    assert Generator(5).uniform((4,), dtype="float64").tolist() == expected


def test_integers_are_a_multiple_of_the_words(backend):
    expected = [(w * 10 >> 32) + 3 for w in reference(11, 6)]
    assert Generator(11).integers(3, 13, (6,)).tolist() == expected
    narrow = Generator(11).integers(3, 13, (6,), dtype="int8")
    assert (narrow.tolist(), narrow.dtype) == (expected, et.int8)
    wide = Generator(0).integers(-(2**30), 2**30, (1000,))
    assert -(2**30) <= min(wide.tolist()) < -(2**29)
    assert 2**29 < max(wide.tolist()) < 2**30


def test_normal_is_box_mullers(backend):
    a, b = (np.array(reference(3, 6)).reshape(3, 2) >> 8).T
    radius, angle = np.sqrt(-2 * np.log((a + 1) / 2**24)), b * (2 * np.pi / 2**24)
    expected = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).ravel()[:5]
    np.testing.assert_allclose(Generator(3).normal((5,)).tolist(), expected, rtol=2e-6, atol=2e-6)


def test_the_same_numbers_on_every_engine(engines):
    def draw(name):
        with et.use_backend(name):
            g = Generator(2024)
            exact = [
                g.bits((5,)), g.uniform((7,)), g.uniform((3,), low=-1.0, high=2.0),
                g.integers(0, 1000, (9,)), g.permutation(20), g.choice(10, (4,), replace=False),
                g.choice(5, (6,)), g.choice(3, (50,), p=[0.2, 0.3, 0.5]),
                g.permutation([[1, 2], [3, 4], [5, 6]]), g.fold_in(3).bits((2,)),
                g.split(2)[1].bits((3,)), g.uniform((2,), dtype="float16"),
            ]  # fmt: skip
            return [x.tolist() for x in exact], g.normal((100,)).tolist()

    first, *others = map(draw, engines)
    for other in others:
        assert other[0] == first[0]
        np.testing.assert_allclose(other[1], first[1], rtol=3e-7, atol=1e-7)


# -- distributions ----------------------------------------------------------------------------

COUNT = 20_000


def test_uniform_is_uniform(backend):
    x = np.array(Generator(1).uniform((COUNT,)).tolist())
    assert 0 <= x.min()
    assert x.max() < 1
    assert stats.kstest(x, "uniform").pvalue > 0.01
    # neighbours are not correlated
    assert abs(np.corrcoef(x[:-1], x[1:])[0, 1]) < 0.03


def test_normal_is_normal(backend):
    x = np.array(Generator(2).normal((COUNT,)).tolist())
    assert stats.kstest(x, "norm").pvalue > 0.01
    scaled = np.array(Generator(2).normal((COUNT,), mean=5.0, std=0.5).tolist())
    assert stats.kstest(scaled, "norm", (5.0, 0.5)).pvalue > 0.01


def test_integers_are_uniform(backend):
    x = Generator(3).integers(0, 7, (COUNT,)).tolist()
    assert stats.chisquare(np.bincount(x, minlength=7)).pvalue > 0.01


def test_choice_has_the_probabilities(backend):
    p = np.array([0.1, 0.0, 0.6, 0.3])
    counts = np.bincount(Generator(4).choice(4, (COUNT,), p=p.tolist()).tolist(), minlength=4)
    assert counts[1] == 0
    assert stats.chisquare(counts[p > 0], p[p > 0] * COUNT).pvalue > 0.01


def test_permutations_are_all_alike(backend):
    g = Generator(5)
    seen = {}
    for _ in range(600):
        order = tuple(g.permutation(3).tolist())
        seen[order] = seen.get(order, 0) + 1
    assert len(seen) == 6
    assert stats.chisquare(list(seen.values())).pvalue > 0.01


def test_permutation_of_a_tensor(backend):
    x = et.asarray(np.arange(12).reshape(3, 4))
    rows = Generator(0).permutation(x)
    assert sorted(rows.tolist()) == x.tolist()
    columns = Generator(0).permutation(x, axis=1)
    assert sorted(columns.mT.tolist()) == x.mT.tolist()
    assert sorted(Generator(0).permutation(100).tolist()) == list(range(100))
    assert Generator(0).permutation(0).shape == (0,)


def test_choice_of_rows(backend):
    x = et.asarray([[1, 2], [3, 4], [5, 6]])
    drawn = Generator(0).choice(x, (2, 4))
    assert drawn.shape == (2, 4, 2)
    assert all(row in x.tolist() for rows in drawn.tolist() for row in rows)
    without = Generator(0).choice(x, (3,), replace=False)
    assert sorted(without.tolist()) == x.tolist()


# -- streams ----------------------------------------------------------------------------------


def test_calls_go_on_and_seeds_repeat(backend):
    g, h = Generator(9), Generator(9)
    a, b = g.uniform((4,)).tolist(), g.uniform((4,)).tolist()
    assert a != b
    assert h.uniform((8,)).tolist() == a + b  # an even count wastes nothing
    assert Generator(10).uniform((4,)).tolist() != a
    assert repr(g) == "Generator(seed=9, position=4, engine='portable')"
    assert g.seed == 9


def test_without_a_seed_each_generator_differs(backend):
    assert Generator().bits((4,)).tolist() != Generator().bits((4,)).tolist()


def test_fold_in_depends_on_the_seed_and_the_data_alone(backend):
    g = Generator(1)
    before = g.fold_in(7).bits((4,)).tolist()
    g.uniform((100,))
    assert g.fold_in(7).bits((4,)).tolist() == before
    streams = [g.fold_in(i).bits((4,)).tolist() for i in range(50)]
    streams += [Generator(2).fold_in(i).bits((4,)).tolist() for i in range(50)]
    assert len({tuple(s) for s in streams}) == 100
    assert g.bits((4,)).tolist() not in streams


def test_split_gives_new_streams_each_time(backend):
    g = Generator(1)
    streams = [s.bits((4,)).tolist() for s in g.split(3) + g.split(3)]
    assert len({tuple(s) for s in streams}) == 6
    again = Generator(1)
    assert [s.bits((4,)).tolist() for s in again.split(6)] == streams


def test_split_and_fold_in_are_independent(backend):
    g = Generator(8)
    x = np.array([s.uniform((2000,)).tolist() for s in (*g.split(2), g.fold_in(0), g)])
    correlations = np.corrcoef(x)[np.triu_indices(4, 1)]
    assert np.abs(correlations).max() < 0.08


def test_shapes(backend):
    g = Generator(0)
    assert g.uniform().shape == ()
    assert g.uniform(3).shape == (3,)
    assert g.normal((2, 3)).shape == (2, 3)
    assert g.bits((0, 2)).shape == (0, 2)
    assert g.normal((0,)).shape == (0,)
    assert g.integers(0, 5).shape == ()
    assert (g.normal(2).dtype, g.normal(2, dtype="float16").dtype) == (et.float32, et.float16)


def test_native_generators(backend):
    a, b = Generator(3, engine="native"), Generator(3, engine="native")
    for draw in (
        lambda g: g.uniform((500,)), lambda g: g.normal((500,)), lambda g: g.bits((500,)),
        lambda g: g.integers(0, 9, (500,)), lambda g: g.permutation(20),
        lambda g: g.uniform((5,), dtype="float16"),
    ):  # fmt: skip
        x, y = draw(a), draw(b)
        assert x.tolist() == y.tolist()
        assert x.backend == backend
    x = np.array(a.normal((COUNT,)).tolist())
    assert stats.kstest(x, "norm").pvalue > 0.01
    u = np.array(a.uniform((COUNT,), low=2.0, high=3.0).tolist()) - 2
    assert stats.kstest(u, "uniform").pvalue > 0.01


# -- the default generator --------------------------------------------------------------------------


def test_the_module_level_functions(backend):
    et.random.seed(42)
    got = [
        et.random.uniform((2,)), et.random.normal((2,)), et.random.integers(0, 9, (2,)),
        et.random.permutation(4), et.random.choice(5, (2,)), et.random.bits((2,)),
    ]  # fmt: skip
    g = Generator(42)
    expected = [
        g.uniform((2,)), g.normal((2,)), g.integers(0, 9, (2,)), g.permutation(4),
        g.choice(5, (2,)), g.bits((2,)),
    ]  # fmt: skip
    assert [x.tolist() for x in got] == [x.tolist() for x in expected]


def test_each_thread_has_a_default_generator(backend):
    et.random.seed(7)
    here = et.random.default_generator()
    et.random.bits((4,))
    there = []
    thread = threading.Thread(target=lambda: there.append(et.random.default_generator()))
    thread.start()
    thread.join()
    assert there[0] is not here
    assert there[0].seed == 7


@pytest.mark.parametrize("seed", [-1, 2**64, 1.5, "a"])
def test_wrong_seeds(seed):
    with pytest.raises(InvalidValueError, match=r"an integer in \[0, 2\*\*64\)"):
        Generator(seed)


def test_wrong_arguments(backend):
    g = Generator(0)
    with pytest.raises(InvalidValueError, match=r"\[5, 5\) is empty"):
        g.integers(5, 5)
    with pytest.raises(InvalidValueError, match="wider than"):
        g.integers(0, 2**32)
    with pytest.raises(InvalidValueError, match="6 of 5 elements without putting them back"):
        g.choice(5, (6,), replace=False)
    with pytest.raises(InvalidValueError, match="probabilities need replace=True"):
        g.choice(2, replace=False, p=[0.5, 0.5])
    with pytest.raises(InvalidValueError, match="'portable' or 'native', not 'fast'"):
        Generator(0, engine="fast")
    with pytest.raises(InvalidValueError, match="sizes cannot be negative"):
        g.uniform((-1,))
