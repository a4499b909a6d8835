"""``train_step``: loss, gradients and update as one call, compiled if wanted."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from ember_ml.backend.protocol import Backend, Native
from ember_ml.backend.registry import use_backend
from ember_ml.nn.modules import Module
from ember_ml.nn.modules._state import slots
from ember_ml.nn.optimizers import Optimizer
from ember_ml.nn.tensor import EmberTensor, asarray
from ember_ml.nn.tensor._careful import wrap_native
from ember_ml.nn.transforms import value_and_grad

from . import _trees

__all__ = ["TrainStep", "train_step"]


def train_step(
    model: Module,
    loss_fn: Callable[..., EmberTensor],
    optimizer: Optimizer,
    *,
    compile: bool = False,
) -> TrainStep:
    """A function of a batch that takes one step of training and gives the loss.

    Args:
        loss_fn: ``loss_fn(model, *batch)`` gives a tensor with no dimensions.
        compile: whether the step is one program of the engine, where it has a compiler. The
            numbers are the same to rounding; the first call takes longer.

    >>> from ember_ml import nn
    >>> from ember_ml.nn import tensor as et
    >>> et.random.seed(0)
    >>> model = nn.Linear(2, 1)
    >>> step = nn.train_step(
    ...     model, lambda m, x, y: nn.losses.mse(m(x), y), nn.optimizers.SGD(learning_rate=0.1)
    ... )
    >>> x, y = et.ones((4, 2)), et.zeros((4, 1))
    >>> first = step(x, y)
    >>> (step(x, y) < first).item()
    True
    """
    return TrainStep(model, loss_fn, optimizer, compile=compile)


class TrainStep:
    """What `train_step` returns."""

    def __init__(
        self,
        model: Module,
        loss_fn: Callable[..., EmberTensor],
        optimizer: Optimizer,
        *,
        compile: bool,
    ) -> None:
        self.model = model
        self.loss_fn = loss_fn
        self.optimizer = optimizer
        self.compile = compile
        self._gradients = value_and_grad(loss_fn)
        self._programs: dict[Hashable, _Program] = {}

    def __call__(self, *batch: Any) -> EmberTensor:
        """Take a step on ``batch``; gives the loss before it."""
        if not self.compile:
            loss, gradients = self._gradients(self.model, *batch)
            self.optimizer.update(self.model, gradients)
            return loss  # type: ignore[no-any-return]
        leaves = _trees.Leaves(batch)
        leaves.values = [x if isinstance(x, EmberTensor) else asarray(x) for x in leaves.values]
        backend = _trees.backend_of([self.model, *leaves.values], "train_step")
        key = (backend, leaves.spec, self._frozen_key(), self.optimizer.step > 0)
        if key not in self._programs:
            self._programs[key] = _Program(self, leaves, backend)
        return self._programs[key](leaves.values)

    def _frozen_key(self) -> Hashable:
        """What in the model, besides tensors' values, the traced step depends on."""
        return tuple(
            (id(m), m.training, len(m.__dict__["_frozen"])) for m in self.model.modules()
        )


class _Program:
    """The compiled step for one structure of batches.

    Its inputs are, in this order: trainable parameters, what the optimizer keeps for them (all of
    these are replaced by the outputs in the same places), the optimizer's numbers, the model's
    other tensors, and the batch.
    """

    def __init__(self, step: TrainStep, leaves: _trees.Leaves, backend: Backend) -> None:
        self.step = step
        self.leaves = leaves
        self.backend = backend
        self.parameters = _trees.module_tensors(step.model)
        count = len(self.parameters) * (1 + len(step.optimizer.slots))
        self.program = backend.compile(self._flat, donate=range(count))
        self.written: list[int] = []
        trained = {id(tensor) for _, tensor in self.parameters}
        self.others = [
            slot for slot in slots(step.model, "_parameters", "_buffers")
            if id(slot.tensor) not in trained
        ]  # fmt: skip

    def __call__(self, batch: list[EmberTensor]) -> EmberTensor:
        optimizer, backend = self.step.optimizer, self.backend
        optimizer.advance()
        tensors = [tensor for _, tensor in self.parameters]
        kept = [optimizer.kept(name, tensor) for name, tensor in self.parameters]
        numbers = self._native_numbers(optimizer.numbers(), tensors[0])
        outputs = self.program(
            *[x._tensor for x in tensors],
            *[x._tensor for row in kept for x in row],
            *numbers,
            *[slot.tensor._tensor for slot in self.others],
            *[x._tensor for x in batch],
        )
        state = [*tensors, *(x for row in kept for x in row)]
        for tensor, native in zip(state, outputs, strict=False):
            tensor._tensor = native
        rest = outputs[len(state) :]
        _trees.Buffers([self.step.model]).write(self.written, rest[1:], backend)
        return wrap_native(rest[0], backend)

    def _native_numbers(self, numbers: tuple[float, ...], like: EmberTensor) -> list[Native]:
        dtype = like._backend.native_dtype
        return [
            self.backend.from_python(number, dtype=dtype, device=like.device) for number in numbers
        ]

    def _flat(self, *natives: Native) -> list[Native]:
        """The step over native arrays, as the engine traces it."""
        optimizer, model = self.step.optimizer, self.step.model
        source = iter([wrap_native(native, self.backend) for native in natives])
        parameters = [next(source) for _ in self.parameters]
        kept = [tuple(next(source) for _ in optimizer.slots) for _ in self.parameters]
        numbers = tuple(next(source) for _ in optimizer.numbers())
        old = [tensor for _, tensor in self.parameters]
        fresh = {id(a): b for a, b in zip(old, parameters, strict=True)}
        fresh |= {id(slot.tensor): next(source) for slot in self.others}
        batch = self.leaves.rebuild(list(source))
        with _trees.replaced([model], fresh), use_backend(self.backend.name):
            buffers = _trees.Buffers([model])
            try:
                loss, gradients = self.step._gradients(model, *batch)
                self.written, written = buffers.written()
            finally:
                buffers.restore()
        moved = [
            optimizer.rule(parameter, gradients[name], row, numbers)
            for (name, _), parameter, row in zip(self.parameters, parameters, kept, strict=True)
        ]
        outputs = [new for new, *_ in moved] + [x for _, *row in moved for x in row]
        return [x._tensor for x in outputs] + [loss._tensor, *written]
