"""``compile``: forms, containers, Modules, and what it cannot fix."""

from typing import NamedTuple

import numpy as np
import pytest

from ember_ml import nn
from ember_ml.backend.errors import ArgumentError
from ember_ml.backend.registry import current_backend
from ember_ml.nn import tensor as et

from ._models import Counting, Quadratic

pytestmark = pytest.mark.usefixtures("backend")


class Pair(NamedTuple):
    a: object
    b: object


def traces():
    """A function and the list of its traces; without a compiler it is called each time."""
    seen = []

    def f(x, scale=1.0):
        seen.append(x.shape)
        return et.sum(x * scale, axis=0)

    return f, seen


def test_compile_gives_the_same_values_and_retraces_for_new_forms_only():
    f, seen = traces()
    compiled = nn.compile(f)
    compiles = "compile" in current_backend().capabilities
    x = et.asarray([[1.0, 2.0], [3.0, 4.0]])
    for _ in range(3):
        assert compiled(x).tolist() == [4.0, 6.0]
    assert len(seen) == (1 if compiles else 3)
    assert compiled(2.0 * x).tolist() == [8.0, 12.0]
    assert compiled(et.ones((3, 1))).tolist() == [3.0]  # another shape
    assert compiled(et.asarray([[1, 2]])).tolist() == [1.0, 2.0]  # another dtype
    assert compiled(x, scale=2.0).tolist() == [8.0, 12.0]  # another number
    assert compiled(x, scale=3.0).tolist() == [12.0, 18.0]
    assert compiled(x, scale=et.asarray(4.0)).tolist() == [16.0, 24.0]
    assert compiled(x, scale=et.asarray(5.0)).tolist() == [20.0, 30.0]
    if compiles:
        assert len(seen) == 6


def test_compile_takes_and_gives_containers():
    @nn.compile
    def f(tree, flag):
        first, (second, _) = tree["pair"]
        result = first * second if flag else first + second
        return {"result": [result, (first,)], "sum": Pair(et.sum(first), et.sum(second))}

    tree = {"pair": [et.asarray([1.0, 2.0]), (et.asarray([3.0, 4.0]), "name")]}
    for _ in range(2):
        found = f(tree, True)
        assert found["result"][0].tolist() == [3.0, 8.0]
        assert isinstance(found["sum"], Pair)
        assert found["sum"].b.item() == 7.0
        assert f(tree, False)["result"][0].tolist() == [4.0, 6.0]


def test_the_structure_of_results_belongs_to_the_form_of_the_arguments():
    @nn.compile
    def f(x):
        return [x, x] if x.shape[0] == 2 else {"one": x}

    for _ in range(2):
        assert len(f(et.ones(2))) == 2
        assert list(f(et.ones(3))) == ["one"]


def test_compiled_modules_see_their_present_tensors():
    model = Quadratic()
    plain, whole, method = (
        nn.compile(lambda m, x: m(x)),
        nn.compile(model),
        nn.compile(model.forward),
    )
    compiled = [plain, lambda m, x: whole(x), lambda m, x: method(x)]
    x = et.asarray([1.0, 1.0])
    for run in compiled:
        model.load_state_dict({"w": [1.0, 2.0], "c": 3.0})
        assert run(model, x).item() == 6.0
        model.load_state_dict({"w": [2.0, 2.0], "c": 0.0})
        assert run(model, x).item() == 4.0
        model.w = et.asarray([5.0, 5.0])
        assert run(model, x).item() == 10.0


def test_compile_follows_train_and_eval_and_writes_buffers():
    model = Counting()
    run = nn.compile(lambda m, x: m(x))
    assert run(model, et.asarray([3.0])).item() == 36.0
    assert run(model, et.asarray([3.0])).item() == 36.0
    assert (model.count.item(), model.mean.tolist()) == (2, [4.5])
    model.eval()
    run(model, et.asarray([3.0]))
    assert model.count.item() == 2
    model.train()
    run(model, et.asarray([3.0]))
    assert model.count.item() == 3


def test_a_compiled_gradient():
    model = Quadratic()
    run = nn.compile(nn.value_and_grad(lambda m, x: m(x)))
    value, grads = run(model, et.asarray([1.0, 3.0]))
    assert value.item() == 22.0
    assert grads["w"].tolist() == [1.0, 9.0]
    model.requires_grad_(False)
    model.c = nn.Parameter(1.0)
    value, grads = run(model, et.asarray([1.0, 3.0]))
    assert (value.item(), list(grads)) == (20.0, ["c"])


def test_the_gradient_of_a_compiled_function():
    compiled = nn.compile(lambda x: et.sum(x * x))
    assert compiled(et.asarray([1.0, 2.0])).item() == 5.0
    assert nn.grad(lambda x: compiled(x))(et.asarray([1.0, 2.0])).tolist() == [2.0, 4.0]


def test_native_arrays_are_inputs_of_compiled_functions():
    f, seen = traces()
    compiled = nn.compile(f)
    for i in range(3):
        assert compiled(np.full((2, 1), i, np.float32)).tolist() == [2.0 * i]
    if "compile" in current_backend().capabilities:
        assert len(seen) == 1


def test_compile_refuses_what_it_cannot_fix():
    with pytest.raises(ArgumentError, match="set .* is neither a tensor nor hashable"):
        nn.compile(lambda x, s: x)(et.ones(1), {1, 2})
    if "compile" not in current_backend().capabilities:
        return
    with pytest.raises(ArgumentError, match="returns tensors, not float"):
        nn.compile(lambda x: (x, 3.0))(et.ones(1))
