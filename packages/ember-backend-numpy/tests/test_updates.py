"""Steps of optimizers against the composed operations that they stand for, and in place."""

import numpy as np
import pytest

from ember_ml.backend.operations import OPERATIONS
from ember_ml.backend.registry import bounds, get_backend
from ember_ml.nn import tensor as et
from ember_ml.nn.tensor._operation import compose

RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.normal(size=shape).astype("f4")


#: The last is more than a block.
SHAPES = [(7,), (3, 4), (), (0, 2), (300, 200)]


def arrays(count, shape, positive=()):
    return [normal(*shape) ** 2 + (i in positive) if i in positive else normal(*shape)
            for i in range(count)]  # fmt: skip


ADAM = {"beta2": 0.99, "epsilon": 1e-8}
RMSPROP = {"alpha": 0.9, "epsilon": 1e-4}
CASES = {
    "sgd_update": lambda s: [([*arrays(2, s), 0.1], {})],
    "momentum_update": lambda s: [
        ([*arrays(3, s), 0.1, 0.9, gain], {"nesterov": nesterov})
        for gain in (1.0, 0.5)
        for nesterov in (False, True)
    ],
    "adam_update": lambda s: [
        ([*arrays(4, s, {3}), largest, 0.01, 0.3, shrink, 0.1], ADAM)
        for shrink in (1.0, 0.9)
        for largest in (None, normal(*s) ** 2)
    ],
    "rmsprop_update": lambda s: [
        ([*arrays(2, s), normal(*s) ** 2 + 9, mean, velocity, 0.1, 0.5], RMSPROP)
        for mean in (None, normal(*s) / 10)
        for velocity in (None, normal(*s))
    ],
    "adagrad_update": lambda s: [([*arrays(3, s, {2}), 0.1], {"epsilon": 1e-8})],
    "lion_update": lambda s: [([*arrays(3, s), 0.1, k, 0.1], {"beta2": 0.9}) for k in (1.0, 0.9)],
    "average_update": lambda s: [([*arrays(2, s), 0.1], {})],
}


def copied(arguments):
    return [a.copy() if isinstance(a, np.ndarray) else a for a in arguments]


def override(key):
    return next(getattr(p, key) for p in get_backend("numpy").modules if hasattr(p, key))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("key", CASES)
def test_override_and_definition_agree(key, shape):
    definition = compose(OPERATIONS[key], bounds(get_backend("numpy"))[et.float32].siblings)
    for arguments, options in CASES[key](shape):
        given = copied(arguments)
        ours = override(key)(*given, **options)
        theirs = definition(*copied(arguments), **options)
        np.testing.assert_array_equal(given[1], arguments[1])
        for a, b in zip(ours, theirs, strict=True):
            assert (a.dtype, a.shape) == (b.dtype, b.shape)
            np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("key", CASES)
def test_in_place_and_on_any_layout(key):
    for arguments, options in CASES[key]((6, 4)):
        expected = override(key)(*copied(arguments), **options)
        turned = [np.asfortranarray(a) if isinstance(a, np.ndarray) else a for a in arguments]
        fixed = copied(arguments)
        fixed[0].flags.writeable = False
        for given in (turned, fixed):
            got = override(key)(*given, **options)
            for a, b in zip(got, expected, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-6)
        given = copied(arguments)
        assert override(key)(*given, **options)[0] is given[0]
