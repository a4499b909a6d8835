"""Every operation, random arguments, all engines: the same values, shapes, dtypes and errors.

The arguments come from the conformance kit's cases, where each engine is compared with NumPy in
double precision; here the engines are compared with each other, and mistakes are drawn as well.
"""

import inspect
import os

import numpy as np
import pytest

from ember_ml.backend.dtypes import DTYPES
from ember_ml.backend.errors import EmberError, UnsupportedError
from ember_ml.backend.operations import OPERATIONS
from ember_ml.backend.registry import get_backend
from ember_ml.backend.testing import CASES
from ember_ml.backend.testing._drawing import examples, explore
from ember_ml.backend.testing._run import arrays_of, difference, numpy_of, run, show
from ember_ml.nn import tensor as et

from ._engines import ENGINES

#: Functions of the namespace that are about dtypes, backends and shapes, not tensors.
PLAIN = {
    "broadcast_shapes", "can_cast", "current_backend", "finfo", "from_dlpack", "from_native",
    "get_backend", "iinfo", "isdtype", "list_backends", "result_type", "set_backend",
    "use_backend",
}  # fmt: skip
#: Functions that take functions, each with tests of its own.
HIGHER = {"apply_where", "cond", "scan"}


def outcome(case, call, engine):
    """What an engine makes of a call: tensors, or the exception."""
    try:
        return arrays_of(run(case.function, call, get_backend(engine)))
    except UnsupportedError as error:
        if "has no dtype" in str(error):  # the result of a mixture that was drawn by mistake
            return None
        return error
    except EmberError as error:
        return error


def disagreement(case, ours, theirs):
    if ours is None or theirs is None:
        return None
    if isinstance(ours, EmberError) or isinstance(theirs, EmberError):
        if type(ours) is type(theirs):
            return None
        return f"{ours!r} and {theirs!r}"
    if len(ours) != len(theirs):
        return f"{len(ours)} and {len(theirs)} results"
    for a, b in zip(ours, theirs, strict=True):
        if a.shape != b.shape or a.dtype is not b.dtype:
            return f"{a.dtype}{list(a.shape)} and {b.dtype}{list(b.shape)}"
        if case.verify is None:
            x, y = numpy_of(a), numpy_of(b)
            # a sum that cancels is as exact as its terms
            said = difference(x, y, a.dtype, 4 * case.tolerance)
            if said:
                return said
    return None


@pytest.mark.skipif(len(ENGINES) < 2, reason="there is nothing to compare one engine with")
@pytest.mark.parametrize("name", CASES.names())
def test_engines_agree(name):
    case = CASES[name]
    backends = [get_backend(e) for e in ENGINES]
    dtypes = [
        d
        for d in DTYPES.values()
        if case.takes(d)
        and all(d in b.dtypes and (case.expected(d) or d) in b.dtypes for b in backends)
    ]

    def check(draw):
        dtype = draw.one_of(*dtypes)
        call = case.arguments(draw, dtype)
        first, *others = (outcome(case, call, e) for e in ENGINES)
        for engine, other in zip(ENGINES[1:], others, strict=True):
            said = disagreement(case, first, other)
            assert said is None, f"{show(case, call)}: {ENGINES[0]} and {engine} give {said}"

    assert dtypes, f"no dtype of {name} is on every engine"
    count = int(os.environ.get("EMBER_TEST_EXAMPLES", "25"))
    examples(check, count, wild=True)  # spread evenly
    explore(check, count, wild=True)  # by hypothesis, which looks for the odd


def test_every_public_function_has_a_case():
    public = {
        f"{prefix}{name}"
        for prefix, module in (("", et), ("linalg.", et.linalg), ("fft.", et.fft))
        for name in module.__all__
        if inspect.isfunction(getattr(module, name))
    }
    assert sorted(public - set(CASES.names()) - PLAIN - HIGHER) == []
    assert sorted({o.name for o in OPERATIONS.values()} - set(CASES.names())) == []


def test_a_difference_is_seen():
    case = CASES["exp"]
    ours, theirs = et.asarray([1.0, 2.0]), et.asarray([1.0, 2.001])
    assert "is not" in disagreement(case, [ours], [theirs])
    assert "float64" in disagreement(case, [ours], [ours.astype("float64")])
    assert disagreement(case, [ours], EmberError("x"))
    assert np.array_equal(numpy_of(ours), [1.0, 2.0])
