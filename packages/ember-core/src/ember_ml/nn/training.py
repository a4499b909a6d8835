"""``train_step``: loss, gradients and update as one call, compiled if wanted."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from ember_ml.backend._bound import Bound
from ember_ml.backend.protocol import Backend, Native
from ember_ml.backend.registry import use_backend
from ember_ml.nn.modules import Module
from ember_ml.nn.modules._state import slots, structure
from ember_ml.nn.optimizers import Optimizer
from ember_ml.nn.tensor import EmberTensor
from ember_ml.nn.tensor._careful import wrap_native
from ember_ml.nn.tensor._streams import Streams
from ember_ml.nn.transforms import value_and_grad

from . import _trees
from ._captured import Captured
from ._report import Report, Reporter

__all__ = ["TrainStep", "train_step"]


def train_step(
    model: Module,
    loss_fn: Callable[..., EmberTensor],
    optimizer: Optimizer,
    *,
    compile: bool = False,
    report: Report | None = None,
) -> TrainStep:
    """A function of a batch that takes one step of training and gives the loss.

    Args:
        loss_fn: ``loss_fn(model, *batch)`` gives a tensor with no dimensions.
        compile: whether the step is one program of the engine, where it has a compiler. The
            numbers are the same to rounding; the first call with a form of batch takes longer.
            What `nn.compile` says of arguments holds for the batch.
        report: see `nn.compile`.

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
    return TrainStep(model, loss_fn, optimizer, compile=compile, report=report)


class TrainStep:
    """What `train_step` returns."""

    def __init__(
        self,
        model: Module,
        loss_fn: Callable[..., EmberTensor],
        optimizer: Optimizer,
        *,
        compile: bool,
        report: Report | None = None,
    ) -> None:
        self.model = model
        self.loss_fn = loss_fn
        self.optimizer = optimizer
        self.compile = compile
        self._gradients = value_and_grad(loss_fn)
        self._programs: dict[Hashable, _Program] = {}
        self._ready: _Ready | None = None
        self._captured = Captured(loss_fn)
        self._reporter = Reporter(loss_fn, report)

    def __call__(self, *batch: Any) -> EmberTensor:
        """Take a step on ``batch``; gives the loss before it."""
        if not self.compile:
            loss, gradients = self._gradients(self.model, *batch)
            self.optimizer.update(self.model, gradients)
            return loss
        self.optimizer.step += 1
        try:
            return self._compiled(batch)
        except BaseException:
            self.optimizer.step -= 1
            raise

    def _compiled(self, batch: tuple[Any, ...]) -> EmberTensor:
        ready = self._ready
        captured = [module for module in self._captured() if module is not self.model]
        if ready is not None and ready.fits(batch, captured, self.optimizer):
            return ready.program(ready.parameters, ready.others, list(batch))
        leaves = _trees.Leaves(([self.model, *captured], *batch))
        backend = _trees.backend_of(_trees.tensors_of(leaves.values), "train_step")
        _trees.lift(leaves, backend)
        key = (
            _trees.static_key(leaves, backend, "train_step"),
            type(self.optimizer),
            self.optimizer.fixed(),
        )
        program = self._programs.get(key)
        if program is None:
            self._reporter.trace((self.model, *batch), {}, backend)
            program = self._programs[key] = _Program(self, leaves, backend)
        parameters, others = program.tensors()
        if all(isinstance(x, EmberTensor) for x in batch):
            self._ready = _Ready(program, parameters, others, batch, captured, self.optimizer)
        return program(parameters, others, [x for x in leaves.values if isinstance(x, EmberTensor)])


class _Ready:
    """The program of the last step, and what must be as it was for the next step to use it.

    Working out the program afresh takes about as long as a small model's step.
    """

    def __init__(
        self,
        program: _Program,
        parameters: dict[str, EmberTensor],
        others: list[EmberTensor],
        batch: tuple[EmberTensor, ...],
        captured: list[Module],
        optimizer: Optimizer,
    ) -> None:
        self.program = program
        self.parameters = parameters
        self.others = others
        self.structure = structure()
        self.captured = captured
        self.batch = [(x._backend, x._tensor.shape) for x in batch]
        self.optimizer = optimizer, optimizer.fixed()

    def fits(self, batch: tuple[Any, ...], captured: list[Module], optimizer: Optimizer) -> bool:
        """Whether a step on ``batch`` can use the program."""
        return (
            self.structure is structure()
            and captured == self.captured
            and not _trees.in_gradient()
            and (optimizer, optimizer.fixed()) == self.optimizer
            and len(batch) == len(self.batch)
            and all(
                x.__class__ is EmberTensor and x._backend is bound and x._tensor.shape == shape
                for x, (bound, shape) in zip(batch, self.batch, strict=True)
            )
        )


class _Program:
    """The compiled step for one form of batches.

    Its inputs are, in this order: trainable parameters, what the optimizer keeps for them (all of
    these are replaced by the outputs in the same places), the other tensors of the modules, the batch,
    the optimizer's numbers in each of the parameters' dtypes, and the states of random streams.
    """

    def __init__(self, step: TrainStep, leaves: _trees.Leaves, backend: Backend) -> None:
        self.step = step
        self.outline = leaves.outline()
        self.modules = _trees.modules_of(leaves.values)
        self.backend = backend
        parameters = _trees.trainable(slots(step.model, "_parameters"))
        self.bounds: list[Bound] = list(dict.fromkeys(x._backend for x in parameters.values()))
        count = len(parameters) * (1 + len(step.optimizer.slots))
        self.program = Streams(backend, lambda: backend.compile(self._flat, donate=range(count)))
        self.written: list[int] = []

    def tensors(self) -> tuple[dict[str, EmberTensor], list[EmberTensor]]:
        """The trainable parameters, and the other tensors of the model."""
        parameters = _trees.trainable(slots(self.step.model, "_parameters"))
        known = {id(tensor) for tensor in parameters.values()}
        others = [x for x in _trees.tensors_of(self.modules) if id(x) not in known]
        return parameters, others

    def __call__(
        self,
        parameters: dict[str, EmberTensor],
        others: list[EmberTensor],
        batch: list[EmberTensor],
    ) -> EmberTensor:
        optimizer, backend = self.step.optimizer, self.backend
        state = list(parameters.values())
        for name, tensor in parameters.items():
            state += optimizer.kept(name, tensor)
        outputs = self.program(
            *[x._tensor for x in (*state, *others, *batch)], *self._numbers(state)
        )
        for tensor, native in zip(state, outputs, strict=False):
            tensor._tensor = native
        loss, *written = outputs[len(state) :]
        if self.written:
            _trees.Buffers.of(self.modules).write(self.written, written, backend)
        return wrap_native(loss, backend)

    def _numbers(self, state: list[EmberTensor]) -> list[Native]:
        numbers = self.step.optimizer.numbers()
        device = state[0].device if state else None
        return [
            self.backend.from_python(number, dtype=bound.native_dtype, device=device)
            for bound in self.bounds
            for number in numbers
        ]

    def _flat(self, *natives: Native) -> list[Native]:
        """The step over native arrays, as the engine traces it."""
        optimizer, model = self.step.optimizer, self.step.model
        fresh = [wrap_native(native, self.backend) for native in natives]
        states = fresh[len(fresh) - len(self.program) :]
        source = iter(fresh[: len(fresh) - len(states)])
        old, others = self.tensors()
        parameters = {name: next(source) for name in old}
        kept = {name: tuple(next(source) for _ in optimizer.slots) for name in old}
        present = {id(old[name]): parameter for name, parameter in parameters.items()}
        present |= {id(tensor): next(source) for tensor in others}
        _, *batch = self.outline.filled(source)
        numbers = {bound: tuple(next(source) for _ in optimizer.numbers()) for bound in self.bounds}
        places = [place for m in self.modules for place in slots(m, "_parameters", "_buffers")]
        with _trees.replaced(places, present), use_backend(self.backend.name):
            # Inside the replacement, so that a buffer counts as written if it is not the input.
            buffers = _trees.Buffers.of(self.modules)
            try:
                with self.program.drawn(states):
                    loss, gradients = self.step._gradients(model, *batch)
                self.written, written = buffers.written()
            finally:
                buffers.restore()
        moved = [
            optimizer.rule(parameter, gradients[name], kept[name], numbers[parameter._backend])
            for name, parameter in parameters.items()
        ]
        outputs = [new for new, *_ in moved] + [x for _, *row in moved for x in row]
        return [x._tensor for x in (*outputs, loss)] + written
