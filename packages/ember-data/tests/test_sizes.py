import numpy as np
import pytest

from ember_ml.backend.errors import InvalidValueError
from ember_ml.data._sizes import part_sizes


@pytest.mark.parametrize(
    ("sizes", "total", "lengths"),
    [
        (0.8, 10, [8, 2]),
        (0.5, 5, [3, 2]),
        (3, 10, [3, 7]),
        ([6, 3, 1], 10, [6, 3, 1]),
        ([0.7, 0.2, 0.1], 10, [7, 2, 1]),
        ([1 / 3, 1 / 3, 1 / 3], 10, [3, 4, 3]),
        ([0.1] * 10, 100, [10] * 10),
        ([1.0], 4, [4]),
        (np.float64(0.25), 8, [2, 6]),
        ([np.int64(5), np.int64(3)], 8, [5, 3]),
    ],
)
def test_lengths_and_fractions(sizes, total, lengths):
    assert part_sizes(sizes, total) == lengths


@pytest.mark.parametrize("total", range(3, 200))
def test_fractions_always_make_up_the_whole(total):
    lengths = part_sizes([0.55, 0.3, 0.15], total + 7)
    assert sum(lengths) == total + 7


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ([6, 3], r"lengths \[6, 3\] add up to 9, and there are 10"),
        ([0.5, 0.3], r"fractions \[0.5, 0.3\] add up to 0.8, not to 1"),
        (0.01, r"the parts would get \[0, 10\]"),
        (10, r"the parts would get \[10, 0\]"),
        ([-1, 11], r"the parts would get \[-1, 11\]"),
        (1.5, r"the parts would get \[15, -5\]"),
        ([], r"lengths \[\] add up to 0"),
    ],
)
def test_sizes_that_do_not_fit(sizes, message):
    with pytest.raises(InvalidValueError, match=message):
        part_sizes(sizes, 10)
