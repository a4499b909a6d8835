"""``compile``: forms, containers, Modules, and what it cannot fix."""

from typing import NamedTuple

import numpy as np
import pytest

from ember_ml import nn
from ember_ml.backend.errors import ArgumentError, UnsupportedError
from ember_ml.backend.registry import current_backend, get_backend
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


def test_none_is_returned_as_it_is():
    layer = nn.MultiheadAttention(4, 2)
    x = et.ones((3, 1, 4))
    for transform in (nn.compile, nn.checkpoint):
        y, weights = transform(lambda x: layer(x, x, x, need_weights=False))(x)
        assert weights is None
        np.testing.assert_allclose(y.numpy(), layer(x, x, x)[0].numpy(), rtol=1e-5, atol=1e-6)


# -- random numbers, Modules that are not arguments, and reports of traces --------------------------


def test_random_numbers_are_new_at_each_call_and_the_same_as_without():
    def function(x):
        return x + et.random.uniform((2,)) + et.random.normal((2,))

    et.random.seed(1)
    expected = [function(et.zeros(2)).numpy() for _ in range(4)]
    et.random.seed(1)
    compiled = nn.compile(function)
    found = [compiled(et.zeros(2)).numpy() for _ in range(3)]
    found.append(function(et.zeros(2)).numpy())  # the generator has moved on as far
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    et.random.seed(1)  # another default generator, the same program
    np.testing.assert_allclose(compiled(et.zeros(2)).numpy(), expected[0], rtol=1e-5)


def test_generators_of_ones_own():
    first, second = et.random.Generator(1), et.random.Generator(2)
    compiled = nn.compile(lambda x: x + first.uniform() + second.uniform())
    found = [compiled(et.zeros(())).item() for _ in range(3)]
    first, second = et.random.Generator(1), et.random.Generator(2)
    expected = [(first.uniform() + second.uniform()).item() for _ in range(3)]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_generator_made_inside_gives_the_same_numbers_each_time():
    def function(x):
        return x + et.random.Generator(5).fold_in(1).uniform((2,))

    compiled = nn.compile(function)
    for _ in range(2):
        np.testing.assert_allclose(
            compiled(et.zeros(2)).numpy(), function(et.zeros(2)).numpy(), rtol=1e-6
        )


def test_a_compiled_function_within_another():
    inner = nn.compile(lambda x: x + et.random.uniform())
    outer = nn.compile(lambda x: inner(x) + inner(x) + et.random.uniform())
    et.random.seed(4)
    found = [outer(et.zeros(())).item() for _ in range(2)]
    et.random.seed(4)
    expected = [sum(et.random.uniform().item() for _ in range(3)) for _ in range(2)]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_generators_that_cannot_be_inputs():
    native = et.random.Generator(0, engine="native")
    with pytest.raises(UnsupportedError, match="a portable one"):
        nn.compile(lambda x: x + native.uniform())(et.zeros(()))
    generator = et.random.Generator(0)
    with pytest.raises(UnsupportedError, match="do it outside"):
        nn.compile(lambda x: x + generator.split(2)[0].uniform())(et.zeros(()))


def test_a_module_in_the_closure_is_an_input():
    model = nn.Linear(2, 1)
    compiled = nn.compile(lambda x: model(x))
    x = et.ones((1, 2))
    compiled(x)
    model.load_state_dict({"weight": [[1.0, 2.0]], "bias": [0.5]})
    assert compiled(x).tolist() == [[3.5]]


def test_reports(backend):
    lines = []
    compiled = nn.compile(lambda x, n: x * n, report=lines.append)
    for shape, number in [((2,), 1.0), ((2,), 1.0), ((3,), 1.0), ((3,), 2.0)]:
        compiled(et.ones(shape), number)
    if "compile" not in get_backend(backend).capabilities:
        assert not lines
        return
    assert [line.partition("trace ")[2] for line in lines] == [
        f"1 (backend: {backend}, argument 0: float32 (2,), argument 1: 1.0)",
        "2 (argument 0: float32 (3,), not float32 (2,))",
        "3 (argument 1: 2.0, not 1.0)",
    ]


@pytest.mark.parametrize("ask", [
    lambda x: x if x.sum() > 0 else -x, lambda x: x * x.sum().item(), lambda x: x[x > 0],
    lambda x: x * float(np.asarray(x).sum()),
], ids=["branch", "item", "mask", "numpy"])  # fmt: skip
def test_values_that_are_not_known(backend, ask):
    if "compile" not in get_backend(backend).capabilities:
        assert nn.compile(ask)(et.ones(2)).tolist() == ask(et.ones(2)).tolist()
        return
    with pytest.raises(UnsupportedError, match="traced without values.*use et.where"):
        nn.compile(ask)(et.ones(2))
