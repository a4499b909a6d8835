"""Compiled functions: the numbers of uncompiled ones, donated arguments updated in place."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from ember_ml import nn
from ember_ml.backend.errors import EmberError
from ember_ml.backend.registry import get_backend, use_backend
from ember_ml.nn import tensor as et


def program(function: object, donate: tuple[int, ...] = ()) -> object:
    return get_backend("torch").compile(function, donate=donate)


@pytest.mark.slow
def test_the_numbers_of_the_function() -> None:
    compiled = program(lambda x, y: [torch.tanh(x) @ y, x + 1])
    for size in (3, 4):  # one program each
        x, y = torch.randn(2, size), torch.randn(size, 5)
        a, b = compiled(x, y)
        torch.testing.assert_close(a, torch.tanh(x) @ y)
        torch.testing.assert_close(b, x + 1)
    assert len(compiled.compiled) == 2


def test_a_signature_is_compiled_once() -> None:
    calls = []

    def function(x: torch.Tensor) -> list[torch.Tensor]:
        calls.append(1)
        return [x * 2]

    compiled = program(function)
    for _ in range(3):
        assert compiled(torch.ones(3))[0].tolist() == [2.0] * 3
    assert len(calls) == 1
    compiled(torch.ones(3, dtype=torch.float64))
    compiled(torch.ones(3, 1)[:, 0].expand(3))
    assert len(calls) in (2, 3)


def test_donated_arguments_are_updated_in_place() -> None:
    compiled = program(lambda p, m, x: [p - m * x, m * 0.5, (p * x).sum()], donate=(0, 1))
    p, m, x = torch.arange(1.0, 4.0), torch.ones(3), torch.full((3,), 2.0)
    a, b, total = compiled(p, m, x)
    assert a is p
    assert b is m
    assert (p.tolist(), m.tolist(), x.tolist()) == ([-1.0, 0.0, 1.0], [0.5] * 3, [2.0] * 3)
    assert total.item() == 12.0


def test_outputs_that_are_donated_arguments() -> None:
    swapped = program(lambda a, b: [b, a, a * 1, a[:1]], donate=(0, 1))
    a, b = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])
    new_a, new_b, old, part = swapped(a, b)
    assert (new_a.tolist(), new_b.tolist()) == ([3.0, 4.0], [1.0, 2.0])
    assert (old.tolist(), part.tolist()) == ([1.0, 2.0], [1.0])


def test_donation_where_nothing_can_be_written_in_place() -> None:
    compiled = program(lambda a, b: [a.sum(), b + 1.0], donate=(0, 1))
    a, b = torch.ones(3), torch.zeros(1).expand(4)
    total, more = compiled(a, b)
    assert (total.item(), more.tolist()) == (3.0, [1.0] * 4)


def model() -> nn.Module:
    et.random.seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))


@pytest.mark.parametrize("optimizer", [
    lambda: nn.optimizers.Adam(learning_rate=0.01),
    lambda: nn.optimizers.AdamW(learning_rate=0.01, weight_decay=0.1),
    lambda: nn.optimizers.SGD(learning_rate=0.1, momentum=0.9, nesterov=True),
])  # fmt: skip
def test_a_training_step(optimizer: object) -> None:
    rng = np.random.default_rng(0)
    batches = [(rng.normal(size=(5, 6)).astype("float32"), rng.integers(0, 3, 5)) for _ in range(4)]

    def loss(m: nn.Module, x: et.EmberTensor, y: et.EmberTensor) -> et.EmberTensor:
        return nn.losses.cross_entropy(m(x), y)

    models = model(), model()
    steps = [
        nn.train_step(m, loss, optimizer(), compile=c)
        for m, c in zip(models, (False, True), strict=True)
    ]
    for x, y in batches:
        plain, compiled = (step(et.asarray(x), et.asarray(y)).item() for step in steps)
        assert compiled == pytest.approx(plain, rel=1e-5)
    for a, b in zip(models[0].parameters(), models[1].parameters(), strict=True):
        np.testing.assert_allclose(b.numpy(), a.numpy(), rtol=1e-4, atol=1e-6)


def test_a_training_step_keeps_its_memory() -> None:
    m = model()
    step = nn.train_step(m, lambda m, x: et.mean(m(x) ** 2), nn.optimizers.Adam(), compile=True)
    step(et.ones((2, 6)))
    before = [p.native.data_ptr() for p in m.parameters()]
    step(et.ones((2, 6)))
    assert [p.native.data_ptr() for p in m.parameters()] == before


def peak(step: Callable[[], object]) -> int:
    """The most bytes that PyTorch's allocator hands out during a call, over those at first."""
    step()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        step()
    sizes = [
        e.nbytes() for e in profiler.profiler.kineto_results.events() if e.name() == "[memory]"
    ]
    return max(itertools.accumulate(sizes))


@pytest.mark.slow
def test_the_peak_memory_of_a_training_step() -> None:
    # What a gradient needs is to be freed when it is done, not where kernels of the updates were
    # joined: there are many layers with the same update.
    options = {"dropout": 0.0, "batch_first": True}
    theirs = torch.nn.TransformerEncoder(torch.nn.TransformerEncoderLayer(64, 2, 256, **options), 2)
    optimizer = torch.optim.Adam(theirs.parameters(), fused=True)
    x = torch.randn(8, 64, 64)

    def plain() -> None:
        optimizer.zero_grad()
        theirs(x).square().mean().backward()
        optimizer.step()

    with use_backend("torch"):
        ours = nn.TransformerEncoder(nn.TransformerEncoderLayer(64, 2, 256, **options), 2)
    step = nn.train_step(
        ours, lambda m, x: et.mean(et.square(m(x))), nn.optimizers.Adam(), compile=True
    )
    given = et.asarray(x)
    assert peak(lambda: step(given)) <= 1.1 * peak(plain)


def test_compiled_functions_can_be_differentiated_and_mapped() -> None:
    cube = nn.compile(lambda x: x**3)
    assert nn.grad(cube)(et.asarray(2.0)).item() == pytest.approx(12.0)
    assert nn.vmap(cube)(et.asarray([1.0, 2.0])).tolist() == [1.0, 8.0]
    second = nn.compile(nn.grad(nn.grad(lambda x: x**4)))
    assert second(et.asarray(2.0)).item() == pytest.approx(48.0)


def test_assignment_in_a_compiled_function() -> None:
    def function(x: et.EmberTensor) -> et.EmberTensor:
        x[0] = 7.0
        return x * 2.0

    x = et.asarray([1.0, 2.0])
    assert nn.compile(function)(x).tolist() == [14.0, 4.0]
    assert x.tolist() == [1.0, 2.0]


def test_arrays_from_outside_the_function() -> None:
    table = et.asarray([1.0, 10.0])
    compiled = nn.compile(lambda x: x * table)
    assert compiled(et.asarray([1.0, 2.0])).tolist() == [1.0, 20.0]


def test_values_that_a_trace_has_not() -> None:
    def branches(x: et.EmberTensor) -> et.EmberTensor:
        return x if x[0] > 0 else -x

    for function in (branches, lambda x: x[x > 0]):
        with pytest.raises(EmberError, match="traced without values"):
            nn.compile(function)(et.asarray([1.0, -2.0]))


def test_errors_are_those_of_the_function() -> None:
    with pytest.raises(EmberError, match="inner sizes"):
        nn.compile(lambda x: x @ x)(et.ones((2, 3)))


def test_without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch._inductor

    def refuse(*args: object, **options: object) -> None:
        raise RuntimeError("no C++ compiler")

    monkeypatch.setattr(torch._inductor, "compile", refuse)
    compiled = program(lambda p, x: [p + x, p.sum()], donate=(0,))
    p = torch.ones(2)
    with pytest.warns(RuntimeWarning, match="no C\\+\\+ compiler.*runs uncompiled"):
        new, total = compiled(p, torch.ones(2))
    assert new is p
    assert (p.tolist(), total.item()) == ([2.0, 2.0], 2.0)
    compiled(p, torch.ones(2))  # warned once
    assert p.tolist() == [3.0, 3.0]


def test_first_use_from_several_threads() -> None:
    compiled = program(lambda x: [x * 3.0])
    found: list[object] = []

    def work() -> None:
        with use_backend("torch"):
            found.append(compiled(torch.ones(2))[0].tolist())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [[3.0, 3.0]] * 4
    assert len(compiled.compiled) == 1
