"""``grad`` and ``value_and_grad``: what they take, give and refuse.

The gradients of the single operations are in ``test_nn_gradients``; ``vmap`` and ``compile`` have
files of their own.
"""

import os
import threading
from typing import NamedTuple

import numpy as np
import pytest
import torch

from ember_ml import nn
from ember_ml.backend.errors import (
    ArgumentError,
    BackendMismatchError,
    DTypeError,
    EmberError,
    InvalidValueError,
    ShapeError,
)
from ember_ml.backend.registry import current_backend
from ember_ml.nn import tensor as et

from ._models import Counting, Quadratic

BACKENDS = [
    info.name
    for info in et.list_backends()
    if info.name in os.environ.get("EMBER_TEST_BACKENDS", "numpy,torch,mlx").split(",")
]

pytestmark = pytest.mark.usefixtures("backend")


class Pair(NamedTuple):
    a: object
    b: object


# -- what is differentiated ----------------------------------------------------------------------


def test_value_and_gradient_of_a_tensor():
    x = et.asarray([1.0, -2.0])
    value, gradient = nn.value_and_grad(lambda x: et.sum(x**3))(x)
    assert (value.item(), gradient.tolist()) == (-7.0, [3.0, 12.0])
    assert value.shape == ()
    assert x.tolist() == [1.0, -2.0]
    for tensor in (value, gradient):  # ordinary tensors of the backend
        assert tensor._backend is x._backend
        assert type(tensor.native) is type(x.native)


def test_containers_keep_their_structure():
    tree = {
        "list": [et.asarray(1.0), (et.asarray(2.0),)],
        "pair": Pair(et.asarray(3.0), None),
        "number": 5,
        "text": "t",
        "integers": et.asarray([1, 2]),
    }

    def f(t):
        assert t["number"] == 5
        assert t["text"] == "t"
        assert t["integers"].tolist() == [1, 2]
        return t["list"][0] * t["list"][1][0] * t["pair"].a ** 2

    grads = nn.grad(f)(tree)
    assert grads["list"][0].item() == 18.0
    assert isinstance(grads["list"][1], tuple)
    assert grads["list"][1][0].item() == 9.0
    assert isinstance(grads["pair"], Pair)
    assert grads["pair"].a.item() == 12.0
    assert (grads["pair"].b, grads["number"], grads["text"], grads["integers"]) == (None,) * 4
    assert set(grads) == set(tree)


def test_modules_give_a_dict_by_name():
    model = Quadratic()
    value, grads = nn.value_and_grad(lambda m, x: m(x))(model, et.asarray([1.0, 3.0]))
    assert value.item() == 22.0
    assert {name: g.tolist() for name, g in grads.items()} == {"w": [1.0, 9.0]}
    assert model.w.tolist() == [1.0, 2.0]


def test_modules_in_containers():
    models = {"a": Quadratic(), "b": [Quadratic(), et.asarray(2.0)]}
    x = et.asarray([1.0, 1.0])
    grads = nn.grad(lambda m: m["a"](x) + m["b"][1] * m["b"][0](2.0 * x))(models)
    assert grads["a"]["w"].tolist() == [1.0, 1.0]
    assert grads["b"][0]["w"].tolist() == [8.0, 8.0]
    assert grads["b"][1].item() == 15.0


def test_a_module_twice_gets_the_whole_gradient_twice():
    model = Quadratic()
    x = et.asarray([1.0, 1.0])
    first, second = nn.grad(lambda a, b: a(x) + b(2.0 * x), argnums=(0, 1))(model, model)
    assert first["w"].tolist() == second["w"].tolist() == [5.0, 5.0]


def test_modules_that_share_a_parameter():
    one, two = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    two.weight = one.weight
    one.load_state_dict({"weight": [[3.0]]})
    grads = nn.grad(lambda ms: ms[1](ms[0](et.ones((1, 1)))).sum())([one, two])
    assert [g["weight"].item() for g in grads] == [6.0, 6.0]


def test_argnums():
    def f(x, y, scale=1.0):
        return scale * x * y * y

    x, y = et.asarray(2.0), et.asarray(3.0)
    assert nn.grad(f)(x, y).item() == 9.0
    assert nn.grad(f, argnums=1)(x, y, scale=2.0).item() == 24.0
    assert nn.grad(f, argnums=-1)(x, y).item() == 12.0
    found = nn.grad(f, argnums=(1, 0))(x, y)
    assert isinstance(found, tuple)
    assert [g.item() for g in found] == [12.0, 9.0]
    assert [g.item() for g in nn.grad(f, argnums=[0])(x, y)] == [9.0]
    with pytest.raises(ArgumentError, match="argument 2 of a call with 2"):
        nn.grad(f, argnums=2)(x, y)
    with pytest.raises(ArgumentError, match="argument 0 of a call with 0"):
        nn.grad(f)(x=x, y=y)


def test_the_same_tensor_as_two_arguments():
    x = et.asarray(3.0)
    assert [g.item() for g in nn.grad(lambda a, b: a * b * b, argnums=(0, 1))(x, x)] == [9.0, 18.0]


def test_has_aux():
    model = Quadratic()
    x = et.asarray([1.0, 2.0])

    def f(m, x):
        value = m(x)
        return value, {"doubled": 2.0 * value, "n": 7, "none": None, "labels": et.asarray([1])}

    (value, aux), grads = nn.value_and_grad(f, has_aux=True)(model, x)
    assert value.item() == 12.0
    assert aux["doubled"].item() == 24.0
    assert aux["doubled"]._backend is x._backend
    assert (aux["n"], aux["none"], aux["labels"].tolist()) == (7, None, [1])
    grads, aux = nn.grad(f, has_aux=True)(model, x)
    assert grads["w"].tolist() == [1.0, 4.0]
    assert aux["doubled"].item() == 24.0


def test_what_is_not_used_has_a_gradient_of_zero():
    class Unused(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Parameter([1.0, 2.0]), nn.Parameter([[3.0]])

    grads = nn.grad(lambda m: m.a.sum())(Unused())
    assert {name: g.tolist() for name, g in grads.items()} == {"a": [1.0, 1.0], "b": [[0.0]]}
    grads = nn.grad(lambda x, y: et.asarray(3.0), argnums=(0, 1))(et.ones(2), et.ones(()))
    assert [g.tolist() for g in grads] == [[0.0, 0.0], 0.0]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_gradients_have_the_dtype_of_what_they_are_by(dtype):
    if dtype not in {d.name for d in current_backend().dtypes}:
        pytest.skip(f"the engine has no {dtype}")
    x = et.asarray([1.0, 2.0], dtype=dtype)
    value, gradient = nn.value_and_grad(lambda x: et.sum(x * x * 0.5 + et.tanh(x) * 0.0))(x)
    assert (value.dtype, gradient.dtype) == (x.dtype, x.dtype)
    assert gradient.tolist() == [1.0, 2.0]


def test_dtypes_may_be_mixed():
    x, y = et.asarray([1.0, 2.0], dtype="float16"), et.asarray([3.0, 4.0])
    grads = nn.grad(lambda x, y: et.sum(x * y), argnums=(0, 1))(x, y)
    assert [g.dtype for g in grads] == [et.float16, et.float32]
    assert [g.tolist() for g in grads] == [[3.0, 4.0], [1.0, 2.0]]


def test_tensors_made_inside_are_of_the_backend_of_the_arguments(backend):
    other = next((name for name in BACKENDS if name != backend), backend)
    x = et.asarray([1.0, 2.0])
    with et.use_backend(other):
        gradient = nn.grad(lambda x: et.sum(x * et.asarray([3.0, 4.0]) * et.ones(2)))(x)
    assert gradient.backend == backend
    assert gradient.tolist() == [3.0, 4.0]


def test_native_arrays_and_numpy_arrays_inside():
    x = et.asarray([1.0, 2.0])
    native = et.asarray([3.0, 4.0]).native
    array = np.array([5.0, 6.0], np.float32)
    assert nn.grad(lambda x: et.sum(x * native + x * array))(x).tolist() == [8.0, 10.0]


def test_python_control_flow():
    def f(x):
        total = et.asarray(0.0)
        for i in range(3):
            total = total + x[i] * (10.0 if i % 2 else 1.0)
        return total

    assert nn.grad(f)(et.ones(3)).tolist() == [1.0, 10.0, 1.0]


def test_a_model_that_is_frozen_as_a_whole():
    model = Quadratic().requires_grad_(False)
    value, grads = nn.value_and_grad(lambda m, x: m(x))(model, et.asarray([1.0, 3.0]))
    assert (value.item(), grads) == (22.0, {})
    with pytest.raises(InvalidValueError, match="all 2 parameters of Quadratic are frozen"):
        nn.optimizers.AdamW().update(model, grads)
    for compile in (False, True):
        step = nn.train_step(model, lambda m, x: m(x), nn.optimizers.AdamW(), compile=compile)
        with pytest.raises(InvalidValueError, match="nothing to train"):
            step(et.asarray([1.0, 3.0]))
    assert model.w.tolist() == [1.0, 2.0]


def test_transforms_keep_name_and_documentation():
    def energy(x, y):
        """Of a state."""
        return et.sum(x * y)

    for transform in (nn.grad, nn.value_and_grad, nn.vmap, nn.compile):
        assert transform(energy).__name__ == "energy"
        assert transform(energy).__doc__ == "Of a state."
    model = Quadratic()
    assert not vars(nn.compile(model)).keys() & vars(model).keys()


# -- gradients within gradients ------------------------------------------------------------------


def test_gradients_of_gradients():
    def f(x):
        return et.sum(et.sin(x))

    x = np.array([0.3, 1.2], np.float32)
    second = nn.grad(lambda x: et.sum(nn.grad(f)(x)))
    third = nn.grad(lambda x: et.sum(second(x)))
    np.testing.assert_allclose(second(et.asarray(x)).numpy(), -np.sin(x), rtol=1e-5)
    np.testing.assert_allclose(third(et.asarray(x)).numpy(), -np.cos(x), rtol=1e-5)


def test_an_inner_gradient_that_uses_the_outer_tensor_through_a_closure():
    x0 = et.asarray([1.0, 2.0])

    def outer(w):
        inner = nn.grad(lambda x: et.sum(w * w * x))(x0)  # w**2, and x0 is an ordinary tensor
        return et.sum(inner * x0)

    assert nn.grad(outer)(et.asarray([3.0, 4.0])).tolist() == [6.0, 16.0]


def test_inner_and_outer_do_not_mix_up():
    # d/dx (x * d/dy (x + y)) = 1; a known trap ("perturbation confusion")
    assert nn.grad(lambda x: x * nn.grad(lambda y: x + y)(et.asarray(1.0)))(
        et.asarray(1.0)
    ).item() == pytest.approx(1.0)


def test_a_gradient_penalty_with_modules():
    """Value and gradient of |d net / d x|**2, against PyTorch."""
    ours = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
    theirs.load_state_dict({k: torch.tensor(v.tolist()) for k, v in ours.state_dict().items()})
    x = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)

    def penalty(model, x):
        slope = nn.grad(lambda x: et.sum(model(x)))(x)
        return et.sum(slope * slope)

    value, grads = nn.value_and_grad(penalty)(ours, et.asarray(x))
    a = torch.from_numpy(x).requires_grad_()
    (slope,) = torch.autograd.grad(theirs(a).sum(), a, create_graph=True)
    expected = (slope * slope).sum()
    expected.backward()
    assert value.item() == pytest.approx(expected.item(), rel=1e-4)
    for name, parameter in theirs.named_parameters():
        gradient = np.zeros(parameter.shape) if parameter.grad is None else parameter.grad.numpy()
        np.testing.assert_allclose(grads[name].numpy(), gradient, rtol=1e-3, atol=1e-5)
    assert all(p.backend == p.backend and type(p.native) is type(et.ones(1).native)
               for p in ours.parameters())  # fmt: skip


def test_a_gradient_by_a_module_inside_a_loss():
    """One step of gradient descent inside (as in meta-learning), against PyTorch."""
    ours = Quadratic()
    x = et.asarray([1.0, 2.0])

    def adapted(model, x):
        w = model.w - 0.1 * nn.grad(lambda m: m(x) ** 2)(model)["w"]
        return et.sum(w * x)

    gradient = nn.grad(adapted)(ours, x)["w"]
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    y = torch.tensor([1.0, 2.0])
    inner = ((w * y * y).sum() + 3.0) ** 2
    (step,) = torch.autograd.grad(inner, w, create_graph=True)
    ((w - 0.1 * step) * y).sum().backward()
    np.testing.assert_allclose(gradient.numpy(), w.grad.numpy(), rtol=1e-5)


def test_fused_operations_in_gradients_of_gradients():
    x = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    y = np.array([0, 2, 1, 1])
    w = np.random.default_rng(1).normal(size=(3, 3)).astype(np.float32)
    b = np.zeros(3, np.float32)

    def loss(w):
        return nn.losses.cross_entropy(et.linear(nn.relu(et.asarray(x)), w, et.asarray(b)), y)

    found = nn.grad(lambda w: et.sum(nn.grad(loss)(w) ** 2))(et.asarray(w))
    a = torch.from_numpy(w).requires_grad_()
    value = torch.nn.functional.cross_entropy(
        torch.relu(torch.from_numpy(x)) @ a.T, torch.from_numpy(y)
    )
    (first,) = torch.autograd.grad(value, a, create_graph=True)
    (first**2).sum().backward()
    np.testing.assert_allclose(found.numpy(), a.grad.numpy(), rtol=1e-3, atol=1e-6)


# -- buffers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("argnums", [0, 1])
def test_buffers_that_are_written_are_carried_out(argnums):
    model = Counting()
    mean, count = model.mean, model.count
    run = nn.value_and_grad(lambda m, x: m(x), argnums=argnums)
    for expected_mean, expected_count in ((3.0, 1), (4.5, 2)):
        value, _ = run(model, et.asarray([3.0]))
        assert value.item() == 36.0
        assert model.mean is mean
        assert model.count is count
        assert (mean.tolist(), count.item()) == ([expected_mean], expected_count)
        assert type(mean.native) is type(et.ones(1).native)
    model.eval()
    run(model, et.asarray([3.0]))
    assert count.item() == 2


def test_buffers_of_the_function_itself_are_carried_out():
    model = Counting()
    assert nn.grad(model)(et.asarray([3.0])).tolist() == [24.0]
    assert nn.grad(model.forward)(et.asarray([3.0])).tolist() == [24.0]
    assert model.count.item() == 2
    assert model.mean.tolist() == [4.5]


def test_a_buffer_changed_by_an_index_is_carried_out():
    class History(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(2.0)
            self.register_buffer("seen", [0.0, 0.0])

        def forward(self, x):
            y = self.w * x
            self.seen[0] = et.stop_gradient(y)
            return y

    model = History()
    for run in (nn.grad(lambda m, x: m(x)), nn.compile(lambda m, x: m(x))):
        model.seen[0] = 0.0
        run(model, et.asarray(3.0))
        assert model.seen.tolist() == [6.0, 0.0]


def test_after_an_error_the_module_is_as_before():
    model = Counting()
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    before = {name: t.tolist() for name, t in tensors.items()}

    def f(m):
        m(et.asarray([3.0]))
        raise RuntimeError("half way")

    for transform in (nn.grad, nn.compile):
        with pytest.raises(RuntimeError, match="half way"):
            transform(f)(model)
        if transform is nn.compile and "compile" not in current_backend().capabilities:
            continue  # without a compiler the function is called as it is
        after = {**dict(model.named_parameters()), **dict(model.named_buffers())}
        assert all(after[name] is tensor for name, tensor in tensors.items())
        assert {name: t.tolist() for name, t in after.items()} == before


# -- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (lambda x: x, ShapeError, r"returns one number, not shape \(2,\)"),
        (lambda x: 3.0, ArgumentError, "returns a tensor, not float"),
        (lambda x: (et.sum(x), x), ArgumentError, "has_aux=True allows"),
        (lambda x: et.sum(et.astype(x, "int64")), DTypeError, "not int64"),
        (lambda x: et.sum(x * 1j), DTypeError, "not complex64"),
        (lambda x: None, ArgumentError, "not NoneType"),
    ],
)
def test_results_that_cannot_be_differentiated(function, error, message):
    with pytest.raises(error, match=message):
        nn.grad(function)(et.ones(2))


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        (lambda: et.asarray([1, 2]), "a int64 tensor"),
        (lambda: 2.0, "a float"),
        (lambda: {"a": et.asarray([True]), "b": "text"}, "a bool tensor, a str"),
        (list, "nothing"),
        (lambda: et.asarray([1j]), "a complex64 tensor"),
    ],
)
def test_arguments_that_cannot_be_differentiated(argument, message):
    with pytest.raises(DTypeError, match=f"argument 0 has no floating-point tensor.*{message}"):
        nn.grad(lambda x: et.asarray(1.0))(argument())


def test_has_aux_wants_a_pair():
    for result in (et.asarray(1.0), (et.asarray(1.0),), [et.asarray(1.0), 2]):
        with pytest.raises(ArgumentError, match=r"returns \(value, aux\)"):
            nn.grad(lambda x, r=result: r, has_aux=True)(et.ones(2))


def test_tensors_of_two_backends(backend):
    other = next((name for name in BACKENDS if name != backend), None)
    if other is None:
        pytest.skip("there is one backend only")
    with et.use_backend(other):
        y = et.ones(2)
    for transform in (nn.grad, nn.vmap, nn.compile):
        with pytest.raises(BackendMismatchError, match="to_backend"):
            transform(lambda x, y: et.sum(x * y))(et.ones(2), y)


def test_errors_inside_are_embers_own():
    with pytest.raises(ShapeError, match="matmul"):
        nn.grad(lambda x: et.sum(x @ et.ones((4, 2))))(et.ones((2, 3)))
    with pytest.raises(EmberError):
        nn.grad(lambda x: et.sum(et.reshape(x, (7,))))(et.ones((2, 3)))


# -- threads --------------------------------------------------------------------------------------


def test_threads_with_models_of_their_own_do_not_disturb_each_other(backend):
    def train(seed, found):
        with et.use_backend(backend):
            model = Quadratic()
            model.w[0] = float(seed)
            optimizer = nn.optimizers.SGD(learning_rate=0.01)
            run = nn.value_and_grad(shared)
            for _ in range(20):
                _, grads = run(model, et.asarray([1.0, 2.0]))
                optimizer.update(model, grads)
            found[seed] = model.w.tolist()

    def shared(model, x):
        return model(x) ** 2

    together, alone = {}, {}
    threads = [threading.Thread(target=train, args=(seed, together)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed in range(4):
        train(seed, alone)
    assert together == alone
