"""Overrides against the composed operations that they stand for."""

import numpy as np
import pytest

from ember_ml.backend.operations import OPERATIONS
from ember_ml.backend.registry import bounds, get_backend
from ember_ml.nn import tensor as et
from ember_ml.nn.tensor._operation import compose

RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.normal(size=shape).astype("f4")


ROWS = normal(4, 5) * 3
CASES = {
    "matrix_transpose": [([normal(2, 3)], {}), ([normal(2, 3, 4)], {})],
    "take": [([normal(3, 4), np.array([2, -1])], {"axis": 0}), ([normal(4), np.array([1])], {}),
             ([normal(3, 4), np.array([0, 0])], {"axis": -1})],
    "reciprocal": [([ROWS], {})],
    "square": [([ROWS], {}), ([RNG.integers(-5, 5, 4)], {})],
    "relu": [([ROWS], {})],
    "sigmoid": [([ROWS * 10], {})],
    "softmax": [([ROWS], {}), ([ROWS * 100], {"axis": 0}), ([normal(2, 3, 4)], {"axis": 1})],
    "log_softmax": [([ROWS], {}), ([ROWS * 100], {"axis": 0})],
    "linear": [([normal(*s, 5), normal(3, 5), normal(3)], {}) for s in [(), (4,), (2, 3), (0,)]],
    "softmax_cross_entropy": [([ROWS, np.array([0, 4, 2, 2])], {}),
                              ([normal(2, 3, 4), RNG.integers(0, 4, (2, 3))], {})],
    "order_statistics": [([normal(3, 9)], {"ranks": (0, 4, 8)}), ([normal(2, 0, 1)], {"ranks": (0,)}),
                         ([np.array([np.nan, 1, -np.inf, 0], "f4")], {"ranks": (0, 2, 3)})],
    "pad_constant": [([normal(2, 3), ((1, 0), (2, 3))], {"value": -1.5}),
                     ([normal(), ()], {"value": 0}), ([normal(0, 2), ((0, 1), (0, 0))], {"value": 2}),
                     ([np.array([2**62 + 1]), ((1, 1),)], {"value": 2**62 + 3})],
    "convolve": [([normal(m), normal(n)], {"mode": mode}) for mode in ("full", "same", "valid")
                 for m, n in [(1, 1), (5, 2), (3, 6), (40, 7)]],
    **{key: [([normal(5, 2), np.array([4, 0, 4, 1]), normal(4, 2)], {}),
             ([normal(3), np.array([], np.int64), normal(0)], {})]
       for key in ("index_add", "index_max", "index_min", "index_multiply")},
    "random_words": [([np.array([1, 2, start]), 70], {"offset": 3}) for start in (0, 2**32 - 5)],
}  # fmt: skip


def copied(arguments):
    return [a.copy() if isinstance(a, np.ndarray) else a for a in arguments]


@pytest.mark.parametrize("key", CASES)
def test_override_and_definition_agree(key):
    backend = get_backend("numpy")
    bound = bounds(backend)[et.float32]
    definition = compose(OPERATIONS[key], bound.siblings)
    override = next(
        getattr(place, key) for place in (backend, *backend.modules) if hasattr(place, key)
    )
    for arguments, options in CASES[key]:
        ours = override(*copied(arguments), **options)
        theirs = definition(*copied(arguments), **options)
        if isinstance(ours, np.ndarray | np.generic):
            ours, theirs = [ours], [theirs]
        for a, b in zip(ours, theirs, strict=True):
            assert a.dtype == b.dtype
            assert a.shape == b.shape
            np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6)


def test_activations_leave_their_operands_alone():
    for name in ("relu", "sigmoid", "softmax", "log_softmax", "square", "reciprocal"):
        x = normal(3, 4)
        before = x.copy()
        bound = bounds(get_backend("numpy"))[et.float32]
        getattr(bound, name)(x)
        np.testing.assert_array_equal(x, before)
    x, weight, bias = normal(2, 3), normal(4, 3), normal(4)
    before = copied([x, weight, bias])
    et.linear(*map(et.asarray, (x, weight, bias)))
    for a, b in zip((x, weight, bias), before, strict=True):
        np.testing.assert_array_equal(a, b)
